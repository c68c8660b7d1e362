"""Venues that cannot be reached: nobody waits for them, and they come later."""

import threading
import time
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import OperationalException

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.integration.arbitrage import venues as opening
from freqtrade_balance_guard.integration.arbitrage.venues import RETRY_SECONDS, Venues


@pytest.fixture
def exchange(monkeypatch):
    """What making a venue does: a list of outcomes, the last one for ever."""
    made = SimpleNamespace(outcomes=["a venue"], count=0, goes_on=threading.Event())

    def make_venue(name, settings, config, **more):
        made.count += 1
        outcome = made.outcomes[min(made.count, len(made.outcomes)) - 1]
        if outcome == "hangs":
            made.goes_on.wait(10)
            return "late venue"
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(opening, "make_venue", make_venue)
    monkeypatch.setattr(opening, "OPEN_SECONDS", 0.2)
    yield made
    made.goes_on.set()


@pytest.fixture
def clock():
    return ManualClock()


def venues_of(clock, own=None):
    settings = SimpleNamespace(venues={"there": SimpleNamespace(kind="exchange")})
    strategy = SimpleNamespace(custom_venues=lambda: own or {})
    return Venues(settings, {}, SimpleNamespace(bot="bot"), clock, strategy)


def until(condition, seconds=5.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_a_venue_that_answers_is_there_from_the_start(exchange, clock):
    venues = venues_of(clock)
    venues.open_all()
    assert venues["there"] == "a venue"
    assert exchange.count == 1


def test_the_start_does_not_wait_for_a_venue_that_hangs_and_it_comes_later(exchange, clock, caplog):
    exchange.outcomes = ["hangs"]
    venues = venues_of(clock)
    began = time.monotonic()
    venues.open_all()
    assert "has not answered yet" in caplog.text
    assert venues.get("there") is None
    assert "there" in venues
    assert time.monotonic() - began < 2
    exchange.goes_on.set()
    until(lambda: venues.get("there") == "late venue")
    assert exchange.count == 1


def test_one_that_refuses_is_asked_again_after_a_while_and_nobody_waits(exchange, clock):
    exchange.outcomes = [ConnectionError("away"), "a venue"]
    venues = venues_of(clock)
    venues.open_all()
    assert venues.get("there") is None
    assert exchange.count == 1
    clock.advance(RETRY_SECONDS)
    until(lambda: venues.get("there") == "a venue")
    assert exchange.count == 2


def test_a_name_that_no_exchange_has_stops_the_start_with_the_setting(exchange, clock):
    exchange.outcomes = [OperationalException("Exchange krakn is not supported")]
    with pytest.raises(OperationalException, match=r"balance_guard\.venues\.there: Exchange krakn"):
        venues_of(clock).open_all()


def test_a_name_that_nobody_wrote_is_unknown_and_own_ones_are_matched_without_case(exchange, clock):
    venues = venues_of(clock, own={"Mine": "my venue"})
    venues.open_all()
    assert "nowhere" not in venues
    assert venues.get("nowhere") is None
    assert venues["mine"] == "my venue"
