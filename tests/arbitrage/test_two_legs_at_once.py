"""The engine's way: one transaction, no request before the orders; every outcome as on the other.

The tests of the slow way are run again here on the same table, the same late requests and the same
kills. What differs is said below.
"""

import threading
import time
from dataclasses import replace

import pytest

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.arbitrage.books import venue_books
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.crash_points import ARBITRAGE_POINTS
from freqtrade_balance_guard.ledger import LedgerUnavailable, State
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.sqlite import file as of_sqlite
from tests.arbitrage import test_late_requests as late
from tests.arbitrage import test_two_legs_kills as kills
from tests.arbitrage import test_two_legs_outcomes as outcomes
from tests.arbitrage.test_two_legs_kills import Counter, Deadly, play
from tests.support.arbitrages import D, World
from tests.support.memory_store import MemoryStore
from tests.support.venue import FILLS, Fate


INSIDE = {"arbitrage stored", "arbitrage reserved", "arbitrage gated"}
# Of these the slow way has steps between that do not exist here.
OTHERWISE = {
    "test_2_too_little_for_the_second_leg_releases_the_first_in_the_same_step",
    "test_3_a_bug_in_the_check_of_a_leg_releases_both",
    "test_3_a_gate_that_stays_closed_releases_both",
    "test_8_an_unexpected_error_anywhere_ends_in_one_of_the_rows",
    "test_every_named_point_is_hit",
    "test_nothing_leaves_any_more_when_the_bot_stops",
    "test_a_leg_is_late_from_the_moment_it_left_and_not_from_the_queue_before",
    "test_a_pair_that_was_stored_and_never_reserved_asks_nobody",
    "test_what_an_earlier_run_reserved_is_released_only_after_asking_twice",
    "test_killed_at_every_point_and_restarted_the_books_are_balanced",
}
for _module in (outcomes, late, kills):
    for _name, _test in list(vars(_module).items()):
        if _name.startswith("test_") and _name not in OTHERWISE:
            globals()[_name] = _test


@pytest.fixture(params=["one file", "two stores", "from the loop"])
def make(request, folder, monkeypatch):
    """Worlds whose ledger is in the arbitrages' file, or elsewhere; or whose orders leave from the
    engine's loop."""
    monkeypatch.setattr(venue_books, "PAUSE_SECONDS", 0.005)
    worlds = []

    def one(**more):
        place = folder / str(len(worlds))
        place.mkdir()
        memory = MemoryStore()
        url = f"sqlite:///{place / 'ledger.sqlite'}"
        is_one = request.param != "two stores"
        keep = (lambda: open_store(url)) if is_one else (lambda: memory)
        more["sends_in_loop"] = request.param == "from the loop"
        worlds.append(World(keep, place, is_at_once=True, **more))
        return worlds[-1]

    yield one
    crash_points.watcher = None
    for world in worlds:
        world.close()


def test_2_too_little_for_the_second_leg_reserves_and_sends_nothing(make, first):
    poor = {"COIN": D("0.99"), "USDT": D(1)} if first == "buy" else {"COIN": D(1), "USDT": D(99)}
    world = make(first=first, **{"money_there" if first == "buy" else "money_here": poor})
    denied = world.go()
    assert denied.code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE
    assert denied.venue == ("there" if first == "buy" else "here")
    assert (world.rows(), outcomes.sent(world)) == ([], [])
    world.check()


@pytest.mark.parametrize("which", [0, 1])
def test_3_a_bug_in_the_check_of_a_leg_is_found_before_anything_is_written(make, first, which):
    bugs = [FILLS, FILLS]
    bugs[which] = Fate(bug=True)
    world = outcomes.with_(make(first=first), *bugs)
    denied = world.go()
    assert isinstance(denied, ArbitrageDenied) and "token id" in denied.sentence
    assert (world.rows(), outcomes.sent(world), world.arbitrages()) == ([], [], [])


@pytest.mark.parametrize("point", sorted(ARBITRAGE_POINTS.keys() - INSIDE - {"arbitrage planned"}))
def test_8_an_unexpected_error_anywhere_ends_in_one_of_the_rows(make, first, point):
    outcomes.test_8_an_unexpected_error_anywhere_ends_in_one_of_the_rows(make, first, point)


def test_nothing_leaves_any_more_when_the_bot_stops(make):
    world = make()
    world.executor._context = replace(world.executor._context, is_stopping=lambda: True)
    world.executor._runner._context = world.executor._context
    assert "the bot stops" in world.go().sentence
    assert (world.rows(), outcomes.sent(world), world.arbitrages()) == ([], [], [])


def test_nothing_is_asked_of_any_venue_before_both_orders_are_under_way(make, first):
    world = make(first=first)
    # What is to be read is read; nothing is begun.
    assert isinstance(world.begin(world.opportunity(100)), ArbitrageDenied)
    asked = []

    def note(venue, name):
        really = getattr(venue, name)

        def noted(*args):
            if not venue.asked:
                asked.append(name)
            return really(*args)

        setattr(venue, name, noted)

    for venue in world.venues:
        venue.asked.clear()
        for name in ("best_price", "balances", "look_up"):
            note(venue, name)
    running = world.begin_now(world.opportunity())
    world.executor.see_through(running)
    assert asked == []
    assert all(venue.asked[0].startswith("place") for venue in world.venues)


