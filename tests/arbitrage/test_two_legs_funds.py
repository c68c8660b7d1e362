"""What may be spent on a venue: a balance that lags, one that is none, and other bots."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.planning.funds import VenueFunds
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.errors import UnreadableBalance
from freqtrade_balance_guard.ledger import Funds, Request, ReservationLedger, Reserved
from freqtrade_balance_guard.money import ZERO, Money
from tests.support.arbitrages import World
from tests.support.ledger import postgres_server, server_folder
from tests.support.venue import FILLS, REJECTED, Fate


D = Decimal


def lagging(world):
    """The balances of "here" stay what they were."""
    stale = dict(world.here.money)
    world.here.balances = lambda: stale


def with_purse(world, settle_seconds):
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=settle_seconds)
    world.executor._context.funds[world.here.account] = purse.read
    return purse


def test_a_balance_that_lags_behind_a_fill_is_not_spent_twice(make):
    world = make(money_here={"COIN": D(1), "USDT": D(150)})
    with_purse(world, 30)
    lagging(world)
    assert world.go().state is ArbitrageState.HEDGED
    denied = world.go()
    assert (denied.code, denied.numbers["available"]) == ("insufficient_available", D("49.9"))


def test_without_that_it_would_be(make):
    world = make(money_here={"COIN": D(1), "USDT": D(150)})
    with_purse(world, 0)
    lagging(world)
    assert world.go().state is ArbitrageState.HEDGED
    assert not hasattr(world.go(), "code"), "the ledger let it through: nothing but the lag is told"


def test_a_balance_that_does_not_lag_is_counted_once(make):
    world = make(money_here={"COIN": D(1), "USDT": D(310)})
    with_purse(world, 30)
    for _ in range(3):
        assert world.go().state is ArbitrageState.HEDGED
    assert world.go().code == "insufficient_available"
    world.check()


def test_what_comes_from_outside_counts_when_all_of_our_own_has_settled(make):
    world = make(money_here={"COIN": D(1), "USDT": D(150)})
    purse = with_purse(world, 30)
    assert world.go().state is ArbitrageState.HEDGED
    world.here.money["USDT"] += D(100)
    for seconds, spendable in ((0, "49.9"), (31, "49.9"), (29, "49.9"), (1, "149.9")):
        world.clock.advance(seconds)
        assert purse.read(["USDT"])["USDT"].spendable == D(spendable)


def test_a_fill_that_the_balance_showed_before_the_ledger_knew_it_counts_once(make):
    world = make()
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=30)
    other = ReservationLedger(
        world.ledger.store, bot="other", account="account of here", process="p", clock=world.clock
    )
    request = Request("theirs", "account of here", "COIN/USDT", "buy", "USDT", D(60), None)
    assert isinstance(other.reserve(request), Reserved)
    other.send("theirs")
    other.bind("theirs", "EX-theirs")
    world.clock.advance(31)
    world.here.money["COIN"] += 1  # it has filled, and its owner has not said so yet
    assert purse.read(["COIN"])["COIN"].spendable == 11
    other.commit("theirs", D(60), received=Money(D(1), "COIN"))
    world.here.money["COIN"] += 5
    assert purse.read(["COIN"])["COIN"].spendable == 11


def test_what_leaves_counts_at_once(make):
    world = make(money_here={"COIN": D(1), "USDT": D(250)})
    purse = with_purse(world, 30)
    assert world.go().state is ArbitrageState.HEDGED
    world.here.money["USDT"] -= D(100)
    assert purse.read(["USDT"])["USDT"].spendable == D("49.9")


def test_what_a_sale_brought_is_spent_when_both_the_ledger_and_the_balance_say_so(make):
    world = make(first="sell", money_there={"COIN": D(10), "USDT": D(0)})
    purse = VenueFunds(world.there, world.ledger, world.clock)
    assert purse.read(["USDT"])["USDT"].spendable == 0
    stale = dict(world.there.money)
    assert world.go().state is ArbitrageState.HEDGED
    told = world.there.balances()["USDT"]
    assert told > 100
    assert purse.read(["USDT"])["USDT"].spendable == told
    world.there.balances = lambda: stale
    assert purse.read(["USDT"])["USDT"].spendable == 0


def test_a_restart_knows_what_may_not_be_shown_yet(make):
    world = make(money_here={"COIN": D(1), "USDT": D(150)})
    with_purse(world, 30)
    lagging(world)
    world.go()
    world.start()
    with_purse(world, 30)
    assert world.go().code == "insufficient_available"


def test_right_after_a_restart_the_engine_may_spend_what_the_slow_way_may(make):
    world = make(money_here={"COIN": D(1), "USDT": D(350)})
    with_purse(world, 30)
    assert world.go().state is ArbitrageState.HEDGED
    world.start()
    purse = with_purse(world, 30)
    with pytest.raises(UnreadableBalance, match="not read lately"):
        purse.believed(["USDT"])
    read = purse.read(["USDT"])["USDT"]
    believed = purse.believed(["USDT"])["USDT"]
    assert (believed.spendable, believed.since) == (read.spendable, read.since)
    # What was just bought is subtracted, whether the balance shows it or not.
    assert world.go().state is ArbitrageState.HEDGED
    assert world.go().code == "insufficient_available"
    world.check()


@pytest.mark.parametrize("free", [D("NaN"), D("Infinity"), D(-1), 5.0, None])
def test_a_number_that_is_none_is_no_balance(make, free):
    world = make()
    world.here.balances = lambda: {"USDT": free}
    with pytest.raises(UnreadableBalance):
        with_purse(world, 30).read(["USDT"])
    denied = world.go()
    assert denied.code == "balance_unreadable" and world.rows() == []


def test_a_floor_is_never_spent(make):
    world = make()
    purse = VenueFunds(world.here, world.ledger, world.clock, floors={"USDT": D(7)})
    assert purse.read(["USDT"])["USDT"].floor == D(7)


def test_what_another_bot_holds_is_said_to_be_its(make):
    world = make(money_here={"COIN": D(1), "USDT": D(150)})
    other = ReservationLedger(
        world.ledger.store, bot="other", account="x", process="p", clock=world.clock
    )
    request = Request(
        *("theirs", "account of here", "COIN/USDT", "buy", "USDT", D(60), Funds(D(150), ZERO))
    )
    assert isinstance(other.reserve(request), Reserved)
    denied = world.go()
    assert (denied.code, denied.venue) == ("reserved_by_others", "here")
    assert "other bots hold 60 USDT" in denied.sentence


@pytest.fixture(scope="module")
def postgres():
    """The address of a real server."""
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


@pytest.mark.parametrize(
    ("here", "there", "policy", "state"),
    [
        (FILLS, FILLS, "hold", ArbitrageState.HEDGED),
        (REJECTED, FILLS, "unwind", ArbitrageState.UNHEDGED),
        (Fate(lost=True), Fate(fills=D("0.4")), "complete", ArbitrageState.UNHEDGED),
    ],
)
def test_the_same_on_postgresql(postgres, tmp_path, here, there, policy, state):
    from freqtrade_balance_guard.ledger.opening import open_store

    world = World(lambda: open_store(postgres), tmp_path, here=[here], there=[there], policy=policy)
    for venue in world.venues:
        venue.name_of_ids = f"{venue.name}-{policy}"
    assert world.go().state is state
    world.work(30)
    assert world.executor.exposures() == []
    assert world.ledger.unfinished() == []
    world.close()


def test_what_cannot_be_paid_leaves_nothing_in_the_ledger_however_often_it_comes(make):
    world = make(money_here={"COIN": D(1), "USDT": D(50)})
    for _ in range(5):
        denied = world.go()
        assert denied.code == "insufficient_available"
        assert denied.numbers["needed"] == D("100.1")
    assert world.ledger.mark() == 0
