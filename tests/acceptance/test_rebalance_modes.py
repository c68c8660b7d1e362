"""The same script in live (sandbox), dry-run and backtesting: the same decisions."""

from dataclasses import replace

import pytest

from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import figure
from tests.support.stuck import (
    HELD,
    PAIRS,
    PLAN,
    START,
    attempts,
    backtest,
    guard,
    small_account,
    stuck,
)


pytestmark = pytest.mark.acceptance

# Four signal; the fourth finds too little until stake is freed for it.
EAGER = replace(PLAN, signals=dict.fromkeys(PAIRS, 1), stakes=dict.fromkeys(PAIRS, 10.0))
SCRIPTS = {
    "a part of the first": {},
    "the oldest whole, a part of the next": {"target_stake": 14, "order": "oldest"},
    "everything": {"target_stake": 40, "order": "largest"},
    "nothing, it is enough": {"enough_stake": 2, "target_stake": 10},
    "nothing, it is off": {"enabled": False},
}


def settings(script):
    return guard(min_order_size=5, rebalance=SCRIPTS[script])


def in_a_bot(folder, script, *, dry_run):
    more = {"dry_run": True, "dry_run_wallet": float(START)} if dry_run else {}
    with stuck(folder, settings=settings(script), plan=EAGER, **more) as rehearsed:
        bot = rehearsed.bot
        bot.wait_loops(20)
        found = attempts(rehearsed, dry_run=dry_run)
        assert len(found) <= 1
        orders = [order for order in bot.orders() if order["status"] != "canceled"]
        pairs = {trade["id"]: trade["pair"] for trade in bot.trades()}
        return decisions(
            (pairs[o["ft_trade_id"]], o["ft_order_side"], o["ft_order_tag"], o["filled"])
            for o in orders
        )


def in_a_backtest(folder, script):
    with Sandbox.start(small_account()) as sandbox:
        result = backtest(folder, sandbox, settings=settings(script), plan=EAGER, minutes=9)
        orders = [
            (order["order_filled_timestamp"], trade["pair"], order)
            for trade in result["trades"]
            for order in trade["orders"]
            if order["ft_order_tag"] != "force_exit"
        ]
        return decisions(
            (pair, "buy" if order["ft_is_entry"] else "sell", order["ft_order_tag"],
             order["amount"])
            for _, pair, order in orders
        )  # fmt: skip


def decisions(orders):
    """What was bought and sold, and why; amounts in base currency.

    A simulated purchase pays no fee from the stake, so up to two percent less is missing there.
    """
    return {
        (pair, side, tag if side == "sell" else None): pytest.approx(amount, rel=0.02)
        for pair, side, tag, amount in orders
    }


@pytest.mark.parametrize("script", SCRIPTS)
def test_live_dry_run_and_backtest_sell_the_same_and_buy_the_same(tmp_path, script):
    played = in_a_backtest(tmp_path / "backtest", script)
    dry = in_a_bot(tmp_path / "dry", script, dry_run=True)
    live = in_a_bot(tmp_path / "live", script, dry_run=False)
    figure(f"same decisions, {script}", {"backtest": played, "dry-run": dry, "live": live})
    assert {pair for pair, side, _ in live if side == "buy"} >= set(HELD)
    for other in (dry, played):
        assert set(other) == set(live)
        assert {key: value.expected for key, value in other.items()} == live
    sold = {pair for pair, side, tag in live if tag == "emergency_rebalance"}
    assert bool(sold) == (not script.startswith("nothing"))
