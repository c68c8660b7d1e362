"""One inlet, three books: whatever is learnt of an order reaches ledger, balance book and the rest.

The ledger, the balance book and the view of other bots are real; the exchange is scripted.
"""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.book import BalanceBook, Need
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS, RESERVE_SECONDS, Deadline
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger, State
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.orders.funds.other_bots import OtherBots
from freqtrade_balance_guard.orders.lookup_result import (
    EXIT_LATE_SECONDS,
    LATE_SECONDS,
    TWICE_WITHIN_SECONDS,
    Found,
    NotFound,
    Uncertain,
)
from freqtrade_balance_guard.orders.lookups import FAIR_ASK_SECONDS, KEPT_BY_HOUSEKEEPING_SECONDS
from freqtrade_balance_guard.orders.registry import (
    ENDED_KEPT_SECONDS,
    OrderRegistry,
)
from freqtrade_balance_guard.orders.subscribers import BookOrders
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from freqtrade_balance_guard.orders.tracked_order import FIRED_STOP_SECONDS
from tests.support.memory_store import MemoryStore


D = Decimal
ETH, BTC = "ETH/USDT", "BTC/USDT"


class Bench:
    """A bot with 1000 USDT and 5 ETH, its registry and its three books."""

    def __init__(self):
        self.clock, self.store = ManualClock(), MemoryStore()
        self.answers = []
        self.ids = iter(f"one-{number}" for number in range(1000))
        self.learnt = 0
        self.start()

    def start(self, process="one-1"):
        self.ledger = ReservationLedger(
            self.store, bot="one", account="kraken", process=process, clock=self.clock,
            debug_validation=True,
        )  # fmt: skip
        self.registry = OrderRegistry(
            self.ledger, hub=EventHub(), new_id=lambda: next(self.ids), ask=self.ask,
            clock=self.clock, wait=self.clock.advance,
        )  # fmt: skip
        self.book = BalanceBook(window=30.0)
        self.others = OtherBots(self.ledger, "USDT")
        self.registry.other_bots = self.others
        self.registry.book = BookOrders(self.book, lambda pair: D(0), self.clock, self.learn)
        self.see()

    def learn(self):
        self.learnt += 1

    def ask(self, tracked, deadline):
        return self.answers.pop(0) if self.answers else Uncertain("silence")

    def see(self, usdt="1000", eth="5"):
        self.clock.advance(1)
        holdings = {"USDT": Holding(D(usdt)), "ETH": Holding(D(eth))}
        self.book.accept(Snapshot(holdings, self.clock.monotonic(), self.clock.wall()))
        self.clock.advance(1)

    def buy(self, amount="1", pair=ETH):
        return self.registry.open_entry(
            spot_terms(pair, "buy", Purpose.ENTRY, D(amount), D(100), is_market=False,
                       fee_rate=D(0)),
            Funds(D(1000), D(0), since=0),
        )  # fmt: skip

    def sell(self, amount="1", purpose=Purpose.EXIT):
        return self.registry.open_exit(
            spot_terms(ETH, "sell", purpose, D(amount), D(100), is_market=False, fee_rate=D(0))
        )

    def row(self, tracked):
        return self.ledger.find(tracked.client_order_id)

    def free(self, currency="USDT"):
        """What each book has free: the balance book with what others hold, and the ledger."""
        self.others.look(self.book, self.clock.monotonic(), self.clock.wall())
        return self.book.expected(currency).free

    def ask_for(self, tracked):
        return self.registry.lookups.ask(tracked, Deadline.after(self.clock, 1))


@pytest.fixture
def bench():
    return Bench()


def order(status="open", filled=0, number="EX-1", **more):
    fees = [{"currency": "USDT", "cost": 0}]
    return {"id": number, "status": status, "filled": filled, "cost": filled * 100, "fees": fees,
            **more}  # fmt: skip


# Before and after sending


def test_an_order_is_held_in_the_book_from_before_it_leaves(bench):
    bench.buy()
    assert bench.free() == 900


def test_a_denied_entry_leaves_nothing_and_asks_for_no_new_balance(bench):
    need = bench.book.need(bench.clock.monotonic(), 60)
    denied = bench.registry.open_entry(
        spot_terms(ETH, "buy", Purpose.ENTRY, D(20), D(100), is_market=False, fee_rate=D(0)),
        Funds(D(1000), D(0), since=0),
    )
    assert isinstance(denied, Denied)
    assert bench.free() == 1000
    assert bench.book.need(bench.clock.monotonic(), 60) == need


