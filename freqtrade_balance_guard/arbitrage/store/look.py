"""Reads what bots have stored of arbitrages, for the console, which leaves no trace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.store.file import unavailable
from freqtrade_balance_guard.arbitrage.store.records import (
    ARBITRAGE,
    EXPOSURE,
    OLD_NAMES,
    POSITION,
    ArbitrageRecord,
    arbitrage_of_row,
    exposure_of_row,
    position_of_row,
)
from freqtrade_balance_guard.arbitrage.store.tables import are_of_0_1, are_there
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.local_file import read_only
from freqtrade_balance_guard.money import ZERO, format_amount


R = TypeVar("R")

# What release 0.1 did not store.
_NEWER = (" FROM arbitrages ", " FROM arbitrage_drifts ")


def read_positions(path: Path) -> list[Position]:
    """Return the open positions of all bots.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    sql = f"{POSITION} WHERE closed_at IS NULL ORDER BY arbitrage_id"
    return _read(path, sql, position_of_row)


def read_profit(path: Path, bot: str) -> Decimal:
    """Return what a bot's closed arbitrages have earned or lost, in stake currency.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    positions = _read(path, f"{POSITION} WHERE profit IS NOT NULL", position_of_row)
    return sum((one.profit for one in positions if one.bot == bot and one.profit), ZERO)


def read_exposures(path: Path, *, also_closed: bool = False) -> list[Exposure]:
    """Return the exposures of all bots, the oldest first.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    where = "" if also_closed else " WHERE closed_at IS NULL"
    return _read(path, f"{EXPOSURE}{where} ORDER BY id", exposure_of_row)


def read_arbitrages(
    path: Path, *, at_most: int = 50, number: int | None = None
) -> list[ArbitrageRecord]:
    """Return the last arbitrages of two legs of all bots, the newest first.

    :param number: only this one
    :raises ArbitragesUnavailable: the file cannot be read
    """
    only = "" if number is None else f" AND id = {int(number)}"
    sql = f"{ARBITRAGE} WHERE kind = 'two_legs'{only} ORDER BY id DESC LIMIT {int(at_most)}"
    return _read(path, sql, arbitrage_of_row)


@dataclass(frozen=True, slots=True)
class Drift:
    """What fees in the coin and rounding have left over (above 0) or taken, in base currency."""

    account: str
    base: str
    net: Decimal

    def sentence(self) -> str:
        """Return one sentence for people."""
        amount = format_amount(abs(self.net))
        what = f"left {amount} over" if self.net > ZERO else f"taken {amount}"
        return (
            f"Drift of {self.base}: fees and rounding have {what}; the next purchase makes it good."
        )

    def as_json(self) -> dict[str, str]:
        """Return it for scripts: amounts as text with all digits."""
        return {"account": self.account, "currency": self.base, "amount": f"{self.net:f}"}


def read_drifts(path: Path) -> list[Drift]:
    """Return what of each coin is held more or less than the trades say, all accounts.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    sql = "SELECT owner, base, net FROM arbitrage_drifts ORDER BY owner, base"
    found = _read(path, sql, lambda row: Drift(str(row[0]), str(row[1]), Decimal(str(row[2]))))
    return [one for one in found if one.net]


def _read(path: Path, sql: str, made: Callable[[Sequence[object]], R]) -> list[R]:
    with unavailable(path):
        if not path.exists():
            return []
        with read_only(path) as db:
            if are_there(db):
                return [made(row) for row in db.execute(sql)]
            if not are_of_0_1(db) or any(one in sql for one in _NEWER):
                return []
            for name, old in OLD_NAMES.items():
                sql = sql.replace(name, old)
            return [made(row) for row in db.execute(sql)]
