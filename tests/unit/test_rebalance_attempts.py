"""Attempts are kept: before the first sale, over a kill, and whatever happens to the clock."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import open_ledger
from freqtrade_balance_guard.rebalance.attempt import MAY_FOLLOW, Attempt, Outcome, SaleRecord
from freqtrade_balance_guard.rebalance.attempt_store import (
    INSERT,
    AttemptStore,
    AttemptsUnavailable,
    AttemptUnderWay,
    read_attempts,
)
from freqtrade_balance_guard.rebalance.attempts import KEEP_SECONDS, AttemptLog
from freqtrade_balance_guard.rebalance.policy import NotNow, NotNowCode, decide, plan_of
from tests.support.rebalance import LIMITS, stuck


COOLDOWN = 3600.0
# Three positions of about 10 USDT: two sales of 9.9 and one of a part.
PLAN = plan_of(stuck(limits=replace(LIMITS, target_stake=Decimal(25))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "user_data" / "balance_guard.sqlite"


def open_log(path: Path, clock: ManualClock | None = None, bot: str = "one") -> AttemptLog:
    store = AttemptStore(path, "kraken")
    return AttemptLog(store, "kraken", bot, clock or ManualClock())


def stored(path: Path) -> list[Attempt]:
    return read_attempts(path, "kraken")


def nothing_found(_attempt: Attempt, _sale: SaleRecord) -> None:
    return None


def test_the_plan_of_these_tests_has_three_sales() -> None:
    assert [(sale.trade_id, sale.is_whole) for sale in PLAN.sales] == [
        (1, True),
        (2, True),
        (3, False),
    ]


def test_before_the_first_attempt_there_is_no_cooldown_and_no_file(path: Path) -> None:
    log = open_log(path)
    assert (log.last(), log.seconds_since_last(), log.left(COOLDOWN)) == (None, None, 0)
    assert log.locked_pairs(COOLDOWN) == ()
    log.keep_time(COOLDOWN)
    assert not path.exists()


def test_an_attempt_is_in_the_file_with_its_plan_before_anything_is_sold(path: Path) -> None:
    begun = open_log(path).begin(PLAN, "USDT")
    assert stored(path) == [begun]
    assert begun.ended_at is None
    assert (begun.available, begun.target, begun.expected) == (
        Decimal("2.86"),
        Decimal(25),
        PLAN.expected,
    )
    assert [(s.trade_id, s.amount, s.outcome) for s in begun.sales] == [
        (sale.trade_id, sale.amount, Outcome.PLANNED) for sale in PLAN.sales
    ]


def test_a_new_attempt_is_flushed_to_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Telling(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            told.append(sql)
            if sql == "COMMIT":
                level = super().execute("PRAGMA synchronous").fetchone()[0]
                told.append(f"flushed: {level}")
            return super().execute(sql, *values)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **more: connect(*a, factory=Telling, **more))
    log = open_log(path)
    log.begin(PLAN, "USDT")
    # SQLite's 3 is EXTRA: the rows, and the folder's entry of a new file.
    assert told.index(INSERT) < told.index("COMMIT") < told.index("flushed: 3")
    told.clear()
    log.record(1, Outcome.SENDING)
    assert "flushed: 1" in told


def test_without_a_file_attempts_are_numbered_all_the_same() -> None:
    log = AttemptLog(None, "kraken", "one", ManualClock())
    assert [log.begin(PLAN, "USDT").id for _ in range(4)] == [1, 2, 3, 4]


def test_a_plan_without_sales_is_no_attempt(path: Path) -> None:
    log = open_log(path)
    with pytest.raises(ValueError, match="no attempt"):
        log.begin(replace(PLAN, sales=()), "USDT")
    assert log.last() is None


def test_one_failing_sale_does_not_stop_the_others_and_each_outcome_is_kept(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    log.record(1, Outcome.FAILED, detail="EOrder:Insufficient funds")
    log.record(2, Outcome.SENDING)
    log.record(2, Outcome.VETOED, detail="confirm_trade_exit")
    log.record(3, Outcome.SENDING)
    log.record(3, Outcome.ORDERED, order_id="O-3")
    clock.advance(2)
    log.end()
    log.record(3, Outcome.FILLED)
    (kept,) = stored(path)
    assert [(s.outcome, s.order_id, s.detail) for s in kept.sales] == [
        (Outcome.FAILED, "", "EOrder:Insufficient funds"),
        (Outcome.VETOED, "", "confirm_trade_exit"),
        (Outcome.FILLED, "O-3", ""),
    ]
    assert kept.ended_at == clock.wall()
    # Also one that sold nothing counts, else a failing sale is tried in every loop.
    assert log.left(COOLDOWN) == COOLDOWN - 2


def test_only_what_was_sold_or_may_have_been_is_locked_and_only_for_the_cooldown(
    path: Path,
) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    log.record(1, Outcome.FAILED)
    log.record(2, Outcome.SENDING)
    assert log.locked_pairs(COOLDOWN) == ("COIN2/USDT",)
    log.record(2, Outcome.UNKNOWN)
    log.end()
    assert open_log(path, clock).locked_pairs(COOLDOWN) == ("COIN2/USDT",)
    clock.advance(COOLDOWN - 1)
    assert log.locked_pairs(COOLDOWN) == ("COIN2/USDT",)
    clock.advance(1)
    assert log.locked_pairs(COOLDOWN) == ()


@pytest.mark.parametrize("before", list(Outcome))
@pytest.mark.parametrize("after", list(Outcome))
def test_an_outcome_follows_only_what_it_can_follow(
    path: Path, before: Outcome, after: Outcome
) -> None:
    ways = {
        Outcome.PLANNED: [],
        Outcome.SENDING: [Outcome.SENDING],
        Outcome.NOT_SENT: [Outcome.NOT_SENT],
    }
    log = AttemptLog(None, "kraken", "one", ManualClock())
    log.begin(PLAN, "USDT")
    for step in ways.get(before, [Outcome.SENDING, before]):
        log.record(1, step)
    if after in MAY_FOLLOW.get(before, set()):
        assert log.record(1, after).sales[0].outcome is after
    else:
        with pytest.raises(ValueError, match="cannot become"):
            log.record(1, after)


def test_a_sale_of_no_attempt_and_an_end_of_none_are_errors(path: Path) -> None:
    log = open_log(path)
    with pytest.raises(ValueError, match="in no attempt"):
        log.record(1, Outcome.SENDING)
    with pytest.raises(ValueError, match="no attempt"):
        log.end()
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    with pytest.raises(ValueError, match="still being sent"):
        log.end()


# A restart


def test_the_cooldown_goes_on_after_a_restart(path: Path) -> None:
    clock = ManualClock()
    open_log(path, clock).begin(PLAN, "USDT")
    clock.advance(1000)
    again = open_log(path, clock)
    assert again.seconds_since_last() == 1000
    clock.advance(2600)
    assert again.left(COOLDOWN) == 0


def test_kept_time_is_not_lost_when_the_clock_is_set_back_while_the_bot_is_down(
    path: Path,
) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    for _ in range(600):
        clock.advance(5)
        log.keep_time(COOLDOWN)
    early = ManualClock(clock.wall() - timedelta(days=30))
    again = open_log(path, early)
    assert 3000 - KEEP_SECONDS <= (again.seconds_since_last() or 0) <= 3000
    early.advance(600 + KEEP_SECONDS)
    assert again.left(COOLDOWN) == 0


def test_a_bot_that_is_killed_every_minute_under_a_wrong_clock_still_gets_through(
    path: Path,
) -> None:
    clock = ManualClock()
    open_log(path, clock).begin(PLAN, "USDT")
    wall = clock.wall() - timedelta(days=365)
    runs, is_over = 0, False
    while not is_over:
        runs += 1
        clock = ManualClock(wall)
        log = open_log(path, clock)
        for _ in range(12):
            log.keep_time(1200.0)
            clock.advance(5)
        wall = clock.wall()
        is_over = log.left(1200.0) == 0
    assert 20 <= runs <= 24


def test_time_is_kept_every_ten_seconds_and_not_after_the_cooldown(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    kept = set()
    for _ in range(400):
        clock.advance(1)
        log.keep_time(300.0)
        kept.add(stored(path)[0].progress.waited)
    assert len(kept) == 31
    assert max(kept) == 300.0


def test_with_a_cooldown_that_is_shorter_now_nothing_more_is_kept(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    clock.advance(500)
    log.keep_time(COOLDOWN)
    clock.advance(100)
    log.keep_time(300.0)
    assert stored(path)[0].progress.waited == 500


def test_the_time_that_the_bot_was_down_is_kept_in_the_first_loop(path: Path) -> None:
    clock = ManualClock()
    open_log(path, clock).begin(PLAN, "USDT")
    clock.advance(500)
    open_log(path, clock).keep_time(COOLDOWN)
    assert stored(path)[0].progress.waited == 500


def test_an_attempt_that_was_interrupted_is_ended_with_what_can_be_found(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    log.record(1, Outcome.ORDERED, order_id="O-1")
    log.record(2, Outcome.SENDING)
    asked = []

    def find(_attempt: Attempt, sale: SaleRecord) -> tuple[Outcome, str] | None:
        asked.append(sale.trade_id)
        return (Outcome.FILLED, "O-2") if sale.trade_id == 2 else None

    again = open_log(path, clock)
    again.complete_interrupted(find)
    assert asked == [2, 3]
    (kept,) = stored(path)
    assert [(s.outcome, s.order_id) for s in kept.sales] == [
        (Outcome.ORDERED, "O-1"),
        (Outcome.FILLED, "O-2"),
        (Outcome.NOT_SENT, ""),
    ]
    assert kept.ended_at is not None
    assert again.complete_interrupted(find) is None


def test_what_was_being_sent_and_is_not_found_is_unknown_and_locked(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    again = open_log(path, clock)
    ended = again.complete_interrupted(nothing_found)
    assert ended is not None
    assert [s.outcome for s in ended.sales] == [
        Outcome.UNKNOWN,
        Outcome.NOT_SENT,
        Outcome.NOT_SENT,
    ]
    assert again.locked_pairs(COOLDOWN) == ("COIN1/USDT",)


def test_a_sale_that_went_out_although_a_power_cut_took_the_word_of_it_is_found(
    path: Path,
) -> None:
    open_log(path).begin(PLAN, "USDT")
    ended = open_log(path).complete_interrupted(
        lambda _attempt, sale: (Outcome.ORDERED, "O-1") if sale.trade_id == 1 else None
    )
    assert ended is not None
    assert [s.outcome for s in ended.sales] == [
        Outcome.ORDERED,
        Outcome.NOT_SENT,
        Outcome.NOT_SENT,
    ]


CHILD = """
import os, signal, sys
from pathlib import Path
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.rebalance.attempt_store import AttemptStore
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from tests.unit.test_rebalance_attempts import PLAN

