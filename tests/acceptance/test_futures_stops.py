"""Stops of contracts live apart from orders: fired, killed while sent, lost and listed late."""

import sqlite3
from contextlib import contextmanager

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.fleet import KILL_AT_POINT, kill_at, killed_at
from tests.support.futures_bot import (
    ETH,
    LEVERAGE,
    futures_scenario,
    futures_settings,
    is_filled,
)
from tests.support.live import running
from tests.support.rest import Rest


pytestmark = pytest.mark.acceptance

TRIPLE = LEVERAGE.format(leverage=3)
PLAN = StrategyPlan(signals={ETH: 1}, stoploss=-0.09, stoploss_on_exchange=True)


@contextmanager
def bot_on(sandbox, folder, *, extra="", **more):
    bot_settings = futures_settings(
        sandbox, PLAN, way="launcher", guard={}, stake_amount=100, max_open_trades=1, **more
    )
    with running(bot_settings, folder, TRIPLE + extra) as bot:
        yield bot


def resting(sandbox):
    return [stop for stop in sandbox.control.stops() if stop["status"] == "NEW"]


def held(bot):
    """What the ledger holds for orders without an end."""
    with sqlite3.connect(bot.user_dir / "balance_guard.sqlite") as db:
        return db.execute(
            "SELECT pair, state FROM reservations WHERE state IN ('reserved', 'in_flight', 'open')"
        ).fetchall()  # fmt: skip


def loops_until(bot, condition, timeout, what):
    """How many loops began until ``condition`` held."""
    before = len(bot.loops())
    bot.wait_until(condition, timeout, what)
    return len(bot.loops()) - before


def test_row_13_a_fired_stop_is_booked_with_the_fill_of_the_order_that_it_placed(tmp_path):
    rest = Rest.on_a_free_port()
    with (
        Sandbox.start(futures_scenario("1000")) as sandbox,
        bot_on(sandbox, tmp_path, config=rest.config) as bot,
    ):
        bot.wait_until(lambda: is_filled(bot, 1) and resting(sandbox), 60, "a trade with a stop")
        bot.wait_loops(2)
        price = float(sandbox.control.state()["markets"][ETH]["price"])
        sandbox.control.price(ETH, price * 0.95)
        bot.wait_until(lambda: not resting(sandbox), 20, "a fired stop")
        (entry, exit_) = sandbox.control.orders()
        assert (entry["side"], exit_["side"]) == ("buy", "sell")

        def differences():
            free = float(sandbox.control.state()["accounts"]["main"]["balances"]["USDT"]["free"])
            shown = next(
                one["free"] for one in rest.get("balance")["currencies"]
                if one["currency"] == "USDT" and not one["is_position"]
            )  # fmt: skip
            wrong = [] if abs(free - shown) < 1e-6 else [f"{shown} is shown, {free} is free"]
            return wrong + [f"the ledger holds {row}" for row in held(bot)]

        loops = loops_until(bot, lambda: not bot.open_trades(), 20, "the end of the trade")
        bot.wait_until(lambda: not differences(), 5, "agreement")
        (trade,) = bot.trades()
        assert trade["exit_reason"] == "stoploss_on_exchange"
        assert trade["close_rate"] == pytest.approx(float(exit_["cost"]) / float(exit_["filled"]))
        assert loops <= 2
        assert sandbox.control.audit()["ok"]


@pytest.mark.parametrize("point", ["order sent", "order answered"])
def test_row_14_after_a_kill_while_a_stop_is_sent_one_stop_rests_and_is_known(tmp_path, point):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        kill_at(tmp_path, point, number=2)
        with bot_on(sandbox, tmp_path, extra=KILL_AT_POINT) as bot:
            bot.wait_until(lambda: bot.exit_code() is not None, 60, "the kill")
        assert killed_at(tmp_path) == point
        left = len(resting(sandbox))
        assert left == (1 if point == "order answered" else 0)
        with bot_on(sandbox, tmp_path, extra=KILL_AT_POINT) as bot:
            bot.wait_until(lambda: known_stops(bot), 60, "a known stop")
            bot.wait_loops(4)
            (stop,) = resting(sandbox)
            assert known_stops(bot) == [str(stop["id"])]
            assert len(sandbox.control.stops()) == 1
            assert is_filled(bot, 1)


def known_stops(bot):
    return [
        str(order["order_id"]) for order in bot.orders()
        if order["ft_order_side"] == "stoploss" and order["ft_is_open"]
    ]  # fmt: skip
