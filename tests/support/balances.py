"""What the checks of live balances share: a sandbox with a bot on it, and looks at both."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo import measure
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.scenes.scene import RightSize
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario
from tests.support.live import running


PAIRS = [
    *("BTC/USDT", "ETH/USDT", "SOL/USDT", "ADA/USDT", "XRP/USDT"),
    *("DOT/USDT", "LTC/USDT", "LINK/USDT", "ATOM/USDT", "AVAX/USDT"),
]
A, B, C, D, E = PAIRS[:5]
GUARDED = ("launcher", "mixin")
# An entry may take all that is there: sizes are then freqtrade's own.
WHOLE: Mapping[str, Any] = {"position_size_percent": 100}
# What can be wrong with an answer about balances, by name.
BALANCE_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "empty": {"kind": "balance_empty"},
    "zero": {"kind": "balance_zero"},
    "null amounts": {"kind": "balance_null"},
    "null result": {"kind": "balance_result_null"},
    "stake currency missing": {"kind": "balance_missing", "currency": "USDT"},
    "coin missing": {"kind": "balance_missing", "currency": "BTC"},
    "garbage number": {"kind": "balance_garbage"},
    "negative": {"kind": "balance_negative"},
    "html": {"kind": "html", "endpoint": "BalanceEx"},
    "ten times too high": {"kind": "balance_factor", "factor": "10"},
    "502": {"kind": "http_status", "status": 502, "endpoint": "BalanceEx"},
    "429": {"kind": "http_status", "status": 429, "endpoint": "BalanceEx"},
    "unavailable": {
        "kind": "error", "message": "EService:Unavailable", "endpoint": "BalanceEx",
    },
    "rate limit": {
        "kind": "error", "message": "EAPI:Rate limit exceeded", "endpoint": "BalanceEx",
    },
    "time-out": {"kind": "timeout", "seconds": 15, "endpoint": "BalanceEx"},
}  # fmt: skip


@dataclass(frozen=True)
class Rehearsal:
    """A bot and its exchange."""

    exchange: SandboxClient
    bot: Bot

    # What the exchange saw

    def orders(self, side: str | None = None) -> list[dict[str, Any]]:
        return [o for o in self.exchange.orders() if side in (None, o["side"])]

    def costs(self) -> list[float]:
        """What each entry cost, oldest first, fees aside."""
        return [round(float(order["cost"]), 2) for order in self.orders("buy")]

    def refused_orders(self) -> Counter[str]:
        """Orders that the exchange itself refused, by its words; faults are no refusals."""
        return Counter(
            f"{row['symbol']} {row['error']}"
            for row in self.exchange.rejections()
            if row["endpoint"] == "AddOrder" and row.get("fault") is None
        )

    def balance_reads(self) -> int:
        return int(self.exchange.counters()["endpoints"].get("BalanceEx", 0))

    def private_calls(self) -> int:
        return int(self.exchange.counters()["private"])

    def free(self, currency: str = "USDT") -> float:
        return float(self.exchange.state()["accounts"]["main"]["balances"][currency]["free"])

    # What the bot does

    def signal(self, *pairs: str, times: int | None = 1, sell: tuple[str, ...] = ()) -> None:
        self.bot.control(Control(signals=dict.fromkeys(pairs, times), exits=list(sell)))

    def wait_bought(self, count: int, timeout: float = 60) -> None:
        """Until freqtrade itself knows of so many open trades that are filled."""
        self.bot.wait_until(
            lambda: sum(1 for trade in self.bot.open_trades() if trade["amount"] > 0) >= count,
            timeout,
            f"{count} filled trades",
        )

    def wait_orders(self, side: str, count: int, timeout: float = 60) -> None:
        self.bot.wait_until(
            lambda: len(self.orders(side)) >= count, timeout, f"{count} {side} orders"
        )

    def loops_between(self, earlier: float, later: float) -> int:
        """How many loops began in between (unix times)."""
        offset = time.time() - time.monotonic()
        return sum(1 for start in self.bot._loop_starts() if earlier < start + offset <= later)


def usdt(amount: str, **more: Any) -> Scenario:
    """The default markets and one account with so much of the stake currency."""
    return Scenario.model_validate(
        {"accounts": [{"name": "main", "balances": {"USDT": amount}}], **more}
    )


@contextmanager
def bot_on(
    sandbox: Sandbox,
    folder: Path,
    way: str,
    *,
    plan: StrategyPlan | None = None,
    guard: Mapping[str, Any] = WHOLE,
    ccxt: Mapping[str, Any] | None = None,
    extra: str = "",
    **settings: Any,
) -> Iterator[Rehearsal]:
    """A bot that trades on ``sandbox``; ``way`` may be plain.

    ``extra`` goes behind the strategy's text. A second bot in the same folder goes on with the
    same database.
    """
    exchange = sandbox.freqtrade_exchange()
    exchange["ccxt_config"] = {**exchange["ccxt_config"], **(ccxt or {})}
    exchange["pair_whitelist"] = PAIRS
    bot_settings = BotSettings(
        exchange=exchange,
        plan=plan or StrategyPlan(),
        way=way,  # type: ignore[arg-type]
        guard=None if way == "plain" else guard,
        **settings,
    )
    with running(bot_settings, folder / way, extra) as bot:
        yield Rehearsal(sandbox.control, bot)


@contextmanager
def rehearsal(
    folder: Path, way: str, *, on: Scenario | None = None, **settings: Any
) -> Iterator[Rehearsal]:
    """A sandbox of its own and a bot that trades on it (``settings``: see ``bot_on``)."""
    with (
        Sandbox.start(on or usdt("1000")) as sandbox,
        bot_on(sandbox, folder, way, **settings) as r,
    ):
        yield r


def overdrawn(exchange: SandboxClient) -> list[str]:
    """Entries that took more than what was truly free before them, as sentences."""
    return measure.wrong_sizes(exchange.journal(), "main", "USDT", RightSize())


def side_by_side(run: Callable[[Any], Any], *ways: Any) -> dict[Any, Any]:
    """``run(way)`` for each, at the same time; the results by way."""
    with ThreadPoolExecutor(max_workers=len(ways)) as pool:
        return dict(zip(ways, pool.map(run, ways), strict=True))


def figure(what: str, seen: Mapping[str, Any]) -> None:
    """The figure itself, for whoever reads the run's output (pytest -s, or -rP)."""
    told = ", ".join(
        f"{way} {value:.2f}" if isinstance(value, float) else f"{way} {value}"
        for way, value in seen.items()
    )
    sys.stdout.write(f"FIGURE {what}: {told}\n")
