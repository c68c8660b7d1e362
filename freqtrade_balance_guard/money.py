"""Amounts of money: Decimal, finite, and never mixed with another currency.

freqtrade and ccxt speak float. ``to_decimal`` is the door: it goes through the shortest text of
the float (0.1 becomes Decimal("0.1"), not its binary expansion) and rejects NaN and infinity.
``to_float`` is the way back, for the same door.

Python's decimal context belongs to the whole thread: ccxt changes its rounding with every order,
and a strategy may have set its precision to 8 digits. What decides about money runs under a context
of its own (``exact``).
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    InvalidOperation,
    localcontext,
)
from typing import ParamSpec, Self, TypeVar

from freqtrade_balance_guard.errors import MoneyError


ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

# Two floats have at most 34 digits as a product; 50 leave room for a division after that.
_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)
# To count steps: a quotient must not be rounded up to the next whole number.
_COUNTING = Context(prec=120, rounding=ROUND_HALF_EVEN)

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Let ``function`` calculate with 50 digits, whatever the thread's decimal context is."""

    @functools.wraps(function)
    def calculate(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(_CONTEXT):
            return function(*args, **kwargs)

    return calculate


def to_decimal(value: object) -> Decimal:
    """Turn a number from outside into a finite Decimal.

    :param value: Decimal, int, float or numeric text; bool is no number
    :raises MoneyError: for None, bool, text that is no number, NaN and infinity
    """
    if type(value) is float and math.isfinite(value):
        return Decimal(repr(value))  # by far the most frequent
    if isinstance(value, bool) or value is None:
        raise MoneyError(f"{value!r} is not a number.")
    try:
        # repr() of a float is its shortest exact text; str() of a numpy float is the same.
        number = Decimal(value if isinstance(value, Decimal | int) else str(value))
    except InvalidOperation as error:
        raise MoneyError(f"{value!r} is not a number.") from error
    if not number.is_finite():
        raise MoneyError(f"{value!r} is not a finite number.")
    return number


def to_float(value: Decimal) -> float:
    """The float nearest to ``value``, for freqtrade and ccxt only.

    :raises MoneyError: no float is that large
    """
    number = float(value)
    if not math.isfinite(number):
        raise MoneyError(f"{value} does not fit into a float.")
    return number


def float_below(value: Decimal) -> Decimal:
    """``value``, or the next smaller number that a float carries; for a limit from above.

    The float nearest to a limit may lie above it.
    """
    carried = to_decimal(to_float(value))
    return carried if carried <= value else to_decimal(math.nextafter(float(value), -math.inf))


def float_above(value: Decimal) -> Decimal:
    """``value``, or the next larger number that a float carries; for a limit from below."""
    return float_below(value.copy_negate()).copy_negate()


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is not above ``value``; step 0 means no rounding."""
    if step <= 0:
        return value
    return _whole_steps(value, step, ROUND_FLOOR)


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` that is not below ``value``; step 0 means no rounding."""
    if step <= 0:
        return value
    return _whole_steps(value, step, ROUND_CEILING)


def _whole_steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    steps = _COUNTING.divide(value, step).to_integral_value(rounding=rounding)
    return _COUNTING.multiply(steps, step)


def format_amount(value: Decimal) -> str:
    """A number for people: at most 8 decimals, no exponent, no trailing zeros."""
    text = f"{value:.8f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount and its currency. Adding two currencies is an error, not a sum."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise MoneyError(f"{self.amount!r} {self.currency} is not a finite Decimal amount.")
        if not self.currency:
            raise MoneyError(f"{self.amount} has no currency.")

    def _same_currency(self, other: Self) -> None:
        if not isinstance(other, Money):
            raise MoneyError(f"{other!r} is not money; it has no currency.")
        if self.currency != other.currency:
            raise MoneyError(f"{self} and {other} are two currencies.")

    def __add__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(_CONTEXT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(_CONTEXT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> "Money":
        return Money(self.amount.copy_negate(), self.currency)

    def __lt__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount <= other.amount

    def __gt__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount > other.amount

    def __ge__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount >= other.amount

    def __str__(self) -> str:
        return f"{format_amount(self.amount)} {self.currency}"