def test_a_rejected_order_gives_its_money_back_in_every_book(bench):
    tracked = bench.buy()
    bench.registry.rejected(tracked, "no")
    assert bench.free() == 1000
    assert bench.row(tracked).state is State.RELEASED


def test_an_accepted_order_is_held_once(bench):
    tracked = bench.buy()
    bench.registry.report(tracked, order())
    assert bench.free() == 900
    assert bench.row(tracked).order_id == "EX-1"


def test_after_an_order_was_accepted_the_next_entry_needs_a_new_balance(bench):
    tracked = bench.buy()
    assert bench.book.need(bench.clock.monotonic(), 60) is Need.NOTHING
    bench.registry.report(tracked, order())
    assert bench.book.need(bench.clock.monotonic(), 60) is Need.OWN_EVENT
    bench.see("1000")
    bench.clock.advance(31)
    bench.registry.report(tracked, order())
    assert bench.book.need(bench.clock.monotonic(), 60) is Need.NOTHING


# Each way in


def accepted(bench, **more):
    tracked = bench.buy(**more)
    bench.registry.report(tracked, order())
    return tracked


def by_answer(bench):
    bench.registry.answered(ETH, "EX-1", order("canceled"))


def by_lookup(bench):
    tracked = bench.registry.find(ETH, "EX-1")
    bench.answers = [Found(order("canceled"))]
    bench.registry.report(tracked, bench.ask_for(tracked))


@pytest.mark.parametrize("way", [by_answer, by_lookup])
def test_a_cancel_frees_the_money_in_every_book_whichever_way_it_is_learnt(bench, way):
    tracked = accepted(bench)
    way(bench)
    assert bench.free() == 1000
    assert bench.row(tracked).state is State.RELEASED


def test_an_order_is_known_by_its_market_and_its_id(bench):
    tracked = accepted(bench)
    bench.registry.answered(BTC, "EX-1", order("closed", 1))
    assert (bench.row(tracked).state, bench.free()) == (State.OPEN, 900)
    other = bench.buy(pair=BTC)
    bench.registry.report(other, order())
    bench.registry.answered(BTC, "EX-1", order("canceled"))
    assert (bench.row(tracked).state, bench.row(other).state) == (State.OPEN, State.RELEASED)


def test_a_fill_is_booked_once_whichever_way_it_arrives(bench):
    tracked = accepted(bench)
    fill = [{"amount": 1, "cost": 100, "fee": {"currency": "USDT", "cost": 0}}]
    bench.registry.traded(ETH, "EX-1", fill)
    bench.registry.answered(ETH, "EX-1", order("open", 1))
    bench.registry.answered(ETH, "EX-1", order("closed", 1))
    bench.registry.traded(ETH, "EX-1", fill)
    bench.registry.answered(ETH, "EX-1", order("closed", 1))
    assert bench.row(tracked).committed == 100
    assert (bench.free(), bench.book.expected("ETH").total) == (900, 6)


def test_what_is_no_news_is_not_written_again(bench, monkeypatch):
    accepted(bench)
    written = []
    move = bench.store.move
    monkeypatch.setattr(
        bench.store, "move", lambda steps, stamp: written.extend(steps) or move(steps, stamp)
    )
    for filled in (0, 0.5, 0.5, 0.25):
        bench.registry.answered(ETH, "EX-1", order("open", filled))
    assert [step.total for step in written] == [50]
    for _ in range(2):
        bench.registry.answered(ETH, "EX-1", order("closed", 1))
    assert [step.total for step in written] == [50, 100]


def test_an_older_answer_takes_nothing_back(bench):
    tracked = accepted(bench)
    bench.registry.answered(ETH, "EX-1", order("open", 0.5))
    bench.registry.answered(ETH, "EX-1", order("open", 0.25))
    bench.registry.answered(ETH, "EX-1", order("canceled", 0.5))
    bench.registry.answered(ETH, "EX-1", order("open", 0.5))
    assert (bench.row(tracked).state, bench.row(tracked).committed) == (State.COMMITTED, 50)
    assert bench.free() == 950


