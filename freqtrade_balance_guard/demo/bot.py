"""A real freqtrade in a process of its own: started, watched from outside, and ended.

    with Bot.start(BotSettings(exchange=sandbox.freqtrade_exchange()), work_dir) as bot:
        bot.wait_running()
        bot.wait_for("Long signal found", timeout=20)
        bot.orders()

Nothing of freqtrade is imported or changed. What can be seen: its log, its database, and the lines
that the strategy of the rehearsal writes at the begin of every loop.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import database
from freqtrade_balance_guard.demo.processes import forget, start_kept
from freqtrade_balance_guard.demo.strategy import (
    CONTROL_FILE,
    LOOPS_FILE,
    PLAN_FILE,
    STRATEGY_NAME,
    Control,
    StrategyPlan,
    strategy_source,
)


Way = Literal["plain", "launcher", "mixin"]

RUNNING = r"Changing state.* to: (RUNNING|PAUSED)"
_POLL = 0.05  # seconds between two looks at the log
_CLOCK = SystemClock()


class BotError(Exception):
    """The bot did not do what we waited for; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class OwnStrategy:
    """A user's strategy, which stays where it is."""

    name: str
    folder: Path
    recursive: bool = False  # also look in the folders below


@dataclass(frozen=True)
class BotSettings:
    """One bot. Everything that is not said here is freqtrade's default."""

    exchange: Mapping[str, Any]  # freqtrade's `exchange` section
    plan: StrategyPlan = field(default_factory=StrategyPlan)
    source: str | None = None  # the strategy's text; None: the one that obeys the plan
    own: OwnStrategy | None = None  # in place of plan and source
    files: Mapping[str, str] = field(default_factory=dict)  # more files in the bot's folder
    way: Way = "plain"
    guard: Mapping[str, Any] | None = None  # the `balance_guard` section; None: no section
    stake_amount: float | Literal["unlimited"] = "unlimited"
    stake_currency: str = "USDT"
    max_open_trades: int = 3
    dry_run: bool = False
    dry_run_wallet: float | Mapping[str, float] = 1000.0
    config: Mapping[str, Any] = field(default_factory=dict)  # more top-level keys, put in last
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_config(self) -> dict[str, Any]:
        """The text of config.json as a dict."""
        config: dict[str, Any] = {
            "bot_name": f"rehearsal-{self.way}",
            "dry_run": self.dry_run,
            "dry_run_wallet": self.dry_run_wallet,
            "trading_mode": "spot",
            "stake_currency": self.stake_currency,
            "stake_amount": self.stake_amount,
            "max_open_trades": self.max_open_trades,
            "timeframe": "1m",
            "initial_state": "running",
            "cancel_open_orders_on_exit": False,
            "internals": {"process_throttle_secs": 1},
            # Market orders want the other side of the book.
            "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
            "exchange": {**self.exchange, "enable_ws": False},
            "pairlists": [{"method": "StaticPairList"}],
        }
        if self.guard is not None:
            config["balance_guard"] = dict(self.guard)
        return {**config, **self.config}

    def command(self, user_dir: Path) -> list[str]:
        """How a user would start it."""
        module = "freqtrade_balance_guard" if self.way == "launcher" else "freqtrade"
        return [
            *(sys.executable, "-m", module, "trade"),
            *("--config", str(user_dir / "config.json")),
            *("--userdir", str(user_dir)),
            *("--db-url", f"sqlite:///{user_dir / 'trades.sqlite'}"),
            *self._strategy_options(),
        ]

    def _strategy_options(self) -> list[str]:
        if self.own is None:
            return ["--strategy", STRATEGY_NAME]
        options = ["--strategy", self.own.name, "--strategy-path", str(self.own.folder)]
        return [*options, *(["--recursive-strategy-search"] if self.own.recursive else [])]


