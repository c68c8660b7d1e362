"""The one thread of monitoring: it writes files and sends messages, the bot's loop does not."""

import logging
import threading
from collections.abc import Callable, Sequence


logger = logging.getLogger(__name__)

Job = Callable[[], None]

PAUSE_SECONDS = 1.0
# How long the end of a bot waits for what is still to be written.
END_SECONDS = 3.0


class Worker:
    """Runs every job about once per second, and once more at the end.

    A job that fails is logged once with its traceback and tried again.
    """

    def __init__(self, jobs: Sequence[Job], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._jobs = list(jobs)
        self._pause_seconds = pause_seconds
        self._ends = threading.Event()
        self._failed: set[Job] = set()
        # A daemon: the process must be able to end whatever a job waits for.
        self._thread = threading.Thread(target=self._run, name="guard-monitoring", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Run every job a last time and end. May be called twice."""
        self._ends.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=END_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._ends.wait(self._pause_seconds)
            for job in self._jobs:
                self._run_one(job)

    def _run_one(self, job: Job) -> None:
        try:
            job()
        except Exception:
            level = logging.DEBUG if job in self._failed else logging.ERROR
            self._failed.add(job)
            logger.log(level, "A job of monitoring failed; it is tried again.", exc_info=True)
