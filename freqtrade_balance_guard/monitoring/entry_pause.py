"""Entries paused by the user, for the guard alone: stored, so that a pause outlives a restart.

    console, page, REST                       bot
    pause("why") / resume()  ----> file <---- refresh(), once per loop

freqtrade's own pause (``/stopentry``) is another thing; both hold.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.local_file import LocalFile, LocalFileError, read_rows


logger = logging.getLogger(__name__)

# Also the code of the denial.
PAUSED = "paused"

TABLE = """
CREATE TABLE IF NOT EXISTS entry_pauses (
    account   TEXT NOT NULL,
    bot       TEXT NOT NULL,
    paused_at TEXT NOT NULL,
    why       TEXT NOT NULL,
    PRIMARY KEY (account, bot)
);
"""
READ = "SELECT account, bot, paused_at, why FROM entry_pauses WHERE account = ? ORDER BY bot"


@dataclass(frozen=True, slots=True)
class Pause:
    """Says whose entries are paused, since when (UTC), and why in the user's words ("")."""

    account: str
    bot: str
    since: datetime
    why: str

    @property
    def sentence(self) -> str:
        """For people, without a full stop."""
        reason = f" ({self.why})" if self.why else ""
        return f"entries were paused by the user at {self.since:%Y-%m-%d %H:%M:%S} UTC{reason}"

    def as_json(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "bot": self.bot,
            "since": self.since.isoformat(),
            "why": self.why,
        }


class EntryPause:
    """Stores, removes and reads the pause of one bot."""

    def __init__(self, path: Path, account: str, bot: str, clock: Clock) -> None:
        self._file = LocalFile(path, TABLE, create=False)
        self._path = path
        self._account = account
        self._bot = bot
        self._clock = clock
        self._current: Pause | None = None
        self._is_known = False
        self._error = ""

    def pause(self, why: str = "") -> Pause:
        """Store the pause; one that is stored already keeps its moment.

        :raises LocalFileError: the file is not there or cannot be written
        """
        values = (self._account, self._bot, self._clock.wall().isoformat(), why.strip())
        sql = (
            "INSERT INTO entry_pauses VALUES (?, ?, ?, ?) "
            "ON CONFLICT (account, bot) DO UPDATE SET why = excluded.why"
        )
        self._file.write(lambda db: db.execute(sql, values))
        self.refresh()
        return self._current or Pause(self._account, self._bot, self._clock.wall(), why)

    def resume(self) -> bool:
        """Remove the pause; False if there was none.

        :raises LocalFileError: the file is not there or cannot be written
        """
        sql = "DELETE FROM entry_pauses WHERE account = ? AND bot = ?"
        values = (self._account, self._bot)
        was_paused = self._file.write(lambda db: db.execute(sql, values).rowcount == 1)
        self.refresh()
        return was_paused

    def refresh(self) -> None:
        """Read the pause, for a bot once per loop; keeps the last answer if that fails."""
        try:
            pauses = self._read()
        except LocalFileError as error:
            if not self._error:
                logger.warning("Whether entries are paused cannot be read: %s", error)
            self._error = str(error)
            return
        self._error, self._is_known = "", True
        before, self._current = (
            self._current,
            next((pause for pause in pauses if pause.bot == self._bot), None),
        )
        if self._current is not None and before is None:
            logger.warning("No entries: %s.", self._current.sentence)
        elif self._current is None and before is not None:
            logger.warning("Entries are resumed.")

    def _read(self) -> list[Pause]:
        if not self._path.exists():
            return []
        values = (self._account,)
        return [
            _pause(row) for row in self._file.run(lambda db: db.execute(READ, values).fetchall())
        ]

    @property
    def current(self) -> Pause | None:
        """The pause as it was read last; None: entries are not paused."""
        return self._current

    @property
    def denial(self) -> str | None:
        """Why no entry may go out now; None if the pause lets it go. Unknown denies."""
        if self._current is not None:
            return self._current.sentence
        if self._error and not self._is_known:
            return f"whether entries are paused is unknown: {self._error.rstrip('.')}"
        return None

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries; to deny a replacement would make freqtrade drop its trade."""
        reason = None if entry.kind is EntryKind.REPLACEMENT else self.denial
        return None if reason is None else Denied(DenialCode.PAUSED, reason)

    def close(self) -> None:
        self._file.close()


def read_pauses(path: Path, account: str) -> list[Pause]:
    """The pauses of an account's bots.

    :raises LocalFileError: the file is there and cannot be read
    """
    return [_pause(row) for row in read_rows(path, READ, (account,))]


def _pause(row: tuple[object, ...]) -> Pause:
    account, bot, paused_at, why = map(str, row)
    return Pause(account, bot, datetime.fromisoformat(paused_at), why)
