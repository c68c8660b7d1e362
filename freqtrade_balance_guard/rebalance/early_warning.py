"""Looks ahead: when will available stake be below the threshold, if its use goes on like this?

    rate     what was used of available stake within the window, per second: what came in counts
             against it, a deposit too
    left     available now, less what open entries will take and nobody holds yet
    time     (left - threshold) / rate

It blocks nothing and starts nothing. One message per episode: an episode begins when ``time`` is
within the horizon, and ends when it is well beyond it again (half as far once more), or when no
stake is used any more. Below the threshold there is nothing left to foresee.

How wrong it is can be measured on any record of samples: ``measure``.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.money import ZERO, exact, format_amount, to_decimal


WINDOW_SECONDS = 3600.0
HORIZON_SECONDS = 1800.0
# With less than this share of a window seen, one entry would look like a rate.
NEEDED_SHARE = 0.25
# An episode ends when the time is so many horizons away.
ENDS_BEYOND = 1.5


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
        return (
            f"{left} available; at {format_amount(round(self.per_hour, 2))} {currency} per hour it "
            f"is below {format_amount(self.threshold)} {currency} in about "
            f"{max(round(self.seconds / 60), 1)} minutes."
        )


class EarlyWarning:
    """Follows the stake of one bot. Times are monotonic seconds."""

    def __init__(self, window: float = WINDOW_SECONDS, horizon: float = HORIZON_SECONDS) -> None:
        self._window = window
        self._horizon = horizon
        self._samples: deque[Sample] = deque()
        self._is_told = False

    def observe(self, sample: Sample, threshold: Decimal) -> Outlook | None:
        """Take up a sample, once per loop; the outlook if it is time to tell, once per episode."""
        self._take_up(sample)
        outlook = self.outlook(threshold)
        if outlook.left < threshold:
            # Below it refusals speak. It is the same episode until there is room again.
            self._is_told = True
            return None
        if outlook.seconds is None or outlook.seconds > self._horizon * ENDS_BEYOND:
            self._is_told = False
            return None
        if self._is_told or outlook.seconds > self._horizon:
            return None
        self._is_told = True
        return outlook

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


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the warnings of a record were. ``fell``: times that stake went below the threshold.

    ``hits``: of these, the ones told before; ``false_alarms``: warnings after which it did not fall
    within twice the horizon. ``errors``: for each hit, foretold minus real seconds.
    """

    fell: int
    hits: int
    false_alarms: int
    leads: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def median_lead(self) -> float | None:
        return _median(self.leads)

    @property
    def median_error(self) -> float | None:
        """Half of the forecasts were closer than that (seconds)."""
        return _median([abs(error) for error in self.errors])


def measure(
    record: Sequence[Sample],
    threshold: Decimal,
    window: float = WINDOW_SECONDS,
    horizon: float = HORIZON_SECONDS,
) -> Measured:
    """Replay a record of samples and hold each warning against what came."""
    warning = EarlyWarning(window, horizon)
    told = [
        (sample.at, outlook.seconds or 0.0)
        for sample in record
        if (outlook := warning.observe(sample, threshold)) is not None
    ]
    falls = list(_falls(record, threshold))
    leads, errors, foretold, false_alarms = [], [], set(), 0
    for at, seconds in told:
        fall = next((f for f in falls if f >= at), None)
        if fall is None or fall - at > 2 * horizon:
            false_alarms += 1
            continue
        foretold.add(fall)
        leads.append(fall - at)
        errors.append(seconds - (fall - at))
    return Measured(len(falls), len(foretold), false_alarms, tuple(leads), tuple(errors))


def _falls(record: Iterable[Sample], threshold: Decimal) -> Iterable[float]:
    """The moments at which stake went below the threshold."""
    was_below = True  # what begins below did not fall
    for sample in record:
        is_below = sample.left < threshold
        if is_below and not was_below:
            yield sample.at
        was_below = is_below


def _median(numbers: Sequence[float]) -> float | None:
    if not numbers:
        return None
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
