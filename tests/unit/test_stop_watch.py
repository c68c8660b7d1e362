"""A stop that is missing on the exchange."""

from datetime import UTC, datetime

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub, StopMissing, StopRestored
from freqtrade_balance_guard.monitoring.stop_watch import PATIENCE_SECONDS, StopWatch


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 30, tzinfo=UTC))


@pytest.fixture
def events() -> list:
    return []


@pytest.fixture
def watch(clock, events) -> StopWatch:
    return StopWatch(EventHub(events.append), clock)


def test_a_missing_stop_is_reported_once_and_its_return_once(watch, clock, events) -> None:
    for _ in range(8):
        watch.look(3, "BTC/USDT", is_protected=False)
        clock.advance(PATIENCE_SECONDS / 3)
    assert events == [StopMissing(3, "BTC/USDT", PATIENCE_SECONDS)]
    watch.look(3, "BTC/USDT", is_protected=True)
    watch.look(3, "BTC/USDT", is_protected=True)
    assert events[1:] == [StopRestored(3, "BTC/USDT", "its stop rests on the exchange again")]


def test_a_stop_that_comes_in_time_is_no_news(watch, clock, events) -> None:
    for protected in (False, True, False, True):
        watch.look(3, "BTC/USDT", is_protected=protected)
        clock.advance(PATIENCE_SECONDS - 1)
    assert events == []


def test_a_position_that_is_closed_ends_the_incident(watch, clock, events) -> None:
    watch.look(3, "BTC/USDT", is_protected=False)
    watch.look(4, "ETH/USDT", is_protected=False)
    clock.advance(PATIENCE_SECONDS)
    watch.look(3, "BTC/USDT", is_protected=False)
    watch.keep_only({4})
    assert [type(one) for one in events] == [StopMissing, StopRestored]
    assert events[1].how == "the position is closed"
    watch.keep_only(set())  # was never reported, so its end is not either
    assert len(events) == 2
