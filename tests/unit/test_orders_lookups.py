"""Asking for an order takes no longer than there is time for it."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.orders.lookup_result import Uncertain
from freqtrade_balance_guard.orders.lookups import Lookups
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.asked: list[float] = []
        self.left: list[float] = []
        self.waits = WaitBudget(self.clock, 3.0)
        self.lookups = Lookups(
            self.ask, lambda *_: None, self.waits, self.clock, self.clock.advance
        )
        one = Decimal(1)
        terms = spot_terms(
            "ETH/USDT", "sell", Purpose.EXIT, one, one, is_market=False, fee_rate=one
        )
        self.order = TrackedOrder("one-1", terms, self.clock.wall(), 0.0)

    def ask(self, tracked: TrackedOrder, deadline: Deadline) -> Uncertain:
        self.asked.append(self.clock.monotonic())
        self.left.append(deadline.seconds_left)
        return Uncertain("silence")


@pytest.mark.parametrize(("seconds", "asked"), [(0.1, [0.0]), (0.09, []), (0.0, [])])
def test_a_question_that_would_only_be_vain_is_not_asked(
    seconds: float, asked: list[float]
) -> None:
    desk = Desk()
    assert desk.lookups.ask_until(desk.order, Deadline.after(desk.clock, seconds)) is None
    assert desk.asked == asked


def test_housekeeping_asks_once_and_not_when_the_budget_is_used_up() -> None:
    desk = Desk()
    assert desk.lookups.check(desk.order) is None
    assert desk.left == [1.0]
    with desk.waits.wait(3.0):
        desk.clock.advance(3.0)
    assert desk.lookups.check(desk.order) is None
    assert len(desk.asked) == 1