def test_a_fill_that_was_faster_than_the_cancel_reaches_the_balance_book(bench):
    accepted(bench)
    bench.registry.answered(ETH, "EX-1", order("canceled"))
    bench.clock.advance(ENDED_KEPT_SECONDS - 1)
    bench.registry.catch_up()
    bench.registry.answered(ETH, "EX-1", order("canceled", 0.5))
    assert bench.free() == 950


def test_an_order_that_ended_long_ago_is_forgotten(bench):
    tracked = accepted(bench)
    bench.registry.answered(ETH, "EX-1", order("canceled"))
    bench.clock.advance(ENDED_KEPT_SECONDS)
    bench.registry.catch_up()
    assert bench.registry.find(ETH, "EX-1") is None
    assert bench.row(tracked).state is State.RELEASED


def test_a_late_fee_corrects_the_balance_book(bench):
    accepted(bench)
    bench.registry.answered(ETH, "EX-1", {**order("closed", 1), "fees": []})
    fee = {"currency": "USDT", "cost": 2}
    bench.registry.traded(ETH, "EX-1", [{"amount": 1, "cost": 100, "fee": fee}])
    assert bench.free() == 898


def test_a_garbage_number_is_an_error_and_books_nothing(bench):
    tracked = accepted(bench)
    with pytest.raises(Exception, match="number"):
        bench.registry.answered(ETH, "EX-1", {**order("closed"), "filled": "much"})
    assert (bench.row(tracked).state, bench.free()) == (State.OPEN, 900)


def test_a_book_that_fails_keeps_nothing_from_the_ledger(bench, caplog):
    tracked = bench.buy()
    bench.registry.book.answered = lambda *_: 1 / 0
    bench.registry.report(tracked, order("closed", 1))
    assert bench.row(tracked).state is State.COMMITTED
    assert "cannot follow" in caplog.text


# Stops


def stop(bench):
    tracked = bench.sell(purpose=Purpose.STOP)
    bench.registry.report(tracked, order())
    assert bench.free("ETH") == 4
    return tracked


def test_a_fired_stop_has_not_ended_before_the_order_that_it_placed_says_how(bench):
    tracked = stop(bench)
    bench.registry.answered(ETH, "EX-1", order("closed", info={"fired_order_id": "EX-2"}))
    assert (bench.row(tracked).state, bench.free("ETH")) == (State.OPEN, 4)
    bench.registry.answered(ETH, "EX-1", order("closed", 1, number="EX-1", id_stop="EX-2"))
    assert (bench.row(tracked).state, bench.free("ETH")) == (State.COMMITTED, 4)
    assert bench.free() == 1100


def test_a_fill_reported_under_the_placed_order_is_that_of_the_stop_and_booked_once(bench):
    tracked = stop(bench)
    bench.registry.answered(ETH, "EX-1", order("closed", info={"fired_order_id": "EX-2"}))
    bench.registry.answered(ETH, "EX-2", order("closed", 1, number="EX-2"))
    bench.registry.answered(ETH, "EX-1", order("closed", 1, id_stop="EX-2"))
    assert (bench.row(tracked).state, bench.row(tracked).committed) == (State.COMMITTED, 1)
    assert (bench.free("ETH"), bench.free()) == (4, 1100)


def test_a_stop_that_stays_closed_with_nothing_filled_has_ended_so(bench):
    tracked = stop(bench)
    bench.registry.answered(ETH, "EX-1", order("closed"))
    bench.clock.advance(FIRED_STOP_SECONDS - 0.1)
    bench.registry.answered(ETH, "EX-1", order("closed"))
    assert bench.row(tracked).state is State.OPEN
    bench.clock.advance(0.1)
    bench.registry.answered(ETH, "EX-1", order("closed"))
    assert (bench.row(tracked).state, bench.free("ETH")) == (State.RELEASED, 5)


def test_a_cancelled_stop_has_ended_and_so_has_a_closed_order_that_is_no_stop(bench):
    tracked = stop(bench)
    bench.registry.answered(ETH, "EX-1", order("canceled"))
    assert (bench.row(tracked).state, bench.free("ETH")) == (State.RELEASED, 5)
    other = bench.sell()
    bench.registry.report(other, order("closed", number="EX-5"))
    assert bench.row(other).state is State.RELEASED


# Lost replies


