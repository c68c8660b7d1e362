"""How long ago: clocks are set, bots are restarted; a cooldown is neither cut nor endless."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.rebalance.waiting import Progress, Since, Wait


HOUR = 3600.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Machine(ManualClock):
    """A machine whose wall clock is wrong by ``error``; a restart begins the monotonic anew."""

    def __init__(self) -> None:
        super().__init__(NOON)

    def set_clock(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)

    def restart(self, wait: Wait, down: float = 0.0) -> Wait:
        """The bot dies, is down for that long, and takes up what it kept."""
        kept = wait.progress()
        return self.wake(kept, down)

    def wake(self, kept: Progress, down: float) -> Wait:
        self.advance(down)
        self._monotonic = 0.0
        return Wait(kept, self)


def test_time_passes_while_it_runs_and_while_it_is_down() -> None:
    machine = Machine()
    wait = Wait.from_now(machine)
    machine.advance(100)
    assert wait.seconds() == 100
    assert machine.restart(wait, down=500).seconds() == 600


@pytest.mark.parametrize("jump", [-30 * 365 * 24 * HOUR, -2 * HOUR, 2 * HOUR, 365 * 24 * HOUR])
def test_a_clock_that_is_set_while_it_runs_changes_nothing(jump: float) -> None:
    machine = Machine()
    wait = Wait.from_now(machine)
    machine.advance(60)
    machine.set_clock(jump)
    machine.advance(60)
    assert wait.seconds() == 120


def test_a_clock_that_is_set_back_while_it_is_down_costs_no_more_than_that_time() -> None:
    machine = Machine()
    wait = Wait.from_now(machine)
    machine.advance(600)
    kept = wait.progress()
    machine.set_clock(-2 * HOUR)
    wait = machine.wake(kept, down=300)
    assert wait.seconds() == 600
    machine.advance(3000)
    assert wait.seconds() == HOUR


def test_a_machine_that_wakes_up_in_1970_and_learns_the_time_counts_nothing_twice() -> None:
    machine = Machine()
    wait = Wait.from_now(machine)
    to_1970 = -(NOON - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    machine.set_clock(to_1970)
    wait = machine.restart(wait)
    machine.advance(600)
    assert wait.seconds() == 600
    kept = wait.progress()  # seen in 1970
    machine.set_clock(-to_1970)
    assert machine.wake(kept, down=360).seconds() == 960


def test_a_start_by_a_clock_that_was_ahead_is_not_waited_for_twice() -> None:
    machine = Machine()
    machine.set_clock(2 * HOUR)
    wait = Wait.from_now(machine)
    machine.advance(300)
    machine.set_clock(-2 * HOUR)
    wait = machine.restart(wait, down=60)
    assert wait.seconds() == 300
    machine.advance(HOUR)
    assert wait.seconds() == 300 + HOUR


STEPS = st.lists(
    st.tuples(st.sampled_from(["run", "down", "set"]), st.integers(-100_000, 100_000)),
    max_size=12,
)


@given(STEPS)
def test_however_a_clock_is_set_while_it_runs_no_time_is_counted_that_did_not_pass(
    steps: list[tuple[str, int]],
) -> None:
    """And none that it ran is lost. (Set forward while it is down: see the module.)"""
    machine = Machine()
    wait = Wait.from_now(machine)
    ran = passed = 0
    for what, seconds in steps:
        if what == "set":
            machine.set_clock(seconds)
        elif what == "run":
            machine.advance(abs(seconds))
            ran += abs(seconds)
            passed += abs(seconds)
        else:
            wait = machine.restart(wait, down=abs(seconds))
            passed += abs(seconds)
        assert ran - 0.001 <= wait.seconds() <= passed + 0.001


@given(STEPS)
def test_a_clock_that_is_set_back_while_it_is_down_never_shortens(
    steps: list[tuple[str, int]],
) -> None:
    machine = Machine()
    wait = Wait.from_now(machine)
    ran = passed = 0
    for what, seconds in steps:
        if what == "set":
            kept = wait.progress()
            machine.set_clock(-abs(seconds))
            wait = machine.wake(kept, down=0)
        elif what == "run":
            machine.advance(abs(seconds))
            ran += abs(seconds)
            passed += abs(seconds)
        else:
            wait = machine.restart(wait, down=abs(seconds))
            passed += abs(seconds)
        assert ran - 0.001 <= wait.seconds() <= passed + 0.001


# Moments that somebody else stores


def test_seconds_since_the_last_fill_are_counted_from_its_moment() -> None:
    machine = Machine()
    since = Since(machine)
    assert since.seconds(NOON - timedelta(minutes=59)) == 59 * 60
    machine.advance(60)
    assert since.seconds(NOON - timedelta(minutes=59)) == HOUR


def test_a_clock_that_is_set_does_not_change_how_long_ago_the_last_fill_was() -> None:
    machine = Machine()
    since = Since(machine)
    since.seconds(NOON)
    machine.set_clock(5 * HOUR)
    assert since.seconds(NOON) == 0
    machine.set_clock(-9 * HOUR)
    machine.advance(10)
    assert since.seconds(NOON) == 10


def test_a_fill_by_the_right_clock_is_no_old_one_for_a_clock_that_is_ahead() -> None:
    machine = Machine()
    since = Since(machine)
    since.seconds(NOON - timedelta(hours=1))
    machine.set_clock(5 * HOUR)
    machine.advance(10)
    # The exchange's clock is right: by ours this was five hours ago.
    assert since.seconds(NOON + timedelta(seconds=8)) == 10


def test_a_fill_in_the_future_is_as_old_as_we_know_of_it() -> None:
    machine = Machine()
    since = Since(machine)
    assert since.seconds(NOON + timedelta(hours=2)) == 0
    machine.advance(HOUR)
    assert since.seconds(NOON + timedelta(hours=2)) == HOUR


def test_a_fill_that_disappears_brings_the_one_before_back() -> None:
    machine = Machine()
    since = Since(machine)
    since.seconds(NOON)
    assert since.seconds(NOON - timedelta(hours=3)) == 3 * HOUR
