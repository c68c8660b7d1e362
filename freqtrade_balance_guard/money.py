"""Amounts of money: Decimal, finite, and never mixed with another currency.

freqtrade and ccxt speak float. ``to_decimal`` is the door: it goes through the shortest text of
the float (0.1 becomes Decimal("0.1"), not its binary expansion) and refuses NaN and infinity.
``to_float`` is the way back, for the same door.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Self

from freqtrade_balance_guard.errors import MoneyError


ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)


def to_decimal(value: object) -> Decimal:
    """Turn a number from outside into a finite Decimal.

    :param value: Decimal, int, float or numeric text; bool is no number
    :raises MoneyError: for None, bool, text that is no number, NaN and infinity
    """
    if isinstance(value, bool) or value is None:
        raise MoneyError(f"{value!r} is not a number.")
    try:
        # repr() of a float is its shortest exact text; str() of a numpy float is the same.
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise MoneyError(f"{value!r} is not a number.") from error
    if not number.is_finite():
        raise MoneyError(f"{value!r} is not a finite number.")
    return number


def to_float(value: Decimal) -> float:
    """The float nearest to ``value``, for freqtrade and ccxt only."""
    return float(value)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is not above ``value``; step 0 means no rounding."""
    if step <= 0:
        return value
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of ``step`` that is not below ``value``; step 0 means no rounding."""
    if step <= 0:
        return value
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def format_amount(value: Decimal) -> str:
    """A number for people: at most 8 decimals, no exponent, no trailing zeros."""
    text = f"{value:.8f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
        if self.currency != other.currency:
            raise MoneyError(f"{self} and {other} are two currencies.")

    def __add__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount <= other.amount

    def __str__(self) -> str:
        return f"{format_amount(self.amount)} {self.currency}"