def test_a_lost_order_keeps_its_money_and_is_held_once_when_it_is_found(bench):
    tracked = bench.buy()
    bench.registry.lost(tracked)
    assert bench.free() == 900
    bench.answers = [Found(order())]
    bench.registry.report(tracked, bench.ask_for(tracked))
    assert bench.free() == 900
    bench.registry.answered(ETH, "EX-1", order("closed", 1))
    assert (bench.free(), bench.book.expected("ETH").total) == (900, 6)


def ask_at(bench, tracked, *moments):
    """The answers "not found" at these seconds after the reply was lost; True if it is gone."""
    began = tracked.absence.lost_at
    for moment in moments:
        bench.clock.advance(began + moment - bench.clock.monotonic())
        bench.answers = [NotFound()]
        bench.ask_for(tracked)
    return bench.row(tracked).state is State.RELEASED


def test_an_order_is_gone_when_the_request_cannot_arrive_any_more(bench):
    tracked = bench.buy()
    bench.clock.advance(10)  # ccxt's time-out: the request has not been answered for so long
    bench.registry.lost(tracked)
    assert not ask_at(bench, tracked, 0, 1, 2, LATE_SECONDS - 0.1)
    assert bench.free() == 900
    assert ask_at(bench, tracked, LATE_SECONDS)
    assert bench.free() == 1000


def test_one_not_found_is_not_enough_however_late(bench):
    tracked = bench.buy()
    bench.registry.lost(tracked)
    late = LATE_SECONDS + 5
    assert not ask_at(bench, tracked, late, late + TWICE_WITHIN_SECONDS - 0.1)
    assert ask_at(bench, tracked, late + TWICE_WITHIN_SECONDS)


def test_while_the_request_is_under_way_nothing_is_concluded(bench):
    tracked = bench.buy()
    for _ in range(5):
        bench.clock.advance(LATE_SECONDS)
        bench.answers = [NotFound()]
        bench.ask_for(tracked)
    assert bench.row(tracked).state is State.IN_FLIGHT


def test_no_answer_in_between_makes_it_begin_anew(bench):
    tracked = bench.buy()
    bench.registry.lost(tracked)
    bench.clock.advance(LATE_SECONDS)
    for answer in (NotFound(), Uncertain("silence"), NotFound()):
        bench.clock.advance(2)
        bench.answers = [answer]
        bench.ask_for(tracked)
    assert bench.row(tracked).state is State.IN_FLIGHT


def test_an_exit_is_asked_for_a_minute(bench):
    tracked = bench.sell()
    bench.registry.lost(tracked)
    assert not ask_at(bench, tracked, 0, EXIT_LATE_SECONDS - 0.1)
    assert ask_at(bench, tracked, EXIT_LATE_SECONDS)


def test_the_reply_of_an_order_of_an_earlier_run_counts_as_lost_from_the_start_on(bench):
    tracked = bench.buy()
    bench.clock.advance(LATE_SECONDS * 2)
    bench.start("one-2")
    bench.registry.catch_up()
    (resumed,) = bench.registry.unresolved()
    assert resumed.client_order_id == tracked.client_order_id
    assert bench.free() == 900
    assert not ask_at(bench, resumed, 0, LATE_SECONDS - 0.1)
    assert ask_at(bench, resumed, LATE_SECONDS)
    assert bench.free() == 1000


def test_an_order_of_an_earlier_run_that_is_found_is_booked_once(bench):
    tracked = bench.buy()
    bench.start("one-2")
    bench.registry.catch_up()
    (resumed,) = bench.registry.unresolved()
    assert bench.free() == 900
    bench.registry.report(resumed, order("closed", 1))
    bench.registry.answered(ETH, "EX-1", order("closed", 1))
    assert (bench.free(), bench.row(tracked).committed) == (900, 100)
    assert bench.book.expected("ETH").total == pytest.approx(D(6), abs=D("0.05"))


def test_an_order_that_was_listed_late_is_no_orphan_for_as_long_as_its_request_may_take(bench):
    tracked = bench.buy()
    assert not bench.registry.is_late(tracked), "it was never missing"
    bench.registry.lost(tracked)
    bench.answers = [NotFound()]
    bench.ask_for(tracked)
    bench.clock.advance(LATE_SECONDS)
    assert bench.registry.is_late(tracked)
    bench.clock.advance(0.1)
    assert not bench.registry.is_late(tracked)


