"""Real bots whose stake is stuck: three positions of 10 USDT are bought, and little is left."""

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from freqtrade_balance_guard.demo.bot import BotSettings
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.monitoring.rebalance_view import read_views
from freqtrade_balance_guard.rebalance.attempt import Attempt
from freqtrade_balance_guard.rebalance.attempt_store import read_attempts
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.balances import Rehearsal, bot_on, usdt
from tests.support.live import ExtendedBot


ADA, XRP, DOT, LTC = "ADA/USDT", "XRP/USDT", "DOT/USDT", "LTC/USDT"
HELD = (ADA, XRP, DOT)
PAIRS = [*HELD, LTC]
# Three positions of 10 USDT with a fee of 0.4 %: 2.86 remain.
START = "32.98"
PLAN = StrategyPlan(signals=dict.fromkeys(HELD, 1), stakes=dict.fromkeys(HELD, 10.0), stoploss=-0.1)


def markets(cost_min: str = "2") -> list[dict[str, str | int]]:
    """Kraken-like: orders from 2 USDT on, in small steps."""
    prices = {ADA: "0.5", XRP: "0.6", DOT: "5", LTC: "80"}
    return [
        {
            "symbol": pair,
            "price": price,
            "amount_min": "0.001",
            "cost_min": cost_min,
            "price_decimals": 5,
        }
        for pair, price in prices.items()
    ]


def small_account(start: str = START, **more: Any) -> Scenario:
    return usdt(start, markets=markets(), **more)


def guard(**more: Any) -> dict[str, Any]:
    """Times of the user's document, divided by 360: an hour is ten seconds."""
    rebalance = {"enabled": True, "min_hours_without_trade": 0.002, **more.pop("rebalance", {})}
    return {
        "position_size_percent": 100,
        "emergency_rebalance_cooldown": 600,
        # Balances do not lag here.
        "post_trade_refresh_window": 1,
        "rebalance": rebalance,
        **more,
    }


def attempts(rehearsed: Rehearsal, *, dry_run: bool = False) -> list[Attempt]:
    """What the bot has stored, newest first."""
    name = "balance_guard.dryrun.sqlite" if dry_run else "balance_guard.sqlite"
    account = "kraken-dry" if dry_run else "kraken"
    return read_attempts(rehearsed.bot.user_dir / name, account)


def locks(rehearsed: Rehearsal, reason: str) -> set[str]:
    """The pairs on which freqtrade has an active lock for this reason."""
    with closing(sqlite3.connect(rehearsed.bot.database)) as database:
        rows = database.execute(
            "SELECT pair FROM pairlocks WHERE active AND reason = ? AND "
            "lock_end_time > datetime('now')",
            (reason,),
        )
        return {pair for (pair,) in rows}


def console(rehearsed: Rehearsal, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the console beside the bot."""
    folder = rehearsed.bot.user_dir
    where = ("--config", str(folder / "config.json"), "--userdir", str(folder))
    environment = {
        **os.environ,
        "FREQTRADE__DB_URL": f"sqlite:///{rehearsed.bot.database}",
    }
    return subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", *words, *where],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )


def preview(rehearsed: Rehearsal) -> dict[str, Any]:
    """What the bot itself says that it would do, and why not."""
    views = read_views(rehearsed.bot.user_dir / "balance_guard.sqlite", "kraken")
    return views[0].view if views else {"reasons": []}


@contextmanager
def stuck(
    folder: Path,
    *,
    way: str = "launcher",
    settings: Mapping[str, Any] | None = None,
    scenario: Scenario | None = None,
    extra: str = "",
    bought: int = 3,
    **more: Any,
) -> Iterator[Rehearsal]:
    """A bot with three positions (``bought``), whose stake is used up."""
    config = {"tradable_balance_ratio": 1.0, **more.pop("config", {})}
    more = {"stake_amount": 10, "max_open_trades": 4, "plan": PLAN, "config": config, **more}
    with (
        Sandbox.start(scenario or small_account()) as sandbox,
        bot_on(sandbox, folder, way, guard=settings or guard(), extra=extra, **more) as rehearsed,
    ):
        rehearsed.wait_bought(bought)
        yield rehearsed


START_OF_CANDLES = pd.Timestamp("2026-06-01", tz="UTC")


def backtest(
    folder: Path,
    sandbox: Sandbox,
    *,
    settings: Mapping[str, Any],
    plan: StrategyPlan = PLAN,
    minutes: int = 60,
    extra: str = "",
    options: Sequence[str] = (),
    **config: Any,
) -> dict[str, Any]:
    """The same bot, its candles played; prices stand still, as they do on the sandbox."""
    exchange = {**sandbox.freqtrade_exchange(), "pair_whitelist": PAIRS}
    bot_settings = BotSettings(
        exchange=exchange,
        plan=plan,
        guard=settings,
        dry_run=True,
        dry_run_wallet=float(START),
        stake_amount=10,
        max_open_trades=4,
        config={"tradable_balance_ratio": 1.0, "fee": 0.004, **config},
    )
    kind = type("Bot", (ExtendedBot,), {"extra": extra})
    kind(bot_settings, folder)._write_files()
    _write_candles(folder / "data" / "kraken", minutes)
    results = folder / "backtest_results"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "freqtrade_balance_guard", "backtesting", "--cache", "none"),
            *("--config", str(folder / "config.json"), "--userdir", str(folder)),
            *("--strategy", "Rehearsal", *options),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "COLUMNS": "2000"},
    )
    found = sorted(results.glob("*.zip"))
    assert done.returncode == 0 and found, done.stdout[-3000:] + done.stderr[-3000:]
    with zipfile.ZipFile(found[-1]) as archive:
        result = json.loads(archive.read(found[-1].with_suffix(".json").name))
    return {**result["strategy"]["Rehearsal"], "log": done.stdout + done.stderr}


def _write_candles(folder: Path, minutes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    dates = pd.date_range(START_OF_CANDLES, periods=minutes, freq="1min")
    for market in markets():
        price = float(market["price"])
        # freqtrade reads the tick from the candles: they need as many decimals as the market has.
        spread = {"high": round(price * 1.0001, 5), "low": round(price * 0.9999, 5)}
        columns = {"open": price, **spread, "close": price}
        frame = pd.DataFrame({"date": dates, **columns, "volume": 5.0})
        name = f"{str(market['symbol']).replace('/', '_')}-1m.feather"
        frame.to_feather(folder / name, compression="lz4")
