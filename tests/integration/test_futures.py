"""Backtests of perpetual swaps: what the guard does there, and what it does not."""

import pytest

from freqtrade_balance_guard.rebalance.policy import NO_REBALANCE_IN_FUTURES
from tests.support.futures import futures_exchange, write_candles
from tests.support.workspace import Workspace


pytestmark = pytest.mark.acceptance

# Enters by the clock, long and short in turn.
BODY = """
can_short = True

def leverage(self, *args, **kwargs):
    return 1.0

def populate_entry_trend(self, dataframe, metadata):
    dataframe.loc[dataframe["n"] % 24 == 0, "enter_long"] = 1
    dataframe.loc[dataframe["n"] % 24 == 12, "enter_short"] = 1
    return dataframe

def populate_exit_trend(self, dataframe, metadata):
    dataframe.loc[dataframe["n"] % 12 == 6, ["exit_long", "exit_short"]] = 1
    return dataframe
"""


@pytest.fixture
def workspace(tmp_path):
    with futures_exchange() as exchange:
        workspace = Workspace(tmp_path, exchange)
        workspace._exchange["pair_whitelist"] = exchange["pair_whitelist"]
        write_candles(tmp_path)
        yield workspace


def backtested(workspace, guard, **more):
    """What was traded, and the log."""
    config = {"trading_mode": "futures", "margin_mode": "isolated", "max_open_trades": 1, **more}
    workspace.write_config(guard, **config)
    # The class's own functions come before these.
    workspace.write_strategy(stoploss=-0.5)
    path = workspace.folder / "strategies" / "clockwork.py"
    lines = [f"    {line}" if line else "" for line in BODY.splitlines()]
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    return workspace.backtest(launcher=True)


def test_a_rebalance_that_is_wanted_does_nothing_and_says_so(workspace):
    wanted = {"enabled": True, "enough_stake": 5000, "min_hours_without_trade": 0}
    result = backtested(workspace, {"rebalance": wanted}, stake_amount=100)
    assert len(result["trades"]) > 20
    assert result["log"].count(f"balance_guard.rebalance does nothing: {NO_REBALANCE_IN_FUTURES}.")
    reasons = {trade["exit_reason"] for trade in result["trades"]}
    assert "emergency_rebalance" not in reasons and "exit_signal" in reasons


@pytest.mark.parametrize(("stake", "sides"), [(100, {True, False}), (31, {True})])
def test_a_short_needs_no_room_for_a_falling_price(workspace, stake, sides):
    """20 is the smallest order. At a stop-loss of 50 % a long of less than 42 could not be closed.

    A short's stop-loss is above its entry: there it is worth more.
    """
    result = backtested(workspace, {"min_order_size": 1}, stake_amount=stake)
    assert {trade["is_short"] for trade in result["trades"]} == sides
