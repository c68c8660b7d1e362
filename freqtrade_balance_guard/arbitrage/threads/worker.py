"""The thread that arbitrages run in, so that no exit ever waits for a slow exchange.

The bot's loop hands an opportunity over and waits a moment for what becomes of it; usually it is
over by then. What is not goes on here, and later loops see its end in the store.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor


logger = logging.getLogger(__name__)

R = TypeVar("R")

# How often what is not resolved or not hedged is looked after while nothing else is asked for.
IDLE_SECONDS = 1.0
# An end of the bot waits so long for a request that is under way.
END_SECONDS = 20.0


class ArbitrageWorker:
    """Only this thread uses the executor. ``stopping`` is what the executor asks and waits for."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._busy = 0
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def start(self, executor: TwoLegExecutor) -> None:
        """Begin: the first thing is to look after what an earlier run has left."""
        self._worker = threading.Thread(
            target=self._run, args=(executor,), name="two-legs", daemon=True
        )
        self._worker.start()

    @property
    def is_busy(self) -> bool:
        """Is something that was asked for not done yet?"""
        return self._busy > 0

    @property
    def is_wanted(self) -> bool:
        """Does something wait for what is done now?"""
        return not self._tasks.empty()

    def submit(self, work: Callable[[], R], future: "Future[R] | None" = None) -> "Future[R]":
        """Do it after everything that was asked for before.

        :param future: what gets the result, where it has to exist before
        """
        future = Future() if future is None else future

        def task() -> None:
            try:
                result = work()
            except BaseException as error:
                self._done()
                future.set_exception(error)
            else:
                # Before who waits goes on: it may ask at once whether there is still something.
                self._done()
                future.set_result(result)

        with self._lock:
            self._busy += 1
        self._tasks.put(task)
        return future

    def _done(self) -> None:
        with self._lock:
            self._busy -= 1

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than until the end."""
        self.stopping.wait(seconds)

    def stop(self) -> None:
        """End: what is under way is waited for, what is not resolved is left to the next run."""
        self.stopping.set()
        if self._worker is not None:
            self._worker.join(END_SECONDS)
            if self._worker.is_alive():
                logger.warning("An exchange keeps the thread of the arbitrages waiting.")

    def _run(self, executor: TwoLegExecutor) -> None:
        while not self.stopping.is_set():
            try:
                executor.work()
            except Exception:
                # What is unresolved must be asked for again, whatever went wrong this time.
                logger.exception("Arbitrages could not be looked after; tried again.")
            with contextlib.suppress(queue.Empty):
                self._tasks.get(timeout=IDLE_SECONDS)()
        executor.close()
