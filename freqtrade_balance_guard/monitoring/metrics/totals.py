"""Totals of what a bot counts, kept in the guard's local file so that a restart goes on counting.

``metric_totals`` holds the sum since the first start, ``daily_totals`` the same by day (UTC) for
the report, bounded by ``KEEP_DAYS``.
"""

import json
import logging
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.local_file import (
    Connection,
    LocalFile,
    LocalFileError,
    read_rows,
)
from freqtrade_balance_guard.monitoring.metrics.counting import EventCounter, Key


logger = logging.getLogger(__name__)

KEEP_DAYS = 400

TABLES = """
CREATE TABLE IF NOT EXISTS metric_totals (
    account TEXT NOT NULL,
    bot     TEXT NOT NULL,
    metric  TEXT NOT NULL,
    labels  TEXT NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (account, bot, metric, labels)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS daily_totals (
    account TEXT NOT NULL,
    bot     TEXT NOT NULL,
    day     TEXT NOT NULL,
    metric  TEXT NOT NULL,
    labels  TEXT NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (account, bot, day, metric, labels)
) WITHOUT ROWID;
"""
ADD = (
    "INSERT INTO metric_totals VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET total = total + excluded.total"
)
ADD_TO_DAY = (
    "INSERT INTO daily_totals VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET total = total + excluded.total"
)
FORGET = "DELETE FROM daily_totals WHERE account = ? AND bot = ? AND day < ?"


@dataclass(frozen=True, slots=True)
class Total:
    """One counter of one bot; ``day`` None: since its first start."""

    bot: str
    metric: str
    labels: tuple[str, ...]
    total: int
    day: date | None = None


class Totals:
    """Counts facts, and adds what is new to the file whenever ``write`` is called."""

    def __init__(self, path: Path, account: str, bot: str, clock: Clock) -> None:
        self._file = LocalFile(path, TABLES, create=True)
        self._path = path
        self._account = account
        self._bot = bot
        self._clock = clock
        # One for the file and what it holds, one for what is counted: that one never waits for a
        # file, since the bot's loop counts.
        self._file_guard = threading.Lock()
        self._guard = threading.Lock()
        self._counter = EventCounter()
        self._kept: Counter[Key] = Counter()
        self._new: Counter[tuple[str, Key]] = Counter()
        self._is_loaded = False
        self._forgot_on = ""
        self._has_warned = False

    def __call__(self, event: Event) -> None:
        with self._guard:
            for key in self._counter.keys(event):
                self._new[(self._clock.wall().date().isoformat(), key)] += 1

    def now(self) -> dict[Key, int]:
        """Every counter as it stands, what earlier runs have counted included."""
        with self._file_guard:
            if not self._is_loaded:
                self._load()
            sums = Counter(self._kept)
            with self._guard:
                for (_, key), count in self._new.items():
                    sums[key] += count
            return dict(sums)

    def write(self) -> None:
        """Add what is new to the file. What cannot be written now waits for the next call."""
        with self._file_guard:
            with self._guard:
                new, self._new = self._new, Counter()
            if not new:
                return
            try:
                self._file.write(lambda db: self._add(db, new))
            except LocalFileError as error:
                with self._guard:
                    self._new.update(new)
                if not self._has_warned:
                    self._has_warned = True
                    logger.warning("Totals are not stored now; it is tried again: %s", error)
                return
            for (_, key), count in new.items():
                self._kept[key] += count

    def close(self) -> None:
        """Write what is left and close the file."""
        self.write()
        self._file.close()

    def _load(self) -> None:
        # Without what was kept a counter would seem to have been reset: tried again at each look.
        try:
            totals = read_totals(self._path, self._account)
            own = (total for total in totals if total.bot == self._bot)
            self._kept = Counter({(total.metric, total.labels): total.total for total in own})
        except LocalFileError as error:
            logger.debug("Totals of earlier runs cannot be read: %s", error)
            return
        self._is_loaded = True

    def _add(self, db: Connection, new: Counter[tuple[str, Key]]) -> None:
        mine = (self._account, self._bot)
        for (day, (metric, labels)), count in new.items():
            text = json.dumps(labels)
            db.execute(ADD, (*mine, metric, text, count))
            db.execute(ADD_TO_DAY, (*mine, day, metric, text, count))
        today = self._clock.wall().date()
        if today.isoformat() != self._forgot_on:
            oldest = today - timedelta(days=KEEP_DAYS)
            db.execute(FORGET, (*mine, oldest.isoformat()))
            self._forgot_on = today.isoformat()


def read_totals(path: Path, account: str) -> list[Total]:
    """What the bots of an account have counted since their first start.

    :raises LocalFileError: the file cannot be read
    """
    rows = read_rows(
        path, "SELECT bot, metric, labels, total FROM metric_totals WHERE account = ?", (account,)
    )
    return [
        Total(str(bot), str(metric), tuple(json.loads(str(labels))), int(str(total)))
        for bot, metric, labels, total in rows
    ]


def read_daily_totals(path: Path, account: str) -> list[Total]:
    """The same by day, the oldest first.

    :raises LocalFileError: the file cannot be read
    """
    rows = read_rows(
        path,
        "SELECT bot, day, metric, labels, total FROM daily_totals WHERE account = ? ORDER BY day",
        (account,),
    )
    return [
        Total(
            bot=str(bot),
            metric=str(metric),
            labels=tuple(json.loads(str(labels))),
            total=int(str(total)),
            day=date.fromisoformat(str(day)),
        )
        for bot, day, metric, labels, total in rows
    ]
