"""Simulates the balance of a venue in dry-run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.ledger import ReservationLedger, State
from freqtrade_balance_guard.money import ZERO, exact


@dataclass
class DryWallet:
    """Simulates money on a venue: what it began with, and what the ledger has booked since.

    ``paid``: what came besides by currency, such as for shares of an event that was resolved.
    """

    account: str
    ledger: ReservationLedger
    initial: Mapping[str, Decimal]
    paid: Callable[[str], Mapping[str, Decimal]] = lambda account: {}

    @exact
    def balances(self) -> dict[str, Decimal]:
        """Return what is free, by currency.

        :raises LedgerUnavailable: it cannot be read
        """
        free = dict(self.initial)
        brought: dict[str, tuple[str, Decimal]] = {}
        for entry, row in self.ledger.changes(0, account=self.account):
            if entry.received is not None and entry.received_currency is not None:
                brought[row.client_order_id] = (entry.received_currency, entry.received)
        for row in self.ledger.reservations(account=self.account, archived=True):
            # What has not left, or has no answer, the ledger subtracts itself.
            taken = row.promised if row.state is State.OPEN else row.committed
            free[row.currency] = free.get(row.currency, ZERO) - taken
        for currency, amount in [*brought.values(), *self.paid(self.account).items()]:
            free[currency] = free.get(currency, ZERO) + amount
        return {currency: max(amount, ZERO) for currency, amount in free.items()}
