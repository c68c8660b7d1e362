"""A user's folder for freqtrade's offline commands: config, strategies, candles; and a runner."""

import json
import os
import random
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd


PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "ADA/USDT", "XRP/USDT")
START = pd.Timestamp("2026-06-01", tz="UTC")

STRATEGY = '''
"""Enters and leaves by the clock, with every callback overridden and no call of super()."""

import numpy as np
from freqtrade.strategy import BooleanParameter, IntParameter, IStrategy
{import_line}

class {name}({bases}):
    INTERFACE_VERSION = 3
    timeframe = "5m"
    minimal_roi = {{"0": 0.02, "120": 0.005}}
    stoploss = {stoploss}
    startup_candle_count = 0
    position_adjustment_enable = {adjust}
    every = IntParameter(3, 60, default=24, space="buy")
{body}
    def bot_start(self, **kwargs):
        pass

    def bot_loop_start(self, current_time, **kwargs):
        pass

    def populate_indicators(self, dataframe, metadata):
        dataframe["n"] = np.arange(len(dataframe)) + len(metadata["pair"])
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["n"] % self.every.value == 0, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["n"] % 50 == 0, "exit_long"] = 1
        return dataframe

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):
        return proposed_stake

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time,
                            entry_tag, side, **kwargs):
        return True

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, min_stake,
                              max_stake, current_entry_rate, current_exit_rate,
                              current_entry_profit, current_exit_profit, **kwargs):
        if current_profit > 0.005 and trade.nr_of_successful_exits == 0:
            return -trade.stake_amount * 0.4, "part"
        if current_profit < -0.01 and trade.nr_of_successful_entries == 1:
            return trade.stake_amount * 0.5, "more"
        return None
'''


class Workspace:
    """Files under ``folder``; ``run`` starts freqtrade there in one of the three ways."""

    def __init__(self, folder: Path, exchange: dict[str, Any]) -> None:
        self.folder = folder
        self._exchange = {**exchange, "pair_whitelist": list(PAIRS)}
        (folder / "strategies").mkdir(parents=True, exist_ok=True)

    def write_candles(self, days: int = 20, seed: int = 7) -> None:
        """Candles of a random walk, the same for the same seed."""
        data = self.folder / "data" / "kraken"
        data.mkdir(parents=True, exist_ok=True)
        rng = random.Random(seed)
        count = days * 288
        dates = pd.date_range(START, periods=count, freq="5min")
        for pair, price in zip(PAIRS, (50_000.0, 2_500.0, 100.0, 0.5, 2.0), strict=True):
            rows = []
            for _ in range(count):
                close = price * (1 + rng.gauss(0, 0.002))
                high, low = max(price, close) * 1.0005, min(price, close) * 0.9995
                rows.append((price, high, low, close, rng.uniform(1, 9)))
                price = close
            frame = pd.DataFrame(rows, columns=["open", "high", "low", "close", "volume"])
            frame.insert(0, "date", dates)
            name = f"{pair.replace('/', '_')}-5m.feather"
            frame.to_feather(data / name, compression="lz4")

    def write_config(self, guard: dict[str, Any] | None = None, **more: Any) -> Path:
        """config.json with everything that the offline commands ask for."""
        config: dict[str, Any] = {
            "dry_run": True,
            "dry_run_wallet": 1000,
            "trading_mode": "spot",
            "stake_currency": "USDT",
            "stake_amount": "unlimited",
            "max_open_trades": 3,
            "timeframe": "5m",
            "fee": 0.0026,
            "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
            "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
            "exchange": {**self._exchange, "enable_ws": False},
            "pairlists": [{"method": "StaticPairList"}],
            **more,
        }
        if guard is not None:
            config["balance_guard"] = guard
        path = self.folder / "config.json"
        path.write_text(json.dumps(config))
        return path

    def write_strategy(
        self,
        name: str = "Clockwork",
        *,
        mixin: bool | str = False,
        adjust: bool = False,
        stoploss: float = -0.03,
        body: str = "",
    ) -> None:
        """The strategy above; ``body`` is put into the class.

        :param mixin: which one; True for ``BalanceGuard``
        """
        name_of_mixin = "BalanceGuard" if mixin is True else mixin
        source = STRATEGY.format(
            name=name,
            bases=f"{name_of_mixin}, IStrategy" if mixin else "IStrategy",
            import_line=f"from freqtrade_balance_guard import {name_of_mixin}\n" if mixin else "",
            stoploss=stoploss,
            adjust=adjust,
            body=textwrap.indent(textwrap.dedent(body), "    "),
        )
        (self.folder / "strategies" / f"{name.lower()}.py").write_text(source)

    def run(
        self,
        command: str,
        *options: str,
        launcher: bool = False,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one freqtrade command to its end."""
        module = "freqtrade_balance_guard" if launcher else "freqtrade"
        return subprocess.run(
            [
                *(sys.executable, "-m", module, command),
                *("--config", str(self.folder / "config.json")),
                *("--userdir", str(self.folder)),
                *options,
            ],
            env={**os.environ, "COLUMNS": "2000", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=240,
            cwd=self.folder,
        )

    def backtest(self, *options: str, launcher: bool = False) -> dict[str, Any]:
        """Backtest ``Clockwork`` and return its result."""
        before = set(self.results())
        done = self.run(
            "backtesting", "--strategy", "Clockwork", "--cache", "none", *options, launcher=launcher
        )
        new = set(self.results()) - before
        assert done.returncode == 0 and new, done.stdout[-3000:] + done.stderr[-3000:]
        (path,) = new
        with zipfile.ZipFile(path) as archive:
            name = path.with_suffix(".json").name
            result = json.loads(archive.read(name))["strategy"]["Clockwork"]
        result["log"] = done.stdout + done.stderr
        return result

    def results(self) -> list[Path]:
        return sorted((self.folder / "backtest_results").glob("*.zip"))


def trades_of(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a trade was, without what differs between two runs of the same thing."""
    return [
        (
            trade["pair"],
            trade["open_date"],
            trade["close_date"],
            trade["amount"],
            trade["stake_amount"],
            trade["max_stake_amount"],
            trade["profit_abs"],
            trade["exit_reason"],
            tuple(
                (order["amount"], order["safe_price"], order["ft_is_entry"])
                for order in trade["orders"]
            ),
        )
        for trade in result["trades"]
    ]
