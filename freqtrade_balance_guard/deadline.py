"""Bounds how long the guard waits: one request by a ``Deadline``, their sum by a ``WaitBudget``.

Whatever the guard asks, reads or waits for while freqtrade wants to exit draws on the same budget,
so twelve unresolved orders delay an exit no longer than one does.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from freqtrade_balance_guard.clock import Clock


# What the guard may add in front of exits, in sum.
EXIT_WAIT_SECONDS = 3.0
# Kept back of it: a thread wakes up late on a busy machine, and a request that is cut off takes a
# moment to end.
RESERVE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which waiting ends, in the clock's monotonic seconds."""

    clock: Clock
    ends_at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> "Deadline":
        """The deadline that is ``seconds`` away."""
        return cls(clock, clock.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """Never negative."""
        return max(self.ends_at - self.clock.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """No time is left."""
        return self.seconds_left <= 0


class _Counting(threading.local):
    """Per thread: whether its time is the guard's at the moment."""

    is_on = False


class WaitBudget:
    """Limits the sum of the guard's own waits and work between two moments at which nothing waited.

    Threads share it: an exit by command waits behind what the bot's loop waits for. What they wait
    for at the same time counts once.

    :param seconds: the sum, until ``renew``; the default leaves the reserve
    """

    def __init__(self, clock: Clock, seconds: float = EXIT_WAIT_SECONDS - RESERVE_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._spent = 0.0
        self._threads = 0  # whose time counts
        self._since = 0.0  # the moment up to which it is in the sum, while any does
        self._counting = _Counting()
        self._lock = threading.Lock()

    @property
    def seconds_left(self) -> float:
        """What may still be waited. Never negative."""
        with self._lock:
            self._add_up()
            return max(self._seconds - self._spent, 0.0)

    @property
    def seconds_spent(self) -> float:
        """What was charged since ``renew``."""
        with self._lock:
            self._add_up()
            return self._spent

    def renew(self) -> None:
        """Start anew: every exit that was due has been tried."""
        with self._lock:
            self._add_up()
            self._spent = 0.0

    @contextmanager
    def wait(self, at_most: float, *, keep: float = 0.0) -> Iterator[Deadline]:
        """Wait inside this block until the deadline at the latest; what it takes is charged.

        :param at_most: seconds for this wait
        :param keep: seconds of the budget that are left for others, such as the exits themselves
        """
        with self.work():
            allowed = min(at_most, max(self.seconds_left - keep, 0.0))
            yield Deadline.after(self._clock, allowed)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Charge what the block takes, but for what a block inside leaves out."""
        with self._count(is_on=True):
            yield

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Leave out what the block takes: freqtrade would take it without the guard, too."""
        with self._count(is_on=False):
            yield

    @contextmanager
    def _count(self, *, is_on: bool) -> Iterator[None]:
        before = self._counting.is_on
        self._switch(is_on=is_on)
        try:
            yield
        finally:
            self._switch(is_on=before)

    def _switch(self, *, is_on: bool) -> None:
        if self._counting.is_on is is_on:
            return
        with self._lock:
            self._add_up()
            self._threads += 1 if is_on else -1
        self._counting.is_on = is_on

    def _add_up(self) -> None:
        now = self._clock.monotonic()
        if self._threads:
            self._spent += now - self._since
        self._since = now
