"""Public market data in Binance's words, the same on spot and on futures."""

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    find_market,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.core.markets import BOOK_LEVELS, Level, Market
from freqtrade_balance_guard.sandbox.core.prices import Candle
from freqtrade_balance_guard.sandbox.engine.book import shown_book


INTERVALS_S = {
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
    "3d": 259_200,
    "1w": 604_800,
}
_DAY_S = 86_400
_TRADE_EVERY_S = 6


def ping(query: Query) -> object:
    return {}


def server_time(query: Query) -> object:
    return {"serverTime": milliseconds(query.exchange.now())}


def depth(query: Query) -> object:
    market, now = query.market(), query.exchange.now()
    count = min(query.page(100, 5000), BOOK_LEVELS)
    book = shown_book(query.exchange, market, query.call, count)
    times = {"E": milliseconds(now), "T": milliseconds(now)} if market.rules.is_contract else {}
    return {
        "lastUpdateId": milliseconds(now),
        **times,
        "bids": level_texts(market, book.bids),
        "asks": level_texts(market, book.asks),
    }


def level_texts(market: Market, levels: Iterable[Level]) -> list[list[str]]:
    amount_decimals = market.rules.amount_decimals
    return [
        [price_text(market, level.price), number_text(level.amount, amount_decimals)]
        for level in levels
    ]


def klines(query: Query) -> object:
    """From `startTime` on, or the last ones up to `endTime`; the running candle is included."""
    market = query.market()
    return [_kline(market, candle, seconds) for candle, seconds in _candles(query, market)]


def mark_klines(query: Query) -> object:
    """Candles of the mark price: those of the last price, moved by the premium."""
    market = query.market()
    factor = 1 + market.rules.mark_premium
    return [_kline(market, candle, seconds, factor) for candle, seconds in _candles(query, market)]


def index_klines(query: Query) -> object:
    """Candles of the index price, which is the last price here."""
    market = find_market(query.exchange, query.text("pair"))
    return [_kline(market, candle, seconds) for candle, seconds in _candles(query, market)]


