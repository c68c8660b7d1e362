"""A venue that hangs holds up its own orders only."""

import threading
import time
from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.threads import queues as of_keys
from freqtrade_balance_guard.arbitrage.threads.queues import KeyQueues, NoAnswerInTime, Work
from freqtrade_balance_guard.arbitrage.threads.tasks import Tasks
from freqtrade_balance_guard.clock import SystemClock
from tests.arbitrage.test_exposure_nets import exposure


@pytest.fixture
def hanging():
    """Set at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def test_an_exposure_on_a_healthy_venue_is_bought_back_while_another_hangs(make, hanging):
    world = make()
    world.there.hung = hanging
    for venue in ("there", "here"):
        world.store.record_exposure(exposure(0, "-0.5", venue=venue, closes=True))
    began = time.monotonic()
    world.executor.work()
    assert time.monotonic() - began < 5
    assert [kept.filled for kept in world.here.orders.values()] == [D("0.5")]
    hanging.set()
    # The thread that hung needs real time to end, however fast the world's own clock runs.
    ends = time.monotonic() + 10
    while world.store.open_exposures("bot") and time.monotonic() < ends:
        world.work(5)
        time.sleep(0.02)
    assert world.store.open_exposures("bot") == []


def test_a_hung_place_does_not_keep_the_other_leg_from_being_booked(make, hanging, monkeypatch):
    from freqtrade_balance_guard.arbitrage.sending import order_sender

    monkeypatch.setattr(order_sender, "PLACE_SECONDS", 0.2)
    world = make()
    place = world.there.place

    def slow(order):
        hanging.wait(30)
        return place(order)

    world.there.place = slow
    world.go()
    (running,) = world.executor.unresolved()
    assert [leg.is_over for leg in running.legs] == [True, False]
    assert [row.state for row in world.rows()].count("committed") == 1
    hanging.set()
    for _ in range(50):
        world.work(5)
        if not world.executor.unresolved():
            break
        time.sleep(0.02)
    world.check()


class Venue:
    name, queue = "there", "key"


def test_a_request_is_waited_for_until_its_deadline_and_the_next_learns_it_at_once(
    hanging, monkeypatch
):
    monkeypatch.setattr(of_keys, "STUCK_SECONDS", 0.05)
    queues, venue = KeyQueues(SystemClock()), Venue()
    with pytest.raises(NoAnswerInTime, match="within"):
        queues.together([Work(venue, lambda: hanging.wait(30))], at_most=0.1)
    began = time.monotonic()
    with pytest.raises(NoAnswerInTime, match="owes"):
        queues.together([Work(venue, lambda: 1)], at_most=5)
    assert time.monotonic() - began < 1
    # Public data has a lane of its own.
    assert queues.together([Work(venue, lambda: 1, "/public")]) == [1]
    hanging.set()
    queues.close()


def test_the_first_error_is_raised_after_all_have_ended():
    queues, venue, ended = KeyQueues(SystemClock()), Venue(), []

    def fail():
        raise KeyError("first")

    def end():
        ended.append(1)

    with pytest.raises(KeyError, match="first"):
        queues.together([Work(venue, fail), Work(venue, end)])
    assert ended == [1]
    queues.close()


def test_a_task_that_has_not_ended_is_not_begun_again_and_others_go_on(hanging):
    tasks, begun = Tasks(), []

    def hang():
        begun.append("hung")
        hanging.wait(30)

    for _ in range(2):
        tasks.run_each([("a", hang), ("b", lambda: begun.append("fine"))])
    assert begun == ["hung", "fine", "fine"]
    hanging.set()
    tasks.close()


def test_what_a_task_raises_is_raised():
    def fail():
        raise KeyError("task")

    tasks = Tasks()
    with pytest.raises(KeyError, match="task"):
        tasks.run_each([("a", fail)])
    tasks.close()
