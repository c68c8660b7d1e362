"""Who is alive: judged by change over our own time, never by somebody else's clock.

A beat carries a number that grows. A run of a bot is dead when its number has stood still for the
time-out on *our* monotonic clock: neither a clock that jumps nor two hosts that disagree about the
hour can make a living bot look dead. The price is that a fresh observer needs one time-out.
"""

from collections.abc import Iterable

from freqtrade_balance_guard.ledger.reservation import Reservation
from freqtrade_balance_guard.ledger.store import Beat


# One run of one bot on one account.
Run = tuple[str, str, str]
SILENT = -1


class Watch:
    """What one process has noticed of the others.

    :param timeout: seconds without a new beat after which a run is dead
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._last: dict[Run, tuple[int, float]] = {}

    def dead_runs(
        self, beats: Iterable[Beat], unfinished: Iterable[Reservation], now: float
    ) -> set[Run]:
        """The runs that have been silent for the time-out.

        :param unfinished: their makers are watched too: a run may die before its first beat
        :param now: monotonic seconds
        """
        numbers: dict[Run, int] = {(r.account, r.bot, r.process): SILENT for r in unfinished}
        numbers |= {(b.account, b.bot, b.process): b.number for b in beats}
        dead = set()
        for run, number in numbers.items():
            seen, since = self._last.get(run, (None, now))
            if seen != number:
                since = now
            self._last[run] = (number, since)
            if now - since >= self.timeout:
                dead.add(run)
        for run in self._last.keys() - numbers.keys():
            del self._last[run]
        return dead


def of_dead_bots(
    unfinished: Iterable[Reservation], beats: Iterable[Beat], dead: set[Run]
) -> list[Reservation]:
    """What bots have left of which no run is alive.

    A bot that was restarted is alive, and settles what its earlier run left itself.
    """
    alive = {
        (beat.account, beat.bot)
        for beat in beats
        if (beat.account, beat.bot, beat.process) not in dead
    }
    return [
        row
        for row in unfinished
        if (row.account, row.bot) not in alive and (row.account, row.bot, row.process) in dead
    ]
