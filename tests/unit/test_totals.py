"""Counters: what moves them, and that a restart goes on counting."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.arbitrage.events import ArbitrageFinished
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceCacheMissed,
    BalanceChangedExternally,
    BalanceRead,
    BalanceServedFromCache,
    BalanceUnreadable,
    EntryApproved,
    Event,
    ExitBackedOff,
    LoopEnded,
    OrderDenied,
    RebalanceEnded,
    StakeReduced,
)
from freqtrade_balance_guard.monitoring.metrics.totals import Totals, read_daily_totals, read_totals
from freqtrade_balance_guard.orders.events import (
    ExitUnresolved,
    LostReplyFound,
    OrderAccepted,
    OrderRejected,
    OrderReplyLost,
    OrderUnresolved,
    rejection_reason,
)


D = Decimal
REBALANCE = ("stuck", "USDT", D(1), D(10))

ROWS = [
    (BalanceRead("expired", 0.1), {("balance_reads", ("expired", "ok")): 1}),
    (BalanceUnreadable("x", "exit", 0.1), {("balance_reads", ("exit", "unreadable")): 1}),
    (BalanceServedFromCache(3.0), {("cache_lookups", ("hit",)): 1}),
    (BalanceCacheMissed("expired"), {("cache_lookups", ("miss",)): 1}),
    (
        BalanceChangedExternally("EUR", D(5), D(10)),
        {("external_changes", ("EUR", "in")): 1},
    ),
    (
        BalanceChangedExternally("EUR", D(-5), D(10)),
        {("external_changes", ("EUR", "out")): 1},
    ),
    (EntryApproved("A/B", D(1)), {("entries", ("approved", "")): 1}),
    (
        OrderDenied("A/B", "below_threshold", "", {}),
        {("entries", ("denied", "below_threshold")): 1},
    ),
    (OrderDenied("A/B", "partial_exit_too_small", "", {}), {}),
    (ExitBackedOff("A/B"), {("exits", ("backed_off",)): 1}),
    (OrderAccepted("A/B", "entry"), {("orders", ("entry", "accepted")): 1}),
    (
        OrderAccepted("A/B", "stop"),
        {("orders", ("stop", "accepted")): 1, ("exits", ("sent",)): 1},
    ),
    (
        OrderRejected("A/B", "exit", "minimum", ""),
        {("orders", ("exit", "rejected")): 1, ("rejections", ("minimum",)): 1},
    ),
    (
        OrderReplyLost("A/B", "exit"),
        {("orders", ("exit", "lost")): 1, ("exits", ("lost",)): 1},
    ),
    (LostReplyFound("A/B", "1", "entry"), {("orders", ("entry", "found")): 1}),
    (ExitUnresolved("A/B", "1"), {("exits", ("unresolved",)): 1}),
    (OrderUnresolved("A/B", "1", "leg"), {("orders", ("leg", "unresolved")): 1}),
    (RebalanceEnded(*REBALANCE, ("A/B",), ()), {("rebalance_attempts", ("sold",)): 1}),
    (RebalanceEnded(*REBALANCE, (), ("A/B",)), {("rebalance_attempts", ("failed",)): 1}),
    (
        ArbitrageFinished(1, ArbitrageKind.TWO_LEGS, ArbitrageState.HEDGED, D(1), D(1)),
        {("arbitrages", ("hedged",)): 1},
    ),
    (ArbitrageFinished(2, ArbitrageKind.UNWIND, ArbitrageState.FILLED, D(1), D(0)), {}),
    (LoopEnded(0.1), {}),
]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Totals]:
    clock = ManualClock()

    def one(bot: str = "bot", file: str = "guard.sqlite") -> Totals:
        return Totals(tmp_path / file, "kraken", bot, clock)

    return one


@pytest.mark.parametrize(("event", "counted"), ROWS, ids=lambda v: type(v).__name__)
def test_a_fact_moves_its_counters_by_one_and_no_others(make, event: Event, counted) -> None:
    totals = make()
    totals(event)
    assert totals.now() == counted


def test_a_stake_that_was_made_smaller_is_one_entry_with_the_limit_as_code(make) -> None:
    totals = make()
    totals(StakeReduced("A/B", D(10), D(5), "position_size_percent"))
    totals(EntryApproved("A/B", D(5)))
    totals(EntryApproved("A/B", D(5)))
    assert totals.now() == {
        ("entries", ("reduced", "position_size_percent")): 1,
        ("entries", ("approved", "")): 1,
    }


def test_a_restart_goes_on_counting_and_another_bot_counts_for_itself(make, tmp_path) -> None:
    for _ in range(3):
        totals, other = make(), make("other")
        totals(BalanceCacheMissed("expired"))
        totals.write()
        totals(BalanceServedFromCache(1))
        other(BalanceServedFromCache(1))
        totals.close()
        other.close()
    expected = {("cache_lookups", ("miss",)): 3, ("cache_lookups", ("hit",)): 3}
    assert make().now() == expected
    assert make("other").now() == {("cache_lookups", ("hit",)): 3}
    stored = read_totals(tmp_path / "guard.sqlite", "kraken")
    assert sum(total.total for total in stored) == 9


def test_what_a_look_has_loaded_is_not_counted_twice_by_a_write(make) -> None:
    totals = make()
    totals(BalanceServedFromCache(1))
    totals.write()
    totals(BalanceServedFromCache(1))
    assert totals.now() == {("cache_lookups", ("hit",)): 2}
    totals.write()
    totals.write()
    assert totals.now() == make().now() == {("cache_lookups", ("hit",)): 2}


def test_a_file_that_cannot_be_written_loses_no_count_and_says_so_once(
    make, tmp_path, caplog
) -> None:
    totals = make()
    totals(BalanceServedFromCache(1))
    totals.write()
    locked = sqlite3.connect(tmp_path / "guard.sqlite", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    for _ in range(2):
        totals(BalanceServedFromCache(1))
        totals.write()
    assert len([one for one in caplog.records if "not stored now" in one.message]) == 1
    locked.execute("ROLLBACK")
    totals.write()
    assert totals.now() == make().now() == {("cache_lookups", ("hit",)): 3}


def test_days_are_kept_apart_and_forgotten_after_four_hundred(make, tmp_path) -> None:
    totals = make()
    clock = totals._clock
    for _ in range(402):
        totals(BalanceServedFromCache(1))
        totals.write()
        clock.advance(86400)
    days = read_daily_totals(tmp_path / "guard.sqlite", "kraken")
    assert len(days) == 401 and {one.total for one in days} == {1}
    assert totals.now() == {("cache_lookups", ("hit",)): 402}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("EOrder:Order minimum not met", "minimum"),
        ("EOrder:Insufficient funds", "funds"),
        ("Account has insufficient balance for requested action", "funds"),
        ("Margin is insufficient", "margin"),
        ("EOrder:Insufficient initial margin", "margin"),
        ("EGeneral:Permission denied", "other"),
    ],
)
def test_a_rejection_has_one_of_four_reasons(words: str, reason: str) -> None:
    assert rejection_reason(words) == reason
