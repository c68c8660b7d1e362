"""The sandbox's only reader of real time.

Everything else is handed a clock, so that a test can move time by hand and see the same exchange
that a bot sees over HTTP.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the exchange's time."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """Real time: freqtrade compares candles with its own wall clock, so a server needs this."""

    def now(self) -> float:
        return time.time()


class ManualClock:
    """Time that moves only by a command."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves forward. Raises ValueError for a step back: an exchange's time never returns."""
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds} s")
        self._now += seconds
