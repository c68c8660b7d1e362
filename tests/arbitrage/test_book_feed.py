"""Order books come from the background: no loop waits for one, and every market gets its turn."""

import threading
import time

import pytest

from freqtrade_balance_guard.arbitrage.books import feed, venue_books
from freqtrade_balance_guard.arbitrage.books.feed import BooksNotReady
from tests.support.arbitrages import D


MARKETS = [("here", "COIN/USDT"), ("there", "COIN/USDT")]


def until(condition, seconds=10.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def ready(world, markets=MARKETS):
    """The books, as soon as they are there."""
    found = []

    def are_there():
        try:
            found[:] = world.executor.order_books(markets)
        except BooksNotReady:
            return False
        return True

    until(are_there)
    return found


@pytest.fixture
def hanging(make, monkeypatch):
    """ "here" answers when it is let go; how often it was asked."""
    monkeypatch.setattr(venue_books, "PAUSE_SECONDS", 0.01)
    world = make()
    asked, go = [], threading.Event()

    def order_book(pair):
        asked.append(pair)
        go.wait(20)
        return [[D(99), D(1)]], [[D(100), D(1)]]

    world.here.order_book = order_book
    world.there.order_book = lambda pair: ([[D(110), D(1)]], [[D(111), D(1)]])
    yield world, asked, go
    go.set()


def test_they_come_in_the_order_in_which_they_were_asked_for(hanging):
    world, _, go = hanging
    go.set()
    here, there = ready(world)
    assert (here.venue, here.asks[0][0]) == ("here", 100)
    assert (there.venue, there.bids[0][0], there.taker_fee) == ("there", 110, D("0.001"))
    assert here.received_at == world.clock.wall() and here.source == "rest"


def test_no_call_waits_and_one_that_hangs_is_asked_once(hanging):
    world, asked, go = hanging
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(BooksNotReady, match="COIN/USDT on here is not there yet"):
            world.executor.order_books(MARKETS)
    assert time.monotonic() - began < 1
    until(lambda: asked)
    assert len(asked) == 1
    go.set()
    assert ready(world)[0].asks[0][0] == 100


def test_a_book_that_was_read_too_long_ago_is_not_given_out(hanging):
    world, _, go = hanging
    go.set()
    ready(world)
    go.clear()
    world.clock.advance(feed.OLDEST_SECONDS + 1)
    with pytest.raises(BooksNotReady):
        world.executor.order_books(MARKETS)


def test_the_error_of_a_venue_is_named(make):
    world = make()

    def fail(pair):
        raise KeyError("no such book")

    world.here.order_book = fail

    def is_named():
        try:
            world.executor.order_books(MARKETS)
        except BooksNotReady as error:
            return "KeyError" in str(error)
        return False

    until(is_named)


def test_a_venue_that_hangs_delays_no_book_of_another(hanging):
    world, *_ = hanging
    with pytest.raises(BooksNotReady):
        world.executor.order_books(MARKETS)
    assert ready(world, MARKETS[1:])[0].venue == "there"


def test_ten_markets_at_a_venue_that_gives_one_at_a_time_are_all_read_in_turn(make):
    world = make()
    asked = []

    def slow(pair):
        asked.append(pair)
        time.sleep(0.02)
        return [[D(99), D(1)]], [[D(100), D(1)]]

    world.here.order_book = slow
    markets = [("here", f"COIN{number}/USDT") for number in range(10)]
    ready(world, markets)
    assert sorted(asked[:10]) == sorted(pair for _, pair in markets)


def test_a_market_that_is_not_asked_for_any_more_is_not_read_any_more(hanging):
    world, asked, go = hanging
    go.set()
    ready(world)
    world.clock.advance(venue_books.WANTED_SECONDS + 1)
    until(lambda: world.executor.books._venues["here"].wanted == {})
    count = len(asked)
    time.sleep(0.1)
    assert len(asked) == count


def test_a_venue_of_no_known_name_is_named(hanging):
    world, *_ = hanging
    with pytest.raises(LookupError, match='no venue is called "third"'):
        world.executor.order_books([("third", "COIN/USDT")])
