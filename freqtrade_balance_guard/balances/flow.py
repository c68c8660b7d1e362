"""A change of a total that we know the reason of."""

from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.money import ZERO


# An order that is over may still be corrected for so long: a fill that was faster than the cancel,
# a fee that was reported late.
KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Flow:
    """A change of a total by an order, seen by us ``at`` (monotonic seconds).

    ``amount`` is the worst case; up to ``doubt`` more may be there (a fee that was not reported).
    """

    currency: str
    amount: Decimal
    at: float
    doubt: Decimal = ZERO