class Bot:
    """A started bot; a context manager that stops it."""

    def __init__(self, settings: BotSettings, work_dir: Path) -> None:
        self.settings = settings
        self.user_dir = work_dir
        self.log_file = work_dir / "freqtrade.log"
        self.database = work_dir / "trades.sqlite"
        self._log_begins = 0  # bytes that a bot before us has written into the same file
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, settings: BotSettings, work_dir: Path | str) -> Self:
        """Write the files and start the process; does not wait for it. ``work_dir`` is its userdir.

        Started again in the same folder it goes on with the same database; log and loops are
        then those of the new process.
        :raises OSError: when the files cannot be written or the command cannot be started
        """
        bot = cls(settings, Path(work_dir).resolve())
        bot._write_files()
        if bot.log_file.exists():
            bot._log_begins = bot.log_file.stat().st_size
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FREQTRADE__")},
            "COLUMNS": "2000",  # or log lines are wrapped
            "PYTHONUNBUFFERED": "1",
            **settings.environment,
        }
        bot._process = start_kept(
            settings.command(bot.user_dir),
            output=bot.log_file,
            environment=environment,
            folder=bot.user_dir,
        )
        return bot

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    # Commands to it

    def control(self, control: Control) -> None:
        """Orders of the day; the strategy reads them at the begin of its next loop."""
        path = self.user_dir / CONTROL_FILE
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(control.as_dict()), encoding="utf-8")
        fresh.replace(path)

    def stop(self, patience: float = 15.0) -> int:
        """Ask it to end (Ctrl-C), and end it after ``patience`` seconds; its exit code."""
        process = self._running_process()
        if process.poll() is None:
            with contextlib.suppress(OSError):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
        code = process.wait()
        forget(process)
        return code

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        process = self._running_process()
        process.kill()
        process.wait()
        forget(process)

    # What can be seen

    @property
    def pid(self) -> int:
        return self._running_process().pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._running_process().poll()

    def log(self) -> str:
        """All it has said so far."""
        if not self.log_file.exists():
            return ""
        written = self.log_file.read_bytes()[self._log_begins :]
        return written.decode(encoding="utf-8", errors="replace")

    def lines(self, pattern: str) -> list[str]:
        """The log's lines in which a regular expression is found."""
        wanted = re.compile(pattern)
        return [line for line in self.log().splitlines() if wanted.search(line)]

    def wait_running(self, timeout: float = 90.0) -> None:
        """Until it trades (a wrong configuration ends freqtrade with code 0: the log is asked)."""
        self.wait_for(RUNNING, timeout)

    def wait_for(self, pattern: str, timeout: float, *, count: int = 1) -> str:
        """The ``count``-th line of the whole log with ``pattern``, waiting for it.

        :raises BotError: when the time (seconds) is over or the bot has ended without it
        """
        found: list[str] = []

        def seen() -> bool:
            found[:] = self.lines(pattern)
            return len(found) >= count

        self.wait_until(seen, timeout, f"{count} x /{pattern}/ in the log")
        return found[count - 1]

    def wait_until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """:raises BotError: when the time (seconds) is over or the bot has ended without it"""
        end = _CLOCK.monotonic() + timeout
        while True:
            # Asked before the look: what was written up to the end is then seen.
            ended = self.exit_code() is not None
            if condition():
                return
            if ended:
                raise BotError(self._tell(f"The bot ended ({self.exit_code()}) before {what}."))
            if _CLOCK.monotonic() >= end:
                raise BotError(self._tell(f"Within {timeout:g} s there was not {what}."))
            time.sleep(_POLL)

    def wait_loops(self, count: int, timeout: float = 60.0) -> None:
        """Until ``count`` more loops have begun."""
        wanted = len(self._loop_starts()) + count
        self.wait_until(lambda: len(self._loop_starts()) >= wanted, timeout, f"{count} more loops")

    def loops(self) -> list[float]:
        """Seconds from the begin of each loop to that of the next; the last one is still running.

        freqtrade waits until a loop has taken ``process_throttle_secs`` (1 s), so that an idle
        bot's loops take one second, two around a new candle.
        """
        starts = self._loop_starts()
        if not starts:
            return []
        # The strategy writes the machine's monotonic clock, which all processes share.
        ends = [*starts[1:], _CLOCK.monotonic()]
        return [end - start for start, end in zip(starts, ends, strict=True)]

    def trades(self) -> list[dict[str, Any]]:
        """freqtrade's trades table as it is now, read only."""
        return database.rows(self.database, "trades")

    def orders(self) -> list[dict[str, Any]]:
        """freqtrade's orders table as it is now, read only."""
        return database.rows(self.database, "orders")

    def open_trades(self) -> list[dict[str, Any]]:
        return [trade for trade in self.trades() if trade["is_open"]]

    # Inside

    def _write_files(self) -> None:
        strategies = self.user_dir / "strategies"
        strategies.mkdir(parents=True, exist_ok=True)
        config = json.dumps(self.settings.as_config(), indent=2, default=float)
        (self.user_dir / "config.json").write_text(config, encoding="utf-8")
        plan = json.dumps(self.settings.plan.as_dict(), indent=2)
        (self.user_dir / PLAN_FILE).write_text(plan, encoding="utf-8")
        if self.settings.own is None:
            source = self.settings.source or strategy_source(mixin=self.settings.way == "mixin")
            (strategies / "rehearsal.py").write_text(source, encoding="utf-8")
        for name, text in self.settings.files.items():
            (self.user_dir / name).write_text(text, encoding="utf-8")
        (self.user_dir / LOOPS_FILE).unlink(missing_ok=True)
        self.control(Control())

    def _loop_starts(self) -> list[float]:
        path = self.user_dir / LOOPS_FILE
        if not path.exists():
            return []
        # The last line may be half written.
        lines = [line for line in path.read_text().splitlines(keepends=True) if line[-1] == "\n"]
        return [float(line.removeprefix("LOOP ")) for line in lines]

    def _running_process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BotError("The bot has not been started.")
        return self._process

    def _tell(self, sentence: str) -> str:
        return "\n".join([sentence, *self.log().splitlines()[-25:]])
