"""What the breaker judges and what it has decided: how arbitrages of one account have ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.store.file import unavailable
from freqtrade_balance_guard.arbitrage.store.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.store.tables import are_there
from freqtrade_balance_guard.local_file import read_only
from freqtrade_balance_guard.money import ZERO, exact


# Earlier than any arbitrage.
EVER = ""


@dataclass(frozen=True, slots=True)
class EndedArbitrage:
    """Says how one arbitrage came out.

    :param at: when something ended last: its legs, its trade, an exposure that it opened; ISO 8601
    :param profit: stake currency, with fees, repairs, and open exposures at their last price; a
        trade of freqtrade's counts when it is closed
    :param has_opened: it has left an exposure, other than the part of a trade that was just sold
    """

    number: int
    at: str
    profit: Decimal
    has_opened: bool

    @property
    def is_bad(self) -> bool:
        return self.has_opened or self.profit < ZERO


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """Holds what is stored of one account's breaker; ``tripped_at`` None: it lets pass."""

    owner: str
    resumed_at: str = EVER
    tripped_at: datetime | None = None
    why: str = ""

    def sentence(self) -> str:
        """Return one sentence for people; empty while it lets pass."""
        if self.tripped_at is None:
            return ""
        return (
            f"No new arbitrage begins on {self.owner} since {self.tripped_at:%Y-%m-%d %H:%M:%S} "
            f"UTC: {self.why}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "account": self.owner,
            "state": "tripped" if self.tripped_at else "closed",
            "tripped_at": self.tripped_at.isoformat() if self.tripped_at else None,
            "why": self.why or None,
            "resumed_at": self.resumed_at or None,
        }


class BreakerRows:
    """Reads and writes the breaker of one account in the arbitrages' file."""

    def __init__(self, store: ArbitrageStore, owner: str) -> None:
        self._store = store
        self._owner = owner

    @property
    def generation(self) -> int:
        """While this stays the same, this process has written nothing."""
        return self._store.generation

    def row(self) -> BreakerRow:
        """:raises ArbitragesUnavailable: it cannot be read"""
        rows = self._store.rows(_ROW, self._owner)
        return _breaker_of(rows[0]) if rows else BreakerRow(self._owner)

    def trip(self, now: datetime, why: str) -> bool:
        """Store that nothing may begin; False if that is stored already."""
        with self._store.transaction(flush=True) as db:
            return db.execute(_TRIP, (self._owner, now.isoformat(), why)).rowcount == 1

    def resume(self, now: datetime) -> BreakerRow:
        """Let pass again, count from now on, and return what was stored before."""
        before = self.row()
        with self._store.transaction(flush=True) as db:
            db.execute(_RESUME, (self._owner, now.isoformat()))
        return before

    def ended(self, since: str) -> list[EndedArbitrage]:
        """Return how arbitrages of this account came out of which something ended after ``since``.

        :raises ArbitragesUnavailable: it cannot be read
        """
        rows, owner = self._store.rows, self._owner
        found = rows(_TWO_LEGS, owner, since, since, since)
        if not found:
            return []
        repairs = [_Repair.of(row) for row in rows(_REPAIRS, owner)]
        exposures = [_Left.of(row) for row in rows(_EXPOSURES, owner)]
        positions = {int(row[0]): (row[1], row[2]) for row in rows(_POSITIONS, owner)}
        return [
            _outcome(
                row,
                [one for one in exposures if one.arbitrage_id == int(row[0])],
                repairs,
                positions.get(int(row[0])),
                since,
            )
            for row in found
        ]


