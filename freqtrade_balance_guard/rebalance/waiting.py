"""How long ago something was, although clocks are set and bots are restarted.

A stored moment is wall time, and wall clocks jump: set by hand, by a time server, or after a start
without a battery. The monotonic clock never jumps, but it begins anew and says nothing about the
time while the bot was down. So:

- While the bot runs, only the monotonic clock counts. A clock that is set changes nothing.
- Over a restart, what was counted before is taken up (``Progress``), and the time while the bot was
  down is what the wall clock says beyond the latest moment it can have been then, never less than
  nothing.

What follows from it, for a cooldown:

    the clock is set back       | it lasts longer by at most the time that the bot was down
    it is set forward, bot runs | nothing
    it is set forward while the | it looks like time that has passed: the cooldown may be over too
    bot is down                 | early, by as much as the clock was set
    the machine sleeps          | the sleep may not count (on Linux it does not)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from freqtrade_balance_guard.clock import Clock


@dataclass(frozen=True, slots=True)
class Progress:
    """What is stored of a wait. ``waited``: seconds counted until ``seen_at`` (wall time)."""

    started_at: datetime
    waited: float
    seen_at: datetime

    def waited_until(self, wall: datetime) -> float:
        """Seconds waited, when the time in between was spent down."""
        # Were the clock wrong when it was last seen, the start and what was counted since tell
        # how late it was at least.
        latest = max(self.seen_at, self.started_at + timedelta(seconds=self.waited))
        return self.waited + max((wall - latest).total_seconds(), 0.0)


class Wait:
    """Counts from a stored progress on."""

    def __init__(self, progress: Progress, clock: Clock) -> None:
        self._started_at = progress.started_at
        self._clock = clock
        self._before = progress.waited_until(clock.wall())
        self._began = clock.monotonic()

    @classmethod
    def from_now(cls, clock: Clock) -> "Wait":
        """A wait that begins now."""
        now = clock.wall()
        return cls(Progress(now, 0.0, now), clock)

    def seconds(self) -> float:
        """Seconds waited so far."""
        return self._before + self._clock.monotonic() - self._began

    def progress(self) -> Progress:
        """What a restart needs."""
        return Progress(self._started_at, self.seconds(), self._clock.wall())


class Since:
    """How long ago the newest moment of a kind was, for moments that are stored elsewhere.

    (The last fill: freqtrade's database has it.)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moment: datetime | None = None
        self._wait = Wait.from_now(clock)
        self._looked_at: float | None = None

    def seconds(self, moment: datetime) -> float:
        """Seconds since ``moment``, never less than 0."""
        now = self._clock.monotonic()
        if moment != self._moment:
            passed = max((self._clock.wall() - moment).total_seconds(), 0.0)
            is_newer = self._moment is not None and moment > self._moment
            if is_newer and self._looked_at is not None:
                # It was not there when we looked last, so it is not older than that.
                passed = min(passed, now - self._looked_at)
            self._moment = moment
            self._wait = Wait(Progress(self._clock.wall(), passed, self._clock.wall()), self._clock)
        self._looked_at = now
        return self._wait.seconds()
