"""What one pass of the main loop knows, and what freqtrade's next call is to do."""

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.orders.bot_loop import (
    BotLoop,
    adopted_order,
    adopting,
    current_loop,
    fresh_balance,
)


def test_a_pass_begins_with_nothing_read_nothing_failed_and_no_fresh_balance_asked_for() -> None:
    assert current_loop.get() is None
    with BotLoop(ManualClock()).one_pass() as loop:
        assert current_loop.get() is loop
        known = (loop.has_read_for_entry, loop.has_failed, loop.needs_fresh_balance)
        assert known == (False, False, False)
    assert current_loop.get() is None


def test_a_fresh_balance_is_needed_inside_of_its_block_alone() -> None:
    with BotLoop(ManualClock()).one_pass() as loop:
        with fresh_balance():
            assert loop.needs_fresh_balance
        assert not loop.needs_fresh_balance


def test_outside_of_the_main_loop_nothing_has_to_be_said_for_a_fresh_balance() -> None:
    with fresh_balance():
        assert current_loop.get() is None


def test_the_loop_draws_on_the_budget_of_the_start() -> None:
    clock = ManualClock()
    waits = WaitBudget(clock)
    assert BotLoop(clock, waits).waits is waits
    assert BotLoop(clock).waits is not waits


def test_the_next_order_is_one_that_exists_inside_of_its_block_alone() -> None:
    order = {"id": "EX-1"}
    with adopting(None, order, 25.0):
        assert adopted_order.get() == (None, order, 25.0)
    assert adopted_order.get() is None
