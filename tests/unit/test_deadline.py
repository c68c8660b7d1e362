"""How long the guard may wait, one request at a time and in sum."""

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget


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
