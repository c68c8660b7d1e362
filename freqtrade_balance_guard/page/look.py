"""Reads what monitoring shows of a running bot: what is stored, as ``balance-guard status`` does,
and beside it what the bot believes at this moment."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.store import read_profit
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_source import LedgerView, Source
from freqtrade_balance_guard.console.status import CurrencyStatus, Status, status_of
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.money import ZERO, exact
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Believed:
    """One currency as the bot believes it now; ``seen``: the exchange's last answer."""

    total: Decimal
    used: Decimal
    expected: Decimal
    seen: Decimal | None = None
    verdict: str | None = None


class Look:
    """Answers what the page, the metrics and the alerts ask. Any thread may ask.

    :param source: where the bot stores, with its name in the ledger
    :param believed: every currency of the bot's own account
    :param belief_age: seconds since the believed answer was asked for; None before the first
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        believed: Callable[[], Mapping[str, Believed]],
        belief_age: Callable[[], float | None],
    ) -> None:
        self.source = source
        self.clock = clock
        self._believed = believed
        self._belief_age = belief_age

    def with_books(self, read: Callable[[LedgerView], R]) -> R:
        """What ``read`` makes of the books, opened for this look only."""
        with closing(LedgerView(self.source, self.clock)) as books:
            return read(books)

    def status(self) -> Status:
        """The same as ``balance-guard status`` at this moment."""
        return self.with_books(self._status)

    def figures(self) -> Figures:
        """All gauges."""
        with closing(LedgerView(self.source, self.clock)) as books:
            status = self._status(books)
            reservations = self._reservations(books)
        unhedged: dict[str, Decimal] = {}
        for exposure in status.unhedged:
            if exposure.bot == self.source.bot:
                value = unhedged.get(exposure.venue, ZERO)
                unhedged[exposure.venue] = value + exposure.value
        return Figures(
            balances=self._balances(status),
            reservations=reservations or {},
            unhedged=unhedged,
            arbitrage_profit=read_profit(self.source.local, self.source.bot or ""),
            is_ledger_up=status.ledger_error is None and reservations is not None,
            are_entries_paused=bool(status.paused),
        )

    def _status(self, books: LedgerView) -> Status:
        return status_of(books, bot=self.source.bot, is_running=True)

    def _reservations(self, books: LedgerView) -> dict[str, int] | None:
        try:
            rows = books.unfinished()
        except LedgerUnavailable:
            return None
        numbers: dict[str, int] = {}
        for row in rows:
            if (row.account, row.bot) == (self.source.account, self.source.bot):
                numbers[str(row.state)] = numbers.get(str(row.state), 0) + 1
        return numbers

    def _balances(self, status: Status) -> tuple[BalanceFigures, ...]:
        believed = self._believed()
        age = self._belief_age()
        stored = {(one.account, one.currency): _of_status(one, status) for one in status.balances}
        for currency, now in believed.items():
            place = (self.source.account, currency)
            known = stored.get(place, BalanceFigures(*place))
            stored[place] = _with_belief(known, now, age)
        return tuple(stored[place] for place in sorted(stored))


def _of_status(one: CurrencyStatus, status: Status) -> BalanceFigures:
    believed, holds = one.believed, one.holds
    known = BalanceFigures(
        account=one.account,
        currency=one.currency,
        floor=one.floor,
        available=one.available,
        reserved_own=None if holds is None else holds.own,
        reserved_others=None if holds is None else holds.others,
    )
    if believed is None:
        return known
    return replace(
        known,
        total=believed.total,
        free=believed.free,
        used=believed.used,
        verdict=believed.verdict,
        age_seconds=max(0.0, (status.at - believed.as_of).total_seconds()),
    )


@exact
def _with_belief(known: BalanceFigures, now: Believed, age: float | None) -> BalanceFigures:
    free = max(now.total - now.used, ZERO)
    reserved = (known.reserved_own or ZERO) + (known.reserved_others or ZERO)
    floor = known.floor or ZERO
    available = known.available
    return replace(
        known,
        total=now.total,
        used=now.used,
        free=free,
        floor=floor,
        reserved_own=known.reserved_own or ZERO,
        reserved_others=known.reserved_others or ZERO,
        expected=now.expected,
        seen=now.seen,
        available=max(free - floor - reserved, ZERO) if available is None else available,
        verdict=now.verdict or known.verdict,
        age_seconds=known.age_seconds if age is None else age,
    )
