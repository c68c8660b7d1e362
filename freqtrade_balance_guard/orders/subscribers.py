"""Where the registry reports orders: the ledger, and the balance book.

What the ledger cannot take now is kept and written when it is back.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.margin import MarginOrder
from freqtrade_balance_guard.balances.margin_book import MarginBook
from freqtrade_balance_guard.balances.own_orders import OwnOrder
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.ledger import (
    Conflict,
    Funds,
    LedgerUnavailable,
    Moved,
    NotReserved,
    Request,
    ReservationLedger,
    Step,
)
from freqtrade_balance_guard.ledger import Move as LedgerMove
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.market import FLOAT_HAIR
from freqtrade_balance_guard.money import ZERO, Money, exact, to_decimal
from freqtrade_balance_guard.orders.reader import OrderAnswer
from freqtrade_balance_guard.orders.terms import as_stored
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder, why_of


logger = logging.getLogger(__name__)

R = TypeVar("R")


class LedgerWriter:
    """Keeps the reservations of one bot's orders; never raises where an exit may be waiting."""

    def __init__(self, ledger: ReservationLedger) -> None:
        self.ledger = ledger
        # Why the ledger cannot be used at the moment; empty while it can.
        self.error = ""

    # Before the order leaves

    def send(self, tracked: TrackedOrder, funds: Funds | None) -> Denied | None:
        """Reserve the money for an entry and mark it as sent; only then may it leave.

        :param funds: None: its money was reserved before (a replacement)
        """
        try:
            denied = self._reserve(tracked, funds)
            if denied is not None:
                return denied
            crash_point("order reserved")
            moved = self.ledger.send(tracked.client_order_id)
        except LedgerUnavailable as error:
            # It may have been written all the same: it is released as soon as that can be written.
            tracked.is_reserved = True
            return self.unavailable(error)
        if not isinstance(moved, Moved):
            sentence = f"the ledger did not mark the order as sent: {moved}"
            return Denied(DenialCode.GUARD_ERROR, sentence)
        return None

    @exact
    def _reserve(self, tracked: TrackedOrder, funds: Funds | None) -> Denied | None:
        """:raises LedgerUnavailable: nothing is known to be reserved"""
        terms = tracked.terms
        amount = terms.holds.amount
        if funds is not None:
            above_floor = funds.spendable - funds.floor
            # A market order may hold less than its bound; and what is exactly enough may, after
            # freqtrade's floats, be a hair too much.
            least = min(terms.at_least, max(above_floor, terms.at_least / FLOAT_HAIR))
            amount = max(least, min(amount, above_floor))
        amount = as_stored(amount)
        result = self.ledger.reserve(self._request(tracked, funds, amount), why_of(terms))
        if isinstance(result, NotReserved):
            return Denied(result.code, result.sentence, result.numbers)
        if isinstance(result, Conflict):
            return Denied(DenialCode.GUARD_ERROR, f"{result.sentence} ({result.client_order_id})")
        tracked.is_reserved = True
        tracked.terms = replace(terms, holds=Money(amount, terms.holds.currency))
        return None

    def _request(self, tracked: TrackedOrder, funds: Funds | None, amount: Decimal) -> Request:
        terms = tracked.terms
        return Request(
            tracked.client_order_id,
            self.ledger.account,
            terms.pair,
            terms.side,
            terms.holds.currency,
            amount,
            funds,
        )

    # Afterwards

    def write(self, tracked: TrackedOrder) -> None:
        """Write what is new of ``tracked``; what cannot be written is kept for later."""
        if self.error:
            return
        try:
            if not tracked.is_reserved:
                self._reserve(tracked, None)
                crash_point("order reserved")
                if tracked.is_resolved:
                    self.ledger.send(tracked.client_order_id)
            step = tracked.step()
            if step is not None:
                self._take(tracked, step)
        except LedgerUnavailable as error:
            self.unavailable(error)
            return
        except Exception:
            # An order is on its way or on the exchange; failing here would hide it from freqtrade.
            logger.exception("An order of %s could not be written to the ledger.", tracked.pair)
        tracked.is_written = True

    def _take(self, tracked: TrackedOrder, step: Step) -> None:
        result = self.ledger.settle(step)[0]
        if isinstance(result, Moved) or step.move is LedgerMove.SEND:
            return
        logger.debug("The ledger on %s: %s", tracked.client_order_id, result)

    # While it is away

    def unavailable(self, error: LedgerUnavailable) -> Denied:
        """The denial while the ledger cannot be used; the first one of an outage is logged."""
        if not self.error:
            logger.warning(
                "The ledger cannot be used (%s). No new entry until it can; exits go on.", error
            )
        self.error = str(error)
        return ledger_denial(self.error)

    def or_none(self, question: Callable[[], R]) -> R | None:
        """Ask the ledger something that may stay unanswered; None if it cannot be used."""
        try:
            return question()
        except LedgerUnavailable as error:
            self.unavailable(error)
        except Exception:
            # An exit may be waiting behind this question.
            logger.exception("The ledger could not be asked.")
        return None


