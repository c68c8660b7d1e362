"""Asking for an order takes no longer than there is time for it."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.orders.lookup_result import LookupResult, NotFound, Uncertain
from freqtrade_balance_guard.orders.lookups import Lookups
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


SILENCE = Uncertain("silence")


class Desk:
    def __init__(self, purpose: Purpose = Purpose.EXIT, answer: LookupResult = SILENCE) -> None:
        self.answer = answer
        self.clock = ManualClock()
        self.asked: list[float] = []
        self.left: list[float] = []
        self.waits = WaitBudget(self.clock, 3.0)
        self.lookups = Lookups(
            self.ask, lambda *_: None, self.waits, self.clock, self.clock.advance
        )
        one = Decimal(1)
        terms = spot_terms("ETH/USDT", "sell", purpose, one, one, is_market=False, fee_rate=one)
        self.order = TrackedOrder("one-1", terms, self.clock.wall(), 0.0)

    def first_look(self) -> float:
        """How much time there is for the first question about a lost order."""
        self.lookups.resolve(self.order)
        return self.left[0]

    def ask(self, tracked: TrackedOrder, deadline: Deadline) -> LookupResult:
        self.asked.append(self.clock.monotonic())
        self.left.append(deadline.seconds_left)
        return self.answer


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


@pytest.mark.parametrize(
    ("purpose", "now", "asked"),
    [
        # Not found since 0 s: after more than a second an entry is not waited for any longer.
        (Purpose.ENTRY, 1.0, [1.0, 1.25]),
        (Purpose.ENTRY, 1.125, [1.125]),
        (Purpose.EXIT, 1.125, [1.125, 1.375, 1.875]),
    ],
)
def test_the_bot_waits_for_an_entry_that_is_missing_for_a_second_at_most(
    purpose: Purpose, now: float, asked: list[float]
) -> None:
    desk = Desk(purpose, NotFound())
    desk.order.absence.note_not_found(0.0, 30.0)
    desk.clock.advance(now)
    assert desk.lookups.ask_until(desk.order, Deadline.after(desk.clock, 1.0)) is None
    assert desk.asked == asked


@pytest.mark.parametrize(("seconds", "was_unanswered"), [(0.5, True), (0.49, False)])
def test_only_an_exchange_that_had_half_a_second_has_not_answered(
    seconds: float, was_unanswered: bool
) -> None:
    desk = Desk()
    desk.lookups.ask(desk.order, Deadline.after(desk.clock, seconds))
    assert desk.order.was_unanswered is was_unanswered


@pytest.mark.parametrize(("used", "left"), [(2.25, [0.15]), (2.35, [])])
def test_housekeeping_leaves_the_exits_six_tenths_of_a_second(
    used: float, left: list[float]
) -> None:
    desk = Desk()
    with desk.waits.wait(3.0):
        desk.clock.advance(used)
    desk.lookups.check(desk.order)
    assert desk.left == pytest.approx(left)


def test_an_entry_leaves_the_exits_seven_tenths_of_a_second_and_an_exit_nothing() -> None:
    entry, leaving = Desk(Purpose.ENTRY), Desk()
    for desk in (entry, leaving):
        with desk.waits.wait(3.0):
            desk.clock.advance(2.25)
        desk.lookups.resolve(desk.order)
    assert entry.left == []
    assert leaving.left[0] == pytest.approx(0.75)
    assert Desk(Purpose.ENTRY).first_look() == pytest.approx(1.8)
    assert Desk().first_look() == pytest.approx(1.0)
