"""SX Bet's web socket (Centrifugo): books of markets, and an account's orders and fills."""

import json
from typing import Any

from freqtrade_balance_guard.sandbox.prediction.market import Book
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, Match
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.session import PredictionSession
from freqtrade_balance_guard.sandbox.streams.wire_session import Message
from freqtrade_balance_guard.sandbox.sxbet.dialect import snapshot
from freqtrade_balance_guard.sandbox.sxbet.names import Names, hash_of
from freqtrade_balance_guard.sandbox.sxbet.orders import fill_row, shown


_BOOKS = "orderbook_v3:"
_ORDERS = "account:orders_v3_#"
_FILLS = "account:fills_v3_#"
_PING_S = 25.0


def open_sx_session(exchange: PredictionExchange, path: str) -> PredictionSession | None:
    return SxSession(exchange) if path == "/connection/websocket" else None


class SxSession(PredictionSession):
    """A connection; its first command has to carry a token."""

    def __init__(self, exchange: PredictionExchange) -> None:
        super().__init__(exchange)
        self._names = Names(exchange)
        self._owner: tuple[str, str] | None = None
        self._channels: set[str] = set()
        self._pinged_at = exchange.now()

    def owner(self) -> tuple[str | None, str | None]:
        return (None, None) if self._owner is None else self._owner

    def receive(self, text: str) -> None:
        """Several commands may stand in one frame, a line each."""
        for line in text.split("\n"):
            super().receive(line)

    def asked(self, content: Message) -> None:
        number, connect = content.get("id"), content.get("connect")
        subscribe = content.get("subscribe")
        if isinstance(connect, dict):
            self._owner = self.exchange.tokens.owner(str(connect.get("token")))
            if self._owner is None:
                self.reply({"id": number, "error": {"code": 101, "message": "invalid token"}})
                return
            self.reply({"id": number, "connect": {"client": "1", "version": "6", "ping": 25}})
        elif isinstance(subscribe, dict):
            problem = self._subscribe(str(subscribe.get("channel")))
            answer = {"subscribe": {}} if problem is None else {"error": problem}
            self._outbox.insert(0, json.dumps({"id": number, **answer}))

    def _subscribe(self, channel: str) -> dict[str, Any] | None:
        """Opens a channel; else what is wrong with it."""
        if self._owner is None:
            return {"code": 101, "message": "unauthorized"}
        if channel.startswith(_BOOKS):
            name = self._names.find(channel.removeprefix(_BOOKS))
            if name is None:
                return {"code": 102, "message": "unknown channel"}
            self.subscribed("book")
            # One publication shows both outcomes.
            self.watch_book(name, 0)
        elif channel in (_ORDERS + self._wallet(), _FILLS + self._wallet()):
            self.subscribed("account")
        else:
            return {"code": 103, "message": "permission denied"}
        self._channels.add(channel)
        return None

    def _wallet(self) -> str:
        scenario = self.exchange.scenario
        return scenario.wallet(scenario.account((self._owner or ("", ""))[0]))

    def due(self) -> None:
        super().due()
        if self.exchange.now() - self._pinged_at >= _PING_S:
            self._pinged_at = self.exchange.now()
            self._outbox.append("{}")

    def book_changed(self, market: str, outcome: int, before: Book | None, book: Book) -> None:
        books = [book, self._read(market, 1)]
        data = snapshot(market, books, self.exchange.now())
        self._push(_BOOKS + hash_of(market), data, "book", market)

    def order_changed(self, event: str, order: BetOrder, match: Match | None) -> None:
        if self._owner is None or order.account != self._owner[0]:
            return
        wallet = self._wallet()
        self._push(_ORDERS + wallet, shown(order, wallet), "orders", order.bet.market)
        if match is not None:
            self._push_fills(match)

    def match_changed(self, match: Match) -> None:
        if self._owner is not None:
            self._push_fills(match)

    def _push_fills(self, match: Match) -> None:
        account, wallet = (self._owner or ("", ""))[0], self._wallet()
        for part in match.parts:
            if part.account == account:
                row = fill_row(match, part, wallet, self.exchange)
                self._push(_FILLS + wallet, row, "fills", match.market)

    def _push(self, channel: str, data: object, kind: str, market: str) -> None:
        if channel in self._channels or kind == "book":
            self.send({"push": {"channel": channel, "pub": {"data": data}}}, kind, market)
