"""What comes back when an exchange is asked for an order, and when "not found" is a proof."""

from dataclasses import dataclass
from typing import Any


# In ccxt's shape.
Order = dict[str, Any]

# How long a request whose reply was lost may still reach the exchange.
LATE_SECONDS = 30.0
# An exit is asked for longer: one that turns up later holds the coins that the next one needs.
EXIT_LATE_SECONDS = 60.0
# "Not found" counts when the exchange says it twice with this pause: its lists may be behind.
TWICE_APART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """The order, as freqtrade's ``create_order`` or ``create_stoploss`` would have returned it."""

    order: Order


@dataclass(frozen=True, slots=True)
class NotFound:
    """The exchange was asked and does not have it."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """No certain answer; nothing may be concluded from it."""

    reason: str


LookupResult = Found | NotFound | Uncertain


@dataclass(slots=True)
class Absence:
    """Decides when an order that the exchange does not find will never be there.

    All moments are monotonic seconds. ``lost_at``: when the request ended without a reply; before
    that nothing is concluded. ``since``: the first of the "not found" in a row.
    """

    lost_at: float | None = None
    since: float | None = None

    def note_not_found(self, now: float, late_seconds: float) -> bool:
        """Take up a "not found" that came ``now``; True if the order will never be there.

        :param late_seconds: how long after ``lost_at`` the request may still arrive
        """
        if self.since is None:
            self.since = now
        if self.lost_at is None or now - self.lost_at < late_seconds:
            return False
        return self.has_lasted(now, TWICE_APART_SECONDS)

    def has_lasted(self, now: float, seconds: float) -> bool:
        """Whether nothing but "not found" was said for so long."""
        return self.since is not None and now - self.since >= seconds

    def begin_anew(self) -> None:
        """There was no answer: what was not found before has to be said again."""
        self.since = None
