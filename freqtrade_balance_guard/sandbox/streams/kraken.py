"""Kraken's web socket protocol, version 2: book, ohlc, executions, balances."""

import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import asset
from freqtrade_balance_guard.sandbox.core.markets import Level, Market
from freqtrade_balance_guard.sandbox.core.orders import Order, Trade
from freqtrade_balance_guard.sandbox.core.prices import Candle
from freqtrade_balance_guard.sandbox.engine.book import Book
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.streams.books import BookFeed
from freqtrade_balance_guard.sandbox.streams.session import Message, Session


_HEARTBEAT_S = 1.0
_CHECKSUM_LEVELS = 10
_SNAPSHOT_TRADES = 50
_CANDLES = 720
_EXEC_TYPES = {
    "order_placed": "new",
    "order_filled": "trade",
    "order_closed": "filled",
    "order_cancelled": "canceled",
    "order_expired": "expired",
}


class KrakenSession(Session):
    """A connection to ws or to ws-auth; the private channels need a token."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._books: dict[str, BookFeed] = {}
        self._candles: dict[tuple[str, int], Candle] = {}
        self._private: dict[str, tuple[str, str]] = {}
        self._sequence = 0
        self._heard_at = exchange.now()
        status = {"system": "online", "api_version": "v2", "version": "2.0.0", "connection_id": 1}
        self.reply({"channel": "status", "type": "update", "data": [status]})

    def owner(self) -> tuple[str | None, str | None]:
        return next(iter(self._private.values()), (None, None))

    def asked(self, content: Message) -> None:
        method, params = content.get("method"), content.get("params") or {}
        if method == "ping":
            self.reply(self._answer(content, {}) | {"method": "pong"})
        elif method in ("subscribe", "unsubscribe"):
            problem = self._change(str(method), str(params.get("channel")), params, content)
            if problem is not None:
                self.reply(self._answer(content, {}) | {"success": False, "error": problem})

    def _change(
        self, method: str, channel: str, params: dict[str, Any], content: Message
    ) -> str | None:
        """Carries a subscription out; else what is wrong with it."""
        if channel in ("executions", "balances"):
            return self._change_private(method, channel, params, content)
        if channel not in ("book", "ohlc"):
            return f"Unsupported channel: {channel}"
        for symbol in params.get("symbol", []):
            market = self.exchange.markets.get(str(symbol))
            if market is None:
                return f"Currency pair not supported {symbol}"
            self.reply(self._answer(content, {"channel": channel, "symbol": symbol}))
            if method == "unsubscribe":
                self._books.pop(symbol, None)
                self._candles = {k: c for k, c in self._candles.items() if k[0] != symbol}
            elif channel == "book":
                self._open_book(market, int(params.get("depth") or 10))
            else:
                self._open_candles(market, int(params.get("interval") or 1))
        return None

    def _change_private(
        self, method: str, channel: str, params: dict[str, Any], content: Message
    ) -> str | None:
        owner = self.exchange.tokens.owner(str(params.get("token")))
        if owner is None:
            return "ESession:Invalid session"
        self.reply(self._answer(content, {"channel": channel}))
        if method == "unsubscribe":
            self._private.pop(channel, None)
            return None
        self._private[channel] = owner
        self.subscribed(channel)
        if channel == "balances":
            holdings = self.exchange.account(owner[0]).holdings()
            data = [_balance(code, holding) for code, holding in sorted(holdings.items())]
            self._put("balances", "snapshot", data)
        elif params.get("snap_trades"):
            mine = [t for t in self.exchange.matching.trades if t.account == owner[0]]
            orders = self.exchange.matching.orders
            data = [_execution("trade", orders[t.order_id], t) for t in mine[-_SNAPSHOT_TRADES:]]
            self._put("executions", "snapshot", data)
        else:
            found = self.exchange.matching.open_orders(owner[0])
            self._put("executions", "snapshot", [_execution("new", o, None) for o in found])
        return None

    def due(self) -> None:
        now = self.exchange.now()
        for symbol, feed in self._books.items():
            changes = feed.changes()
            if changes is not None:
                entry = _book_entry(feed, changes) | {"timestamp": _time(now)}
                self.send({"channel": "book", "type": "update", "data": [entry]}, "book", symbol)
        for (symbol, minutes), before in self._candles.items():
            candle = self.exchange.markets[symbol].prices.candles(minutes * 60, 1, now)[0]
            if candle != before:
                self._candles[(symbol, minutes)] = candle
                data = [_candle(symbol, minutes, candle)]
                self.send({"channel": "ohlc", "type": "update", "data": data}, "ohlc", symbol)
        if now - self._heard_at >= _HEARTBEAT_S:
            self._heard_at = now
            self.reply({"channel": "heartbeat"})

    def order_changed(self, event: str, order: Order, trade: Trade | None) -> None:
        owner = self._private.get("executions")
        if owner is not None and owner[0] == order.account and event in _EXEC_TYPES:
            data = [_execution(_EXEC_TYPES[event], order, trade)]
            self._put("executions", "update", data, order.symbol)

    def balance_changed(self, account: str, currency: str, holding: Holding) -> None:
        owner = self._private.get("balances")
        if owner is not None and owner[0] == account:
            self._put("balances", "update", [_balance(currency, holding)])

    def _open_book(self, market: Market, depth: int) -> None:
        symbol = market.rules.symbol
        feed = BookFeed(self.exchange, market, depth, self.call("book", symbol))
        self._books[symbol] = feed
        self.subscribed("book")
        entry = _book_entry(feed, feed.book)
        self.reply({"channel": "book", "type": "snapshot", "data": [entry]})

    def _open_candles(self, market: Market, minutes: int) -> None:
        symbol = market.rules.symbol
        candles = market.prices.candles(minutes * 60, _CANDLES, self.exchange.now())
        self._candles[(symbol, minutes)] = candles[-1]
        self.subscribed("ohlc")
        data = [_candle(symbol, minutes, candle) for candle in candles]
        self.reply({"channel": "ohlc", "type": "snapshot", "data": data})

    def _put(self, channel: str, kind: str, data: list[Message], symbol: str | None = None) -> None:
        self._sequence += 1
        message = {"channel": channel, "type": kind, "data": data, "sequence": self._sequence}
        self.send(message, channel, symbol)

    def _answer(self, content: Message, result: Message) -> Message:
        at = _time(self.exchange.now())
        answer = {
            "method": content.get("method"),
            "result": result,
            "success": True,
            "time_in": at,
            "time_out": at,
        }
        return answer | ({"req_id": content["req_id"]} if "req_id" in content else {})


def _book_entry(feed: BookFeed, shown: Book) -> Message:
    return {
        "symbol": feed.market.rules.symbol,
        "bids": [{"price": float(each.price), "qty": float(each.amount)} for each in shown.bids],
        "asks": [{"price": float(each.price), "qty": float(each.amount)} for each in shown.asks],
        "checksum": checksum(feed.market, feed.book),
    }


def checksum(market: Market, book: Book) -> int:
    """Kraken's CRC32 of the ten best asks and bids, digits without dot and leading zeros."""
    levels = [*book.asks[:_CHECKSUM_LEVELS], *book.bids[:_CHECKSUM_LEVELS]]
    return zlib.crc32("".join(_digits(market, level) for level in levels).encode())


