"""The engine's thread: one asyncio loop, in which order books are followed and orders decided."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from typing import Any, TypeVar


R = TypeVar("R")

# How long the end of the loop waits for what runs in it.
END_SECONDS = 5.0


class LoopClosed(RuntimeError):
    """The loop takes nothing more: the bot ends."""


class EventLoopThread:
    """Starts its loop with the first work, so that a bot without order books has no such thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        # The loop itself holds its tasks weakly.
        self._kept: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()

    def run(self, work: Coroutine[Any, Any, R]) -> "Future[R]":
        """Begin ``work`` in the loop; from any thread.

        :raises LoopClosed: the loop was closed
        """
        try:
            loop = self._started()
        except LoopClosed:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    @property
    def is_current(self) -> bool:
        """Return whether the caller runs in the loop."""
        return self._thread is not None and threading.get_ident() == self._thread.ident

    @property
    def is_started(self) -> bool:
        """Return whether there is a loop to be ended."""
        return self._loop is not None and not self._is_closed

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` as the last thing before ``close``, for as long as an end may take."""
        with contextlib.suppress(RuntimeError, StillRunning):
            self.run(work).result(END_SECONDS)

    def start(self, work: Coroutine[Any, Any, R]) -> "Future[R]":
        """Begin ``work`` from within the loop: it is the next thing that runs.

        :return: what other threads can wait for
        """
        future: Future[R] = Future()
        task = asyncio.get_running_loop().create_task(work)
        self._kept.add(task)

        def ended(task: "asyncio.Task[R]") -> None:
            self._kept.discard(task)
            if task.cancelled():
                future.cancel()
                future.set_running_or_notify_cancel()
            elif (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        task.add_done_callback(ended)
        return future

    def call(self, work: Callable[[], object]) -> None:
        """Call ``work`` in the loop soon; from any thread. After the end: nothing."""
        # A loop that was closed meanwhile raises RuntimeError, like our own.
        with contextlib.suppress(RuntimeError):
            self._started().call_soon_threadsafe(work)

    def close(self) -> None:
        """Cancel what runs, and end the thread."""
        with self._lock:
            is_first, self._is_closed = not self._is_closed, True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or not is_first:
            return
        with contextlib.suppress(RuntimeError, StillRunning):
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(END_SECONDS)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(loop.stop)
        thread.join(END_SECONDS)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._is_closed:
                raise LoopClosed("the engine has ended")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="arbitrage-engine", daemon=True
                )
                self._thread.start()
            return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
