"""After a slow failure of the ledger the next calls fail at once, for a moment."""

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import LedgerUnavailable, ReservationLedger
from freqtrade_balance_guard.ledger.pause import Pause
from tests.support.memory_store import MemoryStore


AWAY = LedgerUnavailable("the disk is full")


def test_before_any_failure_a_call_begins_now() -> None:
    clock = ManualClock()
    clock.advance(7)
    assert Pause(clock).begin() == clock.monotonic()


def test_a_quick_failure_is_followed_by_the_next_try() -> None:
    clock = ManualClock()
    pause = Pause(clock)
    began = pause.begin()
    clock.advance(0.29)
    pause.failed(AWAY, began)
    assert pause.begin() == clock.monotonic()


def test_a_slow_failure_is_remembered_with_its_reason_and_not_for_long() -> None:
    clock = ManualClock()
    pause = Pause(clock)
    began = pause.begin()
    clock.advance(0.3)
    pause.failed(AWAY, began)
    for seconds in (0, 1.99):
        clock.advance(seconds)
        with pytest.raises(LedgerUnavailable, match="the disk is full"):
            pause.begin()
    clock.advance(0.02)
    assert pause.begin() == clock.monotonic()


def test_no_call_waits_for_a_ledger_that_has_just_failed_slowly() -> None:
    clock, asked = ManualClock(), []

    class Slow(MemoryStore):
        def find(self, client_order_id: str) -> None:
            asked.append(client_order_id)
            clock.advance(0.7)
            raise AWAY

    ledger = ReservationLedger(Slow(), bot="one", account="kraken", process="run", clock=clock)
    for one in ("a", "b", "c"):
        with pytest.raises(LedgerUnavailable):
            ledger.find(one)
    assert asked == ["a"]
    clock.advance(2)
    with pytest.raises(LedgerUnavailable):
        ledger.find("d")
    assert asked == ["a", "d"]