def ledger_denial(error: str) -> Denied:
    """The denial of every entry while the ledger cannot be used."""
    return Denied(DenialCode.LEDGER_UNAVAILABLE, f"the ledger cannot be used: {error.rstrip('.')}")


class BookOrders:
    """Reports one bot's orders to its balance book, which knows them by client order id.

    :param fee_of: the most that the exchange takes on a pair (0.004 is 0.4 %)
    :param has_changed: is called when the book has learnt something
    """

    def __init__(
        self,
        book: BalanceBook,
        fee_of: Callable[[str], Decimal],
        clock: Clock,
        has_changed: Callable[[], None],
    ) -> None:
        self._book = book
        self._fee_of = fee_of
        self._clock = clock
        self._has_changed = has_changed

    def follow(self, tracked: TrackedOrder) -> None:
        """Follow an order from here on; what is filled of it already is in the balance."""
        terms, answer, now = tracked.terms, tracked.answer, self._clock.monotonic()
        own = OwnOrder(
            base=terms.base,
            quote=terms.quote,
            side=terms.side,
            amount=terms.amount,
            price=terms.price,
            fee_rate=self._fee_of(terms.pair),
            placed_at=now,
            changed_at=now,
            filled=ZERO if answer is None else answer.filled,
            cost=ZERO if answer is None else answer.cost or ZERO,
        )
        self._book.follow(tracked.client_order_id, own)

    def follows(self, tracked: TrackedOrder) -> bool:
        """The book has it."""
        return tracked.client_order_id in self._book.orders

    def left(self, tracked: TrackedOrder) -> None:
        """It is on the exchange from now on at the latest, as far as is known."""
        self._book.placed(tracked.client_order_id, self._clock.monotonic())
        self._has_changed()

    def answered(self, tracked: TrackedOrder, answer: OrderAnswer) -> None:
        """The exchange says how far it is."""
        self._book.observe(
            tracked.client_order_id,
            filled=answer.filled,
            cost=answer.cost if answer.filled else ZERO,
            fees=answer.fees,
            is_open=answer.is_open,
            now=self._clock.monotonic(),
        )
        self._has_changed()

    def withdraw(self, tracked: TrackedOrder) -> None:
        """It never was on the exchange."""
        self._book.withdraw(tracked.client_order_id)
        self._has_changed()


class OpenPosition(Protocol):
    """An open trade on a contract, as far as its exit has to know it."""

    @property
    def open_rate(self) -> float:
        """What one unit was opened for, on average."""

    @property
    def leverage(self) -> float:
        """Value of the position per margin."""


class MarginBookOrders(BookOrders):
    """Reports one bot's orders on contracts to its balance book.

    :param position_of: the open trade of a pair; None where there is none
    """

    def __init__(
        self,
        book: MarginBook,
        fee_of: Callable[[str], Decimal],
        clock: Clock,
        has_changed: Callable[[], None],
        position_of: Callable[[str], OpenPosition | None],
    ) -> None:
        super().__init__(book, fee_of, clock, has_changed)
        self._margin_book = book
        self._position_of = position_of

    def follow(self, tracked: TrackedOrder) -> None:
        """Follow an order from here on; what is filled of it already is in the balance."""
        terms, answer = tracked.terms, tracked.answer
        position = None if tracked.is_entry else self._position_of(terms.pair)
        order = MarginOrder(
            pair=terms.pair,
            is_entry=tracked.is_entry,
            is_long=(terms.side == "buy") == tracked.is_entry,
            amount=terms.amount,
            price=terms.price,
            leverage=terms.leverage if position is None else to_decimal(position.leverage),
            fee_rate=self._fee_of(terms.pair),
            entry_price=terms.price if position is None else to_decimal(position.open_rate),
            changed_at=self._clock.monotonic(),
            filled=ZERO if answer is None else answer.filled,
            cost=ZERO if answer is None else answer.cost or ZERO,
        )
        self._margin_book.follow_margin(
            tracked.client_order_id, order, is_known=not tracked.is_of_this_run
        )


class CountsOthers(Protocol):
    """Counts for the balance book what it does not follow by itself (``OtherBots``)."""

    def leave_out(self, client_order_id: str) -> None:
        """The book follows this one by itself."""

    def count_again(self, client_order_id: str) -> None:
        """The book does not follow it any more."""


class StoresBlockedPairs(Protocol):
    """Keeps blocked pairs for the next start; never raises."""

    def load(self) -> dict[str, str]:
        """Client order id by pair."""

    def block(self, pair: str, client_order_id: str, at: datetime) -> None:
        """Entries on ``pair`` wait because of this order."""

    def unblock(self, pair: str) -> None:
        """Entries on ``pair`` are allowed again."""
