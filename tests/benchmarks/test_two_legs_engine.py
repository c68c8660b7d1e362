"""How soon both orders of an arbitrage are at the exchanges after an order book has changed.

A real bot trades live on two sandboxes (processes of their own, with websockets), its ledger on
disk. Ten markets; the price of one moves apart, and comes together again. The sandboxes write down
when they sent the changed book and when they received each order, by this machine's clock. The
control, in the same run, is the same bot with the slow way (``find_opportunities``, once per loop).
"""

import random
import statistics
import time
from dataclasses import dataclass, field

import psutil
import pytest
from rich.console import Console
from rich.table import Table

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.legs_bot import legs_bot, market


pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

MARKETS = [f"COIN{number}/USDT" for number in range(10)]
ROUNDS, CONTROLS = 200, 10
MUST_P50_MS, MUST_P99_MS, MUST_ANALYSIS_P99_MS = 10.0, 40.0, 60.0
MUST_SKEW_P50_MS, MUST_SKEW_P99_MS = 2.0, 10.0
MOST_CPU = 0.05
CPU_SECONDS = 10
UPDATES_PER_SECOND = 20

# Both sell out of the bot's inventory: no trade, so that each market can be taken again.
STRATEGY = '''
    taken = set()

    def _best(self, pair, here, there):
        from freqtrade_balance_guard import best_opportunity

        best = best_opportunity(there, here, 0.1, min_profit_percent=1, tag=pair)
        if best is None:
            self.taken.discard(pair)
        elif pair not in self.taken:
            self.taken.add(pair)
            return best
        return None

    def populate_indicators(self, dataframe, metadata):
        """What a usual analysis costs; its times are written down."""
        began = time.time()
        for window in range(2, 12):
            dataframe["close"].rolling(window).mean().ewm(span=window).std()
        with (FOLDER / "analysis.txt").open("a") as file:
            file.write(f"{began} {time.time()}" + chr(10))
        return dataframe
'''
ON_BOOKS = (
    STRATEGY
    + """
    def watched_books(self):
        return [(venue, f"COIN{n}/USDT") for n in range(10) for venue in ("bot", "there")]

    def on_books(self, books, *, changed, **kwargs):
        for pair in {pair for _, pair in changed}:
            here, there = books.get(("bot", pair)), books.get(("there", pair))
            if here and there and (best := self._best(pair, here, there)):
                yield best
"""
)
ONCE_PER_LOOP = (
    STRATEGY
    + """
    def find_opportunities(self, current_time, **kwargs):
        for n in range(10):
            pair = f"COIN{n}/USDT"
            here, there = self.order_books(("bot", pair), ("there", pair))
            if best := self._best(pair, here, there):
                yield best
"""
)


def _scenario() -> Scenario:
    coins = {pair.partition("/")[0]: "1000" for pair in MARKETS}
    account = {"name": "main", "keys": [{}], "balances": {"USDT": "1000000", **coins}}
    markets = [market(pair, "2500") for pair in MARKETS]
    return Scenario.model_validate({"accounts": [account], "markets": markets})


@dataclass
class Rounds:
    """What was measured, in milliseconds."""

    between: list[float] = field(default_factory=list)
    in_analysis: list[float] = field(default_factory=list)
    skews: list[float] = field(default_factory=list)

    @property
    def all(self) -> list[float]:
        return self.between + self.in_analysis


