"""A fair lock between processes on one host, with an end to waiting.

SQLite's own waiting (``busy_timeout``) is a lottery: of four busy processes one gets nearly
everything and the others wait for seconds. A plain ``flock`` is little better, because whoever
lets go is running already and takes it again before a sleeper has woken up. Hence two locks, as
in front of a counter: only the holder of ``next`` may wait for ``main``, so that no process is
overtaken by one that was just served. A process may come back without queueing for a few
milliseconds (a *turn*): waking another one costs more than a transaction.

``flock`` knows no time-out, so the waiting is done by a thread; the caller waits for that thread.
The lock is about fairness only. What the database must not mix up, its own locks keep apart: if
this one cannot be had, the caller goes on without it.
"""

import os
import threading
from pathlib import Path

from freqtrade_balance_guard.clock import Clock, SystemClock


try:
    import fcntl
except ImportError:  # Windows: the database's own lock has to do
    fcntl = None  # type: ignore[assignment]


TURN_SECONDS = 0.002
_AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB if fcntl is not None else 0


class FairLock:
    """Not reentrant; one thread of a process at a time (the store sees to that).

    :param base: the locks are files beside it, ``<base>.lock`` and ``<base>.next``; they are
        empty and may be deleted while nothing runs
    :raises OSError: the files cannot be made
    """

    def __init__(self, base: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._main = self._next = -1
        self._turn_ends = 0.0
        self._waiter: _Waiter | None = None
        if fcntl is None:
            return
        self._main = _open(base, ".lock")
        try:
            self._next = _open(base, ".next")
        except OSError:
            os.close(self._main)
            raise

    def acquire(self, seconds: float) -> bool:
        """Wait at most ``seconds``; False if it could not be had."""
        if fcntl is None:
            return False
        queueing = self._waiter is not None and self._waiter.queueing
        if not queueing and self._clock.monotonic() < self._turn_ends and _try(self._main):
            return True
        got = (not queueing and self._try_both()) or self._wait(seconds)
        if got:
            self._turn_ends = self._clock.monotonic() + TURN_SECONDS
        return got

    def release(self) -> None:
        fcntl.flock(self._main, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the files back. A thread that still waits gives them back when it has had them."""
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.stop():
            for descriptor in (self._main, self._next):
                if descriptor >= 0:
                    os.close(descriptor)
        self._main = self._next = -1

    def _try_both(self) -> bool:
        if not _try(self._next):
            return False
        try:
            return _try(self._main)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def _wait(self, seconds: float) -> bool:
        if self._waiter is None:
            self._waiter = _Waiter(self._main, self._next)
        return self._waiter.wait(seconds)


class _Waiter:
    """The thread that waits in the queue, kept for the next time."""

    def __init__(self, main: int, next_: int) -> None:
        self._main, self._next = main, next_
        self._asked = threading.Semaphore(0)
        self._got = threading.Semaphore(0)
        self._guard = threading.Lock()
        self._queueing = False
        self._wanted = False
        self._stopped = False
        threading.Thread(target=self._run, name="ledger-queue", daemon=True).start()

    @property
    def queueing(self) -> bool:
        """True while the thread stands in the queue: with the same files, so no other may."""
        return self._queueing

    def wait(self, seconds: float) -> bool:
        with self._guard:
            self._wanted = True
            if not self._queueing:
                self._queueing = True
                self._asked.release()
        if self._got.acquire(timeout=seconds):
            return True
        with self._guard:
            self._wanted = False
            # It may have been handed over in this very moment.
            return self._got.acquire(blocking=False)

    def stop(self) -> bool:
        """True if the caller may close the files; False if the thread will."""
        with self._guard:
            self._stopped = True
            self._asked.release()
            return not self._queueing

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            with self._guard:
                if not self._queueing:
                    return  # stopped while idle
            fcntl.flock(self._next, fcntl.LOCK_EX)
            fcntl.flock(self._main, fcntl.LOCK_EX)
            fcntl.flock(self._next, fcntl.LOCK_UN)
            with self._guard:
                self._queueing = False
                if self._wanted and not self._stopped:
                    self._wanted = False
                    self._got.release()
                    continue
                fcntl.flock(self._main, fcntl.LOCK_UN)
                if self._stopped:
                    os.close(self._main)
                    os.close(self._next)
                    return


def _open(base: Path, suffix: str) -> int:
    return os.open(f"{base}{suffix}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, _AT_ONCE)
    except BlockingIOError:
        return False
    return True
