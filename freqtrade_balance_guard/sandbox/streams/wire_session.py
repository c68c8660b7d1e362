"""One connection of any protocol: what the client sends, what is due to it, and the faults."""

import json
from typing import Any

from freqtrade_balance_guard.sandbox.engine.wire import ServedExchange
from freqtrade_balance_guard.sandbox.script.faults import Call, Role


Message = dict[str, Any]


class WireSession:
    """A client's connection. The server hands it texts, ticks, and sends what `take` returns."""

    def __init__(self, exchange: ServedExchange) -> None:
        self._served = exchange
        self.is_over = False  # the line is to be cut
        self._outbox: list[str] = []

    def close(self) -> None:
        """The line has ended."""

    def take(self) -> list[str]:
        """All texts that are to be sent now."""
        texts, self._outbox = self._outbox, []
        return texts

    def receive(self, text: str) -> None:
        """What the client sent; unreadable texts are ignored, as nothing can be answered."""
        try:
            content = json.loads(text)
        except ValueError:
            return
        if isinstance(content, dict):
            self.asked(content)

    def tick(self) -> None:
        """Called several times a second: puts what is due into the outbox."""
        cut = self._served.faults.take_one(frozenset({"stream_disconnect"}), self.call())
        if cut is not None:
            self._note(cut.fault_id, cut.fault.kind, "stream")
            self.is_over = True
            return
        self.due()

    def subscribed(self, channel: str) -> None:
        """Writes into the journal that from now on a channel is sent."""
        account, key = self.owner()
        details = {"channel": channel, "account": account, "key": key}
        self._served.journal.record("stream_subscribed", **details)

    def reply(self, message: object) -> None:
        """Sends what no fault meets: the answer to a request."""
        self._outbox.append(json.dumps(message))

    def send(self, message: object, channel: str, symbol: str | None = None) -> None:
        """Sends an event, unless a gap swallows it."""
        call = self.call(channel, symbol)
        gap = self._served.faults.take_one(frozenset({"stream_gap"}), call)
        if gap is not None:
            self._note(gap.fault_id, gap.fault.kind, channel)
            return
        if channel == "book":
            self._served.journal.record("book_sent", symbol=symbol)
        self._outbox.append(json.dumps(message))

    def call(self, channel: str = "", symbol: str | None = None) -> Call:
        """What the connection, or a message of one of its channels, is to the faults."""
        endpoint = f"stream {channel}".strip()
        role: Role = "book" if channel == "book" else "stream"
        account, key = self.owner()
        return Call(endpoint, account is not None, account, key, symbol, role=role)

    # For the protocols

    def owner(self) -> tuple[str | None, str | None]:
        """Account and key of a private connection."""
        return None, None

    def asked(self, content: Message) -> None:
        """A request of the client."""

    def due(self) -> None:
        """Sends what has changed since the last call."""

    def _note(self, fault_id: str, kind: str, endpoint: str) -> None:
        account, key = self.owner()
        self._served.journal.record(
            "fault_applied",
            fault_id=fault_id,
            kind=kind,
            endpoint=endpoint,
            account=account,
            key=key,
            symbol=None,
        )
