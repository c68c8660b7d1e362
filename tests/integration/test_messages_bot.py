"""Messages of a real bot through freqtrade's own webhook and Discord modules, to local servers."""

import time

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.integration.test_live_bot import CHANGED_SIGNATURE
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.receivers import about, discord, receiver, webhook


def test_one_message_for_each_incident_and_news_and_a_slow_server_holds_up_no_exit(tmp_path):
    with receiver() as (quick, got), receiver(delay=10) as (slow, slow_got):
        more = {
            "webhook": webhook(quick),
            "discord": discord(slow),
        }
        guard = {"post_trade_refresh_window": 3, "balance_cache_duration": 2}
        with Sandbox.start(scenario("1000")) as sandbox:
            first, second = all_pairs(sandbox, 2)
            # Denied in every loop: so the balance is read again and again.
            plan = StrategyPlan(signals={first: 1, second: None}, stakes={second: 1.0})
            bot_settings = settings(
                sandbox, plan, way="launcher", guard=guard, stake_amount=100, config=more
            )
            with running(bot_settings, tmp_path) as bot:
                bot.wait_until(lambda: len(bot.open_trades()) == 1, 30, "a trade")
                sandbox.control.deposit("main", "USDT", "77")
                bot.wait_until(lambda: about(got, "77 beyond own orders"), 90, "the news of 77")
                # The reply is lost, and the exchange cannot say what happened: an incident.
                sandbox.control.fault("lost_reply", endpoint="AddOrder", times=1)
                for endpoint in ("QueryOrders", "OpenOrders", "ClosedOrders"):
                    sandbox.control.fault(
                        "error", endpoint=endpoint, times=200, message="EService:Unavailable"
                    )
                began = time.monotonic()
                bot.control(Control(exits=[first]))
                bot.wait_until(
                    lambda: any(one["side"] == "sell" for one in sandbox.control.orders()),
                    20, "an exit",
                )  # fmt: skip
                assert time.monotonic() - began < 9
                bot.wait_until(lambda: bool(slow_got), 30, "an incident")
                sandbox.control.clear_faults()
                bot.wait_until(lambda: not bot.open_trades(), 60, "all sold")
                bot.wait_loops(5)
                assert len(about(got, "77 beyond own orders")) == 1
                assert not bot.lines("Traceback")
                assert not about(got, "apart")


@pytest.mark.acceptance
def test_a_freqtrade_that_differs_is_reported_when_the_bot_starts(tmp_path):
    with receiver() as (url, got), Sandbox.start(scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={all_pairs(sandbox, 1)[0]: None})
        bot_settings = settings(
            sandbox, plan, way="launcher", guard={}, config={"webhook": webhook(url)}
        )
        with running(bot_settings, tmp_path, CHANGED_SIGNATURE) as bot:
            bot.wait_until(lambda: about(got, "entries are denied, exits go on"), 30, "a warning")
            bot.wait_loops(3)
            (warning,) = about(got, "entries are denied, exits go on")
            assert "Exchange.create_order(" in warning and "self_check_failed" in warning
            assert not sandbox.control.orders()
