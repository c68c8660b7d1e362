"""A strategy with protections, position adjustment, callbacks and exit_profit_only of its own."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.strategy import Adjustment, StrategyPlan
from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import GUARDED, bot_on, figure
from tests.support.rest import Rest
from tests.support.stuck import (
    ADA,
    DOT,
    HELD,
    PLAN,
    XRP,
    attempts,
    guard,
    small_account,
    stuck,
)


pytestmark = pytest.mark.acceptance

# Exit signals while a trade is open, which count only in profit; two tries to leave are vetoed.
OWN = """

def populate_exit_trend(self, dataframe, metadata):
    # With both signals at once freqtrade would do nothing.
    dataframe["exit_long"] = len(Trade.get_trades_proxy(pair=metadata["pair"], is_open=True))
    return dataframe


def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force, exit_reason,
                       current_time, **kwargs):
    with (FOLDER / "asked.txt").open("a") as asked:
        asked.write(f"{pair} {exit_reason}\\n")
    return len((FOLDER / "asked.txt").read_text().splitlines()) > 2


def order_filled(self, pair, trade, order, current_time, **kwargs):
    with (FOLDER / "filled.txt").open("a") as filled:
        filled.write(f"{pair} {order.ft_order_side}\\n")


Rehearsal.populate_exit_trend = populate_exit_trend
Rehearsal.confirm_trade_exit = confirm_trade_exit
Rehearsal.order_filled = order_filled
Rehearsal.exit_profit_only = True
Rehearsal.protections = [{"method": "CooldownPeriod", "stop_duration_candles": 60}]
"""
MORE_AND_LESS = (Adjustment(ADA, stake=5.0), Adjustment(XRP, share=-0.5))


def told(rehearsed, name):
    path = rehearsed.bot.user_dir / name
    return sorted(path.read_text().splitlines()) if path.exists() else []


def behaviour(folder, way):
    """Everything that this strategy did; the guard is on and finds nothing to object to."""
    rest = Rest.on_a_free_port()
    plan = StrategyPlan(
        dict.fromkeys(HELD, 1), dict.fromkeys(HELD, 10.0), adjustments=MORE_AND_LESS
    )
    scene = {
        "plan": plan,
        "guard": guard(rebalance={"enabled": True}),
        "extra": OWN,
        "stake_amount": 10,
        "max_open_trades": 4,
        "config": {"tradable_balance_ratio": 1.0, **rest.config},
    }
    with (
        Sandbox.start(small_account("100")) as sandbox,
        bot_on(sandbox, folder, way, **scene) as rehearsed,
    ):
        bot = rehearsed.bot
        rehearsed.wait_bought(3)
        bot.wait_until(lambda: len(rehearsed.orders()) == 5, 60, "more of one, less of another")
        bot.wait_loops(2)
        # Only now one of them is in profit.
        rehearsed.exchange.price(DOT, "5.5")
        rehearsed.wait_orders("sell", 2)
        bot.wait_until(lambda: len(bot.open_trades()) == 2, 60, "a closed trade")
        # It signals again, and its own protection says no.
        rehearsed.signal(*HELD, times=9)
        bot.wait_loops(4)
        orders = {
            (o["pair"], o["side"], str(Decimal(o["cost"]).quantize(Decimal("0.01"))))
            for o in rehearsed.orders()
        }
        closed = {t["pair"]: t["exit_reason"] for t in bot.trades() if not t["is_open"]}
        locks = {(lock["pair"], lock["reason"]) for lock in rest.get("locks")["locks"]}
        return {
            "orders": sorted(orders),
            "closed": closed,
            "locks": sorted(locks),
            "vetoed": told(rehearsed, "asked.txt"),
            "filled": told(rehearsed, "filled.txt"),
        }


def test_guarded_it_does_what_it_does_in_plain_freqtrade(tmp_path):
    ways = ("plain", *GUARDED)
    seen = {way: behaviour(tmp_path / way, way) for way in ways}
    plain = seen["plain"]
    figure("a strategy with everything of its own, orders", {"plain": plain["orders"]})
    # What this is about happened in plain freqtrade.
    assert len(plain["orders"]) == 6
    assert plain["closed"] == {DOT: "exit_signal"}
    assert len(plain["vetoed"]) >= 3 and {line.split()[0] for line in plain["vetoed"]} == {DOT}
    assert any("Cooldown" in reason for _, reason in plain["locks"])
    for way in GUARDED:
        assert seen[way] == plain, way


def test_a_rebalance_uses_its_hooks_and_leaves_the_strategys_own_alone(tmp_path):
    """Position adjustment is awake here: the strategy goes on with its own, before and after."""
    own = (Adjustment(DOT, stake=2.6, after_s=25.0),)
    plan = replace(PLAN, adjustments=own)
    settings = guard(rebalance={"order": "oldest", "target_stake": 14})
    with stuck(tmp_path, settings=settings, plan=plan, extra=OWN) as rehearsed:
        bot = rehearsed.bot
        bot.wait_until(lambda: any(one.ended_at for one in attempts(rehearsed)), 60, "an attempt")
        (attempt,) = attempts(rehearsed)
        whole, part = attempt.sales
        # The veto counts for the whole one; a part is not asked about.
        assert (whole.pair, whole.is_whole, whole.outcome) == (ADA, True, Outcome.VETOED)
        assert (part.pair, part.is_whole) == (XRP, False)
        assert part.outcome in (Outcome.ORDERED, Outcome.FILLED)
        assert told(rehearsed, "asked.txt") == [f"{ADA} emergency_rebalance"]
        # Its own adjustment comes when it is due, with what was freed.
        bot.wait_until(lambda: len(rehearsed.orders("buy")) == 4, 60, "its own adjustment")
        bot.wait_loops(3)
        (more,) = rehearsed.orders("buy")[3:]
        assert more["pair"] == DOT and float(more["cost"]) == pytest.approx(2.6, abs=0.01)
        (sold,) = rehearsed.orders("sell")
        assert sold["pair"] == XRP
        tags = {o["ft_order_tag"] for o in bot.orders() if o["ft_order_side"] == "sell"}
        assert tags == {"emergency_rebalance"}
        assert f"{XRP} sell" in told(rehearsed, "filled.txt")
        assert len(attempts(rehearsed)) == 1
