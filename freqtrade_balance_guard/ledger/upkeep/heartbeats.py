"""Who is alive: judged by change over our own time, never by another host's clock.

A beat carries a number that grows. A run of a bot is dead when its number has stood still for the
time-out on *our* monotonic clock: neither a clock that jumps nor two hosts that disagree about the
hour can make a living bot look dead. The price is that a fresh observer needs one time-out.
"""

from collections.abc import Iterable, Mapping

from freqtrade_balance_guard.ledger.reservation import Reservation
from freqtrade_balance_guard.ledger.store import Beat, Run


# Account, bot, process.
Where = tuple[str, str, str]
SILENT = -1


class Watch:
    """What one process has noticed of the others.

    :param timeout: seconds without a new beat after which a run is dead
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._last: dict[Where, tuple[int, float]] = {}

    def dead_runs(self, beats: Iterable[Beat], owners: Iterable[Where], now: float) -> set[Where]:
        """The runs that have been silent for the time-out.

        :param owners: of what is unfinished; watched too: a run may die before its first beat
        :param now: monotonic seconds
        """
        numbers: dict[Where, int] = dict.fromkeys(owners, SILENT)
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


def owner_of(row: Reservation, claims: Mapping[str, Run]) -> Run:
    """The run that settles a reservation: the one that claimed it, else the one that made it."""
    return claims.get(row.client_order_id) or Run(row.bot, row.process)


def of_dead_bots(
    owners: Mapping[Reservation, Run], beats: Iterable[Beat], dead: set[Where]
) -> list[Reservation]:
    """What bots have left of which no run is alive.

    A bot that was restarted is alive, and settles what its earlier run left itself.

    :param owners: of what is unfinished
    """
    alive = {
        (beat.account, beat.bot)
        for beat in beats
        if (beat.account, beat.bot, beat.process) not in dead
    }
    return [
        row
        for row, owner in owners.items()
        if (row.account, owner.bot) not in alive and (row.account, *owner) in dead
    ]
