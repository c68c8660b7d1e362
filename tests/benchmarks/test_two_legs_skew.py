"""How far apart the two orders reach two exchanges, with one after the other as the control.

The exchanges are processes of their own on this machine, read the same clock, and take 30 ms for
each answer, as an exchange that is near would. The control is the same executor with both legs on
one key.
"""

import statistics
from decimal import Decimal

import pytest
from rich.console import Console
from rich.table import Table

from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from tests.support.two_sandboxes import PAIR, two_sandboxes


pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

D = Decimal
PAIRS = 200
MUST_MS, AIM_MS = 20.0, 5.0
LATENCY_MS = 30


def skews(folder, *, one_queue):
    """Milliseconds between the two orders of each pair, as the exchanges have written them down."""
    folder.mkdir()
    with two_sandboxes(folder, latency_ms=LATENCY_MS, one_queue=one_queue) as world:
        for number in range(PAIRS):
            buy = Leg("cheap", PAIR, "buy", D("0.01"))
            sell = Leg("dear", PAIR, "sell", D("0.01"))
            legs = (buy, sell) if number % 2 else (sell, buy)
            assert world.executor.execute(Opportunity(*legs)).state is ArbitrageState.HEDGED
        cheap, dear = (
            [order["created_at"] for order in sandbox.control.orders()]
            for sandbox in (world.cheap, world.dear)
        )
    return [abs(one - other) * 1000 for one, other in zip(cheap, dear, strict=True)]


def test_two_keys_reach_two_exchanges_at_the_same_time(tmp_path):
    together = skews(tmp_path / "together", one_queue=False)
    one_by_one = skews(tmp_path / "one by one", one_queue=True)
    figures = {
        name: (statistics.median(each), statistics.quantiles(each, n=100)[98])
        for name, each in (("at the same time", together), ("one after the other", one_by_one))
    }
    shown = Table("two legs", "median ms", "p99 ms", "must", "aim", title=f"Skew of {PAIRS} pairs")
    for name, (median, p99) in figures.items():
        shown.add_row(name, f"{median:.1f}", f"{p99:.1f}", f"{MUST_MS:g}", f"{AIM_MS:g}")
    Console(width=110).print(shown)
    assert figures["one after the other"][0] > LATENCY_MS, "the control shows nothing"
    assert max(figures["at the same time"]) < MUST_MS
