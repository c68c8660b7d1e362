"""Exposures are counted and closed net, per coin and account; what no venue takes is dust."""

from dataclasses import replace
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.arbitrage.engine.exposure_groups import grouped
from freqtrade_balance_guard.arbitrage.engine.hedging import Hedging
from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding, HoldingMove, HoldingState
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, unhedged_value
from freqtrade_balance_guard.arbitrage.venue import MarketRules
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub
from tests.support.venue import FILLS, REJECTED, Fate


NOW = ManualClock().wall()
NEVER = lambda exposure: False  # noqa: E731


def exposure(number, net, venue="there", **more):
    known = {
        "id": number,
        "bot": "bot",
        "arbitrage_id": number,
        "base": "COIN",
        "net": D(net),
        "venue": venue,
        "account": f"account of {venue}",
        "pair": "COIN/USDT",
        "price": D(100),
        "other_venue": "here",
        "other_pair": "COIN/USDT",
        "other_price": D(100),
        "value": abs(D(net)) * 100,
        "marked_at": NOW,
        "opened_at": NOW,
        "doing": "just recorded",
    }
    return Exposure(**(known | more))


@pytest.mark.parametrize(
    ("exposures", "value"),
    [
        ([], 0),
        ([("0.5", "there"), ("0.25", "there")], 75),
        ([("0.5", "there"), ("-0.5", "there")], 0),
        ([("0.5", "there"), ("-0.2", "there")], 30),
        ([("0.5", "there"), ("-0.5", "here")], 100),
    ],
)
def test_what_is_unhedged_is_net_per_coin_and_account(exposures, value):
    found = [exposure(i, net, venue) for i, (net, venue) in enumerate(exposures)]
    assert unhedged_value(found) == value


def test_another_coin_covers_nothing_and_dust_does_not_count():
    found = [exposure(1, "0.5"), exposure(2, "-0.5", base="OTHER"), exposure(3, "7", is_dust=True)]
    assert unhedged_value(found) == 100


def opened(world, *exposures):
    for one in exposures:
        world.store.record_exposure(one)


def test_four_small_exits_add_up_to_one_order(make):
    """Each is worth 27.5 where 50 is the minimum."""
    world = make()
    world.there.market = MarketRules(D("0.01"), D("0.01"), D("0.01"), D(50), D("0.001"))
    for number in range(1, 5):
        opened(world, exposure(0, "-0.25", closes=True))
        world.work(20)
        bought = sum(kept.filled for kept in world.there.orders.values())
        assert bought == {1: D(0), 2: D("0.5"), 3: D("0.5"), 4: D(1)}[number]
    assert world.store.open_exposures("bot") == []
    assert [one.kind for one in world.arbitrages()] == [ArbitrageKind.CLOSE] * 2
    closed = [world.store.exposure(number) for number in range(1, 5)]
    assert {one.closed_how for one in closed} == {"closed with its trade on there"}


def test_a_partial_fill_closes_the_oldest_first(make):
    world = make()
    world.there.fates = [Fate(fills=D("0.6"))]
    opened(world, exposure(0, "-0.5", closes=True), exposure(0, "-0.5", closes=True))
    world.executor.work()
    first, second = world.store.exposure(1), world.store.exposure(2)
    assert not first.is_open and second.net == D("-0.4")
    world.work(30)
    assert world.store.open_exposures("bot") == []


def test_too_much_and_too_little_on_one_account_are_set_off_without_an_order(make):
    world = make(policy="hold")
    opened(world, exposure(0, "0.5"), exposure(0, "-0.3"))
    world.work(10)
    (left,) = world.store.open_exposures("bot")
    assert (left.id, left.net, left.value) == (1, D("0.2"), D(20))
    assert world.store.exposure(2).closed_how == "set off against exposure 1"
    assert not world.there.orders and world.arbitrages() == []


def test_the_coin_of_a_trade_is_not_set_off(make):
    world = make(policy="hold")
    object.__setattr__(world.executor._context, "is_with_trade", lambda one: one.net > 0)
    opened(world, exposure(0, "0.5"), exposure(0, "-0.3"))
    world.work(10)
    assert [one.net for one in world.store.open_exposures("bot")] == [D("0.5"), D("-0.3")]


@pytest.mark.parametrize("policy", ["hold", "unwind"])
def test_dust_is_listed_as_dust_and_blocks_no_new_arbitrage(make, policy):
    world = make(policy=policy, max_unhedged=0)
    world.there.market = MarketRules(D("0.001"), D("0.01"), D("0.05"), D(0), D("0.001"))
    opened(world, exposure(0, "0.01"))
    assert world.go().code == "unhedged"  # not looked at yet
    world.work(10)
    (dust,) = world.store.open_exposures("bot")
    assert dust.is_dust and dust.as_json(NOW)["is_dust"]
    assert world.go().state == "hedged"


