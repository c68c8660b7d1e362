"""How good early warnings were, by replaying a record."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.rebalance.early_warning import (
    HORIZON_SECONDS,
    WINDOW_SECONDS,
    EarlyWarning,
    Sample,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the warnings of a record were.

    ``falls``: times that stake went below the threshold after a horizon above it (a bot that swings
    around it needs no forecast). ``foretold``: of these, the ones with a warning in the two
    horizons before. ``warnings``: all; ``false_alarms``: of these, the ones after which stake did
    not go below in two horizons. ``errors``: for the other ones, foretold minus real seconds.
    """

    falls: int
    foretold: int
    warnings: int
    false_alarms: int
    leads: tuple[float, ...]
    errors: tuple[float, ...]


def measure(
    record: Sequence[Sample],
    threshold: Decimal,
    window: float = WINDOW_SECONDS,
    horizon: float = HORIZON_SECONDS,
) -> Measured:
    """Replay a record of samples and hold each warning against what came."""
    warning = EarlyWarning(window, horizon)
    reported = [
        (sample.at, outlook.seconds or 0.0)
        for sample in record
        if (outlook := warning.observe(sample, threshold)) is not None
    ]
    every = list(_falls(record, threshold, 0.0))
    real = list(_falls(record, threshold, horizon))
    coming = [next((fall for fall in every if fall >= at), float("inf")) for at, _ in reported]
    leads = [fall - at for (at, _), fall in zip(reported, coming, strict=True)]
    good = [(s, lead) for (_, s), lead in zip(reported, leads, strict=True) if lead <= 2 * horizon]
    return Measured(
        falls=len(real),
        foretold=sum(any(0 <= fall - at <= 2 * horizon for at, _ in reported) for fall in real),
        warnings=len(reported),
        false_alarms=len(reported) - len(good),
        leads=tuple(lead for _, lead in good),
        errors=tuple(seconds - lead for seconds, lead in good),
    )


def _falls(record: Iterable[Sample], threshold: Decimal, after: float) -> Iterator[float]:
    """The moments at which stake went below, having been above for ``after`` seconds."""
    above_since: float | None = None
    for sample in record:
        if sample.left >= threshold:
            above_since = sample.at if above_since is None else above_since
            continue
        if above_since is not None and sample.at - above_since >= after:
            yield sample.at
        above_since = None
