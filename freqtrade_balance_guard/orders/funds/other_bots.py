"""What the balance book does not follow by itself: orders of the account's other bots, own legs,
and what an earlier run of this bot has left.

They are read from the ledger, where each bot writes what its orders do. To our balance book that is
own money under way: a balance that lacks another bot's purchase lags, it has not changed by itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.flow import Flow
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.ledger import Reservation, ReservationLedger
from freqtrade_balance_guard.ledger.reservation import ENDED
from freqtrade_balance_guard.ledger.store import Entry
from freqtrade_balance_guard.money import ZERO
from freqtrade_balance_guard.orders.tracked_order import FEE_ASSUMED


# So far back in the history the first look goes: more than happens within a window.
RECENT_EVENTS = 500


class _Brought(NamedTuple):
    currency: str
    amount: Decimal


class OtherBots:
    """Reads the ledger and shares with the book what it does not follow.

    :param currency: what this bot spends
    """

    def __init__(self, ledger: ReservationLedger, currency: str) -> None:
        self._ledger = ledger
        self._currency = currency
        # Up to which event of the ledger the book knows everything; None before the first look.
        self.after: int | None = None
        # Spent shortly before our first answer, which may lack it: amount, and until when
        # (monotonic seconds).
        self._unsettled: list[tuple[Decimal, float]] = []
        self._brought: dict[str, _Brought] = {}
        # What was booked of them was assumed in part.
        self._inexact: set[str] = set()
        # Own orders that the book follows by itself.
        self._left_out: set[str] = set()
        # Own orders that are counted here, and the currency that they hold.
        self._counted: dict[str, str] = {}

    def leave_out(self, client_order_id: str) -> None:
        """The book follows this order of ours by itself."""
        self._left_out.add(client_order_id)

    def count_again(self, client_order_id: str) -> None:
        """The book does not follow it any more."""
        self._left_out.discard(client_order_id)

    def look(
        self, book: BalanceBook, now: float, wall: datetime, currency: str | None = None
    ) -> int:
        """Share with ``book`` what is new.

        :param currency: what is to be spent; None: what this bot spends
        :param now: monotonic seconds; ``wall`` is the same moment
        :return: ``Funds.since``: up to which reservation the book knows everything
        :raises LedgerUnavailable: it cannot be read; the book may lack something
        """
        after, newest = self.after, dict[str, Reservation]()
        if after is None:
            after, newest = self._begin(book, now, wall)
            self._catch_up(book, now, wall)
        outlook = self._ledger.outlook(currency or self._currency, after)
        old = set(newest)
        for entry, row in outlook.changes:
            newest[row.client_order_id] = row
            self._note(entry)
        for client_order_id, row in newest.items():
            if client_order_id not in self._left_out:
                is_old = client_order_id in old
                book.share(client_order_id, self._shared(row), now, is_old=is_old)
                if row.bot == self._ledger.bot:
                    self._counted[client_order_id] = row.currency
            if not row.unfinished:
                self._inexact.discard(client_order_id)
                self._brought.pop(client_order_id, None)
        self._stop_counting(book, now)
        for client_order_id, row in newest.items():
            if not row.unfinished:
                self._left_out.discard(client_order_id)
                self._counted.pop(client_order_id, None)
        self.after = outlook.after
        return outlook.since

    def _stop_counting(self, book: BalanceBook, now: float) -> None:
        """Give the holds back of what the book follows by itself since it was counted."""
        for client_order_id in self._left_out & self._counted.keys():
            nothing = Shared(self._counted.pop(client_order_id), ZERO, ZERO, is_open=False)
            book.share(client_order_id, nothing, now, is_old=False)

    def unsettled(self, now: float) -> Decimal:
        """What may be missing from every answer so far, although it is spent."""
        self._unsettled = [(amount, ends) for amount, ends in self._unsettled if ends > now]
        return sum((amount for amount, _ in self._unsettled), ZERO)

    def _begin(
        self, book: BalanceBook, now: float, wall: datetime
    ) -> tuple[int, dict[str, Reservation]]:
        """What was going on when the book got its first answer, some time before this look.

        :return: up to which event, and every reservation that had no end then
        """
        ledger = self._ledger
        after = ledger.mark()
        newest = {row.client_order_id: row for row in ledger.unfinished(account=ledger.account)}
        seen_at = wall - _seconds(now - (now if book.as_of is None else book.as_of))
        lines: dict[str, list[Entry]] = {}
        for entry, row in ledger.changes(max(after - RECENT_EVENTS, 0)):
            if row.bot != ledger.bot:
                newest[row.client_order_id] = row
                lines.setdefault(row.client_order_id, []).append(entry)
        for entries in lines.values():
            book.others_acted(now - (wall - entries[-1].at).total_seconds())
        for client_order_id, entries in lines.items():
            row, then = newest[client_order_id], _at(entries, seen_at)
            if (spent := then.used - _at(entries, seen_at - _seconds(book.window)).used) > 0:
                if row.currency == self._currency:
                    ends = now + (then.at - wall).total_seconds() + book.window
                    self._unsettled.append((spent, ends))
            if then.is_over:
                del newest[client_order_id]
                continue
            for entry in entries:
                self._note(entry)
            shared = Shared(row.currency, ZERO, then.used, then.brought_currency, then.brought)
            book.share(client_order_id, shared, now, is_old=True)
        return after, newest

    def _catch_up(self, book: BalanceBook, now: float, wall: datetime) -> None:
        """What ended after the balance was written down, before a restart or during it."""
        marks = book.unexplained()
        if not marks:
            return
        later = self._ledger.changes(min(marks.values()))
        orders = {row.client_order_id: row.currency for _, row in later}
        flows: dict[str, list[Flow]] = {currency: [] for currency in marks}
        for client_order_id, spent in orders.items():
            known: dict[str, Decimal] = {}
            for line in self._ledger.history(client_order_id):
                moved = {spent: -line.committed}
                if line.received is not None and line.received_currency is not None:
                    moved[line.received_currency] = line.received
                for currency, amount in moved.items():
                    more = amount - known.get(currency, ZERO)
                    if more and currency in marks and line.event > marks[currency]:
                        at = now - (wall - line.at).total_seconds()
                        flows[currency].append(Flow(currency, more, at))
                known |= moved
        for currency, moved_since in flows.items():
            book.catch_up(currency, moved_since)

    def _note(self, entry: Entry) -> None:
        if entry.why == FEE_ASSUMED:
            self._inexact.add(entry.client_order_id)
        if entry.received is not None and entry.received_currency is not None:
            brought = _Brought(entry.received_currency, entry.received)
            self._brought[entry.client_order_id] = brought

    def _shared(self, row: Reservation) -> Shared:
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


class _Then(NamedTuple):
    """How far an order was at some moment; ``at``: since when."""

    used: Decimal
    brought_currency: str | None
    brought: Decimal | None
    is_over: bool
    at: datetime


def _at(lines: Sequence[Entry], moment: datetime) -> _Then:
    """:param lines: of one order, the oldest first"""
    first = lines[0]
    # Of an order whose first lines are too old to be looked at, what they say.
    used = ZERO if first.what == "reserve" else first.committed
    then = _Then(used, None, None, is_over=False, at=first.at)
    for line in lines:
        if line.at <= moment:
            currency, brought = then.brought_currency, then.brought
            if line.received is not None:
                currency, brought = line.received_currency, line.received
            then = _Then(line.committed, currency, brought, line.state in ENDED, line.at)
    return then


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
