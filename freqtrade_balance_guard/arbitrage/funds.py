"""What may be spent on a venue: its free balance, less what it may not show yet."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.ledger import Funds, ReservationLedger
from freqtrade_balance_guard.money import ZERO


class BalanceUnreadable(BalanceGuardError):
    """The answer is none: a number that is none, or negative."""


class VenuePurse:
    """Reads a venue's balance for one reservation.

    A balance may lag behind fills. So what was learned of orders of this account within the last
    ``settle_seconds`` is subtracted, also where the balance shows it already: for that long the
    money of a fill may count twice, which refuses a pair rather than promising money that is gone.

    :param floors: currency -> what is never spent
    :param settle_seconds: how far a balance may lag
    """

    def __init__(
        self,
        venue: Venue,
        ledger: ReservationLedger,
        clock: Clock,
        *,
        settle_seconds: float = 30.0,
        floors: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._venue = venue
        self._ledger = ledger
        self._clock = clock
        self._settle = timedelta(seconds=settle_seconds)
        self._floors = floors or {}
        self._after = 0

    def read(self, currencies: Collection[str]) -> Mapping[str, Funds]:
        """What may be spent of ``currencies``; nothing of one that the venue does not name.

        :raises BalanceUnreadable: a number in it is none
        :raises LedgerUnavailable: the ledger cannot be asked
        """
        mark = self._settled_mark()
        balances = self._venue.balances()
        for free_currency, free in balances.items():
            if not isinstance(free, Decimal) or not free.is_finite() or free < ZERO:
                raise BalanceUnreadable(f"{self._venue.name} says {free!r} {free_currency} is free")
        self._ledger.seen(mark, account=self._venue.account)
        return {
            currency: Funds(balances.get(currency, ZERO), self._floors.get(currency, ZERO), mark)
            for currency in currencies
        }

    def _settled_mark(self) -> int:
        """The newest event after which nothing happened that the balance may not show."""
        mark = self._ledger.mark()
        oldest = self._clock.wall() - self._settle
        for entry, _ in self._ledger.changes(self._after, account=self._venue.account):
            if entry.at > oldest:
                mark = min(mark, entry.event - 1)
                break
            self._after = max(self._after, entry.event)
        return mark
