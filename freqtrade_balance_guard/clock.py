"""The only reader of real time.

"When" (wall time, with a zone) and "how long" (monotonic seconds) are two questions: a clock that
is set back must not lengthen a cooldown of ten minutes, and a stored date must survive a restart.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the guard needs to know about time."""

    def wall(self) -> datetime:
        """Now, aware of its zone (UTC). For what is stored or shown."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back. For how long something lasts."""


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when asked to: for tests and rehearsals."""

    def __init__(self, start: datetime | None = None) -> None:
        """:raises ValueError: ``start`` has no zone"""
        self._wall = start or datetime(2026, 1, 1, tzinfo=UTC)
        if self._wall.tzinfo is None:
            raise ValueError(f"{start} has no zone.")
        self._monotonic = 0.0

    def wall(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks.

        :raises ValueError: ``seconds`` is negative; a monotonic clock never goes back
        """
        if seconds < 0:
            raise ValueError(f"Time does not go back by {-seconds} seconds.")
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds


def ago(seconds: float) -> str:
    """Return an age in words: "12 s ago", "3 minutes ago"."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
