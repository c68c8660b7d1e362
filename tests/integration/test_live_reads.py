"""When a live bot asks for its balance, how long it waits, and what its threads may do."""

import sqlite3
import time
from contextlib import closing, contextmanager
from decimal import Decimal
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.store import BelievedBalances
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS, WaitBudget
from freqtrade_balance_guard.events import BalanceChangedExternally, BalanceRead, EventHub
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.orders.order_tracker import OrderTracker
from freqtrade_balance_guard.integration.wallets.live_balances import LiveBalances
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.orders.bot_loop import Loop, current_loop
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.subscribers import BookOrders
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.memory_store import MemoryStore


WALL = ManualClock().wall()


class SlowExchange:
    """Two requests for a balance, each as long as it is said, or until the deadline."""

    def __init__(self, clock):
        self._clock = clock
        self.free, self.seconds_per_request = 1000.0, 0.0
        self.reads = 0
        self._deadline = None

    @contextmanager
    def connection(self, deadline):
        """What ``GuardClient`` is for an exchange of freqtrade's."""
        self._deadline = deadline
        yield self

    def get_balances(self):
        self.reads += 1
        for _ in range(2):
            allowed = self._deadline.seconds_left
            self._clock.advance(min(self.seconds_per_request, allowed))
            if self.seconds_per_request > allowed:
                raise TimeoutError("no answer")
        self.while_it_answers()
        return {"USDT": {"free": self.free, "used": 0.0, "total": self.free}}

    def while_it_answers(self):
        """What happens meanwhile."""


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def exchange(clock):
    return SlowExchange(clock)


def live_balances(exchange, clock, store=None):
    reader = BalanceReader(exchange, clock, lambda: {"USDT"})
    waits = WaitBudget(clock, EXIT_WAIT_SECONDS)
    live = LiveBalances(BalanceBook(30.0), reader, store, "USDT", 60, clock, waits)
    live.may_exit = lambda: True
    return live


@pytest.fixture
def live(clock, exchange):
    live = live_balances(exchange, clock)
    live.refresh_for_entry()
    clock.advance(100)
    return live


@contextmanager
def loop():
    token = current_loop.set(Loop())
    try:
        yield
    finally:
        current_loop.reset(token)


def events(live):
    seen = []
    live.hub.subscribe(seen.append)
    return seen


@pytest.mark.parametrize("seconds_per_request", [0.5, 0.69, 0.71, 1.0, 1.3, 1.5, 15.0])
def test_reads_keep_an_exit_waiting_for_three_seconds_at_most(
    live, clock, exchange, seconds_per_request
):
    exchange.seconds_per_request = seconds_per_request
    live.touched()
    with loop():
        # The exit becomes due just when the loop has begun to read for an entry.
        due = clock.monotonic()
        live.refresh_for_entry()
    with loop():
        live.refresh_for_exit()
        live.refresh_for_exit()
        live.refresh_for_exit()
    assert clock.monotonic() - due <= 3.0


def test_a_quick_exchange_is_asked_in_front_of_every_exit(live, exchange):
    exchange.seconds_per_request = 0.1
    before = exchange.reads
    with loop():
        for _ in range(5):
            live.refresh_for_exit()
    assert exchange.reads - before == 5


def test_a_thread_of_the_api_is_shown_what_is_believed_and_asks_at_most_hourly(
    live, clock, exchange
):
    live.touched()
    before = exchange.reads
    live.refresh_if_changed()
    assert exchange.reads == before
    clock.advance(3600)
    live.refresh_if_changed()
    live.refresh_if_changed()
    assert exchange.reads == before + 1


class Orders:
    """Orders of the bot whose balances these are, on their way to its book."""

    def __init__(self, live, clock):
        ledger = ReservationLedger(
            MemoryStore(), bot="one", account="main", process="one-1", clock=clock
        )
        self.registry = OrderRegistry(
            ledger, hub=EventHub(), new_id=lambda: "bg1", ask=None, clock=clock, wait=clock.advance
        )
        self.registry.book = BookOrders(live.book, lambda pair: 0, clock, live.has_learnt)

    def place(self, cost):
        """An order for ADA at 1 USDT that is accepted as order 1."""
        tracked = self.registry.open_entry(
            spot_terms(
                "ADA/USDT", "buy", Purpose.ENTRY, Decimal(cost), Decimal(1),
                is_market=False, fee_rate=Decimal(0),
            ),
            None,
        )  # fmt: skip
        self.registry.report(tracked, {"id": "1"})

    def fill(self, cost):
        answer = {"id": "1", "filled": cost, "cost": cost, "status": "closed"}
        self.registry.answered("ADA/USDT", "1", answer)


