"""Sends messages from a thread of its own, and keeps them for the page and the report.

Discord and webhooks are posted synchronously and may take 20 s: neither the bot's loop nor a worker
that writes files may wait for them. What cannot be sent in time is dropped, the oldest first.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.local_file import LocalFile, LocalFileError, read_rows
from freqtrade_balance_guard.monitoring.messages import Kind, Message


logger = logging.getLogger(__name__)

MOST_WAITING = 50
MOST_KEPT = 2000
# Facts of one loop come together; what is alike goes out as one message.
COALESCE_SECONDS = 0.5
# freqtrade ends a strategy's message there.
LONGEST_TEXT = 3500

TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    bot     TEXT NOT NULL,
    at      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    code    TEXT NOT NULL,
    text    TEXT NOT NULL
)
"""
INSERT = "INSERT INTO messages (account, bot, at, kind, code, text) VALUES (?, ?, ?, ?, ?, ?)"
FORGET = "DELETE FROM messages WHERE id <= (SELECT max(id) FROM messages) - ?"

Send = Callable[[Message], None]


class Outbox:
    """A bounded queue with a thread that sends.

    :param send: sends one message; may take long, may raise
    """

    def __init__(self, path: Path, account: str, bot: str, clock: Clock, send: Send) -> None:
        self._file = LocalFile(path, TABLE, create=True)
        self._place = (account, bot)
        self._clock = clock
        self._send = send
        self._waiting: deque[tuple[datetime, Message]] = deque(maxlen=MOST_WAITING)
        self._wakes = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard-messages", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Queue a message; never waits."""
        self._waiting.append((self._clock.wall(), message))
        self._wakes.set()

    def close(self) -> None:
        """End as soon as what waits is sent; a sender that hangs is not waited for."""
        self._ends.set()
        self._wakes.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not (self._ends.is_set() and not self._waiting):
            self._wakes.wait()
            self._wakes.clear()
            self._ends.wait(COALESCE_SECONDS)
            batch = []
            while self._waiting:
                batch.append(self._waiting.popleft())
            self._keep(batch)
            for message in coalesced([one for _, one in batch]):
                self._send_one(message)
        self._file.close()

    def _send_one(self, message: Message) -> None:
        try:
            self._send(message)
        except Exception:
            logger.exception("A message could not be sent: %s", message.text)

    def _keep(self, batch: list[tuple[datetime, Message]]) -> None:
        rows = [
            (*self._place, at.isoformat(), str(one.kind), one.code, one.text) for at, one in batch
        ]

        def write(db: Any) -> None:
            db.executemany(INSERT, rows)
            db.execute(FORGET, (MOST_KEPT,))

        try:
            if rows:
                self._file.write(write)
        except LocalFileError as error:
            logger.debug("Messages are not kept: %s", error)


def coalesced(messages: list[Message]) -> list[Message]:
    """Messages of one moment: those of a kind as one, but locks, which have a form of their own."""
    together: dict[Kind, list[Message]] = {}
    alone = []
    for message in messages:
        if message.kind in (Kind.LOCK, Kind.UNLOCK):
            alone.append(message)
        else:
            together.setdefault(message.kind, []).append(message)
    merged = [
        Message(kind, found[0].code, _joined(one.text for one in found))
        for kind, found in together.items()
    ]
    return merged + alone


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(texts))[:LONGEST_TEXT]


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message as it was sent, or would have been."""

    bot: str
    at: datetime
    kind: Kind
    code: str
    text: str

    def as_json(self) -> dict[str, Any]:
        return {
            "bot": self.bot,
            "at": self.at.isoformat(),
            "kind": str(self.kind),
            "code": self.code,
            "text": self.text,
        }


def read_messages(path: Path, account: str, limit: int = 200) -> list[KeptMessage]:
    """The newest messages of an account's bots, the newest first.

    :raises LocalFileError: the file cannot be read
    """
    sql = (
        "SELECT bot, at, kind, code, text FROM messages WHERE account = ? ORDER BY id DESC LIMIT ?"
    )
    return [
        KeptMessage(
            str(bot), datetime.fromisoformat(str(at)), Kind(str(kind)), str(code), str(text)
        )
        for bot, at, kind, code, text in read_rows(path, sql, (account, limit))
    ]