@pytest.mark.parametrize("make", ["one file"], indirect=True)
def test_intent_reservations_and_sent_are_one_transaction_with_one_flush(make, first, monkeypatch):
    world = make(first=first)
    assert world.ledger.writes_to(world.file)
    flushes, seen = [], []
    flush = of_sqlite._flush
    monkeypatch.setattr(of_sqlite, "_flush", lambda fd: (flushes.append(fd), flush(fd)))

    def watch(point):
        if point == "arbitrage planned":
            flushes.clear()
        if point == "arbitrage sent":
            seen.append(
                (
                    len(flushes),
                    [record.state for record in world.arbitrages()],
                    [row.state for row in world.rows()],
                )
            )

    crash_points.watcher = watch
    assert world.go().state is ArbitrageState.HEDGED
    in_flight = State.IN_FLIGHT
    assert seen == [(1, [ArbitrageState.SENT], [in_flight, in_flight])]
    world.check()


def test_a_transaction_whose_outcome_is_unknown_sends_nothing_and_is_cleared_up(make, first):
    """It was written, and the answer was an error: as when the disk fails in the flush."""
    world = make(first=first)
    ledger, really = world.ledger, world.ledger.reserve_and_mark_sent

    def written_and_lost(*args, **kwargs):
        really(*args, **kwargs)
        raise LedgerUnavailable("the disk does not answer")

    ledger.reserve_and_mark_sent = written_and_lost
    world.go()
    ledger.reserve_and_mark_sent = really
    world.work(10)
    assert outcomes.sent(world) == []
    assert world.states() == [State.RELEASED, State.RELEASED]
    assert world.arbitrages()[0].state is ArbitrageState.ABANDONED
    assert world.executor.unresolved() == []
    world.check()


def test_a_transaction_that_did_not_happen_leaves_no_trace(make, first):
    world = make(first=first)

    def lost(*args, **kwargs):
        raise LedgerUnavailable("the disk is full")

    really, world.ledger.reserve_and_mark_sent = world.ledger.reserve_and_mark_sent, lost
    world.go()
    world.ledger.reserve_and_mark_sent = really
    world.work(10)
    assert (world.rows(), outcomes.sent(world), world.executor.unresolved()) == ([], [], [])
    # The next one takes the number that was never used, and nothing of the first is left.
    assert world.go().state is ArbitrageState.HEDGED
    world.check()


@pytest.mark.parametrize(
    ("make", "first"),
    [
        pytest.param("one file", "buy", marks=pytest.mark.acceptance),
        pytest.param("two stores", "sell", marks=pytest.mark.acceptance),
        ("from the loop", "buy"),
    ],
    indirect=["make", "first"],
)
@pytest.mark.parametrize("scene", kills.SCENES)
def test_killed_at_every_point_and_restarted_the_books_are_balanced(make, first, scene):
    counting = Deadly()
    play(kills.world_of(make, scene, first), counting)
    points = [(point, nth) for point, many in counting.counts.items() for nth in range(1, many + 1)]
    assert len(points) >= 6
    for point, nth in points:
        world = kills.world_of(make, scene, first)
        deadly = Deadly(point, nth)
        if not play(world, deadly):
            assert deadly.counts[point] < nth
        kills.balanced_after_restarts(world, scene, point)


def test_every_point_but_those_inside_the_one_transaction_is_hit(make, first):
    hit: Counter[str] = Counter()
    for scene in kills.SCENES:
        counting = Deadly()
        play(kills.world_of(make, scene, first), counting)
        hit += counting.counts
    # An order for an exposure goes the slow way.
    assert set(ARBITRAGE_POINTS) - INSIDE <= set(hit)


def test_as_many_as_max_in_flight_are_under_way_at_the_same_time(make, first):
    world = make(first=first, max_in_flight=2)
    first_one = world.begin(world.opportunity())
    second = world.begin_now(world.opportunity())
    third = world.begin_now(world.opportunity())
    assert not isinstance(first_one, ArbitrageDenied) and not isinstance(second, ArbitrageDenied)
    assert third.code is ArbitrageDenialCode.ARBITRAGE_IN_PROGRESS
    for running in (first_one, second):
        assert world.executor.see_through(running).state is ArbitrageState.HEDGED
    world.check()


@pytest.mark.parametrize("make", ["from the loop"], indirect=True)
def test_orders_of_free_keys_leave_from_the_loop_and_of_one_key_in_order(make, first):
    world = make(first=first)
    assert world.go().state is ArbitrageState.HEDGED
    assert [venue.sent_in for venue in world.venues] == [{"arbitrage-engine"}] * 2
    world.check()
    world.there.same_key_as = "here"
    really, order = [venue.place for venue in world.venues], []
    for venue, place in zip(world.venues, really, strict=True):
        venue.place = lambda leg, place=place: order.append(leg.venue) or place(leg)
    assert world.go().state is ArbitrageState.HEDGED
    assert order == (["here", "there"] if first == "buy" else ["there", "here"])


@pytest.mark.parametrize("make", ["from the loop"], indirect=True)
def test_an_order_waits_for_what_its_key_was_asked_before_and_the_loop_does_not(make, first):
    world = make(first=first)
    world.begin(world.opportunity(100))
    free = threading.Event()
    world.executor._context.queues.submit(world.here, lambda: free.wait(30))
    running = world.begin_now(world.opportunity())

    async def answer():
        return "the loop goes on"

    assert world.executor.loop.run(answer()).result(5) == "the loop goes on"
    ends = time.monotonic() + 10
    while not world.there.asked and time.monotonic() < ends:
        time.sleep(0.002)
    assert ("place sell" in world.there.asked, "place buy" in world.here.asked) == (True, False)
    free.set()
    assert world.executor.see_through(running).state is ArbitrageState.HEDGED
    world.check()