@pytest.fixture
def orders(live, clock):
    return Orders(live, clock)


def test_an_answer_that_knew_of_an_order_before_the_book_did_is_not_taken_for_a_theft(
    live, orders, clock, exchange
):
    seen = events(live)
    # Another thread's read: the order is filled, and its reply is still on the way to us.
    with live.sending():
        exchange.free = 600.0
        live.refresh_for_exit()
        orders.place(400)
    assert [type(event) for event in seen] == [BalanceRead]
    assert live.spendable() == 600
    orders.fill(400)
    clock.advance(1)
    live.refresh_for_exit()
    assert live.verdict() is Verdict.CONFIRMED
    assert live.spendable() == 600
    assert not [event for event in seen if isinstance(event, BalanceChangedExternally)]


def test_an_answer_that_was_asked_for_before_an_order_and_came_after_it_is_dropped(
    live, orders, exchange
):
    def meanwhile():
        with live.sending():
            orders.place(400)

    exchange.while_it_answers = meanwhile
    live.refresh_for_exit()
    assert live.spendable() == 600


def test_the_fee_of_an_order_that_only_its_trades_tell_is_known(live, orders):
    orders.place(400)
    orders.fill(400)
    fees = [{"currency": "BNB", "cost": 0.1}]
    half = {"amount": 200.0, "cost": 200.0}
    orders.registry.traded("ADA/USDT", "1", [{**half, "fee": fees[0]}, {**half, "fees": fees}])
    orders.registry.traded("ADA/USDT", "9", [{**half, "fee": fees[0]}])
    assert live.book.orders.may_cost_fees("USDT", since=0) is False
    assert live.book.expected("ADA").total == 400
    assert [flow.amount for flow in live.book._accounts["BNB"].flows] == [Decimal("-0.2")]


def test_trades_with_unreadable_numbers_stand_in_nobodys_way(orders, caplog):
    orders.place(400)
    watch = OrderTracker(SimpleNamespace(live=None), orders.registry)
    watch.traded("ADA/USDT", "1", [{"amount": "rubbish", "cost": 1}])
    watch.traded("ADA/USDT", "1", [])
    assert "The trades of order 1 cannot be read" in caplog.text


# On disk


def test_what_is_believed_is_written_once_per_loop_and_only_if_it_changed(
    tmp_path, clock, exchange
):
    path = tmp_path / "guard.sqlite"
    store = BelievedBalances(path, "main")
    live = live_balances(exchange, clock, store)
    live.keep()
    assert not path.exists() or store.load(WALL) == {}
    with loop():
        live.refresh_for_exit()
        assert store.load(WALL) == {}
    live.keep()
    assert BelievedBalances(path, "main").load(WALL) == {"USDT": Decimal(1000)}
    # An own order counts before anybody read the balance again.
    orders = Orders(live, clock)
    orders.place(400)
    orders.fill(400)
    live.keep()
    assert BelievedBalances(path, "main").load(WALL)["USDT"] == 600


def test_a_database_that_is_busy_costs_the_loop_a_tenth_of_a_second(tmp_path, clock, exchange):
    path = tmp_path / "guard.sqlite"
    store = BelievedBalances(path, "main")
    live = live_balances(exchange, clock, store)
    live.refresh_for_exit()
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        live.keep()
        live.keep()
        assert time.monotonic() - began < 2
        other.rollback()


def test_a_file_that_was_deleted_is_not_made_anew_in_front_of_the_ledgers(
    tmp_path, clock, exchange
):
    path = tmp_path / "guard.sqlite"
    store = BelievedBalances(path, "main")
    live = live_balances(exchange, clock, store)
    live.refresh_for_exit()
    live.keep()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    live.refresh_for_exit()
    orders = Orders(live, clock)
    orders.place(400)
    live.keep()
    assert not path.exists()
