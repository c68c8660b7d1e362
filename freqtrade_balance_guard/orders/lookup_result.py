"""What comes back when an exchange is asked for an order."""

from dataclasses import dataclass
from typing import Any


# In ccxt's shape.
Order = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The order, as freqtrade's ``create_order`` or ``create_stoploss`` would have returned it."""

    order: Order


@dataclass(frozen=True, slots=True)
class Absent:
    """The exchange was asked and does not have it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No certain answer; nothing may be concluded from it."""

    reason: str


Answer = Found | Absent | Unknown
