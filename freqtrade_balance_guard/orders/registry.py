"""Registers every order of a bot: reserves its money, stores the intent, records the outcome.

Whatever is learnt of an order enters here (``answered``, ``traded``, ``rejected``, ``lost``), is
read once, and reaches the three that need it: the ledger, the balance book, and the view of the
account's other bots, which must not count what the book follows.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    Claimed,
    Funds,
    LedgerUnavailable,
    Reservation,
    ReservationLedger,
)
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.lookups import Ask, Lookups
from freqtrade_balance_guard.orders.reader import OrderAnswer, read_order, read_trades
from freqtrade_balance_guard.orders.subscribers import (
    BookOrders,
    CountsOthers,
    LedgerWriter,
    StoresBlockedPairs,
)
from freqtrade_balance_guard.orders.terms import Purpose, Terms
from freqtrade_balance_guard.orders.tracked_order import (
    OrderKey,
    TrackedOrder,
    tracked_order_of,
)


logger = logging.getLogger(__name__)

# An order that freqtrade has not asked for so long is asked for by the guard.
UNWATCHED_SECONDS = 60.0
# An order that has ended may still be corrected for so long: a fill that was faster than the
# cancel, a fee that is reported late.
ENDED_KEPT_SECONDS = 600.0

R = TypeVar("R")


class OrderRegistry:
    """Follows the orders of one run of one bot.

    :param new_id: makes a client order id
    :param ask: asks the exchange for an order
    :param wait: sleeps so many seconds
    :param waits: what may be waited in front of an exit, in sum
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
        proxy_coin: str = "",
        waits: WaitBudget | None = None,
        blocked_pairs: StoresBlockedPairs | None = None,
    ) -> None:
        self.ledger = ledger
        self.hub = hub
        self.writer = LedgerWriter(ledger)
        self.waits = waits or WaitBudget(clock)
        self.lookups = Lookups(ask, self.rejected, self.waits, clock, wait)
        # Where a balance book follows the orders, and who must not count them besides.
        self.book: BookOrders | None = None
        self.other_bots: CountsOthers | None = None
        self._new_id = new_id
        self._clock = clock
        self.is_margin = is_margin
        self._restored = partial(tracked_order_of, is_margin=is_margin, proxy_coin=proxy_coin)
        self._orders: dict[str, TrackedOrder] = {}
        self._by_key: dict[OrderKey, str] = {}
        # Found, and not what freqtrade asked for: freqtrade has to learn of them.
        self.unclaimed: list[tuple[TrackedOrder, Order]] = []
        # Lists of orders that were just read for freqtrade, by pair.
        self.lists: dict[str, list[Order]] = {}
        self._blocked: dict[str, TrackedOrder] = {}
        self._blocked_pairs = blocked_pairs
        # Orders of dead bots that this run has claimed.
        self._claimed: dict[str, TrackedOrder] = {}
        self._is_recovered = False

    @property
    def ledger_error(self) -> str:
        """Why the ledger cannot be used at the moment; empty while it can."""
        return self.writer.error

    def unavailable(self, error: LedgerUnavailable) -> Denied:
        """The denial while the ledger cannot be used; the first one of an outage is logged."""
        return self.writer.unavailable(error)

    def or_none(self, question: Callable[[], R]) -> R | None:
        """Ask the ledger something that may stay unanswered; None if it cannot be used."""
        return self.writer.or_none(question)

    # Before the order leaves

    def open_entry(self, terms: Terms, funds: Funds | None) -> TrackedOrder | Denied:
        """Reserve the money for an entry. Only with a tracked order may it leave.

        :param funds: None: its money was reserved before (a replacement)
        """
        crash_point("order checked")
        tracked = self._new_order(terms)
        denied = self.writer.send(tracked, funds)
        if denied is not None:
            self._withdraw(tracked)
            if tracked.is_reserved:
                tracked.reject("not sent: the ledger could not be used", self._clock.monotonic())
                self._orders[tracked.client_order_id] = tracked
            return denied
        self._orders[tracked.client_order_id] = tracked
        crash_point("order sent")
        return tracked

    def open_exit(self, terms: Terms) -> TrackedOrder:
        """Book an exit; whatever happens here, it may leave."""
        crash_point("order checked")
        tracked = self._new_order(terms)
        self._orders[tracked.client_order_id] = tracked
        tracked.is_written = False
        self.writer.write(tracked)
        crash_point("order sent")
        return tracked

    def _new_order(self, terms: Terms) -> TrackedOrder:
        clock = self._clock
        tracked = TrackedOrder(self._new_id(), terms, clock.wall(), clock.monotonic())
        # Before the ledger has it: at no moment may it be counted twice, or not at all.
        self._follow(tracked)
        return tracked

    def _follow(self, tracked: TrackedOrder) -> None:
        if self.book is None:
            return
        if self.other_bots is not None:
            self.other_bots.leave_out(tracked.client_order_id)
        try:
            self.book.follow(tracked)
        except Exception:
            # Without it only the balance shows what the order does; an exit goes out all the same.
            logger.exception("The balance book cannot follow an order of %s.", tracked.pair)

    def follow_known(self, terms: Terms, order: Mapping[str, Any]) -> None:
        """Follow an order that freqtrade knows since before the start, as far as it has it filled.

        :param order: in ccxt's shape
        """
        answer = read_order(order)
        tracked = self.find(terms.pair, answer.order_id)
        if tracked is None:
            clock = self._clock
            tracked = TrackedOrder(
                f"{terms.pair} {answer.order_id}",
                terms,
                clock.wall(),
                clock.monotonic(),
                is_in_ledger=False,
                is_of_this_run=False,
            )
        tracked.learn(answer, self._clock.monotonic())
        self._index(tracked)
        self._follow(tracked)
        if not tracked.is_written:
            self._write(tracked)

    # The one inlet: whatever is learnt of an order

    def find(self, pair: str, order_id: str) -> TrackedOrder | None:
        """The order of this bot that the exchange calls so on this market."""
        client_order_id = self._by_key.get((pair, order_id))
        return None if client_order_id is None else self._orders.get(client_order_id)

    def report(self, tracked: TrackedOrder, order: Mapping[str, Any]) -> None:
        """The exchange has it, and says this of it (ccxt's shape)."""
        is_new = not tracked.is_resolved
        self._learn(tracked, read_order(order), is_new=is_new)
        crash_point("order bound")

    def answered(self, pair: str, order_id: str, order: Mapping[str, Any]) -> None:
        """An answer about any order of ``pair``; those of others change nothing.

        :param order_id: what was asked for; the answer may lack it
        """
        tracked = self.find(pair, order_id)
        if tracked is not None:
            self._learn(tracked, read_order({**order, "id": tracked.order_id or order_id}))

    def traded(self, pair: str, order_id: str, trades: Sequence[Mapping[str, Any]]) -> None:
        """The trades of an order: some exchanges report fees only there."""
        tracked = self.find(pair, order_id)
        if tracked is None or tracked.answer is None:
            return
        answer = read_trades(tracked.order_id or order_id, tracked.answer.status, trades)
        if answer is not None:
            self._learn(tracked, answer)

    def _learn(self, tracked: TrackedOrder, answer: OrderAnswer, *, is_new: bool = False) -> None:
        now = tracked.asked_at = self._clock.monotonic()
        was_over = tracked.is_over
        is_news = tracked.learn(answer, now)
        if tracked.is_own:
            self._index(tracked)
            # Also what is no news to the ledger: a late fee corrects an order that has ended.
            if is_new or is_news or was_over:
                self._report_to_book(tracked, answer, is_new=is_new)
        if (is_news and not was_over) or not tracked.is_written:
            crash_point("order filled")
            self._write(tracked)
            crash_point("order booked")

    def _report_to_book(self, tracked: TrackedOrder, answer: OrderAnswer, *, is_new: bool) -> None:
        book = self.book
        if book is None or not book.follows(tracked):
            return
        try:
            if is_new and tracked.absence.lost_at is None:
                book.left(tracked)
            book.answered(tracked, answer)
        except Exception:
            # The ledger has to have it all the same.
            logger.exception("The balance book cannot follow an order of %s.", tracked.pair)

    def _index(self, tracked: TrackedOrder) -> None:
        self._orders[tracked.client_order_id] = tracked
        for key in tracked.keys:
            self._by_key[key] = tracked.client_order_id

    def _write(self, tracked: TrackedOrder) -> None:
        if tracked.is_in_ledger:
            self.writer.write(tracked)
        else:
            tracked.is_written = True

    def rejected(self, tracked: TrackedOrder, why: str) -> None:
        """It never was on the exchange, and never will be."""
        crash_point("order rejected")
        tracked.reject(why, self._clock.monotonic())
        self._withdraw(tracked)
        self._write(tracked)

    def _withdraw(self, tracked: TrackedOrder) -> None:
        if self.book is not None and self.book.follows(tracked):
            self.book.withdraw(tracked)
        if self.other_bots is not None:
            self.other_bots.count_again(tracked.client_order_id)

    def lost(self, tracked: TrackedOrder) -> None:
        """Its request ended without a reply: from now on counts how long it may still arrive."""
        if tracked.absence.lost_at is None:
            tracked.absence.lost_at = self._clock.monotonic()
        if self.book is not None and self.book.follows(tracked):
            self.book.left(tracked)

    def check_soon(self, tracked: TrackedOrder) -> None:
        """Have housekeeping ask for an order in the next loop: it was cancelled, or nearly so."""
        tracked.asked_at = float("-inf")

    # Orders that freqtrade has no trade for

    def is_late(self, tracked: TrackedOrder) -> bool:
        """Its reply is awaited still; what was found of it is no orphan."""
        return tracked.is_late(self._clock.monotonic())

    def block_pair(self, tracked: TrackedOrder) -> None:
        """No new entry on this pair: a position is there that freqtrade does not know."""
        known = self._blocked.get(tracked.pair)
        self._blocked[tracked.pair] = tracked
        is_new = known is None or known.client_order_id != tracked.client_order_id
        if is_new and self._blocked_pairs is not None:
            self._blocked_pairs.block(tracked.pair, tracked.client_order_id, self._clock.wall())

    def blocking_order(self, pair: str) -> TrackedOrder | None:
        """The order because of which ``pair`` waits."""
        return self._blocked.get(pair)

    def unblock_pair(self, pair: str) -> None:
        """Entries on this pair are allowed again: the user has taken care of it."""
        if self._blocked.pop(pair, None) is not None and self._blocked_pairs is not None:
            self._blocked_pairs.unblock(pair)

    # Once per loop

    def unresolved(self, pair: str | None = None) -> list[TrackedOrder]:
        """Orders of which it is unknown whether they exist."""
        return [
            tracked
            for tracked in list(self._orders.values())
            if not tracked.is_resolved and pair in (None, tracked.pair)
        ]

    def resting(self, purpose: Purpose) -> list[TrackedOrder]:
        """Orders of this bot that are on the exchange, as far as is known."""
        orders = list(self._orders.values())
        return [one for one in orders if one.terms.purpose is purpose and one.is_resting]

    def unwatched(self) -> list[TrackedOrder]:
        """Orders that went on when they were last seen, and were not seen for a while."""
        oldest = self._clock.monotonic() - UNWATCHED_SECONDS
        return [
            tracked
            for tracked in list(self._orders.values())
            if tracked.order_id is not None and not tracked.is_over and tracked.asked_at < oldest
        ]

    def catch_up(self) -> None:
        """Write what the ledger could not take, and resume what an earlier run has left.

        :raises LedgerUnavailable: it still cannot be used
        """
        if not self._is_recovered:
            self.resume(self.ledger.unfinished(account=self.ledger.account, bot=self.ledger.bot))
            self._claim_again()
            self._block_again()
            self._is_recovered = True
        was_down, self.writer.error = self.ledger_error, ""
        for tracked in list(self._orders.values()):
            if not tracked.is_written:
                self._write(tracked)
        if was_down and not self.ledger_error:
            logger.info("The ledger can be used again.")
        self._forget_ended()
        self.ledger.expire_unsent()

    def _forget_ended(self) -> None:
        oldest = self._clock.monotonic() - ENDED_KEPT_SECONDS
        for tracked in list(self._orders.values()):
            if tracked.is_written and tracked.is_over and tracked.ended_at <= oldest:
                self._orders.pop(tracked.client_order_id, None)
                for key in tracked.keys:
                    self._by_key.pop(key, None)

    def resume(self, rows: Iterable[Reservation]) -> list[TrackedOrder]:
        """Follow from now on what another run of this bot has left without an end."""
        taken = []
        for row in rows:
            if row.process != self.ledger.process and row.client_order_id not in self._orders:
                tracked = self.tracked_order_of(row)
                if tracked.is_leg:
                    continue
                self._index(tracked)
                taken.append(tracked)
        return taken

    def _claim_again(self) -> None:
        """Settle what an earlier run of this bot has claimed of dead bots.

        :raises LedgerUnavailable: it cannot be read
        """
        for row in self.ledger.owned():
            if row.bot != self.ledger.bot:
                self._claimed[row.client_order_id] = self._order_of_other_bot(row)

    def _block_again(self) -> None:
        """Block the pairs that an earlier run has blocked.

        :raises LedgerUnavailable: it cannot be read
        """
        stored = {} if self._blocked_pairs is None else self._blocked_pairs.load()
        for pair, client_order_id in stored.items():
            row = self.ledger.find(client_order_id)
            if row is not None:
                self._blocked[pair] = self._orders.get(client_order_id) or self.tracked_order_of(
                    row
                )

    def left_by_dead_bots(self) -> list[TrackedOrder]:
        """What dead bots of the account have left and this one has claimed, and is to be asked for.

        What rests on the exchange is asked for again after a while, as our own would be.

        :raises LedgerUnavailable: it cannot be read
        """
        known = self._claimed
        for row in self.ledger.abandoned():
            if row.bot == self.ledger.bot or row.client_order_id in known:
                continue
            if isinstance(self.ledger.claim(row.client_order_id), Claimed):
                known[row.client_order_id] = self._order_of_other_bot(row)
        for client_order_id, tracked in list(known.items()):
            if tracked.is_over and tracked.is_written:
                del known[client_order_id]
        oldest = self._clock.monotonic() - UNWATCHED_SECONDS
        return [
            tracked
            for tracked in known.values()
            if tracked.report is None or not tracked.is_written or tracked.asked_at < oldest
        ]

    def _order_of_other_bot(self, row: Reservation) -> TrackedOrder:
        tracked = self.tracked_order_of(row)
        tracked.is_own = False
        return tracked

    def tracked_order_of(self, row: Reservation) -> TrackedOrder:
        """The order behind a reservation that is not followed yet."""
        history = self.ledger.history(row.client_order_id)
        why = history[0].why if history else ""
        return self._restored(row, why, self._clock.monotonic())
