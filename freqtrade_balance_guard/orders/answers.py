"""What comes back when an exchange is asked for an order by our client order id."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from freqtrade_balance_guard.orders.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Found:
    """It is there: in ccxt's shape, as freqtrade's ``create_order`` would have returned it."""

    order: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Absent:
    """The exchange answered, and does not know it (yet)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There was no answer, or one that leaves it open."""

    reason: str


Answer = Found | Absent | Unknown
# Asks for one order within so many seconds.
Ask = Callable[[Ticket, float], Answer]
