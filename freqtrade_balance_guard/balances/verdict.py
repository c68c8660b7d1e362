"""How far a currency's balance is believed: the verdicts, and the one rule that gives them.

seen against expected            | own money under way        | nothing under way
---------------------------------|----------------------------|---------------------------
the same                         | CONFIRMED                  | CONFIRMED
less, explained by it            | LAGGING                    | -
less, beyond it                  | the rest is a drop         | EXTERNAL_CHANGE at once
less, down to nothing            | UNREADABLE until a second answer agrees after the window
more, explained by it            | LAGGING                    | -
more, beyond it                  | RISING until a second answer agrees after the window,
                                 | then EXTERNAL_CHANGE
no answer, or one that is none   | UNREADABLE                 | UNREADABLE
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Verdict(StrEnum):
    """What we think of the last answer about one currency."""

    CONFIRMED = "confirmed"
    LAGGING = "lagging"
    RISING_UNCONFIRMED = "rising_unconfirmed"
    EXTERNAL_CHANGE = "external_change"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seen against expected: the totals of one currency.

    ``incoming`` / ``outgoing``: own flows of the last window and what open orders may still move.
    ``agreed_for``: seconds since an answer first said the same as this one; None: it is the first.
    """

    seen: Decimal
    expected: Decimal
    tolerance: Decimal
    incoming: Decimal
    outgoing: Decimal
    agreed_for: float | None
    window: float

    @property
    def difference(self) -> Decimal:
        return self.seen - self.expected

    @property
    def has_agreed(self) -> bool:
        return self.agreed_for is not None and self.agreed_for >= self.window


def judge(comparison: Comparison) -> Verdict:
    """The table above."""
    difference, tolerance = comparison.difference, comparison.tolerance
    if abs(difference) <= tolerance:
        return Verdict.CONFIRMED
    if difference < 0:
        if -difference <= comparison.incoming + tolerance:
            return Verdict.LAGGING
        if comparison.seen <= tolerance and not comparison.has_agreed:
            return Verdict.UNREADABLE
        return Verdict.EXTERNAL_CHANGE
    if difference <= comparison.outgoing + tolerance:
        return Verdict.LAGGING
    return Verdict.EXTERNAL_CHANGE if comparison.has_agreed else Verdict.RISING_UNCONFIRMED
