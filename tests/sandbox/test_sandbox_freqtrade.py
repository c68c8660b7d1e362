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

from freqtrade_balance_guard.sandbox import Sandbox, Scenario


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
        "stoploss": "STOPLOSS_TYPE",
        "stoploss_on_exchange": True,
    }

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, **kwargs):
        return 3

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

    def __init__(
        self,
        folder: Path,
        sandbox: Sandbox,
        *,
        dry_run: bool,
        exits: bool = True,
        streams: bool = False,
        pair: str | None = None,
        **settings: object,
    ) -> None:
        dialect = sandbox.scenario.dialect
        stop = "limit" if dialect == "binance" else "market"  # Binance spot knows no other
        strategy = STRATEGY.replace("STOPLOSS_TYPE", stop)
        if not exits:
            strategy = strategy.replace('return "done"', "return None").replace("-0.5", "-0.1")
        (folder / "in_and_out.py").write_text(strategy)
        futures = dialect == "binance-futures"
        pair = pair or ("ETH/USDT:USDT" if futures else "ETH/USDT")
        mode = {"trading_mode": "futures", "margin_mode": "isolated"} if futures else {}
        exchange = sandbox.freqtrade_exchange(streams=streams) | {"pair_whitelist": [pair]}
        pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
        config = {
            **mode,
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
            **settings,
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


def trades_once(tmp_path, sandbox, **more):
    """A bot's life until its first trade is closed; returns its log."""
    bot = Bot(tmp_path, sandbox, dry_run=False, **more)
    try:
        bot.wait_for(lambda: "Marking Trade" in bot.log() and "as closed" in bot.log())
    finally:
        bot.stop()
    return bot.log()


@pytest.mark.acceptance
def test_plain_freqtrade_enters_stops_and_exits_live_on_binance_spot(tmp_path):
    with Sandbox.start(dialect="binance") as sandbox:
        log = trades_once(tmp_path, sandbox)
        entry, stop, leave = sandbox.control.orders()[:3]
        assert (entry["side"], stop["side"], leave["side"]) == ("buy", "sell", "sell")
        assert (entry["type"], stop["type"], leave["type"]) == ("limit", "stop-loss-limit", "limit")
        assert (entry["status"], stop["status"], leave["status"]) == (
            "closed",
            "canceled",
            "closed",
        )
        assert entry["fee_currency"] == "ETH"
        # What the fee took of the bought coins is missing when they are sold.
        assert float(leave["filled"]) <= float(entry["filled"]) - float(entry["fee"])
        assert sandbox.control.rejections() == []
        assert sandbox.control.audit()["ok"]
        assert "ERROR" not in log


@pytest.mark.acceptance
def test_plain_freqtrade_enters_stops_and_exits_live_on_binance_futures(tmp_path):
    with Sandbox.start(dialect="binance-futures") as sandbox:
        log = trades_once(tmp_path, sandbox)
        entry, leave = sandbox.control.orders()[:2]
        (stop, *_) = sandbox.control.stops()
        assert (entry["side"], stop["side"], leave["side"]) == ("buy", "sell", "sell")
        assert entry["filled"] == leave["filled"]
        assert (stop["type"], stop["status"]) == ("stop-loss", "CANCELED")
        assert stop["reduce_only"]
        # 100 USDT at a leverage of 3.
        assert float(entry["cost"]) == pytest.approx(300, rel=0.01)
        assert [each for each in sandbox.control.rejections() if "-4046" not in each["error"]] == []
        assert sandbox.control.audit()["ok"]
        assert "ERROR" not in log


@pytest.mark.acceptance
def test_plain_freqtrade_trades_an_account_that_is_kept_in_a_proxy_coin(tmp_path):
    owner = {
        "name": "main",
        "balances": {"BNFCR": "1000"},
        "futures": {"proxy_coin": "BNFCR", "multi_assets": True},
    }
    scenario = Scenario.model_validate({"dialect": "binance-futures", "accounts": [owner]})
    with Sandbox.start(scenario) as sandbox:
        trades_once(
            tmp_path,
            sandbox,
            pair="ETH/USDC:USDC",
            stake_currency="USDC",
            margin_mode="cross",
            proxy_coin="BNFCR",
        )
        entry = sandbox.control.orders()[0]
        assert (entry["pair"], entry["fee_currency"]) == ("ETH/USDC:USDC", "BNFCR")
        assert sandbox.control.audit()["ok"]


@pytest.mark.acceptance
def test_plain_freqtrade_takes_its_candles_from_binances_streams(tmp_path):
    with Sandbox.start(dialect="binance") as sandbox:
        log = trades_once(tmp_path, sandbox, streams=True)
        opened = [e for e in sandbox.control.journal() if e["event"] == "stream_opened"]
        assert opened
        assert sandbox.control.audit()["ok"]
        assert "ERROR" not in log


@pytest.mark.acceptance
@pytest.mark.parametrize("dialect", ["binance", "binance-futures"])
def test_a_stop_on_the_exchange_ends_a_trade_of_plain_freqtrade(tmp_path, dialect):
    with Sandbox.start(dialect=dialect) as sandbox:
        bot = Bot(tmp_path, sandbox, dry_run=False, exits=False)
        pair = "ETH/USDT:USDT" if dialect == "binance-futures" else "ETH/USDT"

        def resting_stop():
            stops = [each for each in sandbox.control.stops() if each["status"] == "NEW"]
            orders = sandbox.control.state()["open_orders"]
            return stops or [each for each in orders if each["trigger"] is not None]

        try:
            bot.wait_for(lambda: bool(resting_stop()))
            trigger = float(resting_stop()[0]["trigger"])
            sandbox.control.price(pair, str(round(trigger * 0.999, 2)))
            bot.wait_for(lambda: "as closed" in bot.log())
        finally:
            bot.stop()
        assert "stoploss_on_exchange" in bot.log()
        assert sandbox.control.audit()["ok"]
        assert sandbox.control.positions() == []


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
