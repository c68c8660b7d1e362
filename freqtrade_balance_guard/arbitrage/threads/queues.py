"""Sends the requests of one API key one after the other: a thread for each key.

Two keys are used at the same time. A request that hangs holds up its own key only: whoever waits
for it waits until a deadline, and whoever comes later learns at once that the key is busy.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, NamedTuple, TypeVar

from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock


R = TypeVar("R")

# The lane of public data, beside that of the key: no order waits for it.
PUBLIC = "/public"
# A request is waited for this long; what comes later is taken up later.
REQUEST_SECONDS = 10.0
# A key whose request has not come back after this is not given another one but orders.
STUCK_SECONDS = 3.0


class NoAnswerInTime(TimeoutError):
    """The venue has not answered before the deadline, or still owes an earlier answer."""


class Work(NamedTuple, Generic[R]):
    """One call for a venue, in the lane that it belongs to."""

    venue: Venue
    call: Callable[[], R]
    lane: str = ""


class KeyQueues:
    """Keeps the threads of all venues; made when first used: a new one would cost a start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._pending: dict[str, list[tuple[Future[Any], float]]] = {}
        self._lock = threading.Lock()

    def submit(self, venue: Venue, work: Callable[[], R], lane: str = "") -> "Future[R]":
        """Do ``work`` after everything that was asked of this venue's key before.

        :param lane: a queue beside it, for what needs no key: no order waits for that
        """
        name = venue.queue + lane
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"leg-{venue.name}")
                self._pools[name] = pool
            future = pool.submit(work)
            pending = [one for one in self._pending.get(name, ()) if not one[0].done()]
            self._pending[name] = [*pending, (future, self._clock.monotonic())]
            return future

    def is_stuck(self, venue: Venue, lane: str = "") -> bool:
        """An earlier request has been owed an answer for too long."""
        now = self._clock.monotonic()
        with self._lock:
            pending = [
                one for one in self._pending.get(venue.queue + lane, ()) if not one[0].done()
            ]
        return bool(pending) and now - pending[0][1] >= STUCK_SECONDS

    def together(self, works: Sequence[Work[R]], at_most: float = REQUEST_SECONDS) -> list[R]:
        """Do all of them, each in its queue, and wait for all until the deadline.

        :raises NoAnswerInTime: a venue has not answered in time
        :raises Exception: the first error, after all others have ended as well
        """
        for work in works:
            if self.is_stuck(work.venue, work.lane):
                raise NoAnswerInTime(f"{work.venue.name} still owes an earlier answer")
        futures = [self.submit(one.venue, one.call, one.lane) for one in works]
        wait(futures, at_most)
        for work, future in zip(works, futures, strict=True):
            if not future.done():
                raise NoAnswerInTime(f"{work.venue.name} has not answered within {at_most:g} s")
        for future in futures:
            if (error := future.exception()) is not None:
                raise error
        return [future.result() for future in futures]

    def close(self, at_most: float = REQUEST_SECONDS) -> None:
        """End the threads; wait until the deadline for requests that are in progress."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
            pending = [one[0] for each in self._pending.values() for one in each]
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in pending if not future.cancelled()], at_most)
