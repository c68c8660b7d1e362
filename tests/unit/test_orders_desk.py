"""The registry: money reserved, intent stored, outcome known; scripted exchange, real ledger."""

from decimal import Decimal
from uuid import uuid4

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, LedgerUnavailable, ReservationLedger, State
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.orders.lookup_result import LATE_SECONDS, Found, NotFound, Uncertain
from freqtrade_balance_guard.orders.lookups import ENTRY_LOOKUP_SECONDS, EXIT_LOOKUP_SECONDS
from freqtrade_balance_guard.orders.registry import UNWATCHED_SECONDS, OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, margin_terms, spot_terms
from tests.support.memory_store import MemoryStore


D = Decimal
SILENCE = Uncertain("it does not answer")


class Shaky(MemoryStore):
    """A store that can be away."""

    is_away = False

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if not name.startswith("_") and name != "is_away" and callable(found) and self.is_away:
            raise LedgerUnavailable("The ledger is away.")
        return found


class Bench:
    """A registry, its ledger, and an exchange that answers what the test says."""

    def __init__(self, store=None, bot="one"):
        self.store = store or Shaky()
        self.clock = ManualClock()
        self.answers = []
        self.asked = []
        self.ids = iter(f"{bot}-{number}" for number in range(1000))
        self.registry = self.new_run(bot)

    def new_run(self, bot="one"):
        ledger = ReservationLedger(
            self.store, bot=bot, account="kraken", process=f"{bot}-{uuid4().hex}",
            clock=self.clock, debug_validation=True,
        )  # fmt: skip
        return OrderRegistry(
            ledger,
            hub=EventHub(),
            new_id=lambda: next(self.ids),
            ask=self.ask,
            clock=self.clock,
            wait=self.clock.advance,
        )

    def ask(self, tracked, deadline):
        self.asked.append(deadline.seconds_left)
        return self.answers.pop(0) if self.answers else SILENCE

    def row(self, tracked):
        return self.registry.ledger.find(tracked.client_order_id)


@pytest.fixture
def bench():
    return Bench()


def entry(amount="1", price="100", *, is_market=False):
    return spot_terms(
        "ETH/USDT", "buy", Purpose.ENTRY, D(amount), D(price), is_market=is_market, fee_rate=D(0)
    )


def exit_(amount="1"):
    return spot_terms(
        "ETH/USDT", "sell", Purpose.EXIT, D(amount), D(100), is_market=False, fee_rate=D(0)
    )


def funds(spendable="1000", floor="0"):
    return Funds(D(spendable), D(floor), since=0)


def order(status="open", filled=0, cost=0, number="EX-1"):
    return {"id": number, "status": status, "filled": filled, "cost": cost, "fees": []}


# Entries


