"""Binance's public streams: depth, kline and bookTicker of spot and of contracts."""

import re

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.market_data import (
    INTERVALS_S,
    level_texts,
    price_text,
)
from freqtrade_balance_guard.sandbox.binance.requests import (
    find_market,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.core.markets import BOOK_LEVELS, Market
from freqtrade_balance_guard.sandbox.core.prices import Candle
from freqtrade_balance_guard.sandbox.engine.book import Book
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.streams.books import BookFeed
from freqtrade_balance_guard.sandbox.streams.session import Message, Session


_STREAM = re.compile(r"([a-z0-9]+)@(depth|bookTicker|kline_\w+)(\d*)(?:@\d+ms)?")


class BinanceMarketSession(Session):
    """A connection to the market streams, to which streams are added by name."""

    def __init__(self, exchange: Exchange, names: list[str]) -> None:
        super().__init__(exchange)
        self._feeds: dict[str, BookFeed] = {}
        self._numbers: dict[str, int] = {}  # the last update number that each feed has used
        self._candles: dict[str, tuple[Market, str, Candle | None]] = {}
        for name in names:
            self._open(name)

    def asked(self, content: Message) -> None:
        names = [str(name) for name in content.get("params") or []]
        problem = None
        for name in names:
            if content.get("method") == "SUBSCRIBE":
                problem = problem or self._open(name)
            elif content.get("method") == "UNSUBSCRIBE":
                self._feeds.pop(name, None)
                self._candles.pop(name, None)
        if problem is None:
            self.reply({"result": None, "id": content.get("id")})
        else:
            self.reply({"error": {"code": 2, "msg": problem}, "id": content.get("id")})

    def _open(self, name: str) -> str | None:
        match = _STREAM.fullmatch(name)
        try:
            market = None if match is None else find_market(self.exchange, match[1].upper())
        except BinanceError:
            market = None
        if match is None or market is None:
            return "Invalid request: invalid stream"
        if match[2].startswith("kline_"):
            interval = match[2].removeprefix("kline_") + match[3]
            if interval not in INTERVALS_S:
                return "Invalid request: invalid stream"
            self._candles[name] = (market, interval, None)
            self.subscribed("kline")
            return None
        depth = int(match[3] or BOOK_LEVELS) if match[2] == "depth" else 1
        call = self.call("book", market.rules.symbol)
        self._feeds[name] = BookFeed(self.exchange, market, depth, call)
        self._numbers[name] = milliseconds(self.exchange.now())
        self.subscribed("book")
        return None

    def due(self) -> None:
        for name, feed in self._feeds.items():
            changes = feed.changes()
            if changes is not None:
                symbol = feed.market.rules.symbol
                self.send(self._book_event(name, feed, changes), "book", symbol)
        for name, (market, interval, before) in list(self._candles.items()):
            candle = market.prices.candles(INTERVALS_S[interval], 1, self.exchange.now())[0]
            if candle != before:
                self._candles[name] = (market, interval, candle)
                self.send(self._kline(market, interval, candle), "kline", market.rules.symbol)

    def _book_event(self, name: str, feed: BookFeed, changes: Book) -> Message:
        """Numbers go on from event to event, so that a client sees a missing one."""
        at = milliseconds(self.exchange.now())
        before = self._numbers[name]
        number = self._numbers[name] = max(at, before + 1)
        market, book = feed.market, feed.book
        named = {"s": market_id(market.rules.symbol)}
        if "@bookTicker" in name:
            (bid, ask) = level_texts(market, [*book.bids, *book.asks])
            return named | {"u": number, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
        is_partial = re.search(r"@depth\d", name) is not None
        shown = book if is_partial else changes
        bids, asks = level_texts(market, shown.bids), level_texts(market, shown.asks)
        if is_partial and not market.rules.is_contract:
            return {"lastUpdateId": number, "bids": bids, "asks": asks}
        event = {"e": "depthUpdate", "E": at, **named, "U": before + 1, "u": number}
        if market.rules.is_contract:
            event |= {"T": at, "pu": before}
        return event | {"b": bids, "a": asks}

    def _kline(self, market: Market, interval: str, candle: Candle) -> Message:
        at, seconds = milliseconds(self.exchange.now()), INTERVALS_S[interval]
        middle = (candle.high + candle.low) / 2
        symbol = market_id(market.rules.symbol)
        return {
            "e": "kline",
            "E": at,
            "s": symbol,
            "k": {
                "t": candle.begins * 1000,
                "T": (candle.begins + seconds) * 1000 - 1,
                "s": symbol,
                "i": interval,
                "o": price_text(market, candle.open),
                "c": price_text(market, candle.close),
                "h": price_text(market, candle.high),
                "l": price_text(market, candle.low),
                "v": number_text(candle.volume),
                "q": number_text(candle.volume * middle),
                "n": candle.count,
                "x": False,
            },
        }