def _run(bot, count: int, *, patience: float) -> Rounds:
    """Move one price apart and together again, so often."""
    here, there = bot.here, bot.there
    dice, found, raw = random.Random(1), Rounds(), []
    for number in range(count):
        pair = MARKETS[number % len(MARKETS)]
        after = there.control.journal()[-1]["seq"]
        known = len(there.control.orders())
        there.control.price(pair, "2400")
        ends = time.monotonic() + patience
        while len(there.control.orders()) == known or len(here.control.orders()) == known:
            assert time.monotonic() < ends, f"round {number}: nothing was sent"
            time.sleep(0.01)
        sent = next(
            entry["time"]
            for entry in there.control.journal(after)
            if entry["event"] == "book_sent" and entry["symbol"] == pair
        )
        both = [control.orders()[-1]["created_at"] for control in (here.control, there.control)]
        raw.append((sent, max(both), abs(both[0] - both[1])))
        there.control.price(pair, "2500")
        time.sleep(0.25 + dice.random() / 4)
    analyses = [
        tuple(map(float, line.split()))
        for line in (bot.folder / "analysis.txt").read_text().splitlines()
    ]
    for sent, arrived, skew in raw:
        is_busy = any(began <= arrived and sent <= ended for began, ended in analyses)
        (found.in_analysis if is_busy else found.between).append((arrived - sent) * 1000)
        found.skews.append(skew * 1000)
    return found


def _cpu(bot, updates_per_second: int) -> float:
    """Share of one core that the bot takes while books change so often on each venue."""
    process = psutil.Process(bot.bot.pid)
    began, before = time.monotonic(), process.cpu_times()
    number = 0
    while (passed := time.monotonic() - began) < CPU_SECONDS:
        if updates_per_second == 0 or number > passed * updates_per_second:
            time.sleep(0.005)
            continue
        for sandbox in (bot.here, bot.there):
            sandbox.control.price(MARKETS[number % 10], str(2500 + number % 3))
        number += 1
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / (time.monotonic() - began)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]


def test_both_orders_leave_at_the_speed_of_the_order_book(tmp_path):
    with Sandbox.start(_scenario()) as here, Sandbox.start(_scenario()) as there:
        both, more = (here, there), {"streams": True, "arbitrage": {"time_in_force": "IOC"}}
        with legs_bot(tmp_path / "engine", both, extra=ON_BOOKS, **more) as bot:
            bot.bot.wait_loops(5)
            engine = _run(bot, ROUNDS, patience=10)
            arbitrages = bot.arbitrages()
            assert {one.state for one in arbitrages} == {"hedged"}
            assert len(arbitrages) == ROUNDS
            bot.bot.wait_loops(1)
            idle, busy = _cpu(bot, 0), _cpu(bot, UPDATES_PER_SECOND)
            inside = [float(one.result["start_seconds"]) * 1000 for one in arbitrages]
    with Sandbox.start(_scenario()) as here, Sandbox.start(_scenario()) as there:
        with legs_bot(tmp_path / "loop", (here, there), extra=ONCE_PER_LOOP, **more) as bot:
            bot.bot.wait_loops(5)
            control = _run(bot, CONTROLS, patience=30)
    table = Table("way", "when", "rounds", "p50 ms", "p99 ms", title="Book sent to both orders in")
    for way, when, values in (
        ("on_books", "between analyses", engine.between),
        ("on_books", "during analysis", engine.in_analysis),
        ("on_books", "inside the bot: book in, order out", inside),
        ("on_books", "skew", engine.skews),
        ("find_opportunities", "always (control)", control.all),
    ):
        if values:
            middle, worst = statistics.median(values), _p99(values)
            table.add_row(way, when, str(len(values)), f"{middle:.1f}", f"{worst:.1f}")
    Console(width=110).print(table)
    Console(width=110).print(f"CPU: {idle:.3f} cores idle, {busy:.3f} at 20 updates/s and venue")
    assert statistics.median(control.all) > 10 * MUST_P50_MS, "the control shows nothing"
    assert statistics.median(engine.between) <= MUST_P50_MS
    assert _p99(engine.between) <= MUST_P99_MS
    assert _p99(engine.in_analysis) <= MUST_ANALYSIS_P99_MS
    assert statistics.median(engine.skews) <= MUST_SKEW_P50_MS
    assert _p99(engine.skews) <= MUST_SKEW_P99_MS
    assert busy - idle <= MOST_CPU
