"""What the rows of the baseline are made of: a sandbox, plain bots on it, and looks at both."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario


PAIRS = [
    *("BTC/USDT", "ETH/USDT", "SOL/USDT", "ADA/USDT", "XRP/USDT"),
    *("DOT/USDT", "LTC/USDT", "LINK/USDT", "ATOM/USDT", "AVAX/USDT"),
]
A, B, C, D = PAIRS[:4]
FUNDS = "EOrder:Insufficient funds"
CLOCK = SystemClock()


@dataclass(frozen=True)
class Seen:
    """What a row came to."""

    measured: str
    same_kind: bool
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    case: str
    expected: str  # what is known of plain freqtrade
    run: Callable[[], Seen]
    bots: int = 1


def scenario(usdt: str = "1000", **changes: Any) -> Scenario:
    """One account "main" with two keys and the default markets."""
    accounts = [{"name": "main", "balances": {"USDT": usdt}}]
    return Scenario.model_validate({"accounts": accounts, **changes})


@contextmanager
def rehearsal(
    settings: Mapping[str, Any],
    *,
    on: Scenario | None = None,
    ccxt: Mapping[str, Any] | None = None,
    wait: bool = True,
) -> Iterator[tuple[SandboxClient, Bot]]:
    """A sandbox and a plain bot that trades on it."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.start(on or scenario()))
        bot = stack.enter_context(started(sandbox, settings, ccxt=ccxt))
        if wait:
            bot.wait_running()
        yield sandbox.control, bot


@contextmanager
def started(
    sandbox: Sandbox,
    settings: Mapping[str, Any],
    *,
    key_index: int = 0,
    ccxt: Mapping[str, Any] | None = None,
) -> Iterator[Bot]:
    """A plain bot in a folder of its own."""
    exchange = sandbox.freqtrade_exchange(account="main", key_index=key_index)
    exchange["ccxt_config"] = {**exchange["ccxt_config"], **(ccxt or {})}
    exchange["pair_whitelist"] = PAIRS
    with (
        tempfile.TemporaryDirectory(prefix="baseline-") as folder,
        Bot.start(BotSettings(exchange=exchange, **settings), Path(folder)) as bot,
    ):
        yield bot


def signals(*pairs: str, times: int | None = 1) -> StrategyPlan:
    return StrategyPlan(signals=dict.fromkeys(pairs, times))


def buys(exchange: SandboxClient) -> list[dict[str, Any]]:
    return [order for order in exchange.orders() if order["side"] == "buy"]


def sells(exchange: SandboxClient) -> list[dict[str, Any]]:
    return [order for order in exchange.orders() if order["side"] == "sell"]


def refused(exchange: SandboxClient) -> Counter[str]:
    """Error string -> how often."""
    return Counter(row["error"] for row in exchange.rejections())


def costs(orders: list[dict[str, Any]]) -> list[float]:
    return [round(float(order["cost"]), 2) for order in orders]


def bought(exchange: SandboxClient, bot: Bot, count: int = 1, timeout: float = 40) -> None:
    """Waits until freqtrade itself knows of so many filled trades."""
    bot.wait_until(
        lambda: sum(1 for trade in bot.open_trades() if trade["amount"] > 0) >= count,
        timeout,
        f"{count} open trades",
    )
    # One more loop: the fill is booked in the loop after the order.
    bot.wait_loops(2, timeout)