def test_dust_that_has_grown_is_an_exposure_again_and_is_closed(make):
    world = make(policy="unwind", max_unhedged=0)
    world.there.market = MarketRules(D("0.01"), D("0.01"), D("0.05"), D(0), D("0.001"))
    opened(world, exposure(0, "0.03"))
    world.work(20)
    assert not world.there.orders
    opened(world, exposure(0, "0.03"))
    world.work(40)
    (kept,) = world.there.orders.values()
    assert (kept.order.side, kept.filled) == ("sell", D("0.06"))
    assert world.store.open_exposures("bot") == []


def test_what_only_the_user_can_end_is_touched_by_no_policy(make):
    world = make(policy="unwind")
    opened(world, exposure(0, "-0.5", is_for_user=True))
    world.work(60)
    (left,) = world.store.open_exposures("bot")
    assert "unhedged resolve" in left.doing
    assert not world.there.orders
    assert world.go().code == "unhedged"


def test_groups_are_by_coin_account_direction_and_what_is_to_be_done():
    exposures = [
        exposure(1, "0.1"),
        exposure(2, "0.1"),
        exposure(3, "-0.1"),
        exposure(4, "0.1", venue="here"),
        exposure(5, "0.1", closes=True),
        exposure(6, "0.1", other_venue="third"),
        exposure(7, "0.1", is_for_user=True),
    ]
    together = [[m.id for m in g.members] for g in grouped(exposures, NEVER, by_other_venue=False)]
    assert together == [[1, 2, 6], [3], [4], [5], [7]]
    apart = [[m.id for m in g.members] for g in grouped(exposures, NEVER, by_other_venue=True)]
    assert apart == [[1, 2], [3], [4], [5], [6], [7]]


def test_shares_are_given_to_the_oldest_first_and_never_more_than_there_is():
    (group,) = grouped([exposure(1, "-0.2"), exposure(2, "-0.3")], NEVER, by_other_venue=False)
    assert group.net == D("-0.5") and group.amount == D("0.5")
    assert group.shares(D("0.35")) == {1: D("0.2"), 2: D("0.15")}
    assert group.shares(D("0.1")) == {1: D("0.1")}
    assert group.shares(D(2)) == {1: D("0.2"), 2: D("0.3")}


def test_the_price_of_a_group_is_the_average_on_the_oldest_ones_market():
    (group,) = grouped(
        [
            exposure(1, "0.3", price=D("100.5")),
            exposure(2, "0.1", price=D("101.7")),
            exposure(3, "5", pair="COIN/EUR", price=D(80)),
        ],
        NEVER,
        by_other_venue=False,
    )
    assert group.price == D("100.8")  # (30.15 + 10.17) / 0.4


@pytest.mark.parametrize(
    ("shares", "is_final"), [("2", True), ("1.9", False), ("2.1", True)], ids=str
)
def test_only_shares_of_its_own_answer_that_are_final_may_be_sold(shares, is_final):
    holding = Holding("there", "account", "YES", D(shares), D(1), D(0), "USDC", NOW)
    held = HoldingState.HELD
    holdings = [
        holding.moved(HoldingMove.SETTLE),
        replace(holding, outcome="AYE", state=held),
        replace(holding, outcome="ZERO", state=held),
        holding,
    ]
    store = SimpleNamespace(holdings_of=lambda arbitrage: holdings)
    hedging = Hedging(SimpleNamespace(store=store, hub=EventHub()), None, None)
    outcome = exposure(1, "2", base="YES", pair="YES/USDC", other_pair="NO/USDC")
    assert hedging._is_final(outcome) is is_final
    assert hedging._is_final(exposure(1, "2")), "what is no outcome is final at once"


def test_unwind_and_complete_do_opposite_things(make):
    """Where one would pass for the other, the naked leg would double."""
    for policy, venue, side in (("unwind", "here", "sell"), ("complete", "there", "sell")):
        world = make(policy=policy, here=[FILLS], there=[REJECTED])
        world.go()
        world.work(5)
        orders = [(k.order.venue, k.order.side) for v in world.venues for k in v.orders.values()]
        assert orders[-1] == (venue, side) or orders == [("here", "buy"), (venue, side)]
        assert sum((v.net("COIN") for v in world.venues), D(0)) == 0
        assert world.store.open_exposures("bot") == []
