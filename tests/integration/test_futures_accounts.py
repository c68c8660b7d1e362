"""What happens to a futures account besides a bot's own orders, with a real bot on the sandbox."""

import sqlite3

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.futures_bot import (
    ADA,
    DOGE,
    ETH,
    LEVERAGE,
    SOL,
    XRP,
    futures_scenario,
    futures_settings,
    is_filled,
)
from tests.support.live import running


pytestmark = pytest.mark.acceptance


def believed(bot, coin="USDT"):
    """Total and used of ``coin`` as the bot stores them, and the verdict."""
    with sqlite3.connect(bot.user_dir / "balance_guard.sqlite") as db:
        row = db.execute(
            "SELECT total, used, verdict FROM believed_balances WHERE currency = ?", (coin,)
        ).fetchone()
    return None if row is None else (float(row[0]), float(row[1]), row[2])


def wallet(sandbox, coin="USDT"):
    return float(sandbox.control.state()["accounts"]["main"]["balances"][coin]["total"])


def test_in_cross_margin_no_entry_goes_out_above_the_margin_that_may_be_used(tmp_path):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals=dict.fromkeys((SOL, ADA, XRP, DOGE)))
        guard = {"futures": {"max_margin_usage": 50}}
        bot_settings = futures_settings(
            sandbox,
            plan,
            way="launcher",
            guard=guard,
            margin_mode="cross",
            stake_amount=300,
            max_open_trades=4,
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=3)) as bot:
            bot.wait_until(lambda: is_filled(bot, 2), 40, "two open trades")
            line = bot.wait_for(r"No order for .*\[margin_usage", 20)
            assert "futures.max_margin_usage is 50 %" in line
            bot.wait_loops(3)
            assert len(bot.trades()) == 2


def test_a_bot_in_a_proxy_coin_sees_its_margin_and_reserves_in_it(tmp_path):
    scenario = futures_scenario("1000", coin="BNFCR", futures={"proxy_coin": "BNFCR"})
    with Sandbox.start(scenario) as sandbox:
        pair = "ETH/USDC:USDC"
        plan = StrategyPlan(signals={pair: 1}, exit_after_s=6)
        config = {"proxy_coin": "BNFCR"}
        bot_settings = futures_settings(
            sandbox,
            plan,
            way="launcher",
            guard={"reserve_balance": {"BNFCR": 200}},
            margin_mode="cross",
            stake_currency="USDC",
            stake_amount="unlimited",
            max_open_trades=1,
            config=config,
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=2)) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 40, "a trade")
            assert 600 < bot.trades()[0]["stake_amount"] <= 640
            with sqlite3.connect(bot.user_dir / "balance_guard.sqlite") as db:
                rows = db.execute("SELECT currency FROM reservations").fetchall()
            assert rows[0] == ("BNFCR",)
            bot.wait_until(lambda: not bot.open_trades(), 30, "the exit")
            bot.wait_loops(2)
            total, used, verdict = believed(bot, "BNFCR")
            # Until the next read the margin that was freed is that of the entry's price.
            assert (verdict, used) == ("confirmed", pytest.approx(0, abs=0.2))
            assert total == pytest.approx(wallet(sandbox, "BNFCR"), abs=1e-6)
            assert not bot.lines("ERROR|Traceback")


def test_funding_every_few_seconds_is_booked_and_alerts_nobody(tmp_path):
    scenario = futures_scenario("1000", funding_interval_s=5)
    with Sandbox.start(scenario) as sandbox:
        plan = StrategyPlan(signals={SOL: 1, ADA: None})
        guard = {"post_trade_refresh_window": 5, "balance_cache_duration": 2}
        bot_settings = futures_settings(
            sandbox, plan, way="launcher", guard=guard, stake_amount=300, max_open_trades=2
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=3)) as bot:
            bot.wait_until(lambda: is_filled(bot, 2), 40, "two open trades")
            bot.wait_for(r"funding: -0\.", 60)
            assert not bot.lines("outside of this bot|changed by")
            bot.control(Control(signals={}, exits=[SOL, ADA]))
            bot.wait_until(lambda: not bot.open_trades(), 30, "the exits")
            bot.wait_until(
                lambda: believed(bot)[0] == pytest.approx(wallet(sandbox), abs=1e-6),
                40,
                "the wallet balance",
            )
            assert sandbox.control.audit()["ok"]


