"""Which of our events a futures account's last answer may lack.

An answer is the account at some moment before it was asked for: it has all events up to that moment
and none after it. Which moment that was shows in the wallet balance, by the digit, and in the
margin that is tied up, roughly; where neither tells, the answer may lack any of the young events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from freqtrade_balance_guard.money import ZERO


# Prices move what a position ties up; so much of it, and of what moved, is no difference.
TIED_TOLERANCE = Decimal("0.05")
WALLET_DUST = Decimal("0.00000002")
WALLET_ROUNDING = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class MarginEvent:
    """Something that an answer of before lacks.

    ``tied`` margin more (below zero: freed), ``wallet`` more on the wallet, up to ``doubt`` above
    that. ``unknown``: so much more or less may be on the wallet, by another bot's profit or fee.
    """

    key: str
    at: float
    tied: Decimal
    wallet: Decimal = ZERO
    doubt: Decimal = ZERO
    unknown: Decimal = ZERO

    def followed_by(self, later: "MarginEvent") -> "MarginEvent":
        """Both as one."""
        return MarginEvent(
            self.key,
            later.at,
            self.tied + later.tied,
            self.wallet + later.wallet,
            self.doubt + later.doubt,
            self.unknown + later.unknown,
        )

    @property
    def spent(self) -> Decimal:
        """What it takes from what is free, at worst; never below zero."""
        return max(self.tied, ZERO) + max(-self.wallet, ZERO)

    @property
    def freed(self) -> Decimal:
        """What it adds to what is free; below zero if it takes."""
        return self.wallet - self.tied


class UnseenEvents:
    """Follows own events until an answer has them.

    :param lag: seconds that an answer may be behind
    """

    def __init__(self, lag: float) -> None:
        self._lag = lag
        # In the order in which they happened.
        self._events: list[MarginEvent] = []
        # The account just before the first of them; None before the first answer.
        self._wallet: Decimal | None = None
        self._tied = ZERO
        self._unknown_until = float("-inf")
        # How many of them the last answer has: at least, and with the most that is free then.
        self._surely = self._at_best = 0
        self._of_last = 0  # how many there were when it came

    def add(self, event: MarginEvent) -> None:
        """Something happened now; with no answer in between it is one with what came before."""
        since = self._events[self._of_last :]
        for index, known in enumerate(since, self._of_last):
            if known.key == event.key:
                self._events[index] = known.followed_by(event)
                return
        if event.spent or event.freed:
            self._events.append(event)

    def redate(self, key: str, at: float) -> None:
        """What is known of ``key`` happened only ``at``; an answer of before lacks it."""
        moved = [event for event in self._events if event.key == key]
        self.drop(key)
        self._events += [replace(event, at=at) for event in moved]

    def distrust(self, until: float) -> None:
        """Answers of before ``until`` may lack what is not among the events."""
        self._unknown_until = max(until, self._unknown_until)

    def drop(self, key: str) -> None:
        """Nothing of it happened."""
        self._surely, self._at_best, self._of_last = (
            sum(event.key != key for event in self._events[:count])
            for count in (self._surely, self._at_best, self._of_last)
        )
        self._events = [event for event in self._events if event.key != key]

    def compare(self, wallet: Decimal, tied: Decimal, noise: Decimal, as_of: float) -> None:
        """Find out what an answer has.

        :param wallet: its wallet balance, which may be off by ``noise``
        :param tied: what of it is not free
        """
        self._age(as_of - self._lag)
        if as_of < self._unknown_until:
            self._wallet = None
        possible = self._possible(wallet, tied, noise)
        count = len(self._events)
        if possible == [count]:
            self._wallet, self._tied, self._events = wallet, tied, []
            self._surely = self._at_best = self._of_last = 0
            return
        self._surely, self._of_last = possible[0], count
        self._at_best = max(possible, key=lambda seen: freed_by(self._events[seen:]))

    @property
    def is_empty(self) -> bool:
        """Every event is in the last answer."""
        return not self._events

    @property
    def spent(self) -> Decimal:
        """What the last answer may lack that takes from what is free."""
        return sum((event.spent for event in self._events[self._surely :]), ZERO)

    @property
    def freed(self) -> Decimal:
        """What it lacks at best, in sum; below zero if that takes."""
        return freed_by(self._events[self._at_best :])

    @property
    def is_lagging(self) -> bool:
        """The last answer may lack what had happened before."""
        return self._surely < self._of_last

    def unknown_since(self, moment: float) -> Decimal:
        """By how much other bots may have changed the wallet since then."""
        return sum((event.unknown for event in self._events if event.at > moment), ZERO)

    def _age(self, moment: float) -> None:
        for event in self._events:
            if event.at <= moment and self._wallet is not None:
                self._wallet += event.wallet
                self._tied += event.tied
        self._events = [event for event in self._events if event.at > moment]

    def _possible(self, wallet: Decimal, tied: Decimal, noise: Decimal) -> list[int]:
        """How many of the events such an answer may have, ascending; all counts if none fits."""
        events = self._events
        counts = range(len(events) + 1)
        if not events or self._wallet is None:
            return list(counts)
        moved = sum((abs(event.tied) for event in events), ZERO)
        tied_tolerance = TIED_TOLERANCE * (abs(tied) + moved)
        flows = sum((abs(event.wallet) for event in events), ZERO)
        unknown = sum((event.unknown for event in events), ZERO)
        tolerance = WALLET_DUST + noise + unknown + flows * WALLET_ROUNDING
        fitting, more, expected_tied, doubt = [], wallet - self._wallet, self._tied, ZERO
        for count in counts:
            if count:
                event = events[count - 1]
                more -= event.wallet
                expected_tied += event.tied
                doubt += event.doubt
            fits_tied = abs(tied - expected_tied) <= tied_tolerance
            if fits_tied and -tolerance <= more <= doubt + tolerance:
                fitting.append(count)
        return fitting or list(counts)


def freed_by(events: Iterable[MarginEvent]) -> Decimal:
    """What these add to what is free; below zero if they take."""
    return sum((event.freed for event in events), ZERO)
