"""How messages reach freqtrade's RPC: by type, with freqtrade's own fields, never twice."""

import time
from collections import deque
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import RPCMessageType

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    ExitBackedOff,
    OrderDenied,
    PairsLocked,
    PairsUnlocked,
)
from freqtrade_balance_guard.integration.monitoring.notify import Notifier
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures
from freqtrade_balance_guard.monitoring.metrics.totals import Totals
from freqtrade_balance_guard.orders.events import LostReplyFound
from freqtrade_balance_guard.settings import AlertSettings


D = Decimal


class Manager:
    """What of freqtrade's RPCManager is used."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_msg(self, msg: dict[str, Any]) -> None:
        self.sent.append(msg)

    def process_msg_queue(self, queue: deque[str]) -> None:
        while queue:
            self.sent.append({"type": RPCMessageType.STRATEGY_MSG, "msg": queue.popleft()})

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        end = time.monotonic() + 10
        while len(self.sent) < count and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        return self.sent


@pytest.fixture
def world(tmp_path: Path):
    manager, clock = Manager(), ManualClock()
    balance = BalanceFigures("kraken", "USDT", total=D(100), used=D(90), verdict="confirmed")
    looks = []

    def look() -> Figures:
        looks.append(1)
        return Figures((balance,))

    path = tmp_path / "guard.sqlite"
    place = (path, "kraken", "bot", clock)
    notifier = Notifier(manager, AlertSettings(), "USDT", *place, look)
    totals = Totals(*place)
    yield notifier, manager, clock, totals, looks
    notifier.close()
    totals.close()


def test_each_kind_has_freqtrades_own_type(world) -> None:
    notifier, manager, *_ = world
    lock = {"pair": "*", "lock_end_time": "2026-01-01 10:00:00", "reason": "below"}
    notifier(ExitBackedOff("A/B"))
    notifier(BalanceChangedExternally("EUR", D(5), D(10)))
    notifier(PairsLocked("*", "below", lock))
    notifier(PairsLocked("A/B", "sold", {**lock, "pair": "A/B"}))
    notifier(PairsUnlocked("*", "10 `available`"))
    sent = {msg["type"]: msg for msg in manager.wait_for(5)}
    assert len(manager.sent) == 5
    assert sent[RPCMessageType.WARNING]["status"].startswith("Balance guard: A/B cannot be sold")
    assert "EUR rose by 5" in sent[RPCMessageType.STRATEGY_MSG]["msg"]
    every = sent[RPCMessageType.PROTECTION_TRIGGER_GLOBAL]
    assert every["lock_end_time"] == "2026-01-01 10:00:00" and every["pair"] == "*"
    assert sent[RPCMessageType.PROTECTION_TRIGGER]["base_currency"] == "A"
    # Telegram would read a backtick as the begin of code.
    assert "`" not in sent[RPCMessageType.STATUS]["status"]


def test_no_mark_of_telegrams_markup_is_in_what_it_reads_as_such(world) -> None:
    notifier, manager, *_ = world
    notifier(PairsLocked("*", "", {"pair": "*", "lock_end_time": "", "reason": "below my_limit"}))
    notifier(LostReplyFound("A/B", "order_[1]*", "entry"))
    sent = {msg["type"]: msg for msg in manager.wait_for(2)}
    assert sent[RPCMessageType.PROTECTION_TRIGGER_GLOBAL]["reason"] == "below my limit"
    assert "order (1)" in sent[RPCMessageType.STRATEGY_MSG]["msg"]


def test_figures_are_looked_at_every_ten_seconds_and_a_border_is_reported_once(world) -> None:
    notifier, manager, clock, _, looks = world
    for _ in range(40):
        notifier.work()
        clock.advance(1)
    assert len(looks) == 4
    (message,) = manager.wait_for(1)
    assert "90 % of USDT is in use" in message["msg"]


def test_denials_are_summed_up_when_the_day_is_over(world) -> None:
    notifier, manager, clock, totals, _ = world
    clock.advance(timedelta(hours=20).total_seconds())
    for _ in range(3):
        totals(OrderDenied("A/B", "below_threshold", "", {}))
    totals.write()
    for _ in range(3):
        notifier.work()
        clock.advance(timedelta(hours=5).total_seconds())
    lines = [line for msg in manager.wait_for(2) for line in msg["msg"].splitlines()]
    assert [line.removeprefix("Balance guard: ") for line in lines if "denied" in line] == [
        "2026-01-01: 3 entries were denied: below threshold 3."
    ]


def test_denials_so_far_are_sent_on_request_also_where_there_are_none(world) -> None:
    notifier, manager, _, totals, _ = world
    notifier.sum_up_today()
    notifier.work()
    for _ in range(2):
        totals(OrderDenied("A/B", "below_threshold", "", {}))
    totals.write()
    notifier.work()  # not asked again
    manager.wait_for(2)
    notifier.sum_up_today()
    notifier.work()
    answers = [msg["status"] for msg in manager.wait_for(3) if msg["type"] is RPCMessageType.STATUS]
    assert answers == [
        "Balance guard: 2026-01-01 so far: no entry was denied.",
        "Balance guard: 2026-01-01 so far: 2 entries were denied: below threshold 2.",
    ]


def test_without_freqtrades_manager_messages_are_only_kept(tmp_path: Path) -> None:
    place = (tmp_path / "guard.sqlite", "kraken", "bot", ManualClock())
    notifier = Notifier(None, AlertSettings(), "USDT", *place, Figures)
    notifier(ExitBackedOff("A/B"))
    notifier.close()