def test_a_liquidated_position_is_reported_its_pair_denied_and_its_trade_closed(tmp_path):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={SOL: 1, ADA: 1})
        guard = {"balance_cache_duration": 2}
        bot_settings = futures_settings(
            sandbox, plan, way="launcher", guard=guard, stake_amount=100, max_open_trades=2
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=10)) as bot:
            bot.wait_until(lambda: is_filled(bot, 2), 40, "two open trades")
            bot.wait_loops(2)
            sandbox.control.price(SOL, 80)
            bot.wait_until(
                lambda: (
                    bot.lines("liquidated or closed elsewhere")
                    or not any(trade["pair"] == SOL for trade in bot.open_trades())
                ),
                60,
                "the liquidation to be seen",
            )
            bot.wait_until(lambda: len(bot.open_trades()) == 1, 90, "the closed trade")
            assert bot.open_trades()[0]["pair"] == ADA
            bot.control(Control(exits=[ADA]))
            bot.wait_until(lambda: not bot.open_trades(), 20, "the other exit")


def test_a_foreign_position_is_reported_and_denies_its_pair(tmp_path):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={SOL: None, ADA: 1})
        guard = {"balance_cache_duration": 2}
        bot_settings = futures_settings(
            sandbox, plan, way="launcher", guard=guard, stake_amount=50, max_open_trades=3
        )
        by_hand(sandbox, SOL, "buy", "1")
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=3)) as bot:
            bot.wait_for("belongs to no trade", 60)
            bot.wait_until(lambda: any(t["pair"] == ADA for t in bot.trades()), 30, "an entry")


def by_hand(sandbox, pair, side, amount):
    """Trade as the account's owner would, with a key of their own."""
    import ccxt

    section = sandbox.freqtrade_exchange(key_index=1)
    api = ccxt.binance(
        {
            "apiKey": section["key"],
            "secret": section["secret"],
            **section["ccxt_config"],
            "options": {**section["ccxt_config"]["options"], "defaultType": "swap"},
        }
    )
    api.load_markets()
    return api.create_order(pair, "market", side, float(amount))


@pytest.mark.parametrize("way", ["plain", "launcher"])
def test_small_stakes_that_plain_trades_are_traded(tmp_path, way):
    """The smallest contract of ETH is worth 20: with leverage 2 a stake of 12 is enough."""
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={ETH: 1, SOL: 1}, stoploss=-0.3, exit_after_s=3)
        bot_settings = futures_settings(
            sandbox,
            plan,
            way=way,
            guard=None if way == "plain" else {},
            stake_amount=14,
            max_open_trades=2,
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=2)) as bot:
            bot.wait_until(
                lambda: len([t for t in bot.trades() if not t["is_open"]]) == 2, 40, "two exits"
            )


def test_an_order_that_is_adopted_under_leverage_has_the_stake_that_it_ties_up(tmp_path):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        guard = {"ledger": {"orphan_orders": "adopt"}}
        bot_settings = futures_settings(
            sandbox, StrategyPlan(), way="launcher", guard=guard, stake_amount=99
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=3)) as bot:
            sandbox.control.fault("lost_reply", endpoint="place", times=1)
            for endpoint in ("find", "list"):
                sandbox.control.fault("http_status", status=502, endpoint=endpoint, duration_s=10)
            bot.control(Control(signals={SOL: 1}))
            bot.wait_for("could not say whether it exists", 40)
            assert bot.trades() == []
            bot.wait_until(lambda: is_filled(bot, 1), 60, "the adopted trade")
            trade = bot.trades()[0]
            assert (trade["leverage"], trade["is_short"]) == (3.0, 0)
            assert 95 < trade["stake_amount"] < 100
            position = sandbox.control.positions()[0]
            assert float(position["amount"]) == pytest.approx(trade["amount"])
            bot.control(Control(exits=[SOL]))
            bot.wait_until(lambda: not bot.open_trades(), 30, "its exit")