def die_at(point):
    if sys.argv[2] == point:
        os.kill(os.getpid(), signal.SIGKILL)

log = AttemptLog(AttemptStore(Path(sys.argv[1]), "kraken"), "kraken", "one", SystemClock())
die_at("before the attempt")
log.begin(PLAN, "USDT")
die_at("before the first sale")
for sale in PLAN.sales:
    log.record(sale.trade_id, Outcome.SENDING)
    die_at(f"sending {sale.trade_id}")
    log.record(sale.trade_id, Outcome.ORDERED, order_id=f"O-{sale.trade_id}")
    die_at(f"ordered {sale.trade_id}")
log.end()
die_at("after the end")
"""
POINTS = [
    "before the first sale",
    *(f"{what} {number}" for number in (1, 2, 3) for what in ("sending", "ordered")),
    "after the end",
]


def kill_child_at(path: Path, point: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), point],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_anywhere_leaves_one_attempt_that_counts_for_the_cooldown(
    path: Path, point: str
) -> None:
    kill_child_at(path, point)
    clock = ManualClock(stored(path)[0].started_at + timedelta(seconds=30))
    again = open_log(path, clock)
    answer = decide(stuck(since_attempt=again.seconds_since_last()))
    assert isinstance(answer, NotNow)
    assert answer.code is NotNowCode.COOLDOWN
    again.complete_interrupted(nothing_found)
    (kept,) = stored(path)
    assert kept.ended_at is not None
    assert {s.outcome for s in kept.sales} <= {Outcome.ORDERED, Outcome.UNKNOWN, Outcome.NOT_SENT}
    sent = {"sending": "unknown", "ordered": "ordered"}
    what, _, number = point.partition(" ")
    if what in sent:
        assert [str(s.outcome) for s in kept.sales] == [
            "ordered" if index < int(number) else sent[what] if index == int(number) else "not_sent"
            for index in (1, 2, 3)
        ]


def test_a_kill_before_the_attempt_leaves_none(path: Path) -> None:
    kill_child_at(path, "before the attempt")
    assert stored(path) == []


# Others


def test_two_bots_of_an_account_do_not_share_a_cooldown(path: Path) -> None:
    open_log(path).begin(PLAN, "USDT")
    other = open_log(path, bot="two")
    assert other.seconds_since_last() is None
    other.begin(PLAN, "USDT")
    assert [attempt.bot for attempt in stored(path)] == ["two", "one"]


def test_a_second_process_of_the_same_bot_does_not_begin_on_an_old_decision(path: Path) -> None:
    first, second = open_log(path), open_log(path)
    assert second.last() is None
    first.begin(PLAN, "USDT")
    with pytest.raises(AttemptUnderWay):
        second.begin(PLAN, "USDT")
    assert len(stored(path)) == 1
    assert second.seconds_since_last() == 0


def test_it_shares_the_ledgers_file(path: Path) -> None:
    """Which keeps a log of its own beside it."""
    path.parent.mkdir()
    ledger = open_ledger(f"sqlite:///{path}", bot="one", account="kraken")
    ledger.heartbeat()
    begun = open_log(path).begin(PLAN, "USDT")
    ledger.heartbeat()
    assert stored(path) == [begun]
    ledger.close()
    assert stored(path) == [begun]


def test_attempts_may_be_read_while_a_bot_writes_them(path: Path) -> None:
    begun = open_log(path).begin(PLAN, "USDT")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert stored(path) == [begun]
    writer.close()


# Trouble


def test_a_file_that_is_none_is_said_and_nothing_may_be_sold(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    log = open_log(path)
    with pytest.raises(AttemptsUnavailable, match=r"balance_guard\.sqlite cannot be used"):
        log.seconds_since_last()
    with pytest.raises(AttemptsUnavailable):
        log.begin(PLAN, "USDT")


def test_a_file_that_was_deleted_meanwhile_is_not_made_anew(path: Path) -> None:
    clock = ManualClock()
    log = open_log(path, clock)
    log.begin(PLAN, "USDT")
    path.unlink()
    clock.advance(KEEP_SECONDS)
    log.keep_time(COOLDOWN)
    with pytest.raises(AttemptsUnavailable):
        log.begin(PLAN, "USDT")
    assert not path.exists()
    assert log.seconds_since_last() == KEEP_SECONDS


def test_a_row_that_makes_no_sense_is_said(path: Path) -> None:
    open_log(path).begin(PLAN, "USDT")
    with sqlite3.connect(path) as writer:
        writer.execute("UPDATE rebalance_attempts SET sales = '[{}]'")
    writer.close()
    with pytest.raises(AttemptsUnavailable, match="trade_id"):
        open_log(path).last()


def test_a_file_that_another_program_holds_lets_no_attempt_begin(path: Path) -> None:
    log = open_log(path)
    log.begin(PLAN, "USDT")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(AttemptsUnavailable, match="locked"):
        log.begin(PLAN, "USDT")
    # What was sold is known all the same.
    with pytest.raises(AttemptsUnavailable):
        log.record(1, Outcome.SENDING)
    assert log.locked_pairs(COOLDOWN) == ("COIN1/USDT",)
    holder.close()


# The guard's first start


def test_the_first_start_is_kept_and_counts_until_there_is_a_trade(path: Path) -> None:
    clock = ManualClock()
    first = open_log(path, clock).first_start()
    clock.advance(1000)
    assert open_log(path, clock).first_start() == first
    assert open_log(path, clock, bot="two").first_start() == clock.wall()


def test_a_backtest_keeps_all_of_it_in_memory() -> None:
    clock = ManualClock()
    log = AttemptLog(None, "kraken", "one", clock)
    started = log.first_start()
    clock.advance(5)
    assert log.first_start() == started
    log.begin(PLAN, "USDT")
    log.record(1, Outcome.SENDING)
    log.record(1, Outcome.ORDERED)
    log.keep_time(COOLDOWN)
    clock.advance(600)
    assert log.left(COOLDOWN) == 3000
    assert log.locked_pairs(COOLDOWN) == ("COIN1/USDT",)
    ended = log.end()
    assert ended.sales[2].outcome is Outcome.NOT_SENT
