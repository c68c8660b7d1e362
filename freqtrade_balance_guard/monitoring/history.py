"""History of believed balances: each change with its cause, in the guard's local file.

A point is written when a total, or what is available of it, has changed since the last point. Its
cause comes from the facts between the two. Points older than ``FULL_DAYS`` are thinned to the last
one of each hour (external changes stay), and never more than ``MOST_POINTS`` of a bot are kept.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    BalanceRead,
    BalanceRecovered,
    Event,
    LoopEnded,
    RebalanceEnded,
)
from freqtrade_balance_guard.ledger.facts import (
    MoneyReserved,
    ReservationCommitted,
    ReservationExpired,
    ReservationMoved,
    ReservationReleased,
)
from freqtrade_balance_guard.ledger.reservation import Reservation
from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError, read_rows
from freqtrade_balance_guard.money import ZERO, exact
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures
from freqtrade_balance_guard.orders.events import OrderAccepted


logger = logging.getLogger(__name__)

FULL_DAYS = 30
MOST_POINTS = 60_000
# A sale of a rebalance may fill that long after its order.
REBALANCE_SECONDS = 900.0
# A fact may come that long before the balance shows what it says.
ORDER_SECONDS = 30.0
# A balance may follow its fact later than the next loop: then it is seen after so long.
LOOK_SECONDS = 15.0
# Smaller than any coin's unit: rounding of floats.
DUST = Decimal("0.00000001")

TABLE = """
CREATE TABLE IF NOT EXISTS balance_history (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    account   TEXT NOT NULL,
    bot       TEXT NOT NULL,
    currency  TEXT NOT NULL,
    at        TEXT NOT NULL,
    total     TEXT NOT NULL,
    change    TEXT NOT NULL,
    expected  TEXT,
    available TEXT,
    used      TEXT,
    cause     TEXT NOT NULL,
    detail    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS balance_history_by_time ON balance_history (account, bot, at);
"""
INSERT = (
    "INSERT INTO balance_history (account, bot, currency, at, total, change, expected, available, "
    "used, cause, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LAST = (
    "SELECT currency, total, available, max(id) FROM balance_history "
    "WHERE account = ? AND bot = ? GROUP BY currency"
)
# The last point of each hour stays, and everything that came from outside.
THIN = """
DELETE FROM balance_history
WHERE account = ? AND bot = ? AND at < ? AND cause <> 'external' AND id NOT IN (
    SELECT max(id) FROM balance_history
    WHERE account = ? AND bot = ? AND at < ? GROUP BY currency, substr(at, 1, 13)
)
"""
CUT = """
DELETE FROM balance_history WHERE account = ? AND bot = ? AND id <= (
    SELECT id FROM balance_history WHERE account = ? AND bot = ? ORDER BY id DESC LIMIT 1 OFFSET ?
)
"""


STEPS = (ReservationMoved, ReservationCommitted, ReservationReleased, ReservationExpired)


class Cause(StrEnum):
    """Why a balance changed. The names are stored and shown."""

    START = "start"  # the first point
    STOPPED = "stopped"  # between two runs of the bot
    ORDER = "order"
    LEG = "leg"
    REBALANCE = "rebalance"
    EXTERNAL = "external"
    FEE = "fee"  # of an order, in this currency or learned late
    HOLD = "hold"  # the total is the same; what orders hold or reserve is not


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What was believed of one currency at one moment, and why it had changed. Amounts in it."""

    account: str
    bot: str
    currency: str
    at: datetime
    total: Decimal
    change: Decimal
    expected: Decimal | None
    available: Decimal | None
    used: Decimal | None
    cause: Cause
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Money as text, times in UTC."""

        def text(amount: Decimal | None) -> str | None:
            return None if amount is None else f"{amount:f}"

        return {
            "account": self.account,
            "bot": self.bot,
            "currency": self.currency,
            "at": self.at.isoformat(),
            "total": text(self.total),
            "change": text(self.change),
            "expected": text(self.expected),
            "available": text(self.available),
            "used": text(self.used),
            "cause": str(self.cause),
            "detail": self.detail,
        }


class _Causes:
    """The facts that explain the next change. One thread at a time.

    Orders are remembered for ``ORDER_SECONDS``: a fact may come before the balance shows it.
    """

    def __init__(self) -> None:
        self._external: dict[str, Decimal] = {}
        self._orders: dict[str, tuple[Cause, float]] = {}  # by pair

    def add_order(self, pair: str, cause: Cause, now: float) -> None:
        """An order of ``pair`` did something: both of its currencies may move."""
        self._orders[pair] = (cause, now)

    def add_external(self, currency: str, amount: Decimal) -> None:
        """Something beyond own orders changed a balance."""
        self._external[currency] = self._external.get(currency, ZERO) + amount

    def take_external(self, currency: str) -> Decimal:
        """What came from outside since the last look."""
        return self._external.pop(currency, ZERO)

    def of(self, currency: str, now: float) -> tuple[Cause | None, str]:
        """The cause of a change that is not external; None: no order is known that did it."""
        self._orders = {
            pair: one for pair, one in self._orders.items() if now - one[1] < ORDER_SECONDS
        }
        own = {pair: cause for pair, (cause, _) in self._orders.items() if currency in _coins(pair)}
        if own:
            for cause in (Cause.REBALANCE, Cause.LEG, Cause.ORDER):
                if cause in own.values():
                    return cause, ", ".join(sorted(own))
        return (Cause.FEE, ", ".join(sorted(self._orders))) if self._orders else (None, "")


def _coins(pair: str) -> tuple[str, str]:
    base, _, quote = pair.partition("/")
    return base, quote.partition(":")[0]


class HistoryRecorder:
    """A listener that remembers causes; ``write`` compares and stores, in a thread of monitoring.

    :param look: the balances of the bot's account as they are believed now
    """

    def __init__(
        self,
        path: Path,
        account: str,
        bot: str,
        clock: Clock,
        look: Callable[[], Iterable[BalanceFigures]],
    ) -> None:
        self._file = LocalFile(path, TABLE, create=True)
        self._path = path
        self._account = account
        self._bot = bot
        self._clock = clock
        self._look = look
        self._guard = threading.Lock()
        self._causes = _Causes()
        self._is_due = True
        self._is_touched = False
        self._looked_at = clock.monotonic()
        self._legs: set[str] = set()
        self._rebalanced: dict[str, float] = {}
        self._last: dict[str, tuple[Decimal, Decimal | None]] | None = None
        self._is_first_look = True
        self._thinned_on = ""

    def __call__(self, event: Event) -> None:
        with self._guard:
            if isinstance(event, LoopEnded):
                # What orders of this loop did may have reached the balance after their facts.
                self._is_due, self._is_touched = self._is_due or self._is_touched, False
            elif isinstance(event, BalanceRead | BalanceRecovered):
                self._is_due = True
            elif isinstance(event, BalanceChangedExternally):
                self._causes.add_external(event.currency, event.amount)
                self._is_due = True
            elif pairs := self._pairs_of(event):
                now = self._clock.monotonic()
                for pair in pairs:
                    self._causes.add_order(pair, self._cause_of(pair), now)
                self._is_due = self._is_touched = True

    def write(self) -> None:
        """Store what has changed since the last call; quick when nothing happened."""
        with self._guard:
            now = self._clock.monotonic()
            if not self._is_due and now - self._looked_at < LOOK_SECONDS:
                return
            self._is_due, self._looked_at = False, now
        try:
            self._write()
        except LocalFileError as error:
            logger.debug("The history of balances was not written: %s", error)
            with self._guard:
                self._is_due = True

    def close(self) -> None:
        """Write what is left and close the file."""
        self.write()
        self._file.close()

    def _pairs_of(self, event: Event) -> list[str]:
        """The pairs whose orders an event is about."""
        if isinstance(event, OrderAccepted):
            if event.purpose == "leg":
                self._legs.add(event.pair)
            return [event.pair]
        if isinstance(event, RebalanceEnded):
            self._rebalanced.update(dict.fromkeys(event.sold, self._clock.monotonic()))
            return list(event.sold)
        rows: tuple[Reservation, ...] = ()
        if isinstance(event, MoneyReserved):
            rows = event.reservations
        elif isinstance(
            event,
            ReservationMoved | ReservationCommitted | ReservationReleased | ReservationExpired,
        ):
            rows = (event.reservation,)
        return [row.pair for row in rows if (row.account, row.bot) == (self._account, self._bot)]

    def _cause_of(self, pair: str) -> Cause:
        since = self._rebalanced.get(pair)
        if since is not None and self._clock.monotonic() - since < REBALANCE_SECONDS:
            return Cause.REBALANCE
        return Cause.LEG if pair in self._legs else Cause.ORDER

    @exact
    def _write(self) -> None:
        if self._last is None:
            self._last = self._stored()
        now = self._clock.wall()
        rows: list[tuple[object, ...]] = []
        last = dict(self._last)
        for one in self._look():
            if one.account != self._account or one.total is None:
                continue
            with self._guard:
                rows += self._rows(one, last.get(one.currency), now)
            last[one.currency] = (one.total, one.available)
        self._is_first_look = False
        if rows:
            self._file.write(lambda db: db.executemany(INSERT, rows))
        self._last = last
        self._thin(now)

    def _rows(
        self, one: BalanceFigures, before: tuple[Decimal, Decimal | None] | None, now: datetime
    ) -> list[tuple[object, ...]]:
        total = one.total or ZERO
        outside = self._causes.take_external(one.currency)
        cause, detail = self._causes.of(one.currency, self._clock.monotonic())
        if before is None and self._is_first_look:
            # A coin of which there never was any has no history.
            return [self._row(one, total, now, Cause.START, "")] if total > DUST else []
        change = total - (before[0] if before is not None else ZERO)
        rows: list[tuple[object, ...]] = []
        if outside and abs(change) > DUST:
            rows.append(self._row(one, outside, now, Cause.EXTERNAL, ""))
            change -= outside
        if abs(change) > DUST:
            if cause is None:
                cause = Cause.STOPPED if self._is_first_look else Cause.FEE
            rows.append(self._row(one, change, now, cause, detail))
        elif not rows and before is not None and _differs(one.available, before[1]):
            rows.append(self._row(one, ZERO, now, Cause.HOLD, detail))
        return rows

    def _row(
        self, one: BalanceFigures, change: Decimal, now: datetime, cause: Cause, detail: str
    ) -> tuple[object, ...]:
        def text(amount: Decimal | None) -> str | None:
            return None if amount is None else f"{amount:f}"

        amounts = map(text, (one.total, change, one.expected, one.available, one.used))
        place = (self._account, self._bot, one.currency, now.isoformat())
        return (*place, *amounts, str(cause), detail)

    def _stored(self) -> dict[str, tuple[Decimal, Decimal | None]]:
        rows = read_rows(self._path, LAST, (self._account, self._bot))
        return {
            str(currency): (Decimal(str(total)), None if free is None else Decimal(str(free)))
            for currency, total, free, _ in rows
        }

    def _thin(self, now: datetime) -> None:
        today = now.date().isoformat()
        if today == self._thinned_on:
            return
        self._thinned_on = today
        mine = (self._account, self._bot)
        border = (now - timedelta(days=FULL_DAYS)).isoformat()

        def thin(db: Connection) -> None:
            db.execute(THIN, (*mine, border, *mine, border))
            db.execute(CUT, (*mine, *mine, MOST_POINTS))

        self._file.write(thin)


def _differs(one: Decimal | None, other: Decimal | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > DUST


def read_history(
    path: Path,
    account: str,
    *,
    currency: str | None = None,
    since: datetime | None = None,
    bot: str | None = None,
) -> list[HistoryPoint]:
    """The points of an account's bots, the oldest first.

    :raises LocalFileError: the file cannot be read
    """
    wanted: Mapping[str, object | None] = {
        "currency = ?": currency,
        "at >= ?": None if since is None else since.isoformat(),
        "bot = ?": bot,
    }
    used = {clause: value for clause, value in wanted.items() if value is not None}
    sql = (
        "SELECT account, bot, currency, at, total, change, expected, available, used, cause, "  # noqa: S608
        f"detail FROM balance_history WHERE {' AND '.join(['account = ?', *used])} ORDER BY id"
    )
    return [_point(row) for row in read_rows(path, sql, (account, *used.values()))]


def _point(row: tuple[object, ...]) -> HistoryPoint:
    account, bot, currency, at, total, change, expected, available, used, cause, detail = row

    def amount(stored: object) -> Decimal | None:
        return None if stored is None else Decimal(str(stored))

    return HistoryPoint(
        account=str(account),
        bot=str(bot),
        currency=str(currency),
        at=datetime.fromisoformat(str(at)),
        total=Decimal(str(total)),
        change=Decimal(str(change)),
        expected=amount(expected),
        available=amount(available),
        used=amount(used),
        cause=Cause(str(cause)),
        detail=str(detail),
    )
