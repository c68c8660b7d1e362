"""Runs one task for each arbitrage and each exposure, so that none waits for a venue of another."""

import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait


# So many may wait for slow venues at the same time.
MOST = 16
# Before the next one is begun, a task is waited for this long: usually it has ended by then.
HEAD_START_SECONDS = 0.5


class Tasks:
    """Runs tasks by key; one that has not ended is not begun a second time."""

    def __init__(self) -> None:
        self.head_start_seconds = HEAD_START_SECONDS
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[Hashable, Future[object]] = {}
        self._lock = threading.Lock()

    def run_each(self, works: Iterable[tuple[Hashable, Callable[[], object]]]) -> None:
        """Run them in order; what does not end soon goes on beside the others.

        :raises BaseException: what a task has raised that ended here
        """
        for key, work in works:
            with self._lock:
                known = self._running.get(key)
                if known is not None and not known.done():
                    continue
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="arbitrage")
                future = self._running[key] = self._pool.submit(work)
            wait([future], self.head_start_seconds)
            if future.done():
                self._running.pop(key, None)
                future.result()

    def close(self) -> None:
        """Begin nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
