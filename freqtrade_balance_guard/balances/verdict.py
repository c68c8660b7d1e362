"""How far a currency's balance is believed: the verdicts, and the one rule that gives them.

seen against expected               | verdict
------------------------------------|-------------------------------------------------------------
the same                            | CONFIRMED
less, own income may be missing     | LAGGING
less, an open order may have taken  | LAGGING until a second answer agrees after the window,
it without our knowledge            | then EXTERNAL_CHANGE
less, down to nothing               | UNREADABLE until a second answer agrees after the window,
                                    | then EXTERNAL_CHANGE
less, beyond all that               | EXTERNAL_CHANGE at once, by what is beyond
more, own expense may be missing    | LAGGING
more, beyond it                     | RISING_UNCONFIRMED until a second answer agrees after the
                                    | window, then EXTERNAL_CHANGE
no answer, or one that is none      | UNREADABLE
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

    ``expected`` is the worst case: up to ``doubt`` more may be there; ``tolerance`` is for
    rounding, both ways. ``incoming`` / ``outgoing``: own flows of the last window, which the answer
    may lack. ``unheard``: what open orders may have taken without our knowledge. ``has_agreed``: an
    answer at least a window ago said the same.
    """

    seen: Decimal
    expected: Decimal
    tolerance: Decimal
    doubt: Decimal
    incoming: Decimal
    outgoing: Decimal
    unheard: Decimal
    has_agreed: bool

    @property
    def difference(self) -> Decimal:
        return self.seen - self.expected

    @property
    def is_nothing(self) -> bool:
        return self.seen <= self.tolerance

    @property
    def is_same(self) -> bool:
        """Does the answer say what is expected?"""
        return -self.tolerance <= self.difference <= self.doubt + self.tolerance

    @property
    def is_explained(self) -> bool:
        """May own flows that the answer lacks be all of the difference?"""
        lowest = -self.incoming - self.tolerance
        return lowest <= self.difference <= self.outgoing + self.doubt + self.tolerance

    @property
    def change(self) -> Decimal:
        """What others did at least: the difference beyond what own orders may explain."""
        if self.difference > 0:
            return self.difference
        return self.difference + self.incoming + (0 if self.has_agreed else self.unheard)


def judge(comparison: Comparison) -> Verdict:
    """The table above."""
    if comparison.is_same:
        return Verdict.CONFIRMED
    if comparison.is_explained:
        return Verdict.LAGGING
    if comparison.has_agreed:
        return Verdict.EXTERNAL_CHANGE
    if comparison.difference > 0:
        return Verdict.RISING_UNCONFIRMED
    if comparison.change >= -comparison.tolerance:
        return Verdict.LAGGING
    return Verdict.UNREADABLE if comparison.is_nothing else Verdict.EXTERNAL_CHANGE


class Need(StrEnum):
    """Why a read is needed now; the empty one says that it is not.

    ``UNCONFIRMED``: own money may be under way, or an answer is in question; once per loop is
    enough.
    """

    NOTHING = ""
    FIRST = "first"
    OWN_EVENT = "own_event"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    FAILED = "failed"
