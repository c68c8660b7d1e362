"""What a dead bot has left is asked for by exactly one of the bots that are alive."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger, State
from freqtrade_balance_guard.orders.lookup_result import LATE_SECONDS, NotFound, Uncertain
from freqtrade_balance_guard.orders.registry import UNWATCHED_SECONDS, OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.ledger import MemoryStore


D = Decimal
HEARTBEAT_TIMEOUT = 20.0


class Account:
    """Several bots on one account; the exchange answers nothing unless the test says."""

    def __init__(self, dead="dead"):
        self.dead = dead
        self.store, self.clock, self.runs = MemoryStore(), ManualClock(), iter(range(100))
        self.answer = Uncertain("silence")

    def start(self, bot, run=None):
        process = f"{bot}-{next(self.runs) if run is None else run}"
        ledger = ReservationLedger(
            self.store, bot=bot, account="kraken", process=process,
            clock=self.clock, heartbeat_timeout=HEARTBEAT_TIMEOUT,
        )  # fmt: skip
        numbers = iter(range(100))
        registry = OrderRegistry(
            ledger, hub=EventHub(), new_id=lambda: f"{bot}-{next(numbers)}",
            ask=lambda tracked, deadline: self.answer, clock=self.clock, wait=self.clock.advance,
        )  # fmt: skip
        ledger.heartbeat()
        registry.catch_up()
        return registry

    def pass_by(self, *alive):
        """Time in which only these bots give signs of life; what each has to ask for then."""
        for _ in range(int(HEARTBEAT_TIMEOUT) + 2):
            self.clock.advance(1)
            for registry in alive:
                registry.ledger.heartbeat()
                registry.left_by_dead_bots()
        return [registry.left_by_dead_bots() for registry in alive]


@pytest.fixture(params=["dead", "without life"])
def account(request):
    """Whose name comes first makes no difference."""
    return Account(request.param)


def lose_an_entry(registry):
    terms = spot_terms("A/USDT", "buy", Purpose.ENTRY, D(1), D(100), is_market=False, fee_rate=D(0))
    tracked = registry.open_entry(terms, Funds(D(1000), D(0), since=0))
    registry.lost(tracked)
    return tracked.client_order_id


def ids(tracked_orders):
    return [tracked.client_order_id for tracked in tracked_orders]


def test_exactly_one_living_bot_asks_for_what_a_dead_one_has_left(account):
    left = lose_an_entry(account.start(account.dead))
    two, three = account.start("two"), account.start("three")
    asked = account.pass_by(two, three)
    assert sorted(map(ids, asked)) == [[], [left]]


def test_the_one_that_has_claimed_it_settles_it(account):
    left = lose_an_entry(account.start(account.dead))
    two = account.start("two")
    ((tracked,),) = account.pass_by(two)
    account.answer = NotFound()
    for _ in range(int(LATE_SECONDS) + 2):
        account.clock.advance(1)
        two.waits.renew()
        two.lookups.check(tracked)
    assert two.ledger.find(left).state is State.RELEASED
    assert two.left_by_dead_bots() == []


def test_what_rests_is_asked_for_again_after_a_while(account):
    lose_an_entry(account.start(account.dead))
    two = account.start("two")
    ((tracked,),) = account.pass_by(two)
    two.report(tracked, {"id": "EX-1", "status": "open", "filled": 0})
    assert two.left_by_dead_bots() == []
    account.clock.advance(UNWATCHED_SECONDS)
    assert two.left_by_dead_bots() == []
    account.clock.advance(0.1)
    assert two.left_by_dead_bots() == [tracked]


def test_a_restart_goes_on_with_what_was_claimed(account):
    left = lose_an_entry(account.start(account.dead))
    account.pass_by(account.start("two"))
    assert ids(account.start("two").left_by_dead_bots()) == [left]


def test_what_a_living_bot_has_under_way_is_its_own_business(account):
    one, two = account.start("one"), account.start("two")
    lose_an_entry(one)
    assert account.pass_by(one, two) == [[], []]


def test_it_is_no_order_of_the_bot_that_settles_it(account):
    lose_an_entry(account.start(account.dead))
    two = account.start("two")
    ((tracked,),) = account.pass_by(two)
    two.report(tracked, {"id": "EX-1", "status": "open", "filled": 0})
    assert two.find("A/USDT", "EX-1") is None
    assert two.unresolved() == []
    assert two.unwatched() == []


def test_what_earlier_runs_have_left_is_read_once(account, monkeypatch):
    two = account.start("two")
    for name in ("unfinished", "owned"):
        monkeypatch.setattr(two.ledger, name, None)
    two.catch_up()


@pytest.mark.parametrize("earlier", ["a", "z"])
def test_what_an_earlier_run_has_left_is_resumed_whatever_its_name(account, earlier):
    left = lose_an_entry(account.start("two", earlier))
    assert ids(account.start("two", "m").unresolved()) == [left]
