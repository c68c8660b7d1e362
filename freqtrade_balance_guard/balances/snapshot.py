"""One answer of the exchange, checked before it counts.

Absent is not zero and empty is not an account without money: an answer that is not complete and
finite is no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


# free + used may miss total by so much of it: exchanges round the three apart.
SUM_TOLERANCE = Decimal("0.000001")
# No coin has that many units.
ABSURD = Decimal("1e30")
# ccxt's own entries of a balance.
NO_CURRENCIES = frozenset({"info", "free", "used", "total", "debt", "timestamp", "datetime"})


@dataclass(frozen=True, slots=True)
class Holding:
    """One currency: ``total`` = free + ``used`` (held by resting orders).

    ``used`` may be above ``total`` while the exchange's answer lacks what a resting order spends;
    it is 0 where the exchange does not tell it (``tells_used``).
    """

    total: Decimal
    used: Decimal = ZERO
    tells_used: bool = field(default=True, compare=False)

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
        if currency in NO_CURRENCIES or not isinstance(amounts, Mapping):
            continue  # ccxt and exchanges add tables, lists and times of their own
        holding = _read_holding(str(currency), amounts)
        if isinstance(holding, Unreadable):
            return holding
        if holding is not None:
            holdings[str(currency)] = holding
    if not holdings:
        return Unreadable("the answer is empty")
    return holdings


@exact
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
        if abs(numbers[name]) > ABSURD:
            return Unreadable(f"{currency} {name} is absurd ({value!r})")
    total, free, used = numbers.get("total"), numbers.get("free"), numbers.get("used")
    if total is None and free is None:
        return None
    tells_used = used is not None or (total is not None and free is not None)
    if total is None:
        total = (free or ZERO) + (used or ZERO)
    if used is None:
        used = total - free if free is not None else ZERO
    # `free` alone may be negative: freqtrade computes it for Kraken from two requests, and a
    # resting order may be younger than a total that lags.
    for name, number in (("total", total), ("used", used)):
        if number < -SUM_TOLERANCE:
            return Unreadable(f"{currency} {name} is negative ({number})")
    if free is not None and abs(free + used - total) > total * SUM_TOLERANCE + SUM_TOLERANCE:
        return Unreadable(f"{currency} free {free} and used {used} are not its total {total}")
    return Holding(max(total, ZERO), max(used, ZERO), tells_used)
