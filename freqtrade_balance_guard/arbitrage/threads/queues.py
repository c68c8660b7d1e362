"""Sends the requests of one API key one after the other: a thread for each key.

Two keys are used at the same time. A request that hangs holds up its own key only: whoever waits
for it waits until a deadline, and whoever comes later learns at once that the key is busy.

An order of a venue that sends in the engine's loop needs no thread: if its key is free it leaves
from there at once, else it takes its turn among what the key was asked for before.
"""

import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, NamedTuple, TypeVar

from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
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
    """Keeps the threads of all venues; made when first used: a new one would cost a start.

    :param loop: the engine's, for ``send``
    """

    def __init__(self, clock: Clock, loop: EventLoopThread | None = None) -> None:
        self._clock = clock
        self._loop = loop or EventLoopThread()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._pending: dict[str, list[tuple[Future[Any], float]]] = {}
        # Held while the key is used: by its thread, or by an order that leaves from the loop.
        self._turns: dict[str, threading.Lock] = {}
        self._is_closed = False
        self._lock = threading.Lock()

    def submit(self, venue: Venue, work: Callable[[], R], lane: str = "") -> "Future[R]":
        """Do ``work`` after everything that was asked of this venue's key before.

        :param lane: a queue beside it, for what needs no key: no order waits for that
        :raises RuntimeError: the queues were closed
        """
        name = venue.queue + lane
        with self._lock:
            return self._submit(venue, name, work)

    def send(self, venue: Venue, work: Callable[[], Coroutine[Any, Any, None]]) -> "Future[None]":
        """Run ``work`` in the engine's loop, in its turn; from the loop itself at once.

        :raises RuntimeError: the queues or the loop were closed
        """
        name = venue.queue
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
            is_free = self._loop.is_current and not self._still_pending(name)
            if not self._is_closed and is_free and turn.acquire(blocking=False):
                future = self._loop.start(work())
                # In this order: who sees that it is over finds the key free.
                future.add_done_callback(lambda _: turn.release())
                self._pending[name] = [(future, self._clock.monotonic())]
                return future
            # Its thread waits for the turn, and for the reply.
            return self._submit(venue, name, lambda: self._loop.run(work()).result())

    def _submit(self, venue: Venue, name: str, work: Callable[[], R]) -> "Future[R]":
        if self._is_closed:
            raise RuntimeError("the bot ends: nothing more is asked of an exchange")
        pool = self._pools.get(name)
        if pool is None:
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"leg-{venue.name}")
            self._pools[name] = pool
        turn = self._turns.setdefault(name, threading.Lock())

        def in_turn() -> R:
            with turn:
                return work()

        future = pool.submit(in_turn)
        self._pending[name] = [*self._still_pending(name), (future, self._clock.monotonic())]
        return future

    def _still_pending(self, name: str) -> list[tuple[Future[Any], float]]:
        return [one for one in self._pending.get(name, ()) if not one[0].done()]

    def is_stuck(self, venue: Venue, lane: str = "") -> bool:
        """An earlier request has been owed an answer for too long."""
        now = self._clock.monotonic()
        with self._lock:
            pending = self._still_pending(venue.queue + lane)
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
            self._is_closed = True
            pools, self._pools = list(self._pools.values()), {}
            pending = [one[0] for each in self._pending.values() for one in each]
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in pending if not future.cancelled()], at_most)
