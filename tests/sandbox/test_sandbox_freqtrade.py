"""Plain freqtrade, unmodified and in its own process, trades on the sandbox."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freqtrade_balance_guard.sandbox import Sandbox


STRATEGY = """
from freqtrade.strategy import IStrategy


class InAndOut(IStrategy):
    timeframe = "1m"
    minimal_roi = {}
    stoploss = -0.5
    process_only_new_candles = False
    startup_candle_count = 1
    order_types = {
        "entry": "limit",
        "exit": "limit",
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_exit(self, pair, trade, current_time, **kwargs):
        return "done"
"""
PATIENCE_S = 60


class Bot:
    """freqtrade with one sandbox as its exchange."""

    def __init__(self, folder: Path, sandbox: Sandbox, *, dry_run: bool) -> None:
        (folder / "in_and_out.py").write_text(STRATEGY)
        exchange = sandbox.freqtrade_exchange() | {"pair_whitelist": ["ETH/USDT"]}
        pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
        config = {
            "dry_run": dry_run,
            "dry_run_wallet": 1000,
            "stake_currency": "USDT",
            "stake_amount": 100,
            "max_open_trades": 1,
            "entry_pricing": pricing,
            "exit_pricing": pricing,
            "pairlists": [{"method": "StaticPairList"}],
            "exchange": exchange,
            "internals": {"process_throttle_secs": 1},
            "initial_state": "running",
            "user_data_dir": str(folder),
        }
        (folder / "config.json").write_text(json.dumps(config))
        self._log = folder / "bot.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "freqtrade", "trade", "--config", "config.json"),
                    *("--strategy", "InAndOut", "--strategy-path", str(folder)),
                    *("--db-url", f"sqlite:///{folder}/trades.sqlite"),
                ],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"COLUMNS": "2000"},
            )

    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


def test_plain_freqtrade_enters_and_exits_live(tmp_path, sandbox):
    bot = Bot(tmp_path, sandbox, dry_run=False)
    try:
        bot.wait_for(lambda: "Marking Trade" in bot.log() and "as closed" in bot.log())
    finally:
        bot.stop()

    entry, stop, leave = sandbox.control.orders()[:3]
    assert (entry["side"], stop["side"], leave["side"]) == ("buy", "sell", "sell")
    assert (entry["type"], stop["type"], leave["type"]) == ("limit", "stop-loss", "limit")
    assert (entry["status"], stop["status"], leave["status"]) == ("closed", "canceled", "closed")
    assert entry["filled"] == leave["filled"]
    assert sandbox.control.rejections() == []
    assert sandbox.control.audit()["ok"]
    endpoints = sandbox.control.counters()["endpoints"]
    assert {"AddOrder", "BalanceEx", "OpenOrders", "OHLC", "AssetPairs"} <= set(endpoints)
    # What freqtrade read into its wallet is what the exchange told it.
    told = [e for e in sandbox.control.journal() if e["event"] == "balance_told"]
    assert told[0]["balances"]["USDT"]["total"] == "1000"
    assert float(told[-1]["balances"]["USDT"]["total"]) < 1000


def test_plain_freqtrade_enters_and_exits_in_dry_run_without_a_private_call(tmp_path, sandbox):
    bot = Bot(tmp_path, sandbox, dry_run=True)
    try:
        bot.wait_for(lambda: "Marking Trade" in bot.log() and "as closed" in bot.log())
    finally:
        bot.stop()

    assert sandbox.control.orders() == []
    counters = sandbox.control.counters()
    assert counters["private"] == 0
    assert {"AssetPairs", "OHLC", "Depth"} <= set(counters["endpoints"])
