"""A request may arrive long after its reply was given up: nothing is doubled, nothing forgotten."""

from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.engine.legs import LOST_SECONDS, LegRun
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageKind
from tests.support.arbitrages import TWICE
from tests.support.venue import FILLS, REJECTED, Fate


# The client gives up after 10 s, as ccxt does; the exchange gets it later.
def late(seconds, **more):
    return Fate(throttled=10, arrives=seconds, **more)


@pytest.mark.parametrize("policy", ["hold", "unwind", "complete"])
@pytest.mark.parametrize("seconds", [2, 5, 30])
@pytest.mark.parametrize("late_one", ["here", "there"])
def test_an_order_that_arrives_late_is_one_order_and_no_false_exposure(
    make, first, policy, seconds, late_one
):
    fates = {"here": [FILLS], "there": [FILLS]} | {late_one: [late(seconds)]}
    world = make(first=first, policy=policy, **fates)
    for venue in world.venues:
        venue.late_seconds, venue.expiry_seconds = 10, None
    world.go()
    world.work(120)
    assert [len(venue.orders) for venue in world.venues] == [1, 1]
    (record,) = world.arbitrages()
    assert record.state is ArbitrageState.HEDGED
    assert world.store.open_exposures("bot") == []
    world.check()


@pytest.mark.parametrize("policy", ["hold", "unwind", "complete"])
def test_a_late_order_that_rests_is_cancelled_when_it_appears(make, first, policy):
    world = make(first=first, policy=policy, here=[late(60, fills=D(0))], there=[REJECTED])
    world.here.late_seconds, world.here.expiry_seconds = 10, None
    world.go()
    world.work(30)
    assert world.here.orders == {}
    world.work(90)
    (kept,) = world.here.orders.values()
    assert not kept.is_open
    world.check()


@pytest.mark.parametrize("policy", ["unwind", "complete"])
def test_nothing_is_unwound_or_completed_while_the_outcome_of_a_leg_is_not_proven(make, policy):
    world = make(policy=policy, here=[FILLS], there=[Fate(arrives=None)])
    world.there.late_seconds, world.there.expiry_seconds = 10, None
    world.go()
    world.work(600)
    assert len(world.here.orders) == 1 and not world.there.orders
    (running,) = world.executor.unresolved()
    assert [leg.is_lost for leg in running.legs] == [False, True]
    # Its money is not given out again, and no other arbitrage is begun.
    assert len([row for row in world.rows() if row.unfinished]) == 1
    assert world.go().code == "unhedged"


def test_where_requests_expire_not_found_is_proof_after_the_expiry(make):
    world = make(policy="unwind", here=[FILLS], there=[Fate(arrives=None)])
    world.there.late_seconds, world.there.expiry_seconds = 2, 13
    world.go()
    world.work(40)
    assert [one.kind for one in world.arbitrages()] == [
        ArbitrageKind.TWO_LEGS,
        ArbitrageKind.UNWIND,
    ]
    assert world.store.open_exposures("bot") == []
    world.check()


def test_where_they_do_not_it_is_asked_for_hours_with_growing_pauses_and_then_let_go(make):
    world = make(here=[FILLS], there=[Fate(arrives=None)])
    world.there.late_seconds, world.there.expiry_seconds = 10, None
    world.go()
    world.work(60)
    world.there.asked.clear()
    world.work(3600)
    assert 55 <= world.there.asked.count("look up") <= 65  # once a minute
    world.work(LOST_SECONDS)
    (exposure,) = world.store.open_exposures("bot")
    assert exposure.net == D(1)
    world.check()


def test_the_grace_counts_from_the_end_of_place(make):
    """12 s in ccxt's limiter, and the exchange gets it 1 s later: a grace of 10 s is not over."""
    world = make(here=[Fate(throttled=12, arrives=1.5)], there=[FILLS])
    world.here.late_seconds, world.here.expiry_seconds = 10, 10
    world.go()
    world.work(60)
    (record,) = world.arbitrages()
    assert record.state is ArbitrageState.HEDGED


def leg_placed_at(placed_at):
    return LegRun(order=None, sent_at=0.0, placed_at=placed_at)


@pytest.mark.parametrize(
    ("placed_at", "expiry", "asked_at", "outcome"),
    [
        (None, 5.0, (100, 102), "waits"),  # the request has not left yet
        (10.0, 5.0, (11, 12.5), "waits"),
        (10.0, 5.0, (19, 20.5), "rejected"),
        (10.0, 5.0, (20.5, 20.6), "waits"),  # said once
        (10.0, 20.0, (19, 20.5), "lost"),
        (10.0, 20.0, (19, 29.9), "lost"),
        (10.0, 20.0, (19, 30), "rejected"),
        (10.0, None, (19, 3600), "lost"),
        (10.0, None, (19, 10 + LOST_SECONDS), "rejected"),
    ],
)
def test_what_not_found_means(placed_at, expiry, asked_at, outcome):
    leg = leg_placed_at(placed_at)
    for now in asked_at:
        leg.not_found(now, 10.0, expiry)
    found = "rejected" if leg.rejected else "lost" if leg.is_lost else "waits"
    assert found == outcome
    assert TWICE == 1.0
