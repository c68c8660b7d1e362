"""The rebalance in a backtest: candle time, once per cooldown, deterministic, nothing woken."""

from dataclasses import replace
from itertools import pairwise

import pytest

from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.stuck import ADA, PAIRS, PLAN, backtest, guard, small_account


# Everything signals in every candle: what was sold would be bought back at once.
EAGER = replace(PLAN, signals=dict.fromkeys(PAIRS, 1), stakes=dict.fromkeys(PAIRS, 10.0))
OWN = """
def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
    raise AssertionError("a dormant position adjustment was woken")


def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force, exit_reason,
                       current_time, **kwargs):
    return True


Rehearsal.adjust_trade_position = adjust_trade_position
Rehearsal.confirm_trade_exit = confirm_trade_exit
Rehearsal.use_exit_signal = False
Rehearsal.exit_profit_only = True
Rehearsal.protections = [
    {"method": "CooldownPeriod", "stop_duration_candles": 2},
    {"method": "MinimumBalance", "stop_duration_candles": 2},
    {"method": "RebalanceCooldown"},
]
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(small_account()) as sandbox:
        yield sandbox


def sales(result):
    """Pair, minute and amount of each sale of a rebalance."""
    found = [
        (trade["pair"], order["order_filled_timestamp"] // 60_000, order["amount"])
        for trade in result["trades"]
        for order in trade["orders"]
        if order["ft_order_tag"] == "emergency_rebalance"
    ]
    return sorted(found, key=lambda sale: sale[1])


@pytest.mark.acceptance
def test_an_hour_of_candles_has_one_attempt_per_cooldown_and_the_same_ones_again(sandbox, tmp_path):
    settings = guard(min_order_size=5, rebalance={"target_stake": 12, "order": "oldest"})
    runs = [
        backtest(tmp_path / str(n), sandbox, settings=settings, plan=EAGER, extra=OWN, options=more)
        for n, more in enumerate(((), ("--enable-protections",)))
    ]
    first, protected = (sales(run) for run in runs)
    assert first == protected
    minutes = sorted({minute for _, minute, _ in first})
    # Ten minutes of cooldown: at most six attempts in the hour, and it is stuck again and again.
    assert 3 <= len(minutes) <= 6
    gaps = [later - earlier for earlier, later in pairwise(minutes)]
    assert min(gaps) >= 10
    for run in runs:
        assert "dormant position adjustment" not in run["log"]
        for trade in run["trades"]:
            bought = trade["open_timestamp"] // 60_000
            # Nothing of what was sold is bought back within ten minutes.
            assert not [
                1 for pair, at, _ in first if pair == trade["pair"] and 0 <= bought - at < 10
            ]
    assert first[0][0] == ADA
    reasons = {lock["reason"] for lock in runs[1]["locks"]}
    assert reasons >= {"sold by the emergency rebalance"}
