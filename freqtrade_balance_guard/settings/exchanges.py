"""What is known about accounts of exchanges by their ccxt name, without asking them."""

# One purse for spot and futures by default.
UNIFIED_ACCOUNTS = frozenset({"bybit", "okx", "myokx", "okxus"})

FUTURES_ACCOUNT = "-futures"


def default_account(exchange: str, trading_mode: str) -> str:
    """The ledger's name of an account that the user did not name.

    Spot and futures are two purses, except where the exchange has one for both.
    """
    name = exchange.lower()
    if trading_mode != "futures" or name in UNIFIED_ACCOUNTS:
        return name
    return f"{name}{FUTURES_ACCOUNT}"
