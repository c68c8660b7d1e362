"""One answer of the exchange, checked before it counts, currency by currency.

Absent is not zero: an answer that is not complete and finite for the coins that matter is no
answer. A coin that nothing depends on, a debt or a bonus, is left out if it cannot be read.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal


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

    def is_same(self, other: "Holding") -> bool:
        """Equal, and read from an answer of the same kind."""
        return self == other and self.tells_used == other.tells_used


@dataclass(frozen=True, slots=True)
class Answer:
    """A balance that can be read; ``left_out``: coins that cannot, with the reason."""

    holdings: Mapping[str, Holding]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the exchange said, ``as_of`` the moment when we asked (monotonic seconds).

    Anything that happened at or after ``as_of`` may or may not be in it. Nothing is known of coins
    that are ``left_out``; every other coin that is missing is not there.
    """

    holdings: Mapping[str, Holding]
    as_of: float
    wall: datetime
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer, or none, that says nothing about the balance. ``reason`` is for people."""

    reason: str


_Numbers = tuple[object, object, object]  # free, used, total


class AnswerReader:
    """Reads the balances of one account; amounts that did not change are read once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Numbers, Holding | Unreadable | None]] = {}

    def read(self, answer: object, needed: Container[str]) -> Answer | Unreadable:
        """Check a balance as ccxt shapes it: currency -> {"free", "used", "total"}.

        Zero amounts are allowed here, and so is an answer without any currency; whether a currency
        may be zero or missing is a question for who knows what it was before (``BalanceBook``).

        :param needed: currencies without which the answer says nothing: the stake, what is traded
        """
        if not isinstance(answer, Mapping):
            return Unreadable(f"the answer is no table of currencies but {type(answer).__name__}")
        holdings: dict[str, Holding] = {}
        left_out: dict[str, str] = {}
        has_nothing = False
        for currency, amounts in answer.items():
            if currency in NO_CURRENCIES or not (
                type(amounts) is dict or isinstance(amounts, Mapping)
            ):
                continue  # ccxt and exchanges add tables, lists and times of their own
            holding = self._holding(currency, amounts)
            if isinstance(holding, Holding):
                holdings[currency] = holding
            elif holding is None:
                has_nothing = True
            elif currency in needed:
                return holding
            else:
                left_out[currency] = holding.reason
        if has_nothing and not holdings:
            return Unreadable("the answer has currencies without amounts")
        return Answer(holdings, left_out)

    def _holding(self, currency: str, amounts: Mapping[str, object]) -> Holding | Unreadable | None:
        numbers = (amounts.get("free"), amounts.get("used"), amounts.get("total"))
        known = self._known.get(currency)
        if known is None or known[0] != numbers:
            known = self._known[currency] = numbers, _read_holding(currency, numbers)
        return known[1]


@exact
def _read_holding(currency: str, told: _Numbers) -> Holding | Unreadable | None:
    numbers: dict[str, Decimal] = {}
    for name, value in zip(("free", "used", "total"), told, strict=True):
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
    if free is not None and free + used < total * (ONE - SUM_TOLERANCE) - SUM_TOLERANCE:
        # Equity with a bonus or an open position in it: what can be spent or sold is less.
        total = free + used
    return Holding(max(total, ZERO), max(used, ZERO), tells_used)
