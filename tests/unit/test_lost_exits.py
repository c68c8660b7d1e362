"""A new exit while the outcome of an earlier one is unknown: waits, goes on, sells what is left."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import TemporaryError

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.orders import lost_exits
from freqtrade_balance_guard.integration.orders.lost_exits import LostExits
from freqtrade_balance_guard.ledger import LedgerUnavailable, ReservationLedger
from freqtrade_balance_guard.orders.events import ExitUnresolved
from freqtrade_balance_guard.orders.lookup_result import (
    EXIT_LATE_SECONDS,
    Found,
    NotFound,
    Uncertain,
)
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.ledger import MemoryStore


D = Decimal
ETH, BTC = "ETH/USDT", "BTC/USDT"


class Bench:
    """A spot bot with 5 ETH, whose exchange answers what the test says."""

    def __init__(self):
        self.clock, self.events = ManualClock(), []
        self.answers, self.asked, self.cancelled = {}, [], []
        self.others = D(0)
        ledger = ReservationLedger(
            MemoryStore(), bot="one", account="kraken", process="one-1", clock=self.clock
        )
        ids = iter(f"id-{number}" for number in range(100))
        hub = EventHub()
        hub.subscribe(self.events.append)
        self.registry = OrderRegistry(
            ledger, hub=hub, new_id=lambda: next(ids), ask=self.ask, clock=self.clock,
            wait=self.clock.advance,
        )  # fmt: skip
        self.book = BalanceBook(window=30.0)
        self.reads = []
        live = SimpleNamespace(book=self.book, refresh_for_exit=self.read)
        rules = SimpleNamespace(smallest_order_amount=lambda price: D("0.1"))
        self.wallets = SimpleNamespace(live=live, market_rules=lambda pair: rules)
        funding = SimpleNamespace(owned_by_other_bots=self.owned_by_others)
        self.lost = LostExits(self.wallets, self.registry, funding, client=None)
        self.shows("5")

    def owned_by_others(self, currency):
        if self.others is None:
            raise LedgerUnavailable("away")
        return self.others

    def read(self, *, is_urgent, reason):
        self.reads.append(reason)

    def shows(self, free):
        self.clock.advance(1)
        holdings = {"ETH": Holding(D(free)), "USDT": Holding(D(0))}
        self.book.accept(Snapshot(holdings, self.clock.monotonic(), self.clock.wall()))

    def ask(self, tracked, deadline):
        self.asked.append(tracked.client_order_id)
        return self.answers.get(tracked.client_order_id, Uncertain("silence"))

    def lose(self, purpose=Purpose.EXIT, amount="1", price="100", pair=ETH, side="sell"):
        terms = spot_terms(pair, side, purpose, D(amount), D(price), is_market=False, fee_rate=D(0))
        tracked = self.registry.open_exit(terms)
        self.registry.lost(tracked)
        return tracked

    def cancel(self, client, order_id, pair, *, deadline, is_stop=False):
        self.cancelled.append(order_id)


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    monkeypatch.setattr(lost_exits, "cancel_known", bench.cancel)
    return bench


def exit_(amount=1.0, rate=100.0, pair=ETH):
    return {"pair": pair, "amount": amount, "rate": rate, "side": "sell"}


def found(number="EX-1", status="open", filled=0):
    return Found({"id": number, "status": status, "filled": filled, "cost": filled * 100})


def earlier(bench, order=None, purpose=Purpose.EXIT):
    return bench.lost.earlier(order or exit_(), purpose)


# Proof within the budget


def test_an_exit_that_is_found_is_handed_over_instead_of_a_second_one(bench):
    tracked = bench.lose()
    bench.answers[tracked.client_order_id] = found()
    assert earlier(bench) == (tracked, found().order)
    assert tracked.order_id == "EX-1"
    assert bench.registry.unclaimed == []


def test_an_exit_that_was_filled_meanwhile_is_handed_over_as_well(bench):
    tracked = bench.lose()
    bench.answers[tracked.client_order_id] = found(status="closed", filled=1)
    assert earlier(bench)[0] is tracked


def test_an_exit_that_ended_without_a_fill_is_no_exit(bench):
    tracked = bench.lose()
    bench.answers[tracked.client_order_id] = found(status="canceled")
    assert earlier(bench) is None


@pytest.mark.parametrize(
    ("amount", "is_same"),
    [(1.0, True), (1.0099, True), (0.9901, True), (1.02, False), (0.9, False)],
)
def test_the_same_amount_up_to_rounding_makes_it_the_same_exit(bench, amount, is_same):
    tracked = bench.lose()
    bench.answers[tracked.client_order_id] = found()
    assert (earlier(bench, exit_(amount)) is not None) is is_same
    # Another one is left to freqtrade's search.
    assert [one for one, _ in bench.registry.unclaimed] == ([] if is_same else [tracked])


def test_a_new_exit_waits_for_proof_as_long_as_the_budget_and_goes_on(bench):
    tracked = bench.lose()
    began = bench.clock.monotonic()
    assert earlier(bench) is None
    waited = bench.clock.monotonic() - began
    assert 1 < waited <= EXIT_WAIT_SECONDS
    assert tracked.is_given_up
    assert bench.events[-1] == ExitUnresolved(ETH, tracked.client_order_id)


def test_it_waits_once_and_not_again_in_every_loop(bench):
    bench.lose()
    earlier(bench)
    bench.registry.waits.renew()
    began, asked = bench.clock.monotonic(), len(bench.asked)
    assert earlier(bench) is None
    assert (bench.clock.monotonic(), len(bench.asked)) == (began, asked)


def test_twelve_lost_exits_wait_no_longer_than_one(bench):
    pairs = [f"C{number}/USDT" for number in range(12)]
    for pair in pairs:
        bench.lose(pair=pair)
    began = bench.clock.monotonic()
    for pair in pairs:
        assert earlier(bench, exit_(pair=pair)) is None
    assert bench.clock.monotonic() - began <= EXIT_WAIT_SECONDS


def test_an_exit_of_another_trade_never_waits_for_it(bench):
    bench.lose(pair=BTC)
    began = bench.clock.monotonic()
    assert earlier(bench) is None
    assert bench.clock.monotonic() == began
    assert bench.asked == []


def test_a_lost_entry_holds_up_no_exit(bench):
    tracked = bench.lose(purpose=Purpose.ENTRY, side="buy")
    assert earlier(bench) is None
    assert bench.asked == []
    assert not tracked.is_given_up


def test_a_given_up_exit_stays_lost_for_a_minute_and_is_found_by_housekeeping(bench):
    tracked = bench.lose()
    earlier(bench)
    bench.answers[tracked.client_order_id] = NotFound()
    bench.clock.advance(EXIT_LATE_SECONDS - 10)
    bench.registry.waits.renew()
    bench.registry.lookups.check(tracked)
    assert bench.registry.unresolved(ETH) == [tracked]
    bench.answers[tracked.client_order_id] = found()
    assert bench.registry.lookups.check(tracked) == found().order


# What may be sold meanwhile


def given_up(bench, **more):
    tracked = bench.lose(**more)
    earlier(bench)
    bench.registry.waits.renew()
    return tracked


@pytest.mark.parametrize(
    ("shown", "others", "left"),
    [("5", "0", 1.0), ("1", "0", 1.0), ("0.6", "0", 0.6), ("1.5", "0.9", 0.6), ("2", "1", 1.0)],
)
def test_no_more_is_sold_than_the_exchange_shows_less_what_other_bots_own(
    bench, shown, others, left
):
    given_up(bench)
    bench.others = D(others)
    bench.shows(shown)
    assert bench.lost.amount_left(exit_()) == pytest.approx(left)
    assert bench.reads == [], "the balance was read since"


@pytest.mark.parametrize(("shown", "others"), [("0", "0"), ("1", "1"), ("1", "2"), ("1", "0.95")])
def test_where_nothing_sellable_is_left_the_earlier_one_has_it(bench, shown, others):
    given_up(bench)
    bench.others = D(others)
    bench.shows(shown)
    with pytest.raises(TemporaryError, match="earlier exit"):
        bench.lost.amount_left(exit_())


def test_the_smallest_order_is_still_sold(bench):
    given_up(bench)
    bench.shows("0.1")
    assert bench.lost.amount_left(exit_()) == pytest.approx(0.1)


def test_a_balance_of_before_the_loss_is_read_anew(bench):
    given_up(bench)
    bench.lost.amount_left(exit_())
    assert bench.reads == ["exit_unresolved"]


def test_while_nothing_is_lost_an_exit_is_as_large_as_freqtrade_wants(bench):
    bench.shows("0")
    assert bench.lost.amount_left(exit_()) == 1.0
    given_up(bench, pair=BTC)
    assert bench.lost.amount_left(exit_()) == 1.0


def test_in_futures_and_dry_run_there_is_no_such_limit(bench):
    given_up(bench)
    bench.wallets.live = None
    assert bench.lost.amount_left(exit_()) == 1.0


def test_a_ledger_that_is_away_blocks_no_exit(bench):
    given_up(bench)
    bench.shows("0.6")
    bench.others = None
    assert bench.lost.amount_left(exit_()) == pytest.approx(0.6)


# Coins that a lost order holds


def test_after_insufficient_funds_a_given_up_exit_of_the_coin_is_asked_for_at_once(bench):
    tracked = given_up(bench)
    other = given_up(bench, pair=BTC)
    bench.answers[tracked.client_order_id] = found()
    bench.asked.clear()
    assert bench.lost.behind_rejection(exit_(), Purpose.EXIT) == (tracked, found().order)
    assert bench.asked == [tracked.client_order_id]
    assert other.order_id is None


def test_a_lost_stop_that_holds_the_coins_is_cancelled(bench):
    tracked = given_up(bench, purpose=Purpose.STOP, price="90")
    bench.answers[tracked.client_order_id] = found()
    assert bench.lost.behind_rejection(exit_(), Purpose.EXIT) is None
    assert bench.cancelled == ["EX-1"]


def test_a_stop_that_is_found_is_handed_to_the_next_stop_at_the_same_price(bench):
    tracked = bench.lose(purpose=Purpose.STOP, price="90")
    bench.answers[tracked.client_order_id] = found()
    assert earlier(bench, exit_(rate=90.5), Purpose.STOP)[0] is tracked
    assert bench.cancelled == []


@pytest.mark.parametrize("rate", [80.0, 95.0])
def test_a_stop_that_is_found_gives_way_to_one_at_another_price(bench, rate):
    tracked = bench.lose(purpose=Purpose.STOP, price="90")
    bench.answers[tracked.client_order_id] = found()
    assert earlier(bench, exit_(rate=rate), Purpose.STOP) is None
    assert bench.cancelled == ["EX-1"]
