"""What our own book does not follow: orders of the account's other bots, and lost ones of ours.

They are read from the ledger, where each bot writes what its orders do. To our balance book that is
own money under way: a balance that lacks a sibling's purchase lags, it has not changed by itself.
An order of ours of which nobody knows whether it exists keeps its money the same way.
"""

from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.shared import Shared
from freqtrade_balance_guard.ledger import Reservation, ReservationLedger
from freqtrade_balance_guard.money import ZERO
from freqtrade_balance_guard.orders.ticket import FEE_ASSUMED


class _Brought(NamedTuple):
    currency: str
    amount: Decimal


class Siblings:
    """Looks at the ledger and tells the book.

    :param currency: what this bot spends
    """

    def __init__(self, ledger: ReservationLedger, currency: str) -> None:
        self._ledger = ledger
        self._currency = currency
        self._after: int | None = None
        self._brought: dict[str, _Brought] = {}
        # What was booked of them was assumed in part.
        self._inexact: set[str] = set()
        # Own orders that the book did not know when we looked.
        self._lost: set[str] = set()

    def look(self, book: BalanceBook, now: float) -> int:
        """Tell ``book`` what is new.

        :param now: monotonic seconds
        :return: ``Funds.since``: up to which reservation the book knows everything
        :raises LedgerUnavailable: it cannot be read; the book may lack something
        """
        after, rows = self._after, list[Reservation]()
        if after is None:
            after = self._ledger.mark()
            rows = self._ledger.unfinished(account=self._ledger.account)
        outlook = self._ledger.outlook(self._currency, after)
        newest = {row.client_order_id: row for row in rows}
        old = set(newest)
        for entry, row in outlook.changes:
            newest[row.client_order_id] = row
            if entry.why == FEE_ASSUMED:
                self._inexact.add(row.client_order_id)
            if entry.received is not None and entry.received_currency is not None:
                brought = _Brought(entry.received_currency, entry.received)
                self._brought[row.client_order_id] = brought
        for client_order_id, row in newest.items():
            if self._is_ours_to_tell(row, book):
                shared = self._shared(row, book)
                book.share(client_order_id, shared, now, is_old=client_order_id in old)
            if not row.unfinished:
                self._inexact.discard(client_order_id)
                self._brought.pop(client_order_id, None)
                self._lost.discard(client_order_id)
        self._after = outlook.after
        return outlook.since

    def _is_ours_to_tell(self, row: Reservation, book: BalanceBook) -> bool:
        if row.bot != self._ledger.bot or row.client_order_id in self._lost:
            return True
        if _is_followed(row, book) or not (row.unfinished or row.order_id):
            return False
        self._lost.add(row.client_order_id)
        return True

    def _shared(self, row: Reservation, book: BalanceBook) -> Shared:
        if _is_followed(row, book):
            # Found at last: the book follows it by itself from now on.
            return Shared(row.currency, ZERO, ZERO, is_open=False)
        currency, amount = self._brought.get(row.client_order_id) or (None, None)
        return Shared(
            row.currency,
            row.held,
            row.committed,
            currency,
            amount,
            is_open=row.unfinished,
            is_exact=row.client_order_id not in self._inexact,
        )


def _is_followed(row: Reservation, book: BalanceBook) -> bool:
    return row.order_id is not None and row.order_id in book.orders