def test_an_entry_leaves_with_its_money_reserved_and_marked_as_sent(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    assert bench.row(tracked).state is State.IN_FLIGHT
    assert bench.row(tracked).amount == 100
    bench.registry.report(tracked, order())
    assert (bench.row(tracked).state, bench.row(tracked).order_id) == (State.OPEN, "EX-1")


def test_an_entry_above_the_funds_is_denied_and_nothing_is_held(bench):
    denied = bench.registry.open_entry(entry(), funds("150", floor="51"))
    assert isinstance(denied, Denied)
    assert denied.code is DenialCode.INSUFFICIENT_AVAILABLE
    assert bench.registry.ledger.unfinished() == []


def test_what_another_bot_reserved_meanwhile_is_not_there_any_more(bench):
    other = bench.new_run("two")
    look = bench.registry.ledger.outlook("USDT", 0)
    other.open_entry(entry("6"), funds())
    denied = bench.registry.open_entry(entry("5"), Funds(D(1000), D(0), since=look.since))
    assert denied.code is DenialCode.RESERVED_BY_OTHERS
    assert denied.numbers["reserved_others"] == 600


def test_a_market_entry_locks_its_bound_only_as_far_as_there_is_money(bench):
    tight = bench.registry.open_entry(entry(is_market=True), funds("100.5"))
    assert bench.row(tight).amount == D("100.5")
    wide = Bench()
    assert wide.row(wide.registry.open_entry(entry(is_market=True), funds())).amount == 101


def test_a_hair_too_much_of_a_float_is_no_refusal(bench):
    tracked = bench.registry.open_entry(entry("1.00000000001"), funds("100"))
    assert not isinstance(tracked, Denied)
    assert bench.row(tracked).amount == 100


def test_what_the_exchange_refuses_is_free_at_once(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.rejected(tracked, "EOrder:Insufficient funds")
    assert bench.row(tracked).state is State.RELEASED
    assert bench.registry.unresolved() == []


# What became of orders


def test_fills_are_booked_as_they_are_told_and_the_rest_is_free_at_the_end(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order())
    bench.registry.answered("ETH/USDT", "EX-1", order(filled=0.25, cost=25))
    assert (bench.row(tracked).committed, bench.row(tracked).amount) == (25, 75)
    bench.registry.answered("ETH/USDT", "EX-1", order("canceled", 0.5, 50))
    row = bench.row(tracked)
    assert (row.state, row.committed, row.amount) == (State.COMMITTED, 50, 0)


def test_late_and_repeated_reports_change_nothing(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order("closed", 1, 100))
    bench.registry.answered("ETH/USDT", "EX-1", order(filled=0.5, cost=50))
    bench.registry.report(tracked, order("closed", 1, 100))
    assert bench.row(tracked).committed == 100
    assert len(bench.registry.ledger.history(tracked.client_order_id)) == 3  # reserve, send, commit


def test_only_what_the_ledger_did_not_take_is_logged_with_its_order(bench, caplog):
    caplog.set_level("DEBUG", logger="freqtrade_balance_guard.orders.subscribers")
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order())
    bench.registry.writer.write(tracked)
    assert [tracked.client_order_id in line for line in caplog.messages] == [True], "bound twice"


def test_a_fill_above_the_reservation_is_booked_as_a_fact(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order(filled=1, cost=101))
    assert bench.row(tracked).committed == 100
    bench.registry.answered("ETH/USDT", "EX-1", order("closed", 1, 101))
    assert bench.row(tracked).committed == 101


def test_answers_about_orders_of_others_are_none_of_our_business(bench):
    bench.registry.answered("ETH/USDT", "EX-9", order("closed", 1, 100, "EX-9"))
    assert bench.registry.ledger.reservations() == []


# Lost replies


def test_a_lost_entry_is_found_by_asking(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.answers = [SILENCE, NotFound(), Found(order())]
    assert bench.registry.lookups.resolve(tracked) == order()
    assert len(bench.asked) == 3


def test_an_entry_is_asked_for_a_few_seconds_and_then_stays_unresolved(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    before = bench.clock.monotonic()
    assert bench.registry.lookups.resolve(tracked) is None
    assert bench.clock.monotonic() - before <= ENTRY_LOOKUP_SECONDS
    assert bench.row(tracked).state is State.IN_FLIGHT
    assert bench.registry.unresolved("ETH/USDT") == [tracked]


def test_an_exit_is_asked_for_a_second(bench):
    tracked = bench.registry.open_exit(exit_())
    before = bench.clock.monotonic()
    assert bench.registry.lookups.resolve(tracked) is None
    assert bench.clock.monotonic() - before <= EXIT_LOOKUP_SECONDS


def test_one_not_there_is_not_enough_while_the_request_may_be_on_its_way(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.lost(tracked)
    bench.answers = [NotFound()] * 20
    assert bench.registry.lookups.resolve(tracked) is None
    assert bench.row(tracked).state is State.IN_FLIGHT
    bench.clock.advance(LATE_SECONDS)
    bench.registry.lookups.ask(tracked, Deadline.after(bench.clock, 1))
    assert bench.row(tracked).state is State.RELEASED


def test_no_answer_in_between_makes_not_there_begin_anew(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.clock.advance(LATE_SECONDS)
    bench.answers = [NotFound(), SILENCE, NotFound()]
    for _ in range(3):
        bench.registry.lookups.ask(tracked, Deadline.after(bench.clock, 1))
        bench.clock.advance(2)
    assert bench.row(tracked).state is State.IN_FLIGHT


# Exits and a ledger that is away


def test_an_exit_is_booked_without_asking_whether_the_coins_are_there(bench):
    tracked = bench.registry.open_exit(exit_("7"))
    assert (bench.row(tracked).state, bench.row(tracked).currency) == (State.IN_FLIGHT, "ETH")


def test_without_the_ledger_no_entry_leaves_and_the_reason_is_given(bench):
    bench.store.is_away = True
    denied = bench.registry.open_entry(entry(), funds())
    assert denied.code is DenialCode.LEDGER_UNAVAILABLE
    assert "away" in denied.sentence


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (order("closed", 1, 100), State.COMMITTED),
        (order("canceled"), State.RELEASED),
        (order(), State.OPEN),
        (order(filled=0.5, cost=50), State.OPEN),
    ],
)
def test_an_exit_without_the_ledger_leaves_and_is_booked_when_it_is_back(bench, outcome, state):
    bench.store.is_away = True
    tracked = bench.registry.open_exit(exit_())
    bench.registry.report(tracked, outcome)
    bench.store.is_away = False
    bench.registry.catch_up()
    assert not bench.registry.ledger_error
    assert bench.row(tracked).state is state


def test_a_fill_that_could_not_be_written_is_written_later(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order())
    bench.store.is_away = True
    bench.registry.answered("ETH/USDT", "EX-1", order("closed", 1, 100))
    bench.store.is_away = False
    assert bench.row(tracked).state is State.OPEN
    bench.registry.catch_up()
    assert bench.row(tracked).state is State.COMMITTED


def test_an_exit_that_was_refused_while_the_ledger_was_away_ends_once(bench):
    bench.store.is_away = True
    tracked = bench.registry.open_exit(exit_())
    bench.registry.rejected(tracked, "too small")
    bench.store.is_away = False
    bench.registry.catch_up()
    assert bench.row(tracked).state is State.RELEASED
    assert bench.registry.ledger.audit() == []


# Restarts


def test_the_next_run_takes_up_what_has_no_end(bench):
    lost = bench.registry.open_entry(entry(), funds())
    bound = bench.registry.open_entry(entry(), funds())
    bench.registry.report(bound, order(number="EX-7"))
    again = bench.new_run()
    again.catch_up()
    assert [tracked.client_order_id for tracked in again.unresolved()] == [lost.client_order_id]
    again.answered("ETH/USDT", "EX-7", order("closed", 1, 100, "EX-7"))
    assert bench.row(bound).state is State.COMMITTED
    assert again.ledger.audit() == []


def test_a_recovered_order_knows_what_was_sent(bench):
    bench.registry.open_entry(entry("0.5", "200"), funds())
    again = bench.new_run()
    again.catch_up()
    terms = again.unresolved()[0].terms
    assert (terms.amount, terms.price, terms.purpose) == (D("0.5"), D(200), Purpose.ENTRY)


def test_an_order_that_nobody_looks_at_is_asked_for_by_us(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.report(tracked, order())
    assert bench.registry.unwatched() == [], "its reply has just come"
    bench.registry.answered("ETH/USDT", "EX-1", order())
    assert bench.registry.unwatched() == []
    bench.clock.advance(UNWATCHED_SECONDS)
    assert bench.registry.unwatched() == []
    bench.clock.advance(0.1)
    assert bench.registry.unwatched() == [tracked]
    bench.registry.answered("ETH/USDT", "EX-1", order())
    assert bench.registry.unwatched() == []
    bench.registry.check_soon(tracked)
    assert bench.registry.unwatched() == [tracked]


def test_an_order_that_has_ended_is_kept_for_corrections_for_ten_minutes(bench):
    ended, goes_on = [bench.registry.open_entry(entry(), funds()) for _ in range(2)]
    bench.registry.report(ended, order("closed", 1, 100))
    bench.registry.report(goes_on, order(number="EX-2"))
    bench.clock.advance(599.9)
    bench.registry.catch_up()
    assert bench.registry.find("ETH/USDT", "EX-1") is ended
    bench.clock.advance(0.1)
    bench.registry.catch_up()
    assert bench.registry.find("ETH/USDT", "EX-1") is None
    assert bench.registry.find("ETH/USDT", "EX-2") is goes_on


def test_orders_rest_by_purpose_and_wait_by_pair(bench):
    lost, bound = [bench.registry.open_entry(entry(), funds()) for _ in range(2)]
    leaving = bench.registry.open_exit(exit_())
    assert bench.registry.resting(Purpose.ENTRY) == []
    bench.registry.report(bound, order(number="EX-1"))
    bench.registry.report(leaving, order(number="EX-2"))
    assert bench.registry.resting(Purpose.ENTRY) == [bound]
    assert bench.registry.resting(Purpose.EXIT) == [leaving]
    assert bench.registry.unresolved() == bench.registry.unresolved("ETH/USDT") == [lost]
    assert bench.registry.unresolved("BTC/USDT") == []
    bench.registry.report(bound, order("canceled", number="EX-1"))
    assert bench.registry.resting(Purpose.ENTRY) == []


def test_from_when_a_reply_was_lost_first_counts_how_long_it_may_arrive(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    assert not bench.registry.is_late(tracked)
    bench.registry.lost(tracked)
    bench.clock.advance(LATE_SECONDS)
    bench.registry.lost(tracked)
    assert bench.registry.is_late(tracked)
    bench.clock.advance(0.1)
    assert not bench.registry.is_late(tracked)


# Orders without a trade


def test_a_pair_with_an_order_that_freqtrade_does_not_know_waits_until_it_is_forgiven(bench):
    tracked = bench.registry.open_entry(entry(), funds())
    bench.registry.block_pair(tracked)
    assert bench.registry.blocking_order("ETH/USDT") is tracked
    assert bench.registry.blocking_order("BTC/USDT") is None
    bench.registry.unblock_pair("BTC/USDT")
    assert bench.registry.blocking_order("ETH/USDT") is tracked
    bench.registry.unblock_pair("ETH/USDT")
    assert bench.registry.blocking_order("ETH/USDT") is None


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_only_another_order_that_blocks_a_pair_is_stored_anew(bench, names):
    stored = []

    class Stored:
        def block(self, pair, client_order_id, at):
            stored.append(client_order_id)

        def unblock(self, pair):
            stored.append(f"not {pair}")

    registry = bench.registry
    bench.ids = iter(names)
    registry._blocked_pairs = Stored()
    first, second = [registry.open_entry(entry(), funds()) for _ in range(2)]
    for tracked in (first, first, second):
        registry.block_pair(tracked)
    assert stored == list(names)
    assert registry.blocking_order("ETH/USDT") is second
    registry.unblock_pair("BTC/USDT")
    registry.unblock_pair("ETH/USDT")
    registry.unblock_pair("ETH/USDT")
    assert stored == [*names, "not ETH/USDT"]


class Forgetful(MemoryStore):
    """A store that does one thing as it is told and does not say so."""

    loses = ""

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name != super().__getattribute__("loses"):
            return found

        def done_and_lost(*args):
            self.loses = ""
            found(*args)
            raise LedgerUnavailable("The connection was cut.")

        return done_and_lost


@pytest.mark.parametrize("step", ["reserve", "move"])
def test_what_was_written_although_the_ledger_seemed_away_is_let_go_when_it_is_back(step):
    bench = Bench(Forgetful())
    bench.store.loses = step
    denied = bench.registry.open_entry(entry(), funds())
    assert denied.code is DenialCode.LEDGER_UNAVAILABLE
    (row,) = bench.registry.ledger.unfinished()
    assert row.amount == 100
    bench.registry.catch_up()
    assert bench.registry.ledger.unfinished() == []
    assert bench.registry.ledger.audit() == []
    assert not bench.registry.unresolved()


def test_a_recovered_futures_order_knows_its_leverage_and_its_tag(bench):
    terms = margin_terms(
        "ETH/USDT:USDT",
        "buy",
        Purpose.ENTRY,
        D(2),
        D(100),
        fee_rate=D(0),
        leverage=D(4),
        tag="breakout, strong",
    )
    bench.registry.open_entry(terms, funds())
    again = bench.new_run()
    again.catch_up()
    found = again.unresolved()[0].terms
    assert (found.leverage, found.tag) == (4, "breakout, strong")
