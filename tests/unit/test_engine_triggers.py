"""The engine's thread: changed books are seen together, mistakes of a strategy are named."""

import sqlite3
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.gate.book_trigger import ArbitrageEngine, UsableBooks
from freqtrade_balance_guard.arbitrage.gate.permits import PermitDesk, Permits
from freqtrade_balance_guard.arbitrage.gate.purity import Impure, checked
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.clock import ManualClock


HERE, THERE = ("here", "A/USDT"), ("there", "A/USDT")
FOUND = Opportunity(Leg("Here", "A/USDT", "buy", 1), Leg("there", "A/USDT", "sell", 1))
NO = ArbitrageDenied(ArbitrageDenialCode.NOT_WORTH_IT, "nothing would be left")


class Engine:
    """The engine on an executor that denies everything, and a loop that is turned by hand."""

    def __init__(self, on_books, **more):
        self.clock = ManualClock()
        self.begun, self.denied, self.due = [], [], []
        self.books = {market: Book(*market, ((99, 1),), ((100, 1),), 0) for market in (HERE, THERE)}
        executor = SimpleNamespace(
            loop=SimpleNamespace(call=self.due.append),
            books=SimpleNamespace(want=lambda *a, **k: None, usable=self.usable),
            begin=self.begin,
            denied=lambda denied, opportunity: self.denied.append(str(denied.code)),
        )
        desk = PermitDesk(self.clock)
        desk.publish(Permits(valid_until=1e9, slots=1), [], [])
        self.engine = ArbitrageEngine(executor, desk, on_books, self.clock, **more)
        self.engine.watch([HERE, THERE])
        self.change = executor.books.on_change

    def usable(self, market):
        return self.books.get(market, "it is crossed")

    def begin(self, opportunity, inspect, *, triggered_at):
        self.begun.append((opportunity.first.venue, triggered_at))
        return NO

    def turn(self):
        due, self.due[:] = list(self.due), []
        for work in due:
            work()


def test_what_changes_together_is_seen_together_and_from_its_first_moment():
    seen = []
    world = Engine(lambda books, *, changed: seen.append((set(books), changed)))
    world.change(HERE)
    world.clock.advance(0.25)
    world.change(THERE)
    world.change(("other", "A/USDT"))
    world.turn()
    world.turn()
    assert seen == [({HERE, THERE}, frozenset({HERE, THERE}))]


def test_a_change_to_a_book_that_must_not_be_acted_on_calls_nothing():
    seen = []
    world = Engine(lambda books, *, changed: seen.append((HERE in books, changed)))
    del world.books[HERE]
    world.change(HERE)
    world.turn()
    assert seen == []
    world.change(THERE)
    world.turn()
    assert seen == [(False, frozenset({THERE}))]


def test_something_else_may_have_changed_than_a_book():
    seen = []
    world = Engine(lambda books, *, changed: seen.append(changed))
    world.engine.look_again()
    world.turn()
    world.turn()
    assert seen == [frozenset({HERE, THERE})]


@pytest.mark.parametrize(
    "answer",
    [lambda: FOUND, lambda: [FOUND], lambda: iter((FOUND,)), lambda: (one for one in [FOUND])],
)
def test_one_opportunity_or_many_are_begun_with_the_moment_of_the_change(answer):
    world = Engine(lambda books, *, changed: answer())
    world.clock.advance(3)
    world.change(HERE)
    world.turn()
    assert world.begun == [("here", 3.0)]
    assert world.denied == ["not_worth_it"]


def test_the_same_denial_is_not_said_with_every_change():
    world = Engine(lambda books, *, changed: FOUND)
    for _ in range(5):
        world.change(HERE)
        world.turn()
    assert len(world.begun) == 5 and world.denied == ["not_worth_it"]
    world.clock.advance(1)
    world.change(HERE)
    world.turn()
    assert len(world.denied) == 2


def test_what_was_found_before_an_error_is_begun_and_the_error_is_logged_once(caplog):
    def on_books(books, *, changed):
        yield FOUND
        raise ZeroDivisionError("a bug")

    world = Engine(on_books)
    for _ in range(3):
        world.change(HERE)
        world.turn()
    assert len(world.begun) == 3
    assert caplog.text.count("on_books failed: ZeroDivisionError: a bug") == 1


def test_what_is_no_opportunity_is_named(caplog):
    world = Engine(lambda books, *, changed: ["buy!"])
    world.change(HERE)
    world.turn()
    assert world.begun == [] and "'buy!'; it must be an Opportunity" in caplog.text


def test_the_books_are_those_that_may_be_acted_on_whatever_is_asked():
    books = {HERE: Book(*HERE, (), (), 0)}
    usable = UsableBooks(frozenset({HERE, THERE}), lambda one: books.get(one, "it is old"))
    assert (list(usable), len(usable), usable.get(THERE)) == ([HERE], 1, None)
    assert "nothing" not in usable and ("third", "A/USDT") not in usable


# The debug check


def use_trades():
    from freqtrade.persistence import Trade

    Trade.get_open_trades()


def use_a_database():
    sqlite3.connect(":memory:").execute("SELECT 1")


@pytest.mark.parametrize("work", [use_trades, use_a_database])
def test_trades_and_databases_belong_to_the_bots_own_thread(work):
    with pytest.raises(Impure):
        checked(work)


def test_everything_else_is_allowed_and_its_answer_comes_back():
    assert checked(lambda: sorted({"b", "a"})) == ["a", "b"]
