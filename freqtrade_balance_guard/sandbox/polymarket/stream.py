"""Polymarket's web sockets: books of tokens, and what an API key's orders do."""

from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.polymarket.auth import Holder, KeyRing
from freqtrade_balance_guard.sandbox.polymarket.market_data import book_message
from freqtrade_balance_guard.sandbox.polymarket.names import Names, condition_id_of, token_id_of
from freqtrade_balance_guard.sandbox.polymarket.orders import shown, shown_match
from freqtrade_balance_guard.sandbox.prediction.market import Book, Level
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, Match
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.session import PredictionSession
from freqtrade_balance_guard.sandbox.streams.wire_session import Message


_LIFE = {
    "order_placed": "PLACEMENT",
    "order_delayed": "PLACEMENT",
    "order_filled": "UPDATE",
    "order_canceled": "CANCELLATION",
    "order_expired": "CANCELLATION",
}


def open_polymarket_session(exchange: PredictionExchange, path: str) -> PredictionSession | None:
    if path == "/ws/market":
        return MarketSession(exchange)
    return UserSession(exchange) if path == "/ws/user" else None


class _Session(PredictionSession):
    """Both channels are kept alive by a text."""

    def receive(self, text: str) -> None:
        if text == "PING":
            self._outbox.append("PONG")
        else:
            super().receive(text)


class MarketSession(_Session):
    """The channel of books: a snapshot of each token that is asked for, then its changes."""

    def __init__(self, exchange: PredictionExchange) -> None:
        super().__init__(exchange)
        self._names = Names(exchange)

    def asked(self, content: Message) -> None:
        for token_id in content.get("assets_ids") or []:
            token = self._names.find(str(token_id))
            if token is not None:
                self.subscribed("book")
                self.watch_book(token.market, token.outcome)

    def book_changed(self, market: str, outcome: int, before: Book | None, book: Book) -> None:
        token_id, now = token_id_of(market, outcome), self.exchange.now()
        if before is None:
            message = book_message(self.exchange.market(market), token_id, book, now)
            self.send([{"event_type": "book", **message}], "book", market)
            return
        changes = [
            {"asset_id": token_id, "price": plain(price), "size": plain(size), "side": side}
            for side, old, new in (
                ("BUY", before.bids, book.bids),
                ("SELL", before.asks, book.asks),
            )
            for price, size in _changed(list(old), list(new))
        ]
        event = {
            "event_type": "price_change",
            "market": condition_id_of(market),
            "timestamp": str(int(now * 1000)),
            "price_changes": changes,
        }
        self.send(event, "book", market)


class UserSession(_Session):
    """The channel of an API key; it is authenticated by its first message."""

    def __init__(self, exchange: PredictionExchange) -> None:
        super().__init__(exchange)
        self._keys = KeyRing(exchange.scenario)
        self._holder: Holder | None = None

    def owner(self) -> tuple[str | None, str | None]:
        holder = self._holder
        return (None, None) if holder is None else (holder.account, holder.credentials.api_key)

    def asked(self, content: Message) -> None:
        given: Any = content.get("auth") or {}
        holder = self._keys.by_key(str(given.get("apiKey")))
        if holder is None or given != holder.credentials.as_json():
            self.is_over = True
            return
        self._holder = holder
        self.subscribed("user")

    def order_changed(self, event: str, order: BetOrder, match: Match | None) -> None:
        holder = self._holder
        if holder is None or order.account != holder.account or event not in _LIFE:
            return
        labels = self.exchange.market(order.bet.market).rules.outcomes
        message = shown(order, holder, labels)
        message.pop("status")
        stamp = str(int(self.exchange.now() * 1000))
        self.send(
            {"event_type": "order", "type": _LIFE[event], "timestamp": stamp, **message},
            "user",
            order.bet.market,
        )
        if match is not None:
            self._send_match(match, holder)

    def match_changed(self, match: Match) -> None:
        holder = self._holder
        if holder is not None and any(part.account == holder.account for part in match.parts):
            self._send_match(match, holder)

    def _send_match(self, match: Match, holder: Holder) -> None:
        names = [each.name for each in self.exchange.scenario.accounts]
        keys = {name: self._keys.by_account(name) for name in names}
        trade = shown_match(match, holder.account, keys, "0")
        self.send({"event_type": "trade", "type": "TRADE", **trade}, "user", match.market)


def _changed(old: list[Level], new: list[Level]) -> list[tuple[Decimal, Decimal]]:
    """Each price with its new size, 0 where there is nothing any more."""
    before = {level.price: level.shares for level in old}
    after = {level.price: level.shares for level in new}
    prices = sorted(before.keys() | after.keys())
    return [
        (price, after.get(price, ZERO))
        for price in prices
        if before.get(price, ZERO) != after.get(price, ZERO)
    ]
