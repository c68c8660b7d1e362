"""Commands to a running bot: put into a table by the console, taken by the bot once per loop.

    console                          bot
    put("release", {...})  ----->    take(bot)
    answer_of(id)          <-----    answer(id, text)

A command expires: one that was not taken within a minute is not carried out any more.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from freqtrade_balance_guard.clock import Clock, SystemClock
from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError


logger = logging.getLogger(__name__)

VALID_SECONDS = 60.0

TABLE = """
CREATE TABLE IF NOT EXISTS commands (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    bot      TEXT,
    kind     TEXT NOT NULL,
    payload  TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    taken_at TEXT,
    done     INTEGER,
    answer   TEXT
);
CREATE INDEX IF NOT EXISTS waiting_commands ON commands (id) WHERE taken_at IS NULL;
"""
WAITING = (
    "SELECT id, bot, kind, payload, asked_at FROM commands "
    "WHERE taken_at IS NULL AND (bot IS NULL OR bot = ?) ORDER BY id"
)


class Command(NamedTuple):
    """Holds a command of the console; ``bot`` None: for the bot that takes it first."""

    id: int
    bot: str | None
    kind: str
    payload: dict[str, Any]
    asked_at: datetime


class Answer(NamedTuple):
    """Holds the bot's answer; ``done``: it did what it was asked for."""

    done: bool
    text: str


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """What one entry control says of a pair; ``code`` is "" where it denies nothing."""

    control: str
    code: str = ""
    sentence: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)


class CommandBox:
    """Stores commands and their answers in the guard's own SQLite file; none is ever deleted."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._file = LocalFile(path, TABLE, create=False)
        self._clock = clock or SystemClock()

    # The console's side

    def put(self, kind: str, payload: dict[str, Any], *, bot: str | None = None) -> int:
        """Ask for something; the number under which the answer will be found.

        :raises LocalFileError: the file is not there or cannot be written
        """
        values = (bot, kind, json.dumps(payload), self._now())
        sql = "INSERT INTO commands (bot, kind, payload, asked_at) VALUES (?, ?, ?, ?)"
        return self._file.write(lambda db: int(db.execute(sql, values).lastrowid or 0))

    def answer_of(self, number: int) -> Answer | None:
        """What the bot said, None while it has said nothing.

        :raises LocalFileError: the file cannot be read
        """
        sql = "SELECT done, answer FROM commands WHERE id = ? AND answer IS NOT NULL"
        row = self._file.run(lambda db: db.execute(sql, (number,)).fetchone())
        return Answer(bool(row[0]), row[1]) if row else None

    def withdraw(self, number: int) -> bool:
        """Take a command back; False if a bot has taken it already.

        :raises LocalFileError: the file cannot be written
        """
        sql = (
            "UPDATE commands SET taken_at = ?, done = 0, answer = 'withdrawn' "
            "WHERE id = ? AND taken_at IS NULL"
        )
        values = (self._now(), number)
        return self._file.write(lambda db: db.execute(sql, values).rowcount == 1)

    # The bot's side: once per loop, so quick, and nothing in it may stop a bot

    def take(self, bot: str) -> list[Command]:
        """What waits for ``bot``, and is its own from now on; nothing if the file is in trouble."""
        try:
            if not self._file.run(lambda db: db.execute(WAITING, (bot,)).fetchone()):
                return []
            return self._file.write(lambda db: self._take(db, bot))
        except (LocalFileError, ValueError) as error:
            logger.debug("No commands could be read: %s", error)
            return []

    def answer(self, number: int, text: str, *, done: bool = True) -> None:
        """Store the outcome of a command; a lost answer is logged."""
        sql = "UPDATE commands SET done = ?, answer = ? WHERE id = ?"
        try:
            self._file.write(lambda db: db.execute(sql, (int(done), text, number)))
        except LocalFileError as error:
            logger.warning("The answer to command %s is lost: %s", number, error)

    def close(self) -> None:
        self._file.close()

    def _take(self, db: Connection, bot: str) -> list[Command]:
        taken = []
        for number, owner, kind, payload, asked_at in db.execute(WAITING, (bot,)).fetchall():
            asked = datetime.fromisoformat(asked_at)
            late = self._clock.wall() - asked > timedelta(seconds=VALID_SECONDS)
            outcome = (0, "too late: not taken within a minute") if late else (None, None)
            db.execute(
                "UPDATE commands SET taken_at = ?, done = ?, answer = ? WHERE id = ?",
                (self._now(), *outcome, number),
            )
            if not late:
                taken.append(Command(number, owner, kind, json.loads(payload), asked))
        return taken

    def _now(self) -> str:
        return self._clock.wall().isoformat()
