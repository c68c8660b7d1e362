"""``arbitrage.breaker``: bad endings and losses stop new arbitrages, until ``resume``."""

from datetime import timedelta

import pytest

from freqtrade_balance_guard.arbitrage.events import BreakerResumed, BreakerTripped
from freqtrade_balance_guard.arbitrage.gate.breaker import why_tripped
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.arbitrage.store.breakers import BreakerRows, EndedArbitrage
from freqtrade_balance_guard.settings import BreakerSettings
from tests.support.arbitrages import D
from tests.support.venue import FILLS, REJECTED, Fate


OWNER = "account of here"


def rows_of(world):
    return BreakerRows(world.store, OWNER)


def is_stopped(result):
    return isinstance(result, ArbitrageDenied) and result.code is ArbitrageDenialCode.BREAKER


def unhedged(make, **breaker):
    """Sales are rejected; so much may be unhedged that only the breaker stops anything."""
    return make(there=[REJECTED] * 9, max_unhedged=10_000, breaker=breaker)


def test_without_a_setting_nothing_is_ever_stopped(make):
    world = unhedged(make)
    for _ in range(4):
        assert world.go().state is ArbitrageState.UNHEDGED
    assert rows_of(world).row().tripped_at is None


def test_after_so_many_bad_endings_none_begins_and_one_message_is_published(make):
    world = unhedged(make, losses=2)
    assert [world.go().state for _ in range(2)] == [ArbitrageState.UNHEDGED] * 2
    sent = len(world.here.orders)
    denied = world.go()
    assert is_stopped(denied) and "2 arbitrages ended badly" in denied.sentence
    assert is_stopped(world.go())
    assert len(world.here.orders) == sent
    assert [one.account for one in world.published(BreakerTripped)] == [OWNER]
    world.check()


def test_hedged_and_failed_ones_are_no_bad_endings(make):
    world = make(
        here=[FILLS, REJECTED, FILLS],
        there=[FILLS, REJECTED, FILLS],
        breaker={"losses": 1, "max_loss": 0.01},
    )
    states = [world.go().state for _ in range(3)]
    assert states == [ArbitrageState.HEDGED, ArbitrageState.FAILED, ArbitrageState.HEDGED]


def test_what_has_begun_before_is_repaired_all_the_same(make):
    world = make(here=[FILLS, FILLS], there=[REJECTED], policy="unwind", breaker={"losses": 1})
    assert world.go().state is ArbitrageState.UNHEDGED
    world.work(30)
    assert world.executor.exposures() == []
    assert is_stopped(world.go())
    world.check()


def test_it_is_stored_and_told_again_at_the_next_start(make):
    world = unhedged(make, losses=1)
    world.go()
    world.executor.close()
    world.events.clear()
    world.start()
    world.executor.work()
    assert is_stopped(world.go())
    assert len(world.published(BreakerTripped)) == 1


def test_resume_lets_arbitrages_begin_and_counts_anew(make):
    world = unhedged(make, losses=2)
    for _ in range(2):
        world.go()
    assert is_stopped(world.go())
    world.clock.advance(1)
    before = rows_of(world).resume(world.clock.wall())
    assert before.tripped_at is not None
    world.clock.advance(1)
    world.work(10)
    assert len(world.published(BreakerResumed)) == 1
    assert [world.go().state for _ in range(2)] == [ArbitrageState.UNHEDGED] * 2
    assert is_stopped(world.go())


def test_what_ended_before_the_window_no_longer_counts(make):
    world = unhedged(make, losses=2, window=600)
    world.go()
    world.clock.advance(601)
    world.work(5)
    assert [world.go().state for _ in range(2)] == [ArbitrageState.UNHEDGED] * 2
    assert is_stopped(world.go())


def test_once_stopped_the_end_of_the_window_lets_nothing_begin(make):
    world = unhedged(make, losses=1, window=60)
    world.go()
    world.clock.advance(3600)
    world.work(5)
    assert is_stopped(world.go())


def test_a_loss_is_counted_with_fees_repairs_and_open_exposures(make):
    # 1 COIN bought at 100 and sold back at 99, with a fee of 0.1 % each: 1.199 are lost each time.
    world = make(
        here=[FILLS] * 9,
        there=[REJECTED] * 9,
        policy="unwind",
        max_unhedged=10_000,
        breaker={"max_loss": 3},
    )
    ended = []
    while not is_stopped(result := world.go()):
        ended.append(result.state)
        world.work(30)
        assert len(ended) < 9
    assert len(ended) == 3
    lost = [one.profit for one in rows_of(world).ended("")]
    assert lost == [D("-1.199")] * 3
    assert "max_loss is 3" in result.sentence
    world.check()


def test_an_open_exposure_is_worth_what_it_is_worth_now(make):
    world = unhedged(make, max_loss=50)
    world.go()
    assert rows_of(world).ended("")[0].profit == D("-0.1")  # the fee
    world.here.price = D(40)
    world.work(60)
    ended = rows_of(world).ended("")
    assert ended[0].profit < -50
    assert is_stopped(world.go())


def test_one_partly_filled_sale_counts_its_part(make):
    world = make(there=[Fate(fills=D("0.5"))], max_unhedged=10_000, breaker={"losses": 1})
    world.go()
    (one,) = rows_of(world).ended("")
    # 100 paid, 55 received, half a coin at 100 left, fees of 0.1 and 0.055.
    assert one.profit == D("4.845") and one.has_opened
    assert is_stopped(world.go())


def test_another_accounts_endings_are_its_own(make):
    world = unhedged(make, losses=1)
    world.go()
    assert BreakerRows(world.store, "another").row().tripped_at is None
    assert BreakerRows(world.store, "another").ended("") == []


@pytest.mark.parametrize(
    ("settings", "profits", "word"),
    [
        ({"losses": 2}, ["-1", "5"], None),
        ({"losses": 2}, ["-1", "5", "-0.01"], "ended badly"),
        ({"max_loss": 3}, ["-2", "-0.99"], None),
        ({"max_loss": 3}, ["-2", "-1"], "was lost"),
        ({"max_loss": 3}, ["-5", "4"], None),
        ({"losses": 9, "max_loss": 3}, ["-4"], "was lost"),
        ({}, ["-1000"], None),
    ],
)
def test_judging(settings, profits, word):
    ended = [EndedArbitrage(n, "", D(one), False) for n, one in enumerate(profits, 1)]
    why = why_tripped(BreakerSettings.model_validate(settings), ended)
    assert why is None if word is None else word in why


def test_the_thread_of_the_engine_asks_no_disk(make):
    world = unhedged(make, losses=1)
    world.go()
    world.store.rows = world.store.transaction = None
    assert is_stopped(world.go())
    world.clock.advance(timedelta(hours=1).total_seconds())
    assert is_stopped(world.go())
