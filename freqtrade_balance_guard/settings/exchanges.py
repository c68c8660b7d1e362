"""What is known about exchanges by their ccxt name, without asking them."""

# How the guard was shown to work there. "Sandbox": real bots traded on a local exchange that speaks
# this protocol; "answers": real recorded answers were read. Everything else is untested.
SHOWN_ON_SANDBOX = frozenset({("kraken", "spot")})
SHOWN_BY_ANSWERS = frozenset(
    {
        *(
            (name, "spot")
            for name in ("binance", "bitget", "bybit", "gate", "htx", "kucoin", "okx")
        ),
    }
)
# One purse for spot and futures by default.
UNIFIED_ACCOUNTS = frozenset({"bybit", "okx", "myokx", "okxus"})

FUTURES_ACCOUNT = "-futures"


def how_tested(exchange: str, trading_mode: str) -> str | None:
    """How this exchange and mode were tested, in words; None: untested."""
    place = (exchange.lower(), trading_mode)
    if place in SHOWN_ON_SANDBOX:
        return "traded on a protocol sandbox"
    return "real recorded answers read" if place in SHOWN_BY_ANSWERS else None


def default_account(exchange: str, trading_mode: str) -> str:
    """The ledger's name of an account that the user did not name.

    Spot and futures are two purses, except where the exchange has one for both.
    """
    name = exchange.lower()
    if trading_mode != "futures" or name in UNIFIED_ACCOUNTS:
        return name
    return f"{name}{FUTURES_ACCOUNT}"
