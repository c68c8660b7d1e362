"""MinimumBalance and RebalanceCooldown, named in a strategy, found by real commands."""

import pytest

from tests.support.balances import GUARDED
from tests.support.stuck import ADA, attempts, guard, locks, stuck
from tests.support.workspace import trades_of


pytestmark = pytest.mark.acceptance

BELOW = "available stake is below min_balance_threshold"
SOLD = "sold by the emergency rebalance"
BODY = """
protections = [
    {"method": "CooldownPeriod", "stop_duration_candles": 1},
    {"method": "MinimumBalance", "stop_duration_candles": 2},
    {"method": "RebalanceCooldown"},
]
"""
NAMED = (
    "\n\nRehearsal.protections = [{'method': 'MinimumBalance', 'stop_duration': 3}, "
    "{'method': 'RebalanceCooldown'}]\n"
)


def test_backtests_lock_by_candle_time_only_with_enable_protections(workspace):
    # Three positions of 330 leave 10: that is below the threshold and stuck.
    settings = {
        "position_size_percent": 100,
        "min_balance_threshold": 50,
        "emergency_rebalance_cooldown": 4 * 3600,
        "rebalance": {
            "enabled": True, "enough_stake": 40, "target_stake": 120, "min_hours_without_trade": 0.1
        },
    }  # fmt: skip
    runs = {}
    for way in GUARDED:
        workspace.write_config(settings)
        workspace.write_strategy(mixin=way == "mixin", body=BODY)
        more = {"launcher": way == "launcher"}
        runs[way] = workspace.backtest("--enable-protections", **more)
        runs[way, "without"] = workspace.backtest(**more)
    first, second = runs["mixin"], runs["launcher"]
    assert trades_of(first) == trades_of(second)
    assert len(first["trades"]) > 20
    reasons = {lock["reason"] for lock in first["locks"]}
    assert {BELOW, SOLD} <= reasons
    assert any("Cooldown period" in reason for reason in reasons)
    begun, ended = first["backtest_start_ts"], first["backtest_end_ts"]
    assert all(begun <= lock["lock_timestamp"] <= ended for lock in first["locks"])
    assert "Using resolved protection MinimumBalance" in first["log"]
    assert "Using resolved protection RebalanceCooldown" in second["log"]
    assert not runs["mixin", "without"]["locks"]


@pytest.mark.parametrize("way", GUARDED)
def test_freqtrade_trade_finds_both_and_their_options_count(tmp_path, way):
    settings = guard(min_balance_threshold=5)
    with stuck(tmp_path, way=way, settings=settings, extra=NAMED) as rehearsed:
        bot = rehearsed.bot
        for name in ("MinimumBalance", "RebalanceCooldown"):
            assert bot.lines(f"Using resolved protection {name}")
        bot.wait_for("All pairs are locked", 20)
        assert locks(rehearsed, BELOW) == {"*"}
        bot.wait_until(lambda: bool(attempts(rehearsed)), 40, "an attempt")
        bot.wait_for("All pairs are unlocked", 20)
        assert not locks(rehearsed, BELOW)
        bot.wait_until(lambda: locks(rehearsed, SOLD) == {ADA}, 20, "a lock on what was sold")
        assert not bot.lines("Traceback|could not be attached")
