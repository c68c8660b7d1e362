"""Order books for the strategy: read at the same time, and nothing that hangs piles up."""

import threading
from concurrent.futures import wait

import pytest

from tests.support.arbitrages import D


def read(world, at_most=5.0):
    return world.executor.order_books([("here", "COIN/USDT"), ("there", "COIN/USDT")], at_most)


@pytest.fixture
def hanging(make):
    """ "here" answers when it is let go; how often it was asked."""
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
    here, there = read(world)
    assert (here.venue, here.asks[0][0]) == ("here", 100)
    assert (there.venue, there.bids[0][0], there.taker_fee) == ("there", 110, D("0.001"))


def test_one_that_hangs_is_asked_once_and_taken_up_when_it_comes(hanging):
    world, asked, go = hanging
    for _ in range(3):
        with pytest.raises(TimeoutError):
            read(world, 0.05)
    assert len(asked) == 1
    go.set()
    assert read(world)[0].asks[0][0] == 100
    assert len(asked) == 1


def test_what_came_too_late_to_be_true_is_asked_for_again(hanging):
    world, asked, go = hanging
    with pytest.raises(TimeoutError):
        read(world, 0.05)
    go.set()
    wait([one.book for one in world.executor._books._readings.values()])
    world.clock.advance(7)
    read(world)
    assert len(asked) == 2


def test_no_order_waits_for_a_book_that_hangs(hanging):
    world, _, _ = hanging
    with pytest.raises(TimeoutError):
        read(world, 0.05)
    assert world.go().state == "hedged"


def test_a_venue_that_nobody_knows_is_named(hanging):
    world, *_ = hanging
    with pytest.raises(LookupError, match='no venue is called "third"'):
        world.executor.order_books([("third", "COIN/USDT")], 1.0)