def read_breakers(path: Path) -> list[BreakerRow]:
    """Return the breakers of all accounts, for the console, which leaves no trace.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    with unavailable(path):
        if not path.exists():
            return []
        with read_only(path) as db:
            return [_breaker_of(row) for row in db.execute(_ALL)] if are_there(db) else []


@dataclass(frozen=True, slots=True)
class _Left:
    number: int
    arbitrage_id: int
    worth: Decimal
    opened_at: str
    is_open: bool
    counts: bool

    @classmethod
    def of(cls, row: Sequence[Any]) -> "_Left":
        number, arbitrage_id, net, value, opened_at, closed_at, closes, is_dust = row
        sign = 1 if Decimal(net) > ZERO else -1
        return cls(
            number=int(number),
            arbitrage_id=int(arbitrage_id),
            worth=sign * Decimal(value),
            opened_at=str(opened_at),
            is_open=closed_at is None,
            counts=not closes and not is_dust,
        )


@dataclass(frozen=True, slots=True)
class _Repair:
    shares: Mapping[int, Decimal]
    profit: Decimal

    @classmethod
    def of(cls, row: Sequence[Any]) -> "_Repair":
        exposure, shares, profit = row
        named = {int(one): Decimal(amount) for one, amount in json.loads(shares).items()}
        return cls(named or {int(exposure): Decimal(1)}, Decimal(profit or 0))

    @exact
    def of_exposures(self, numbers: Sequence[int]) -> Decimal:
        """Return the part of it that closed these."""
        total = sum(self.shares.values(), ZERO)
        part = sum((self.shares.get(one, ZERO) for one in numbers), ZERO)
        return self.profit * part / total if total else ZERO


@exact
def _outcome(
    row: Sequence[Any],
    left: Sequence[_Left],
    repairs: Sequence[_Repair],
    position: tuple[Any, Any] | None,
    since: str,
) -> EndedArbitrage:
    number, at, profit = int(row[0]), str(row[1]), Decimal(row[2] or 0)
    opened = [one for one in left if one.counts and one.opened_at >= since]
    moments = [at, *(one.opened_at for one in opened)]
    if position is not None:
        closed_at, of_trade = position
        moments += [str(closed_at)] if closed_at else []
        # As long as freqtrade holds the coin, what it earns or costs is open.
        total = Decimal(of_trade) if of_trade is not None else ZERO
        return EndedArbitrage(number, max(moments), total, bool(opened))
    repaired = {one for repair in repairs for one in repair.shares}
    total = profit + sum(
        (repair.of_exposures([one.number for one in left]) for repair in repairs), ZERO
    )
    # What the user has taken care of is worth what it was worth then.
    total += sum((one.worth for one in left if one.is_open or one.number not in repaired), ZERO)
    return EndedArbitrage(number, max(moments), total, bool(opened))


def _breaker_of(row: Sequence[Any]) -> BreakerRow:
    owner, resumed_at, tripped_at, why = row
    tripped = None if tripped_at is None else datetime.fromisoformat(str(tripped_at))
    return BreakerRow(str(owner), str(resumed_at), tripped, str(why))


_ALL = "SELECT owner, resumed_at, tripped_at, why FROM arbitrage_breakers ORDER BY owner"
_ROW = "SELECT owner, resumed_at, tripped_at, why FROM arbitrage_breakers WHERE owner = ?"
_TRIP = (
    "INSERT INTO arbitrage_breakers (owner, tripped_at, why) VALUES (?, ?, ?) "
    "ON CONFLICT (owner) DO UPDATE SET tripped_at = excluded.tripped_at, why = excluded.why "
    "WHERE tripped_at IS NULL"
)
_RESUME = (
    "INSERT INTO arbitrage_breakers (owner, resumed_at) VALUES (?, ?) "
    "ON CONFLICT (owner) DO UPDATE SET resumed_at = excluded.resumed_at, tripped_at = NULL, "
    "why = ''"
)
_TWO_LEGS = (
    "SELECT id, ended_at, json_extract(result, '$.profit') FROM arbitrages "
    "WHERE kind = 'two_legs' AND owner = ? AND ended_at IS NOT NULL "
    "AND state NOT IN ('denied', 'abandoned') AND (ended_at >= ? OR id IN "
    "(SELECT arbitrage_id FROM arbitrage_exposures WHERE opened_at >= ?) OR id IN "
    "(SELECT arbitrage_id FROM arbitrage_positions WHERE closed_at >= ?)) ORDER BY id"
)
_REPAIRS = (
    "SELECT exposure, shares, json_extract(result, '$.profit') FROM arbitrages "
    "WHERE owner = ? AND exposure IS NOT NULL AND state = 'filled'"
)
_EXPOSURES = (
    "SELECT id, arbitrage_id, net, value, opened_at, closed_at, closes, is_dust "
    "FROM arbitrage_exposures WHERE owner = ?"
)
_POSITIONS = "SELECT arbitrage_id, closed_at, profit FROM arbitrage_positions WHERE owner = ?"
