"""Metrics of a real bot on the sandbox: what is counted is what the exchange counted."""

import json
import socket
import subprocess
import sys

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.metrics import address_of, scrape


METRICS = {"metrics": {"enabled": True, "listen_port": 0}}


def orders_sent(sandbox):
    return [row for row in sandbox.control.journal() if row.get("endpoint") == "AddOrder"]


def test_counters_are_the_exchanges_own_and_go_on_after_a_kill(tmp_path):
    with Sandbox.start(scenario("1000")) as sandbox:
        pairs = all_pairs(sandbox, 4)
        plan = StrategyPlan(signals=dict.fromkeys(pairs[:3], 1))
        bot_settings = settings(sandbox, plan, way="launcher", guard=METRICS, stake_amount=100)
        sandbox.control.fault("lost_reply", endpoint="AddOrder", times=1)
        sandbox.control.fault(
            "refuse", endpoint="AddOrder", message="EOrder:Insufficient funds", times=1,
            symbol=pairs[2],
        )  # fmt: skip
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(lambda: len(bot.open_trades()) >= 2, 40, "2 trades")
            bot.control(Control(signals={}, exits=pairs))
            bot.wait_until(lambda: not bot.open_trades(), 40, "exits")
            bot.wait_loops(2)
            first = scrape(bot)
            accepted = len(sandbox.control.orders())
            rejected = len(
                [one for one in sandbox.control.rejections() if one["endpoint"] == "AddOrder"]
            )
            assert rejected >= 1
            arrived = first.sum("orders_total", result="accepted")
            found = first.sum("orders_total", result="found")
            assert (arrived + found, found) == (accepted, 1)
            assert first.sum("orders_total", result="lost") == 1
            assert first.sum("orders_total", result="unresolved") == 0
            assert first.sum("rejections_total", reason="funds") == rejected
            assert first.sum("exits_total", result="sent") == 2
            assert first.sum("entries_total", decision="approved") >= 2
            assert first.sum("balance_reads_total", result="ok") >= 2
            assert first.sum("cache_lookups_total") > 0
            assert first.sum("ledger_up") == 1
            total = first.sum("balance", kind="total", currency="USDT")
            exchange = float(
                sandbox.control.state()["accounts"]["main"]["balances"]["USDT"]["total"]
            )
            assert total == pytest.approx(exchange, rel=1e-6)
            assert first.sum("balance_verdict", currency="USDT") == 1
            assert first.sum("loop_seconds_count") >= 3
            bot.wait_until(lambda: scrape(bot).sum("exits_total") >= 2, 5, "counted")
            bot.wait_loops(3)  # what is counted is written once per second
            last = scrape(bot)
            bot.kill()
        with running(bot_settings, tmp_path) as bot:
            again = scrape(bot)
            for name in ("orders_total", "rejections_total", "exits_total", "entries_total"):
                assert again.sum(name) >= last.sum(name) > 0, name
            assert again.sum("exits_total") == 2
            status = subprocess.run(
                [sys.executable, "-m", "freqtrade_balance_guard", "status", "--json",
                 "-c", str(tmp_path / "config.json"), "--userdir", str(tmp_path)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            shown = [one["metrics"] for one in json.loads(status.stdout)["bots"] if one["alive"]]
            assert shown == [address_of(bot)]


def test_a_busy_port_is_one_warning_and_the_bot_trades(tmp_path):
    with socket.socket() as taken, Sandbox.start(scenario("1000")) as sandbox:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        guard = {"metrics": {"enabled": True, "listen_port": taken.getsockname()[1]}}
        plan = StrategyPlan(signals={all_pairs(sandbox, 1)[0]: 1})
        bot_settings = settings(sandbox, plan, way="mixin", guard=guard, stake_amount=100)
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 30, "a trade")
            bot.wait_loops(2)
            assert len(bot.lines("No metrics: 127.0.0.1 port")) == 1
            assert not bot.lines("Traceback")


def test_without_metrics_the_library_is_not_even_imported(tmp_path):
    extra = """
import sys
Rehearsal.bot_start = lambda self, **kwargs: print(
    "IMPORTED", any(name.startswith("prometheus_client") for name in sys.modules), flush=True)
"""
    with Sandbox.start(scenario("1000")) as sandbox:
        bot_settings = settings(sandbox, StrategyPlan(), way="launcher", guard={})
        with running(bot_settings, tmp_path, extra) as bot:
            assert bot.wait_for("^IMPORTED", 10).endswith("False")
            assert not bot.lines("Metrics are served")
