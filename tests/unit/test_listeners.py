"""One counts everything, one says it once."""

import logging
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    EntryApproved,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.monitoring.listeners import BacktestCounts, PlainWords, denial_text


D = Decimal


def denied(pair: str = "X/USDT", code: str = "below_threshold") -> OrderDenied:
    return OrderDenied(
        pair, code, "available 1 USDT is below 2.5 USDT", {"available": D(1), "wanted": D("2.50")}
    )


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged from level info on; ``messages`` are the lines."""
    caplog.set_level(logging.INFO, logger="freqtrade_balance_guard")
    return caplog


def test_every_fact_is_counted_and_refusals_also_by_code() -> None:
    counts = BacktestCounts()
    for event in (
        denied(),
        denied("Y/USDT"),
        denied(code="guard_error"),
        EntryApproved("X/USDT", D(5)),
        StakeReduced("X/USDT", D(6), D(5), "available"),
    ):
        counts(event)
    assert counts.events == {"OrderDenied": 3, "EntryApproved": 1, "StakeReduced": 1}
    assert counts.denials == {"below_threshold": 2, "guard_error": 1}


def test_a_refusal_is_one_line_with_pair_sentence_code_and_numbers(
    log: pytest.LogCaptureFixture,
) -> None:
    PlainWords(ManualClock())(denied())
    assert log.messages == [
        "No order for X/USDT: available 1 USDT is below 2.5 USDT. "
        "[below_threshold: available=1, wanted=2.5]"
    ]
    assert log.records[0].levelno == logging.WARNING


def test_a_refusal_without_numbers_shows_its_code_alone() -> None:
    event = OrderDenied("X/USDT", "guard_error", "the guard failed", {})
    assert denial_text(event) == "the guard failed. [guard_error]"


def test_a_refusal_in_every_loop_is_one_line_per_pair_and_ten_minutes(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    tell = PlainWords(clock)
    for _ in range(600):  # ten minutes, one loop per second
        tell(denied("X/USDT"))
        tell(denied("Y/USDT"))
        clock.advance(1)
    assert len(log.messages) == 2
    tell(denied("X/USDT"))
    tell(denied("Y/USDT"))
    assert len(log.messages) == 4


def test_the_line_comes_again_at_ten_minutes_and_not_a_moment_before(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    tell = PlainWords(clock)
    tell(denied())
    clock.advance(599.999)
    tell(denied())
    assert len(log.messages) == 1
    clock.advance(0.001)
    tell(denied())
    assert len(log.messages) == 2


def test_another_reason_on_the_same_pair_waits_and_is_told_with_the_next_line(
    log: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    tell = PlainWords(clock)
    tell(denied(code="below_threshold"))
    tell(denied(code="cap_below_minimum"))
    assert len(log.messages) == 1
    clock.advance(600)
    tell(denied(code="cap_below_minimum"))
    assert "[cap_below_minimum:" in log.messages[1]


def test_a_smaller_stake_is_told_once_and_does_not_silence_a_refusal(
    log: pytest.LogCaptureFixture,
) -> None:
    tell = PlainWords(ManualClock())
    reduced = StakeReduced("X/USDT", D(100), D("79.992"), "position_size_percent")
    tell(reduced)
    tell(reduced)
    tell(denied())
    assert log.messages == [
        "Stake for X/USDT made smaller by position_size_percent: 79.992 instead of 100 USDT.",
        "No order for X/USDT: available 1 USDT is below 2.5 USDT. "
        "[below_threshold: available=1, wanted=2.5]",
    ]


def test_a_smaller_partial_exit_is_told_once(log: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    tell = PlainWords(clock)
    for _ in range(3):
        tell(PartialExitReduced("X/USDT", D(3), D(2)))
        clock.advance(100)
    assert log.messages == [
        "Partial exit of X/USDT made smaller, so that the rest can still be sold: 2 instead of 3 X."
    ]


def test_an_approval_is_not_worth_a_line(log: pytest.LogCaptureFixture) -> None:
    PlainWords(ManualClock())(EntryApproved("X/USDT", D(5)))
    assert log.messages == []


def test_a_change_beyond_own_orders_is_told_each_time_with_its_amount(
    log: pytest.LogCaptureFixture,
) -> None:
    tell = PlainWords(ManualClock())
    tell(BalanceChangedExternally("USDT", D("500.00"), D(1500)))
    tell(BalanceChangedExternally("USDT", D(-200), D(1300)))
    assert log.messages == [
        "USDT rose by 500 beyond own orders, to 1500 in all: a deposit, reward or manual trade.",
        "USDT fell by 200 beyond own orders, to 1300 in all: a withdrawal or manual trade.",
    ]
    assert [record.levelname for record in log.records] == ["INFO", "WARNING"]
