"""How long the guard may wait, one request at a time and in sum."""

import threading

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import (
    EXIT_WAIT_SECONDS,
    RESERVE_SECONDS,
    Deadline,
    WaitBudget,
)


@pytest.fixture
def clock():
    return ManualClock()


def test_a_deadline_counts_down_and_never_below_zero(clock):
    deadline = Deadline.after(clock, 2.0)
    clock.advance(1.5)
    assert deadline.seconds_left == pytest.approx(0.5)
    assert not deadline.is_over
    clock.advance(5)
    assert deadline.seconds_left == 0.0
    assert deadline.is_over


def test_what_was_waited_is_missing_from_the_next_wait(clock):
    budget = WaitBudget(clock, 3.0)
    with budget.wait(1.0) as deadline:
        assert deadline.seconds_left == pytest.approx(1.0)
        clock.advance(0.75)
    with budget.wait(9.0) as deadline:
        assert deadline.seconds_left == pytest.approx(2.25)


def test_many_waits_take_no_longer_than_the_budget_in_sum(clock):
    budget = WaitBudget(clock, 3.0)
    began = clock.monotonic()
    for _ in range(12):
        with budget.wait(1.0) as deadline:
            clock.advance(deadline.seconds_left)
    assert clock.monotonic() - began == pytest.approx(3.0)


def test_what_is_kept_for_others_is_left_to_them(clock):
    budget = WaitBudget(clock, 3.0)
    with budget.wait(9.0, keep=1.0) as deadline:
        assert deadline.seconds_left == pytest.approx(2.0)
        clock.advance(2.0)
    with budget.wait(9.0, keep=1.0) as deadline:
        assert deadline.is_over
    with budget.wait(9.0) as deadline:
        assert deadline.seconds_left == pytest.approx(1.0)


def test_a_wait_that_fails_is_charged_too(clock):
    budget = WaitBudget(clock, 3.0)
    with pytest.raises(TimeoutError), budget.wait(1.0):
        clock.advance(1.0)
        raise TimeoutError
    assert budget.seconds_left == pytest.approx(2.0)


def test_a_renewed_budget_is_whole_again(clock):
    budget = WaitBudget(clock, 3.0)
    with budget.wait(3.0):
        clock.advance(3.0)
    budget.renew()
    assert budget.seconds_left == pytest.approx(3.0)


def test_work_is_charged_and_what_freqtrade_would_take_is_not(clock):
    budget = WaitBudget(clock, 3.0)
    with budget.work():
        clock.advance(0.2)
        with budget.wait(1.0):
            clock.advance(0.5)
        with budget.left_out():
            clock.advance(10)
            with budget.wait(1.0):
                clock.advance(0.1)
            clock.advance(10)
        clock.advance(0.2)
    clock.advance(10)
    assert budget.seconds_left == pytest.approx(2.0)


def test_what_two_threads_wait_for_at_the_same_time_counts_once(clock):
    budget = WaitBudget(clock, 3.0)
    inside, done = threading.Event(), threading.Event()

    def other():
        with budget.wait(2.0):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    with budget.wait(2.0):
        thread.start()
        assert inside.wait(10)
        clock.advance(1.0)
    assert budget.seconds_left == pytest.approx(2.0)
    clock.advance(0.5)  # the other one still waits
    done.set()
    thread.join(10)
    clock.advance(5)
    assert budget.seconds_left == pytest.approx(1.5)


def test_the_default_leaves_a_reserve_below_three_seconds(clock):
    assert WaitBudget(clock).seconds_left == EXIT_WAIT_SECONDS - RESERVE_SECONDS < 3
