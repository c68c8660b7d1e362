"""Looks ahead: when will available stake be below the threshold, if its use goes on like this?

    rate     what was used of available stake within the window, per second: what came in counts
             against it, a deposit too
    left     available now, less what open entries will take and no reservation holds yet
    time     (left - threshold) / rate

It blocks nothing and starts nothing. One message per episode: an episode begins when ``time`` is
within the horizon. It ends when ``time`` has been far beyond it again (1.5 horizons, or no stake is
used any more) for half a horizon. Below the threshold there is nothing left to foresee.

How wrong it is can be measured on any record of samples: ``measure``.
"""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.money import ZERO, exact, format_amount, to_decimal


# Measured on random bots (docs/rebalance.md): shorter windows cry wolf more often, longer ones come
# too late.
WINDOW_SECONDS = 7200.0
HORIZON_SECONDS = 3600.0
# With less than this share of a window seen, one entry would look like a rate.
NEEDED_SHARE = 0.25
# An episode ends when the time is so many horizons away, for so many horizons.
ENDS_BEYOND = 1.5
ENDS_AFTER = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """Stake at one moment (monotonic seconds).

    ``available`` as an entry would see it; ``on_the_way``: what open entries will take that is not
    subtracted from it yet.
    """

    at: float
    available: Decimal
    on_the_way: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        return self.available - self.on_the_way


@dataclass(frozen=True, slots=True)
class Outlook:
    """What to expect. ``per_hour``: stake used, net; ``seconds``: until below the threshold.

    ``seconds`` is None while no stake is used, or it is not known yet how fast.
    """

    left: Decimal
    threshold: Decimal
    per_hour: Decimal
    seconds: float | None

    def sentence(self, currency: str) -> str:
        """One line for `status` and for the message."""
        left = f"{format_amount(self.left)} {currency}"
        if self.left < self.threshold:
            return f"{left} available, below {format_amount(self.threshold)} {currency}."
        if self.seconds is None:
            return f"{left} available, and no stake is being used up."
        minutes = round(self.seconds / 60)
        return (
            f"{left} available; at {format_amount(round(self.per_hour, 2))} {currency} per hour it "
            f"is below {format_amount(self.threshold)} {currency} in about "
            f"{f'{minutes} minutes' if minutes > 1 else 'a minute'}."
        )


class EarlyWarning:
    """Follows the stake of one bot. Times are monotonic seconds."""

    def __init__(self, window: float = WINDOW_SECONDS, horizon: float = HORIZON_SECONDS) -> None:
        self._window = window
        self._horizon = horizon
        self._samples: deque[Sample] = deque()
        self._is_reported = False
        self._clear_since: float | None = None

    def observe(self, sample: Sample, threshold: Decimal) -> Outlook | None:
        """Take up a sample, once per loop.

        :return: the outlook if it is to be reported, once per episode
        """
        self._take_up(sample)
        outlook = self.outlook(threshold)
        if outlook.left < threshold:
            # Below it the denials say so. It is the same episode until there is room again.
            self._is_reported, self._clear_since = True, None
            return None
        if outlook.seconds is None or outlook.seconds > self._horizon * ENDS_BEYOND:
            self._clear(sample.at)
            return None
        self._clear_since = None
        if self._is_reported or outlook.seconds > self._horizon:
            return None
        self._is_reported = True
        return outlook

    def _clear(self, now: float) -> None:
        if self._clear_since is None:
            self._clear_since = now
        if now - self._clear_since >= self._horizon * ENDS_AFTER:
            self._is_reported = False

    def _take_up(self, sample: Sample) -> None:
        samples = self._samples
        if len(samples) > 1 and samples[-1].left == samples[-2].left == sample.left:
            # Nothing changed: a day of quiet loops is two samples.
            samples.pop()
        samples.append(sample)
        # The one before the window tells what there was when it began.
        while len(samples) > 1 and samples[1].at <= sample.at - self._window:
            samples.popleft()

    @exact
    def outlook(self, threshold: Decimal) -> Outlook:
        """The line in `status`.

        :raises ValueError: nothing was observed yet
        """
        if not self._samples:
            raise ValueError("Nothing was observed yet.")
        first, last = self._samples[0], self._samples[-1]
        seen = min(last.at - first.at, self._window)
        used = first.left - last.left
        if used <= 0 or seen < self._window * NEEDED_SHARE:
            return Outlook(last.left, threshold, ZERO, None)
        rate = used / to_decimal(seen)
        seconds = max((last.left - threshold) / rate, ZERO)
        return Outlook(last.left, threshold, rate * 3600, float(seconds))
