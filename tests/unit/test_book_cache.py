"""Which order books may be acted on."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from freqtrade_balance_guard.arbitrage.books.cache import BookCache, shows_the_same
from freqtrade_balance_guard.arbitrage.books.stream import ReceivedBook
from freqtrade_balance_guard.clock import ManualClock


MARKET = ("here", "COIN/USDT")
BIDS, ASKS = ((99.0, 1.0),), ((100.0, 1.0),)


class Kept:
    def __init__(self):
        self.clock = ManualClock()
        self.alive_at = 0.0
        self.cache = BookCache(self.clock, lambda name: self.alive_at)

    def put(self, bids=BIDS, asks=ASKS, **more):
        now = datetime(2026, 1, 1, tzinfo=UTC)
        book = ReceivedBook(bids, asks, self.clock.monotonic(), now, **more)
        return self.cache.put(MARKET, book)

    @property
    def why(self):
        return self.cache.why_unusable(MARKET, 1.0)


def test_a_market_without_a_book_is_not_usable():
    assert Kept().why == "it is not there yet"


def test_a_book_that_was_read_is_as_old_as_its_reading():
    kept = Kept()
    kept.put()
    kept.clock.advance(1.0)
    assert kept.why is None
    kept.clock.advance(0.01)
    kept.alive_at = kept.clock.monotonic()  # of a stream, which has nothing to do with it
    assert "1.01 s old" in kept.why


def test_a_streamed_book_is_as_old_as_the_last_sign_of_life_of_its_connection():
    kept = Kept()
    kept.put(is_streamed=True)
    kept.clock.advance(60)
    kept.alive_at = 59.5
    assert kept.why is None and kept.cache.age(MARKET) == 0.5
    kept.alive_at = 58.9
    assert "old" in kept.why
    kept.alive_at = None
    assert "broken" in kept.why


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ((), ASKS, "empty"),
        (BIDS, (), "empty"),
        (((100.0, 1.0),), ASKS, "crossed"),
        (((100.5, 1.0),), ASKS, "crossed"),
    ],
)
def test_what_no_market_looks_like_is_not_usable(bids, asks, why):
    kept = Kept()
    kept.put(bids, asks)
    assert why in kept.why


@pytest.mark.parametrize("of_time", ["sequence", "exchange_ms"])
def test_time_does_not_go_back(of_time):
    kept = Kept()
    assert kept.put(**{of_time: 10})
    assert not kept.put(asks=((50.0, 1.0),), **{of_time: 9})
    assert kept.cache.get(MARKET).asks == ASKS
    assert kept.put(asks=((101.0, 1.0),), **{of_time: 10})
    # After a gap numbers may begin anew.
    kept.cache.drop(MARKET)
    assert kept.put(**{of_time: 1})


def test_what_is_read_may_follow_what_was_streamed_whatever_its_number():
    kept = Kept()
    kept.put(is_streamed=True, sequence=10)
    assert kept.put(asks=((101.0, 1.0),), sequence=3)


def test_the_same_book_once_more_is_no_change_and_counts_as_unchanged():
    kept = Kept()
    assert kept.put()
    kept.clock.advance(4)
    assert not kept.put()
    assert kept.cache.seconds_unchanged(MARKET) == 4
    assert kept.put(asks=((100.0, 2.0),))
    assert kept.cache.seconds_unchanged(MARKET) == 0


def test_two_books_are_compared_by_their_best_levels_whatever_kind_of_number():
    one = ReceivedBook(BIDS, ASKS, 0, datetime(2026, 1, 1, tzinfo=UTC))
    assert shows_the_same(one, replace(one, bids=[["99", 1]], asks=[[100, "1.0", 7]]))
    assert not shows_the_same(one, replace(one, asks=((100.0, 2.0),)))
