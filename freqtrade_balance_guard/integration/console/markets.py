"""Public market data of an exchange, read through ccxt for the sandbox: no key is needed."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import ccxt

from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.integration.console.config import CREDENTIALS
from freqtrade_balance_guard.money import to_decimal


# The finest that a sandbox's market can have.
MOST_DECIMALS = 10
Row = dict[str, Any]


def fetch_markets(
    name: str, config: Mapping[str, Any], quote: str | None, *, futures: bool, now: datetime
) -> Row:
    """The content of a markets file: rules and last prices of all active markets.

    :param config: more of ccxt's settings, such as a proxy
    :param quote: only markets priced in this currency; None: all
    :param futures: perpetual contracts in place of spot markets
    :raises NotPossible: ccxt does not know the exchange, it does not answer, or no market fits
    """
    exchange = _exchange_of(name, config, futures=futures)
    try:
        markets = exchange.load_markets()
        chosen = {
            symbol: market
            for symbol, market in markets.items()
            if _fits(market, quote, futures=futures)
        }
        prices = _prices(exchange, sorted(chosen))
    except ccxt.BaseError as error:
        raise NotPossible(f"{name} did not answer: {type(error).__name__}: {error}") from error
    rows = [
        row
        for symbol, market in chosen.items()
        for row in _rows(exchange, market, prices.get(symbol))
    ]
    if not rows:
        wanted = f" in {quote}" if quote else ""
        raise NotPossible(f"{name} has no active market{wanted} with a price and known precision.")
    return {
        "exchange": name,
        "dialect": "binance-futures" if futures else "kraken" if name == "kraken" else "binance",
        "fetched_at": now.isoformat(timespec="seconds"),
        "markets": rows,
    }


def _exchange_of(name: str, config: Mapping[str, Any], *, futures: bool) -> Any:
    if name not in ccxt.exchanges:
        raise NotPossible(f"ccxt knows no exchange {name!r}; freqtrade list-exchanges names them.")
    options = {"defaultType": "swap"} if futures else {}
    given = {key: value for key, value in config.items() if key.lower() not in CREDENTIALS}
    given["options"] = {**options, **given.get("options", {})}
    return getattr(ccxt, name)(given)


def _fits(market: Mapping[str, Any], quote: str | None, *, futures: bool) -> bool:
    kind = market.get("swap") and market.get("linear") if futures else market.get("spot")
    return bool(kind) and market.get("active") is not False and quote in (None, market["quote"])


def _prices(exchange: Any, symbols: list[str]) -> dict[str, Decimal]:
    """Last prices, in one request where the exchange has one for all."""
    if not symbols:
        return {}
    if exchange.has.get("fetchTickers"):
        tickers = exchange.fetch_tickers(symbols)
    else:
        tickers = {symbol: exchange.fetch_ticker(symbol) for symbol in symbols}
    last = {symbol: ticker.get("last") or ticker.get("close") for symbol, ticker in tickers.items()}
    return {symbol: to_decimal(price) for symbol, price in last.items() if price}


def _rows(exchange: Any, market: Mapping[str, Any], price: Decimal | None) -> Iterator[Row]:
    """The market as the sandbox knows markets; none where it cannot be shown there truly."""
    # A contract of more than one coin is traded here in coins.
    size = to_decimal(market.get("contractSize") or 1) if market.get("contract") else Decimal(1)
    amount_step = _step(exchange, market["precision"].get("amount"), market, "amount")
    tick = _step(exchange, market["precision"].get("price"), market, "price")
    if not price or amount_step is None or tick is None or not _is_plain(market["symbol"]):
        return
    amount_step *= size
    limits = market["limits"]
    amount_min = to_decimal((limits.get("amount") or {}).get("min") or 0) * size
    row = {
        "symbol": market["symbol"],
        "price": _text(max(round(price / tick), 1) * tick),
        "amount_min": _text(max(amount_min, amount_step)),
        "cost_min": _text(to_decimal((limits.get("cost") or {}).get("min") or 0)),
        "price_decimals": _decimals(tick),
        "tick": _text(tick),
        "amount_decimals": _decimals(amount_step),
    }
    for key, field in (("maker", "fee_maker"), ("taker", "fee_taker")):
        fee = market.get(key)
        # A rebate cannot be shown; no fee is the nearest to it.
        if fee is not None:
            row[field] = _text(max(to_decimal(fee), Decimal(0)))
    if not market.get("contract") and exchange.id != "kraken":
        row["fee_currency"] = "base"
    # Steps above one, or finer than the sandbox's, would be other rules than the exchange's.
    if amount_step <= 1 and max(_places(amount_step), _places(tick)) <= MOST_DECIMALS:
        yield row


def _is_plain(symbol: str) -> bool:
    names = symbol.replace("/", "").replace(":", "")
    return names.isascii() and names.isalnum() and names == names.upper() and "/" in symbol


def _step(exchange: Any, precision: Any, market: Mapping[str, Any], of: str) -> Decimal | None:
    """The smallest step of an amount or a price."""
    if precision is None:
        return None
    if exchange.precisionMode == ccxt.TICK_SIZE:
        step = to_decimal(precision)
        return step if step > 0 else None
    if exchange.precisionMode == ccxt.DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(precision))
    # Significant digits: the step depends on the number; ccxt says the least it takes.
    least = (market["limits"].get(of) or {}).get("min")
    return to_decimal(least) if least else None


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _decimals(step: Decimal) -> int:
    """Decimals that are never finer than the step (0.5: none)."""
    places = _places(step)
    return places if Decimal(1).scaleb(-places) >= step else max(0, places - 1)


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
