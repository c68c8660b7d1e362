"""What was decided last about each pair, kept in a file for ``balance-guard explain``."""

import json
import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import (
    EntryApproved,
    Event,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.local_file import (
    Connection,
    LocalFile,
    LocalFileError,
    read_rows,
)
from freqtrade_balance_guard.money import format_amount


logger = logging.getLogger(__name__)

# A signal repeats in every loop; what stays the same is written this often.
SECONDS_BETWEEN_WRITES = 10.0
# What a bot with thousands of pairs keeps in memory; a pair beyond is not followed.
MOST_PAIRS = 2000

TABLE = """
CREATE TABLE IF NOT EXISTS decisions (
    account  TEXT NOT NULL,
    bot      TEXT NOT NULL,
    pair     TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    code     TEXT NOT NULL,
    sentence TEXT NOT NULL,
    numbers  TEXT NOT NULL,
    at       TEXT NOT NULL,
    since    TEXT NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (account, bot, pair, outcome)
)
"""


class Outcome(StrEnum):
    """The outcome of an attempt to buy or to sell a part. The names are stored."""

    DENIED = "denied"
    APPROVED = "approved"
    REDUCED = "reduced"  # an entry that was approved smaller
    EXIT_REDUCED = "exit_reduced"


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision of one outcome about one pair.

    ``count`` in a row with the same code, by the same run of the bot, ``since`` the first of them.
    Numbers as in the event; amounts in the stake currency where their name tells no other.
    """

    bot: str
    pair: str
    outcome: Outcome
    code: str
    sentence: str
    at: datetime
    since: datetime
    numbers: dict[str, Decimal] = field(default_factory=dict)
    count: int = 1

    def as_json(self) -> dict[str, Any]:
        """Money as text, times in UTC."""
        return {
            "bot": self.bot,
            "pair": self.pair,
            "outcome": self.outcome.value,
            "code": self.code,
            "sentence": self.sentence,
            "numbers": {name: f"{number:f}" for name, number in self.numbers.items()},
            "at": self.at.isoformat(),
            "since": self.since.isoformat(),
            "count": self.count,
        }


class LastDecisions:
    """A listener. Whatever happens to its file, the bot goes on and does not wait."""

    def __init__(self, path: Path, account: str, bot: str, clock: Clock) -> None:
        self._file = LocalFile(path, TABLE, create=True)
        self._account = account
        self._bot = bot
        self._clock = clock
        self._guard = threading.Lock()
        self._last: dict[tuple[str, Outcome], Decision] = {}
        self._unwritten: set[tuple[str, Outcome]] = set()
        self._written_at: dict[tuple[str, Outcome], float] = {}
        self._not_before = float("-inf")
        self._has_told = False

    def __call__(self, event: Event) -> None:
        decision = self._decision(event)
        if decision is None:
            return
        key = (decision.pair, decision.outcome)
        with self._guard:
            before = self._last.get(key)
            if before is None and len(self._last) >= MOST_PAIRS:
                return
            if before is not None and before.code == decision.code:
                decision = replace(decision, since=before.since, count=before.count + 1)
            else:
                self._written_at.pop(key, None)
            self._last[key] = decision
            self._unwritten.add(key)
            now = self._clock.monotonic()
            written_at = self._written_at.get(key)
            if written_at is None or now - written_at >= SECONDS_BETWEEN_WRITES:
                self._write(now)

    def close(self) -> None:
        """Write what is left and give the file back."""
        with self._guard:
            if self._unwritten:
                self._write(self._clock.monotonic())
            self._file.close()

    def _decision(self, event: Event) -> Decision | None:
        now = self._clock.wall()

        def decision(pair: str, outcome: Outcome, code: str, sentence: str) -> Decision:
            return Decision(self._bot, pair, outcome, code, sentence, now, now)

        if isinstance(event, OrderDenied):
            denied = decision(event.pair, Outcome.DENIED, event.code, event.sentence)
            return replace(denied, numbers=event.numbers)
        if isinstance(event, EntryApproved):
            sentence = f"a stake of {format_amount(event.stake)}"
            approved = decision(event.pair, Outcome.APPROVED, "", sentence)
            return replace(approved, numbers={"stake": event.stake})
        if isinstance(event, StakeReduced | PartialExitReduced):
            is_entry = isinstance(event, StakeReduced)
            sentence = (
                f"{format_amount(event.granted)} instead of {format_amount(event.wanted)}"
                f"{' in stake currency' if is_entry else ' in base currency'}"
            )
            outcome = Outcome.REDUCED if is_entry else Outcome.EXIT_REDUCED
            code = event.limit if isinstance(event, StakeReduced) else "room_for_exit"
            numbers = {"wanted": event.wanted, "granted": event.granted}
            return replace(decision(event.pair, outcome, code, sentence), numbers=numbers)
        return None

    def _write(self, now: float) -> None:
        """Write everything that waits, in one transaction; after a failure pause."""
        if now < self._not_before:
            return
        keys = list(self._unwritten)
        rows = [self._row(self._last[key]) for key in keys]

        def insert(db: Connection) -> None:
            db.executemany(
                "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

        try:
            self._file.write(insert)
        except LocalFileError as error:
            self._not_before = now + SECONDS_BETWEEN_WRITES
            if not self._has_told:
                self._has_told = True
                logger.warning("Decisions cannot be kept for `balance-guard explain`: %s", error)
            return
        self._unwritten.clear()
        self._written_at.update(dict.fromkeys(keys, now))

    def _row(self, decision: Decision) -> tuple[object, ...]:
        numbers = {name: f"{number:f}" for name, number in decision.numbers.items()}
        return (
            self._account,
            self._bot,
            decision.pair,
            decision.outcome.value,
            decision.code,
            decision.sentence,
            json.dumps(numbers),
            decision.at.isoformat(),
            decision.since.isoformat(),
            decision.count,
        )


def read_decisions(path: Path, account: str, pair: str | None = None) -> list[Decision]:
    """What the bots with this file decided last about ``pair`` (None: any), the newest first.

    :raises LocalFileError: the file is there and cannot be read
    """
    rows = read_rows(
        path,
        "SELECT bot, pair, outcome, code, sentence, numbers, at, since, count FROM decisions "
        "WHERE account = ? AND pair = coalesce(?, pair)",
        (account, pair),
    )
    return sorted(map(_decision_of, rows), key=lambda decision: decision.at, reverse=True)


def _decision_of(row: tuple[object, ...]) -> Decision:
    bot, pair, outcome, code, sentence, numbers, at, since, count = map(str, row)
    return Decision(
        bot=bot,
        pair=pair,
        outcome=Outcome(outcome),
        code=code,
        sentence=sentence,
        numbers={name: Decimal(number) for name, number in json.loads(numbers).items()},
        at=datetime.fromisoformat(at),
        since=datetime.fromisoformat(since),
        count=int(count),
    )
