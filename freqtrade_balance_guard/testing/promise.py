"""Says in one sentence which promise was broken."""

import threading
from collections.abc import Callable
from typing import TypeVar

from freqtrade_balance_guard.clock import SystemClock


R = TypeVar("R")

CLOCK = SystemClock()
PAUSE_SECONDS = 0.2


def pause() -> None:
    """Wait a moment before something is asked once more."""
    threading.Event().wait(PAUSE_SECONDS)


def keeps(is_kept: object, broken: str) -> None:
    """:raises AssertionError: with the sentence ``broken``"""
    if not is_kept:
        raise AssertionError(broken)


def raises(kind: type[Exception], work: Callable[[], object], what: str) -> None:
    """:raises AssertionError: ``work`` raised nothing, or another error"""
    try:
        answer = work()
    except kind:
        return
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r}; it has to raise {kind.__name__}") from error
    raise AssertionError(f"{what} gave {answer!r}; it has to raise {kind.__name__}")


def within(seconds: float, work: Callable[[], R], what: str) -> R:
    """:raises AssertionError: ``work`` took longer; what it raises itself is passed on"""
    began = CLOCK.monotonic()
    answer = work()
    took = CLOCK.monotonic() - began
    keeps(took <= seconds, f"{what} took {took:.2f} s; {seconds:g} s are allowed")
    return answer
