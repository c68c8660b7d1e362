"""Clocks: when, and how long."""

from datetime import UTC, datetime, timedelta

import pytest

from freqtrade_balance_guard.clock import Clock, ManualClock, SystemClock


def test_the_system_clock_knows_its_zone_and_never_goes_back() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    assert before <= clock.wall() <= datetime.now(UTC)
    assert clock.wall().utcoffset() == timedelta(0)
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_manual_clock_stands_still_until_it_is_told() -> None:
    clock: Clock = ManualClock()
    assert clock.wall() == clock.wall()
    assert clock.monotonic() == clock.monotonic() == 0.0


def test_both_faces_of_a_manual_clock_move_together() -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    clock = ManualClock(start)
    clock.advance(90)
    clock.advance(0.5)
    assert clock.wall() == start + timedelta(seconds=90.5)
    assert clock.monotonic() == 90.5


def test_a_manual_clock_refuses_to_go_back() -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)
    assert clock.monotonic() == 0.0


def test_a_date_without_a_zone_is_no_start() -> None:
    with pytest.raises(ValueError, match="no zone"):
        ManualClock(datetime(2026, 3, 1))
