"""One answer of the exchange, checked before it counts.

Absent is not zero and empty is not an account without money: an answer that is not complete and
finite is no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import ZERO, to_decimal


# free + used may miss total by so much of it: exchanges round the three apart.
SUM_TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Holding:
    """One currency: ``total`` = free + ``used`` (held by resting orders)."""

    total: Decimal
    used: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        return max(self.total - self.used, ZERO)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the exchange said, ``as_of`` the moment when we asked (monotonic seconds).

    Anything that happened at or after ``as_of`` may or may not be in it.
    """

    holdings: Mapping[str, Holding]
    as_of: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer, or none, that says nothing about the balance. ``reason`` is for people."""

    reason: str


def read_answer(answer: object) -> dict[str, Holding] | Unreadable:
    """Check a balance as ccxt shapes it: currency -> {"free", "used", "total"}.

    Zero amounts are allowed here; whether a currency may be zero or missing is a question for
    who knows what it was before (``BalanceBook``).
    """
    if not isinstance(answer, Mapping):
        return Unreadable(f"the answer is no table of currencies but {type(answer).__name__}")
    holdings: dict[str, Holding] = {}
    for currency, amounts in answer.items():
        if not isinstance(amounts, Mapping):
            continue  # ccxt and exchanges add lists and times of their own
        holding = _read_holding(str(currency), amounts)
        if isinstance(holding, Unreadable):
            return holding
        if holding is not None:
            holdings[str(currency)] = holding
    if not holdings:
        return Unreadable("the answer is empty")
    return holdings


def _read_holding(currency: str, amounts: Mapping[str, object]) -> Holding | Unreadable | None:
    numbers: dict[str, Decimal] = {}
    for name in ("free", "used", "total"):
        value = amounts.get(name)
        if value is None:
            continue
        try:
            numbers[name] = to_decimal(value)
        except MoneyError:
            return Unreadable(f"{currency} {name} is {value!r}")
        if numbers[name] < 0:
            return Unreadable(f"{currency} {name} is negative ({value!r})")
    total, free, used = numbers.get("total"), numbers.get("free"), numbers.get("used")
    if total is None and free is None:
        return None
    if total is None:
        total = (free or ZERO) + (used or ZERO)
    if used is None:
        used = total - free if free is not None and free <= total else ZERO
    if free is not None and abs(free + used - total) > total * SUM_TOLERANCE + SUM_TOLERANCE:
        return Unreadable(f"{currency} free {free} and used {used} are not its total {total}")
    return Holding(total, min(used, total))