def test_an_order_that_was_not_asked_for_yet_is_no_orphan_and_one_without_an_answer_is(bench):
    tracked, other = bench.buy(), bench.buy()
    for one in (tracked, other):
        bench.registry.lost(one)
    assert bench.registry.is_late(tracked)
    bench.answers = [Uncertain("silence"), Uncertain("silence")]
    hasty = Deadline.after(bench.clock, FAIR_ASK_SECONDS / 2)
    bench.registry.lookups.ask(tracked, hasty)
    assert bench.registry.is_late(tracked), "it was our haste"
    bench.ask_for(other)
    assert not bench.registry.is_late(other)
    bench.clock.advance(LATE_SECONDS + 0.1)
    assert not bench.registry.is_late(tracked)


def test_what_an_earlier_run_has_left_is_an_orphan_at_once(bench):
    bench.buy()
    bench.start("one-2")
    bench.registry.catch_up()
    (resumed,) = bench.registry.unresolved()
    bench.answers = [NotFound()]
    bench.ask_for(resumed)
    assert not bench.registry.is_late(resumed)


# Orders of before the start


def known(bench, filled=0):
    terms = spot_terms(ETH, "buy", Purpose.ENTRY, D(1), D(100), is_market=False, fee_rate=D(0))
    bench.registry.follow_known(terms, order("open", filled))


def test_what_freqtrade_knows_is_followed_from_there_on(bench):
    known(bench, 0.25)
    assert bench.free() == 925
    bench.registry.answered(ETH, "EX-1", order("closed", 1))
    assert bench.free() == 925
    assert bench.book.expected("ETH").total == D("5.75")
    assert bench.ledger.reservations() == []


def test_a_known_order_with_a_reservation_is_held_once_and_ends_in_both(bench):
    tracked = accepted(bench)
    bench.start("one-2")
    bench.registry.catch_up()
    known(bench)
    assert bench.free() == 900
    bench.registry.answered(ETH, "EX-1", order("canceled"))
    assert (bench.free(), bench.row(tracked).state) == (1000, State.RELEASED)


def test_a_fill_that_freqtrade_knows_and_the_ledger_lacks_is_written_at_the_start(bench):
    tracked = accepted(bench)
    bench.start("one-2")
    bench.registry.catch_up()
    known(bench, 0.25)
    assert bench.row(tracked).committed == 25


# Housekeeping's questions


def test_an_order_that_was_cancelled_is_asked_for_in_the_next_loop(bench):
    tracked = accepted(bench)
    assert bench.registry.unwatched() == []
    bench.registry.check_soon(tracked)
    assert bench.registry.unwatched() == [tracked]


def test_an_order_is_unwatched_after_a_minute_and_not_before(bench):
    tracked = accepted(bench)
    bench.clock.advance(60)
    assert bench.registry.unwatched() == []
    bench.clock.advance(0.1)
    assert bench.registry.unwatched() == [tracked]
    bench.registry.answered(ETH, "EX-1", order())
    assert bench.registry.unwatched() == []


def test_questions_stop_when_the_budget_is_used_up_and_exits_have_their_share(bench):
    asked = []

    def slow(tracked, deadline):
        asked.append(deadline.seconds_left)
        bench.clock.advance(deadline.seconds_left)
        return Uncertain("silence")

    bench.registry.lookups._ask = slow
    budget = EXIT_WAIT_SECONDS - RESERVE_SECONDS
    entries = [bench.buy() for _ in range(4)]
    began = bench.clock.monotonic()
    for tracked in entries:
        bench.registry.lost(tracked)
        bench.registry.lookups.resolve(tracked)
    assert bench.clock.monotonic() - began == pytest.approx(1.8)
    bench.registry.lookups.check(entries[0])
    assert bench.clock.monotonic() - began == pytest.approx(budget - KEPT_BY_HOUSEKEEPING_SECONDS)
    bench.registry.lookups.resolve(bench.sell())
    bench.registry.lookups.resolve(bench.sell())
    assert bench.clock.monotonic() - began == pytest.approx(budget)
    assert len(asked) == 3


def test_what_the_book_has_learnt_is_stored_again(bench):
    before = bench.learnt
    accepted(bench)
    after = bench.learnt
    assert after > before
    bench.registry.answered(ETH, "EX-1", order("canceled"))
    assert bench.learnt > after