def _candles(query: Query, market: Market) -> list[tuple[Candle, int]]:
    seconds = INTERVALS_S.get(query.text("interval"))
    if seconds is None:
        raise BinanceError(-1120, "Invalid interval.")
    now = query.exchange.now()
    count = query.page(500, 1500)
    start, end = query.integer("startTime"), query.integer("endTime")
    last = int(min(now, now if end is None else end / 1000)) // seconds * seconds
    first = last - (count - 1) * seconds
    if start is not None:
        first = -(-start // (seconds * 1000)) * seconds
        last = min(last, first + (count - 1) * seconds)
    begins = range(first, last + 1, seconds)
    return [(market.prices.candle(each, seconds, now), seconds) for each in begins]


def _kline(
    market: Market, candle: Candle, seconds: int, factor: Decimal = Decimal(1)
) -> list[object]:
    middle = (candle.high + candle.low) / 2
    return [
        candle.begins * 1000,
        price_text(market, candle.open * factor),
        price_text(market, candle.high * factor),
        price_text(market, candle.low * factor),
        price_text(market, candle.close * factor),
        number_text(candle.volume),
        (candle.begins + seconds) * 1000 - 1,
        number_text(candle.volume * middle),
        candle.count,
        number_text(candle.volume / 2),
        number_text(candle.volume * middle / 2),
        "0",
    ]


def trades(query: Query) -> object:
    market = query.market()
    return [
        {
            "id": number,
            "price": price_text(market, price),
            "qty": number_text(amount),
            "quoteQty": number_text(price * amount),
            "time": at * 1000,
            "isBuyerMaker": is_sell,
            "isBestMatch": True,
        }
        for number, at, price, amount, is_sell in _public_trades(query, market)
    ]


def aggregated_trades(query: Query) -> object:
    market = query.market()
    return [
        {
            "a": number,
            "p": price_text(market, price),
            "q": number_text(amount),
            "f": number,
            "l": number,
            "T": at * 1000,
            "m": is_sell,
            "M": True,
        }
        for number, at, price, amount, is_sell in _public_trades(query, market)
    ]


def _public_trades(query: Query, market: Market) -> list[tuple[int, int, Decimal, Decimal, bool]]:
    """Invented trades on the market's own price path, one every six seconds."""
    count, step = query.page(), _TRADE_EVERY_S
    newest = int(query.exchange.now()) // step
    from_id, start, end = (query.integer(name) for name in ("fromId", "startTime", "endTime"))
    if end is not None:
        newest = min(newest, end // 1000 // step)
    first = newest - count + 1
    if from_id is not None or start is not None:
        first = from_id if from_id is not None else -(-(start or 0) // (1000 * step))
        newest = min(newest, first + count - 1)
    rows = []
    for number in range(first, newest + 1):
        at = number * step
        digest = hashlib.sha256(f"{market.rules.symbol}/{at}".encode()).digest()
        amount = Decimal(1 + digest[0]) / 1000
        rows.append((number, at, market.prices.price(at), amount, digest[1] % 2 == 0))
    return rows


def day_ticker(query: Query) -> object:
    return one_or_all(query, [day_row(query, market) for market in wanted(query)])


def day_row(query: Query, market: Market) -> dict[str, object]:
    now = query.exchange.now()
    quote = market.prices.quote(now)
    day = market.prices.candle(int(now) // 60 * 60 - _DAY_S, _DAY_S + 60, now)
    change = quote.last - day.open
    return {
        **_book_ticker(query, market),
        "priceChange": price_text(market, change),
        "priceChangePercent": number_text(change / day.open * 100, 3),
        "weightedAvgPrice": price_text(market, (day.high + day.low) / 2),
        "prevClosePrice": price_text(market, day.open),
        "lastPrice": price_text(market, quote.last),
        "lastQty": "0.01000000",
        "openPrice": price_text(market, day.open),
        "highPrice": price_text(market, day.high),
        "lowPrice": price_text(market, day.low),
        "volume": number_text(day.volume),
        "quoteVolume": number_text(day.volume * (day.high + day.low) / 2),
        "openTime": milliseconds(now - _DAY_S),
        "closeTime": milliseconds(now),
        "firstId": int(now - _DAY_S) // _TRADE_EVERY_S,
        "lastId": int(now) // _TRADE_EVERY_S,
        "count": day.count,
    }


def price_ticker(query: Query) -> object:
    now = query.exchange.now()
    rows = [
        {
            "symbol": market_id(market.rules.symbol),
            "price": price_text(market, market.prices.price(now)),
            "time": milliseconds(now),
        }
        for market in wanted(query)
    ]
    return one_or_all(query, rows)


def book_ticker(query: Query) -> object:
    return one_or_all(query, [_book_ticker(query, market) for market in wanted(query)])


def _book_ticker(query: Query, market: Market) -> dict[str, object]:
    now = query.exchange.now()
    quote = market.prices.quote(now)
    ask, bid = next(market.levels("buy", quote)), next(market.levels("sell", quote))
    decimals = market.rules.amount_decimals
    return {
        "symbol": market_id(market.rules.symbol),
        "bidPrice": price_text(market, bid.price),
        "bidQty": number_text(bid.amount, decimals),
        "askPrice": price_text(market, ask.price),
        "askQty": number_text(ask.amount, decimals),
        "time": milliseconds(now),
    }


def wanted(query: Query) -> list[Market]:
    if query.params.get("symbol"):
        return [query.market()]
    if query.params.get("symbols"):
        names = json.loads(query.params["symbols"])
        return [find_market(query.exchange, str(name)) for name in names]
    return list(query.exchange.markets.values())


def one_or_all(query: Query, rows: list[dict[str, object]]) -> object:
    return rows[0] if query.params.get("symbol") else rows


def price_text(market: Market, price: Decimal) -> str:
    return number_text(price, market.rules.price_decimals)
