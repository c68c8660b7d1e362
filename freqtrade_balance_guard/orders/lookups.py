"""Asks the exchange for orders, within what may be waited in front of an exit."""

from collections.abc import Callable

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.orders.lookup_result import (
    TWICE_APART_SECONDS,
    Found,
    LookupResult,
    NotFound,
    Order,
)
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


# How long a lost reply is asked for before freqtrade gets its error. Entries leave the exits some
# of the budget, and so does housekeeping.
ENTRY_LOOKUP_SECONDS = 1.8
KEPT_FOR_EXITS_SECONDS = 0.7
EXIT_LOOKUP_SECONDS = 1.0
KEPT_BY_HOUSEKEEPING_SECONDS = 0.6
# One question takes at most so long. With less time left it would only be a vain request.
ASK_SECONDS = 1.0
SHORTEST_ASK_SECONDS = 0.1
# An exchange that has so long and does not answer cannot; with less it was our own haste.
FAIR_ASK_SECONDS = 0.5
# Between two questions; doubled each time.
FIRST_PAUSE_SECONDS = 0.25

# Asks the exchange for one order, until the deadline.
Ask = Callable[[TrackedOrder, Deadline], LookupResult]


class Lookups:
    """Asks for the orders of one bot.

    :param rejected: is called for an order that will never be on the exchange, with the reason
    :param wait: sleeps so many seconds
    """

    def __init__(
        self,
        ask: Ask,
        rejected: Callable[[TrackedOrder, str], None],
        waits: WaitBudget,
        clock: Clock,
        wait: Callable[[float], None],
    ) -> None:
        self._ask = ask
        self._rejected = rejected
        self._waits = waits
        self._clock = clock
        self._wait = wait

    def resolve(self, tracked: TrackedOrder) -> Order | None:
        """Ask for an order whose reply was lost, for as long as its kind and the budget allow.

        :return: the order; None if it is not there, or that is still uncertain
        """
        if tracked.is_entry:
            waiting = self._waits.wait(ENTRY_LOOKUP_SECONDS, keep=KEPT_FOR_EXITS_SECONDS)
        else:
            waiting = self._waits.wait(EXIT_LOOKUP_SECONDS)
        with waiting as deadline:
            return self.ask_until(tracked, deadline)

    def ask_until(self, tracked: TrackedOrder, deadline: Deadline) -> Order | None:
        """Ask with growing pauses until the order is found, is certainly not there, or time is up.

        :return: the order, if it was found
        """
        pause = FIRST_PAUSE_SECONDS
        while deadline.seconds_left >= SHORTEST_ASK_SECONDS:
            order = self.ask(tracked, deadline)
            if order is not None or tracked.is_rejected or pause >= deadline.seconds_left:
                return order
            if tracked.is_entry and self._is_missing(tracked):
                return None  # it may still arrive; its pair waits, but not the whole bot
            self._wait(pause)
            pause *= 2
        return None

    def _is_missing(self, tracked: TrackedOrder) -> bool:
        since = tracked.absence.since
        return since is not None and self._clock.monotonic() - since > TWICE_APART_SECONDS

    def ask(self, tracked: TrackedOrder, deadline: Deadline) -> Order | None:
        """Ask once. What was never there, and will not come any more, is released.

        :return: the order, if it is there
        """
        has_time = deadline.seconds_left >= FAIR_ASK_SECONDS
        answer = self._ask(tracked, deadline)
        now = tracked.asked_at = self._clock.monotonic()
        if isinstance(answer, Found):
            crash_point("order found")
            return answer.order
        if not isinstance(answer, NotFound):
            tracked.absence.begin_anew()
            tracked.was_unanswered = tracked.was_unanswered or has_time
        elif tracked.absence.note_not_found(now, tracked.late_seconds):
            self._rejected(tracked, "the exchange does not know it")
        return None

    def check(self, tracked: TrackedOrder) -> Order | None:
        """Ask once for housekeeping, which leaves the exits most of the budget.

        :return: the order, if it is there
        """
        with self._waits.wait(ASK_SECONDS, keep=KEPT_BY_HOUSEKEEPING_SECONDS) as deadline:
            if deadline.seconds_left < SHORTEST_ASK_SECONDS:
                return None
            return self.ask(tracked, deadline)
