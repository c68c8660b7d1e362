"""One API key, one ordered queue: a thread for each, so that two keys are used at the same time."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.venue import Venue


R = TypeVar("R")


class KeyQueues:
    """The threads of all venues; made when first used, and kept: a new one would cost a start."""

    def __init__(self) -> None:
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def submit(self, venue: Venue, work: Callable[[], R], lane: str = "") -> "Future[R]":
        """Do ``work`` after everything that was asked of this venue's key before.

        :param lane: a queue beside it, for what needs no key: no order ever waits for that
        """
        name = venue.queue + lane
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"leg-{venue.name}")
                self._pools[name] = pool
        return pool.submit(work)

    def together(self, works: Sequence[tuple[Venue, Callable[[], R]]]) -> list[R]:
        """Do all of them, each in its queue, and wait for all. The first error is raised then.

        Nothing is lost by an error: all others have ended as well when it is raised.
        """
        futures = [self.submit(venue, work) for venue, work in works]
        errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error
        return [future.result() for future in futures]

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
        self._pools.clear()
