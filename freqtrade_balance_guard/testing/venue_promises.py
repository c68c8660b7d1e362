"""``VenuePromises``: what a venue has to keep, as tests. Give it a venue with play money.

    from freqtrade_balance_guard.testing import VenuePromises

    class TestMyVenue(VenuePromises):
        pair = "BTC/USDT"

        def make_venue(self):
            return MyVenue(key=..., secret=...)

pytest finds and runs it. Orders are sent: small ones, of which one fills.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from unittest import SkipTest

from freqtrade_balance_guard.arbitrage.books.stream import ReceivedBook
from freqtrade_balance_guard.arbitrage.sending.async_venue import as_venue
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.venue import (
    GOOD_TILL_CANCELLED,
    LegOrder,
    MarketRules,
    OrderRejected,
    VenueOrder,
    expiry_of,
    rounded_amount,
    rounded_price,
    sends_in_loop,
)
from freqtrade_balance_guard.money import ONE, ZERO, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound
from freqtrade_balance_guard.testing.promise import CLOCK, keeps, pause, raises, within


R = TypeVar("R")

# A resting order is so far from the best price.
FAR = Decimal("0.8")
# An order that shall fill may go so much deeper than the best price.
DEEP = Decimal("1.02")
# What is answered from memory may take so long.
MEMORY_SECONDS = 0.05
# The engine's loop may be held for so long by one order.
HELD_SECONDS = 0.25
# Until a balance shows what was just done.
SETTLE_SECONDS = 10.0


class VenuePromises:
    """Subclass it as ``Test...`` and say which venue; each method is one promise.

    ``pair``: a market that trades; ``amount``: of an order, None: the least that the market takes,
    doubled; ``request_seconds``: how long a request may take.
    """

    pair: ClassVar[str] = "BTC/USDT"
    amount: ClassVar[Decimal | None] = None
    request_seconds: ClassVar[float] = 15.0
    _loop: ClassVar[EventLoopThread]
    _venue: ClassVar[Any]

    # What you write

    def make_venue(self) -> Any:
        """Return your venue, asynchronous or not. Called once."""
        raise NotImplementedError("make_venue returns the venue that is to keep the promises")

    def close_venue(self, venue: Any) -> None:
        """End what it has opened; by default its ``close``, where it has one."""
        close = getattr(venue, "close", None)
        if close is None:
            return
        if asyncio.iscoroutinefunction(close):
            self._loop.run(close()).result(self.request_seconds)
        else:
            close()

    def broken_line(self, venue: Any) -> AbstractContextManager[object] | None:
        """Return a context in which replies to orders are lost although the orders arrive.

        None: that promise is skipped. Try it: it is the one that costs money.
        """
        return None

    # Used by pytest

    @classmethod
    def setup_class(cls) -> None:
        cls._loop = EventLoopThread()
        cls._venue = as_venue(cls().make_venue(), cls._loop)

    @classmethod
    def teardown_class(cls) -> None:
        cls().close_venue(cls._venue)
        cls._loop.close()

    # Names and memory

    def test_it_has_a_name_an_account_and_a_key(self) -> None:
        for name in ("name", "account", "queue"):
            value = getattr(self._venue, name)
            keeps(isinstance(value, str) and value, f"{name} is a text, not {value!r}")
        late, expiry = self._venue.late_seconds, expiry_of(self._venue)
        keeps(late >= 0, f"late_seconds is {late}; it cannot be below 0")
        keeps(
            expiry is None or expiry >= late,
            f"expiry_seconds is {expiry}, less than late_seconds ({late})",
        )

    def test_no_two_client_order_ids_are_the_same(self) -> None:
        made = [self._venue.new_id() for _ in range(1000)]
        keeps(len(set(made)) == len(made), "new_id gave the same id twice")

    def test_rules_are_answered_from_memory(self) -> None:
        rules = within(MEMORY_SECONDS, lambda: self._venue.rules(self.pair), "rules")
        keeps(isinstance(rules, MarketRules), f"rules gave {rules!r}")
        for name in ("amount_step", "price_step", "amount_min", "cost_min", "taker_fee"):
            value = getattr(rules, name)
            keeps(isinstance(value, Decimal) and value >= ZERO, f"rules.{name} is {value!r}")
        keeps(rules.taker_fee < ONE, f"a taker_fee of {rules.taker_fee} is all of the cost")

    def test_a_market_that_is_not_there_has_no_rules(self) -> None:
        raises(LookupError, lambda: self._venue.rules("NOSUCHCOIN/USDT"), "rules of no market")

    def test_prices_are_rounded_on_the_grid_and_never_for_the_worse(self) -> None:
        venue, best = self._venue, self._best("buy")
        for step in range(1, 40):
            price = best * (ONE + Decimal(step) / Decimal("7919"))
            for side in ("buy", "sell"):
                rounded = rounded_price(venue, self.pair, side, price)
                better = rounded <= price if side == "buy" else rounded >= price
                keeps(better, f"the {side} price {price} became {rounded}, which is worse")
                again = rounded_price(venue, self.pair, side, rounded)
                keeps(again == rounded, f"{rounded} was rounded to {again} a second time")

    def test_amounts_are_rounded_down_on_the_grid(self) -> None:
        wanted = self._amount() * Decimal("1.234567890123")
        rounded = rounded_amount(self._venue, self.pair, wanted)
        keeps(rounded <= wanted, f"{wanted} became {rounded}, which is more")
        again = rounded_amount(self._venue, self.pair, rounded)
        keeps(again == rounded, f"{rounded} was rounded to {again} a second time")

    # What is read

    def test_the_order_book_has_its_best_levels_first(self) -> None:
        bids, asks = self._ask(lambda: self._venue.order_book(self.pair), "order_book")
        prices = [[to_decimal(level[0]) for level in side] for side in (bids, asks)]
        keeps(prices[0] and prices[1], "the order book has an empty side")
        keeps(prices[0] == sorted(prices[0], reverse=True), "bids do not fall")
        keeps(prices[1] == sorted(prices[1]), "asks do not rise")
        keeps(prices[0][0] < prices[1][0], f"bid {prices[0][0]} and ask {prices[1][0]} are crossed")

    def test_the_best_price_is_the_order_books(self) -> None:
        _, asks = self._ask(lambda: self._venue.order_book(self.pair), "order_book")
        deep = sum((to_decimal(level[1]) for level in asks), ZERO)
        price = self._ask(
            lambda: self._venue.best_price(self.pair, "buy", self._amount()), "best_price"
        )
        keeps(price.best <= price.average <= price.worst, f"a purchase cannot cost {price}")
        too_much = max(deep, ONE) * 1000

        def ask() -> object:
            return self._venue.best_price(self.pair, "buy", too_much)

        raises(LookupError, ask, f"best_price of {too_much}, more than the book has")

    def test_balances_are_numbers_and_there_is_money_to_try_with(self) -> None:
        balances = self._balances()
        for currency, free in balances.items():
            is_fine = isinstance(free, Decimal) and free.is_finite() and free >= ZERO
            keeps(is_fine, f"{free!r} {currency} is free")
        quote = self.pair.partition("/")[2]
        keeps(balances.get(quote), f"there is no {quote} to try with")

    # Orders

    def test_an_order_that_is_off_the_grid_is_not_sent(self) -> None:
        rules, order = self._venue.rules(self.pair), self._resting()
        if rules.price_step > ZERO:
            odd = replace(order, price=order.price + rules.price_step / 3)
            raises(OrderRejected, lambda: self._venue.check(odd), "check of a price off the grid")
        if rules.amount_step > ZERO:
            odd = replace(order, amount=order.amount + rules.amount_step / 3)
            raises(OrderRejected, lambda: self._venue.check(odd), "check of an amount off the grid")
        within(MEMORY_SECONDS * 4, lambda: self._venue.check(order), "check")

    def test_the_same_order_is_prepared_the_same_way(self) -> None:
        if not sends_in_loop(self._venue):
            raise SkipTest("it does not send in the loop")
        order = self._resting()
        first = within(MEMORY_SECONDS * 4, lambda: self._venue.prepare(order), "prepare")
        keeps(first == self._venue.prepare(order), "prepare made two requests of one order")
        keeps(first.client_order_id == order.client_order_id, f"prepare gave {first}")

    def test_an_order_that_was_never_sent_is_not_found(self) -> None:
        answer = self._look_up(self._resting())
        keeps(isinstance(answer, NotFound), f"look_up of an order never sent gave {answer!r}")

    def test_an_order_rests_is_found_by_both_ids_and_ends_when_it_is_cancelled(self) -> None:
        order, before = self._resting(), self._balances()
        placed = self._place(order)
        try:
            keeps(placed.order_id, "place gave no order id")
            keeps(placed.is_open and not placed.filled, f"a resting order came back as {placed}")
            for order_id in (None, placed.order_id):
                found = self._look_up(order, order_id)
                is_it = isinstance(found, VenueOrder) and found.order_id == placed.order_id
                keeps(is_it, f"look_up with the id {order_id} gave {found!r}")
            self._has_become(order.terms.holds.currency, before, "less", "while an order rests")
        finally:
            self._venue.cancel(order, placed.order_id)
        ended = self._ended(order, placed.order_id)
        keeps(not ended.filled, f"a resting order that was cancelled has filled: {ended}")
        self._has_become(order.terms.holds.currency, before, "the same", "after the cancel")

    def test_an_order_that_takes_fills_and_the_balance_shows_it(self) -> None:
        order, before = self._taking(), self._balances()
        placed = self._place(order)
        ended = placed if not placed.is_open else self._ended(order, placed.order_id)
        keeps(ended.filled == order.amount, f"{ended.filled} of {order.amount} has filled")
        keeps(ended.cost <= order.price * ended.filled, f"{ended.cost} was paid: above the limit")
        keeps(ended.cost > ZERO, "a purchase has cost nothing")
        self._has_become(order.pair.partition("/")[2], before, "less", "after a purchase")
        self._has_become(order.base, before, "more", "after a purchase")
        again = self._look_up(order)
        is_it = isinstance(again, VenueOrder) and again.order_id == ended.order_id
        same = is_it and (again.filled, again.cost) == (ended.filled, ended.cost)
        keeps(same, f"look_up of an ended order gave {again!r}, before {ended!r}")

    def test_an_order_that_cannot_be_paid_is_rejected_and_does_not_exist(self) -> None:
        quote = self.pair.partition("/")[2]
        free = self._balances().get(quote, ZERO)
        order = self._resting()
        amount = rounded_amount(self._venue, self.pair, 3 * free / order.price + order.amount)
        order = replace(order, amount=amount)
        raises(OrderRejected, lambda: self._place(order), "place of an order without the money")
        answer = self._look_up(order)
        keeps(isinstance(answer, NotFound), f"a rejected order was found: {answer!r}")

    def test_a_lost_reply_is_no_rejection_and_the_order_is_found(self) -> None:
        line = self.broken_line(self._venue)
        if line is None:
            raise SkipTest("broken_line says of no way to lose replies")
        order, raised = self._resting(), None
        with line:
            try:
                self._place(order)
            except Exception as error:
                raised = error
        keeps(raised is not None, "broken_line lost no reply: place has returned")
        is_rejection = isinstance(raised, OrderRejected)
        keeps(not is_rejection, f"a lost reply was called a rejection ({raised}): it may exist")
        ends = CLOCK.monotonic() + self._venue.late_seconds + SETTLE_SECONDS
        while not isinstance(found := self._look_up(order), VenueOrder):
            keeps(CLOCK.monotonic() < ends, f"an order with a lost reply was not found: {found!r}")
            pause()
        self._venue.cancel(order, found.order_id)
        self._ended(order, found.order_id)

    # Threads and the loop

    def test_public_data_is_read_while_the_key_is_in_use(self) -> None:
        failed: list[Exception] = []

        def read() -> None:
            try:
                for _ in range(3):
                    self._venue.order_book(self.pair)
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(3):
            self._balances()
        thread.join(3 * self.request_seconds)
        keeps(not failed, f"order_book beside balances raised {failed[:1]!r}")

    def test_sending_does_not_hold_the_loop_up(self) -> None:
        if not sends_in_loop(self._venue):
            raise SkipTest("it does not send in the loop")
        gaps: list[float] = []

        async def tick() -> None:
            while True:
                began = CLOCK.monotonic()
                await asyncio.sleep(0.005)
                gaps.append(CLOCK.monotonic() - began)

        ticking = self._loop.run(tick())
        order = self._resting()
        placed = self._place(order)
        ticking.cancel()
        self._venue.cancel(order, placed.order_id)
        keeps(max(gaps, default=0.0) < HELD_SECONDS, f"send held the loop for {max(gaps):.2f} s")

    def test_a_stream_shows_the_order_book(self) -> None:
        stream = getattr(self._venue, "book_stream", None)
        if stream is None:
            raise SkipTest("it has no book_stream")
        book = self._loop.run(stream.next_book(self.pair)).result(self.request_seconds)
        self._loop.run(stream.close()).result(self.request_seconds)
        keeps(isinstance(book, ReceivedBook) and book.is_streamed, f"next_book gave {book!r}")
        keeps(book.bids and book.asks, "a streamed book has an empty side")

    # Inside

    def _ask(self, work: Callable[[], R], what: str) -> R:
        return within(self.request_seconds, work, what)

    def _balances(self) -> dict[str, Decimal]:
        return dict(self._ask(self._venue.balances, "balances"))

    def _look_up(self, order: LegOrder, order_id: str | None = None) -> Any:
        return self._ask(lambda: self._venue.look_up(order, order_id), "look_up")

    def _place(self, order: LegOrder) -> VenueOrder:
        """As the engine does."""
        venue = self._venue
        venue.check(order)
        if not sends_in_loop(venue):
            placed = self._ask(lambda: venue.place(order), "place")
        else:
            sending = self._loop.run(venue.send(order, venue.prepare(order)))
            placed = self._ask(lambda: sending.result(self.request_seconds), "send")
        keeps(isinstance(placed, VenueOrder), f"an order came back as {placed!r}")
        return placed  # type: ignore[no-any-return]

    def _ended(self, order: LegOrder, order_id: str) -> VenueOrder:
        ends = CLOCK.monotonic() + SETTLE_SECONDS
        while True:
            found = self._look_up(order, order_id)
            if isinstance(found, VenueOrder) and not found.is_open:
                return found
            keeps(CLOCK.monotonic() < ends, f"the order has not ended: {found!r}")
            pause()

    def _has_become(self, currency: str, before: dict[str, Decimal], how: str, when: str) -> None:
        was, ends = before.get(currency, ZERO), CLOCK.monotonic() + SETTLE_SECONDS
        while True:
            now = self._balances().get(currency, ZERO)
            if how == ("less" if now < was else "more" if now > was else "the same"):
                return
            keeps(
                CLOCK.monotonic() < ends,
                f"{when} the free {currency} has to become {how}; it was {was} and is {now}",
            )
            pause()

    def _best(self, side: str) -> Decimal:
        bids, asks = self._ask(lambda: self._venue.order_book(self.pair), "order_book")
        return to_decimal((asks if side == "buy" else bids)[0][0])

    def _amount(self) -> Decimal:
        if self.amount is not None:
            return to_decimal(self.amount)
        rules = self._venue.rules(self.pair)
        price = self._best("sell") * FAR
        least = max(rules.amount_min, rules.cost_min / price, rules.amount_step)
        step = rules.amount_step or least
        return rounded_amount(self._venue, self.pair, 2 * least + step)

    def _resting(self) -> LegOrder:
        return self._order(self._best("sell") * FAR, GOOD_TILL_CANCELLED)

    def _taking(self) -> LegOrder:
        return self._order(self._best("buy") * DEEP, "IOC")

    def _order(self, price: Decimal, time_in_force: str) -> LegOrder:
        venue, rules = self._venue, self._venue.rules(self.pair)
        return LegOrder(
            venue=venue.name,
            account=venue.account,
            pair=self.pair,
            side="buy",
            amount=self._amount(),
            price=rounded_price(venue, self.pair, "buy", price),
            fee_rate=rules.taker_fee,
            client_order_id=venue.new_id(),
            made_at=CLOCK.wall(),
            time_in_force=time_in_force,
            is_fee_in_base=rules.is_fee_in_base,
        )