def _digits(market: Market, level: Level) -> str:
    price = f"{level.price:.{market.rules.price_decimals}f}".replace(".", "").lstrip("0")
    return price + f"{level.amount:.{market.rules.amount_decimals}f}".replace(".", "").lstrip("0")


def _execution(exec_type: str, order: Order, trade: Trade | None) -> Message:
    """One report: of the order as it is now, and of the trade that made it so."""
    request = order.request
    status = {"open": "partially_filled" if order.filled else "new", "closed": "filled"}
    is_whole = order.filled == order.amount
    report: Message = {
        "order_id": order.order_id,
        "order_userref": request.userref or 0,
        "symbol": order.symbol,
        "order_qty": float(order.amount),
        "cum_qty": float(order.filled),
        "cum_cost": float(order.cost),
        "avg_price": float(order.average),
        "time_in_force": request.time_in_force,
        "exec_type": exec_type,
        "side": order.side,
        "order_type": request.order_type,
        "limit_price": float(request.price or 0),
        "stop_price": float(request.trigger or 0),
        "order_status": "filled" if is_whole else status.get(order.status, order.status),
        "fee_usd_equiv": float(order.fee),
        "timestamp": _time(order.updated_at),
    }
    if request.cl_ord_id is not None:
        report["cl_ord_id"] = request.cl_ord_id
    if order.reason is not None:
        report["reason"] = order.reason
    if trade is None:
        return report
    return report | {
        "exec_id": trade.trade_id,
        "trade_id": trade.number,
        "last_qty": float(trade.amount),
        "last_price": float(trade.price),
        "liquidity_ind": "m" if trade.maker else "t",
        "cost": float(trade.cost),
        "fees": [{"asset": trade.fee_currency, "qty": float(trade.fee)}],
        "timestamp": _time(trade.at),
    }


def _balance(currency: str, holding: Holding) -> Message:
    """Version 2 of the protocol has the usual names of currencies (BTC, not XBT)."""
    return {
        "asset": asset(currency).code,
        "asset_class": "currency",
        "balance": float(holding.total),
        "wallets": [{"type": "spot", "id": "main", "balance": float(holding.total)}],
    }


def _candle(symbol: str, minutes: int, candle: Candle) -> Message:
    middle = (candle.high + candle.low) / Decimal(2)
    return {
        "symbol": symbol,
        "open": float(candle.open),
        "high": float(candle.high),
        "low": float(candle.low),
        "close": float(candle.close),
        "trades": candle.count,
        "volume": float(candle.volume),
        "vwap": float(middle),
        "interval_begin": _time(candle.begins),
        "interval": minutes,
        "timestamp": _time(candle.begins + minutes * 60),
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
