"""What metrics cost: CPU of an idle bot that is scraped every 5 s, and time per loop."""

import os
import statistics
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.events import (
    BalanceRead,
    BalanceServedFromCache,
    EventHub,
    LoopEnded,
    OrderDenied,
)
from freqtrade_balance_guard.monitoring.metrics.figures import Figures
from freqtrade_balance_guard.monitoring.metrics.server import BotLabels, MetricsServer
from freqtrade_balance_guard.monitoring.metrics.totals import Totals
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import running, scenario, settings
from tests.support.metrics import address_of, scrape


pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

IDLE_SECONDS, SCRAPES, SCRAPED_EVERY = 20, 300, 5
MOST_OF_A_CPU = 0.01
MOST_PER_LOOP = 0.0002


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_bot_that_is_scraped_every_5_s_takes_one_percent_of_a_cpu_more(tmp_path, capsys):
    guard = {"metrics": {"enabled": True, "listen_port": 0}}
    with Sandbox.start(scenario("1000")) as sandbox:
        idle = settings(sandbox, StrategyPlan(), way="launcher", guard=guard)
        with running(idle, tmp_path) as bot:
            bot.wait_loops(5)
            scrape(bot)
            # One scrape is too little to be seen beside the loops: many, less what loops take.
            began, before = time.monotonic(), cpu_seconds(bot.pid)
            time.sleep(IDLE_SECONDS)
            loops = (cpu_seconds(bot.pid) - before) / (time.monotonic() - began)
            began, before = time.monotonic(), cpu_seconds(bot.pid)
            address = address_of(bot)
            for _ in range(SCRAPES):
                with urlopen(address, timeout=10) as answer:
                    answer.read()
            took = time.monotonic() - began
            each = (cpu_seconds(bot.pid) - before - loops * took) / SCRAPES
    with capsys.disabled():
        sys.stdout.write(
            f"\nidle bot: {100 * loops:.2f} % of a CPU; a scrape takes {1000 * each:.2f} ms, "
            f"every {SCRAPED_EVERY} s {100 * each / SCRAPED_EVERY:.3f} %\n"
        )
    assert each / SCRAPED_EVERY <= MOST_OF_A_CPU


def test_metrics_cost_a_loop_at_most_a_fifth_of_a_millisecond(tmp_path, capsys):
    labels = BotLabels("bot", "kraken", "1", "2", "kraken", "live", "USDT")
    totals = Totals(tmp_path / "guard.sqlite", "kraken", "bot", SystemClock())
    server = MetricsServer(labels, totals.now, Figures)
    hub = EventHub(totals, server)
    # A loop with two signals, one of them denied, after a read.
    loop = (
        BalanceRead("expired", 0.1),
        BalanceServedFromCache(1.0),
        OrderDenied("A/B", "below_threshold", "", {}),
        BalanceServedFromCache(1.0),
        LoopEnded(0.01),
    )
    spent = []
    for _ in range(50):
        began = time.process_time()
        for _ in range(100):
            for event in loop:
                hub.publish(event)
        spent.append((time.process_time() - began) / 100)
    totals.close()
    median = statistics.median(spent)
    with capsys.disabled():
        sys.stdout.write(f"\nmetrics: {1e6 * median:.1f} microseconds per loop\n")
    assert median <= MOST_PER_LOOP
