"""Registers every order: reserves its money, stores the intent, records the outcome.

It knows orders as ``TrackedOrder``s, and of the exchange only how to look one up. It never raises
at an exit: what cannot be written now is kept and written when the ledger is back.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    Conflict,
    Funds,
    LedgerUnavailable,
    Moved,
    RefusalCode,
    Refused,
    Request,
    Reservation,
    ReservationLedger,
    Step,
)
from freqtrade_balance_guard.ledger import Move as LedgerMove
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.market import FLOAT_HAIR
from freqtrade_balance_guard.money import Money, exact
from freqtrade_balance_guard.orders.lookup_result import Absent, Answer, Found, Order
from freqtrade_balance_guard.orders.terms import Terms, as_stored, read_report
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder, tracked_order_of, why_of


logger = logging.getLogger(__name__)

# How long a lost reply is asked for before freqtrade gets its error, and the longest single try.
ENTRY_PATIENCE_SECONDS = 5.0
EXIT_PATIENCE_SECONDS = 1.0
# Between two tries; doubled each time.
FIRST_PAUSE_SECONDS = 0.25
# A request may still be on its way. What the exchange has not got so long after it was sent, and
# says so twice with this pause, it will never get.
GONE_AFTER_SECONDS = 10.0
TWICE_WITHIN_SECONDS = 1.0
# An order that nobody has asked for so long is asked for by us.
UNWATCHED_SECONDS = 60.0


R = TypeVar("R")

REFUSALS = {
    RefusalCode.INSUFFICIENT_AVAILABLE: DenialCode.INSUFFICIENT_AVAILABLE,
    RefusalCode.RESERVED_BY_OTHERS: DenialCode.RESERVED_BY_OTHERS,
}

# Asks the exchange for one order, for at most so many seconds.
Ask = Callable[[TrackedOrder, float], Answer]


class OrderRegistry:
    """One run of one bot.

    :param new_id: makes a client order id
    :param ask: asks the exchange for an order
    :param wait: sleeps so many seconds
    """

    def __init__(
        self,
        ledger: ReservationLedger,
        *,
        hub: EventHub,
        new_id: Callable[[], str],
        ask: Ask,
        clock: Clock,
        wait: Callable[[float], None],
        is_margin: bool = False,
    ) -> None:
        self.ledger = ledger
        self.hub = hub
        # Why the ledger cannot be used at the moment; empty while it can.
        self.trouble = ""
        self._new_id = new_id
        self._ask = ask
        self._clock = clock
        self._wait = wait
        self._is_margin = is_margin
        self._orders: dict[str, TrackedOrder] = {}
        self._by_order: dict[str, str] = {}
        # Found, and not what freqtrade asked for: somebody has to tell freqtrade.
        self.unclaimed: list[tuple[TrackedOrder, Order]] = []
        self._strangers: dict[str, TrackedOrder] = {}
        self._left_by_others: dict[str, TrackedOrder] = {}
        self._is_recovered = False

    # Before the order leaves

    def open_entry(self, terms: Terms, funds: Funds | None) -> TrackedOrder | Denied:
        """Promise the money for an entry. Only with a tracked may it leave.

        :param funds: None: its money was promised before (a replacement)
        """
        crash_point("order checked")
        tracked = self._new_order(terms)
        try:
            refusal = self._reserve(tracked, funds)
            if refusal is not None:
                return refusal
            crash_point("order reserved")
            moved = self.ledger.send(tracked.client_order_id)
        except LedgerUnavailable as error:
            # It may have been written all the same: it is let go as soon as that can be said.
            tracked.is_booked = True
            tracked.refuse("not sent: the ledger could not be used")
            self._orders[tracked.client_order_id] = tracked
            return self.unavailable(error)
        if not isinstance(moved, Moved):
            return Denied(DenialCode.GUARD_ERROR, f"the ledger let the order not go out: {moved}")
        self._orders[tracked.client_order_id] = tracked
        crash_point("order sent")
        return tracked

    def open_exit(self, terms: Terms) -> TrackedOrder:
        """Book an exit; whatever happens here, it may leave."""
        crash_point("order checked")
        tracked = self._new_order(terms)
        self._orders[tracked.client_order_id] = tracked
        tracked.is_told = False
        self._tell(tracked)
        crash_point("order sent")
        return tracked

    def _new_order(self, terms: Terms) -> TrackedOrder:
        return TrackedOrder(self._new_id(), terms, self._clock.wall(), self._clock.monotonic())

    @exact
    def _reserve(self, tracked: TrackedOrder, funds: Funds | None) -> Denied | None:
        """:raises LedgerUnavailable: nothing is known to be reserved"""
        terms = tracked.terms
        amount = terms.locks.amount
        if funds is not None:
            room = funds.spendable - funds.floor
            # A market order may lock less than its bound; and what is exactly enough may, after
            # freqtrade's floats, be a hair too much.
            least = min(terms.at_least, max(room, terms.at_least / FLOAT_HAIR))
            amount = max(least, min(amount, room))
        amount = as_stored(amount)
        result = self.ledger.reserve(self._request(tracked, funds, amount), why_of(terms))
        if isinstance(result, Refused):
            return Denied(REFUSALS[result.code], result.sentence, result.numbers)
        if isinstance(result, Conflict):
            return Denied(DenialCode.GUARD_ERROR, f"{result.sentence} ({result.client_order_id})")
        tracked.is_booked = True
        tracked.terms = replace(terms, locks=Money(amount, terms.locks.currency))
        return None

    def _request(self, tracked: TrackedOrder, funds: Funds | None, amount: Decimal) -> Request:
        terms = tracked.terms
        return Request(
            tracked.client_order_id,
            self.ledger.account,
            terms.pair,
            terms.side,
            terms.locks.currency,
            amount,
            funds,
        )

    def unavailable(self, error: LedgerUnavailable) -> Denied:
        """The refusal while the ledger cannot be used; the first one of an outage is logged."""
        if not self.trouble:
            logger.warning(
                "The ledger cannot be used (%s). No new entry until it can; exits go on.", error
            )
        self.trouble = str(error)
        return ledger_refusal(self.trouble)

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

    # What became of it

    def report(self, tracked: TrackedOrder, order: Mapping[str, Any]) -> None:
        """The exchange has it, and says this of it (ccxt's shape)."""
        tracked.asked_at = self._clock.monotonic()
        report = read_report(order, tracked.terms)
        if not tracked.learn(report) and tracked.is_told:
            return
        if tracked.is_own:
            self._by_order[report.order_id] = tracked.client_order_id
            self._orders[tracked.client_order_id] = tracked
        self._tell(tracked)
        crash_point("order bound")

    def refused(self, tracked: TrackedOrder, why: str) -> None:
        """The exchange said no: it was never there."""
        crash_point("order rejected")
        tracked.refuse(why)
        self._tell(tracked)

    def observe(self, order_id: str, order: Mapping[str, Any]) -> None:
        """An answer about any order; those that are not ours are none of our business."""
        client_order_id = self._by_order.get(order_id)
        if client_order_id is None:
            return
        tracked = self._orders[client_order_id]
        tracked.asked_at = self._clock.monotonic()
        report = read_report({**order, "id": order_id}, tracked.terms)
        if tracked.learn(report):
            crash_point("order filled")
            self._tell(tracked)
            crash_point("order booked")

    def resolve(self, tracked: TrackedOrder) -> Order | None:
        """Ask for an order whose reply was lost, for as long as its kind allows.

        :return: the order; None if it is not there, or nobody could say
        """
        patience = ENTRY_PATIENCE_SECONDS if tracked.is_entry else EXIT_PATIENCE_SECONDS
        ends = self._clock.monotonic() + patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            order = self.ask(tracked, max(ends - self._clock.monotonic(), FIRST_PAUSE_SECONDS))
            now = self._clock.monotonic()
            if order is not None or tracked.is_refused or now + pause >= ends:
                return order
            if (
                tracked.absent_since is not None
                and now - tracked.absent_since > TWICE_WITHIN_SECONDS
            ):
                return None  # it may still arrive; the pair waits, but not the whole bot
            self._wait(pause)
            pause *= 2

    def ask(self, tracked: TrackedOrder, seconds: float) -> Order | None:
        """Ask once. What was never there, and will not come any more, is released.

        :return: the order, if it is there
        """
        answer = self._ask(tracked, seconds)
        now = tracked.asked_at = self._clock.monotonic()
        if isinstance(answer, Found):
            crash_point("order found")
            return answer.order
        if not isinstance(answer, Absent):
            tracked.absent_since = None
            return None
        if tracked.absent_since is None:
            tracked.absent_since = now
        is_old = now - tracked.sent_at >= GONE_AFTER_SECONDS
        if is_old and now - tracked.absent_since >= TWICE_WITHIN_SECONDS:
            self.refused(tracked, "the exchange does not know it")
        return None

    def give_up(self, tracked: TrackedOrder) -> None:
        """Do not wait any more for an exit that the exchange did not know when it was asked."""
        if tracked.absent_since is not None:
            self.refused(tracked, "the exchange did not know it when the next one was sent")

    # Orders that freqtrade has no trade for

    def is_late(self, tracked: TrackedOrder) -> bool:
        """Has the exchange denied it a moment ago, though it had it? Its lists may be behind."""
        if tracked.absent_since is None or not tracked.is_of_this_run:
            return False
        return self._clock.monotonic() - tracked.absent_since <= GONE_AFTER_SECONDS

    def stranger(self, tracked: TrackedOrder) -> None:
        """No new entry on this pair: a position is there that freqtrade does not know."""
        self._strangers[tracked.pair] = tracked

    def blocking_order(self, pair: str) -> TrackedOrder | None:
        """The order because of which ``pair`` waits."""
        return self._strangers.get(pair)

    def unblock_pair(self, pair: str) -> None:
        """Entries on this pair are allowed again: the user has taken care of it."""
        self._strangers.pop(pair, None)

    # Once per loop

    def unresolved(self, pair: str | None = None) -> list[TrackedOrder]:
        """Orders of which nobody knows whether they exist."""
        return [
            tracked
            for tracked in list(self._orders.values())
            if not tracked.is_resolved and pair in (None, tracked.pair)
        ]

    def unwatched(self) -> list[TrackedOrder]:
        """Orders that went on when they were last seen, and were not seen for a while."""
        oldest = self._clock.monotonic() - UNWATCHED_SECONDS
        return [
            tracked
            for tracked in list(self._orders.values())
            if tracked.order_id is not None and not tracked.is_over and tracked.asked_at < oldest
        ]

    def catch_up(self) -> None:
        """Tell the ledger what it could not be told, and take up what an earlier run has left.

        :raises LedgerUnavailable: it still cannot be told
        """
        if not self._is_recovered:
            self.resume(self.ledger.unfinished(account=self.ledger.account, bot=self.ledger.bot))
            self._is_recovered = True
        was_down, self.trouble = self.trouble, ""
        for tracked in list(self._orders.values()):
            if not tracked.is_told:
                self._tell(tracked)
        if was_down and not self.trouble:
            logger.info("The ledger can be used again.")
        self.ledger.expire_unsent()

    def resume(self, rows: Iterable[Reservation]) -> list[TrackedOrder]:
        """Follow from now on what another run of this bot has left without an end."""
        taken = []
        for row in rows:
            if row.process != self.ledger.process and row.client_order_id not in self._orders:
                tracked = self.tracked_order_of(row)
                if tracked.is_leg:
                    continue
                self._orders[row.client_order_id] = tracked
                if row.order_id is not None:
                    self._by_order[row.order_id] = row.client_order_id
                taken.append(tracked)
        return taken

    def left_by_dead_bots(self) -> list[TrackedOrder]:
        """What dead bots of the account have left and is to be asked for; whoever is alive does it.

        What rests on the exchange is asked for again after a while, as our own would be.

        :raises LedgerUnavailable: it cannot be read
        """
        rows = [row for row in self.ledger.abandoned() if row.bot != self.ledger.bot]
        known = self._left_by_others
        self._left_by_others = {
            row.client_order_id: known.get(row.client_order_id) or self._order_of_other_bot(row)
            for row in rows
        }
        oldest = self._clock.monotonic() - UNWATCHED_SECONDS
        return [
            tracked
            for tracked in self._left_by_others.values()
            if tracked.report is None or not tracked.is_told or tracked.asked_at < oldest
        ]

    def _order_of_other_bot(self, row: Reservation) -> TrackedOrder:
        tracked = self.tracked_order_of(row)
        tracked.is_own = False
        return tracked

    def tracked_order_of(self, row: Reservation) -> TrackedOrder:
        age = (self._clock.wall() - row.created_at).total_seconds()
        history = self.ledger.history(row.client_order_id)
        why = history[0].why if history else ""
        sent_at = self._clock.monotonic() - max(age, 0)
        return tracked_order_of(row, why, sent_at, is_margin=self._is_margin)

    # The ledger

    def _tell(self, tracked: TrackedOrder) -> None:
        """Write what is new of ``tracked``; what cannot be written is kept for later."""
        if self.trouble:
            return
        try:
            if not tracked.is_booked:
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
            logger.exception("The ledger could not be told of an order of %s.", tracked.pair)
        tracked.is_told = True
        if tracked.is_over:
            self._forget(tracked)

    def _take(self, tracked: TrackedOrder, step: Step) -> None:
        result = self.ledger.settle(step)[0]
        if isinstance(result, Moved) or step.move is LedgerMove.SEND:
            return
        logger.debug("The ledger on %s: %s", tracked.client_order_id, result)

    def _forget(self, tracked: TrackedOrder) -> None:
        self._orders.pop(tracked.client_order_id, None)
        if tracked.order_id is not None:
            self._by_order.pop(tracked.order_id, None)


def ledger_refusal(trouble: str) -> Denied:
    """The refusal of every entry while the ledger cannot be used."""
    return Denied(
        DenialCode.LEDGER_UNAVAILABLE, f"the ledger cannot be used: {trouble.rstrip('.')}"
    )
