"""Every query of the dashboard and every alert, by a real Prometheus that scrapes a real bot."""

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.metrics import address_of, scrape
from tests.support.prometheus import promtool, running_prometheus
from tests.unit.test_monitoring_files import ALERTS, expressions


# What a bot without a second exchange has nothing of, and alerts that have nothing to say.
EMPTY = {"Unhedged A", "External changes (per day) A"}
ALERTS_EMPTY = {
    "BalanceGuardGone",
    "BalanceGuardLedgerUnavailable",
    "BalanceGuardUnreadable",
    "BalanceGuardUnhedged",
    "BalanceGuardInFlightTooLong",
    "BalanceGuardDiscrepancy",
    "BalanceGuardRejections",
}
VARIABLES = {"$__rate_interval": "30s", "$bot": ".*", "$account": ".*", "$currency": ".*"}


@pytest.mark.acceptance
def test_every_query_and_every_alert_has_data_or_its_expected_emptiness(tmp_path):
    guard = {"metrics": {"enabled": True, "listen_port": 0}, "min_balance_threshold": 5}
    with Sandbox.start(scenario("1000")) as sandbox:
        first, second, third = all_pairs(sandbox, 3)
        plan = StrategyPlan(signals={first: 1, second: None, third: None}, stakes={third: 1.0})
        more = {"way": "launcher", "guard": guard, "stake_amount": 100, "max_open_trades": 5}
        with running(settings(sandbox, plan, **more), tmp_path) as bot:
            promtool("check", "metrics", stdin=scrape(bot).text)
            with running_prometheus(address_of(bot), ALERTS, tmp_path) as prometheus:
                bot.wait_until(lambda: len(bot.trades()) >= 2, 60, "trades")
                bot.wait_loops(4)
                bot.control(Control(exits=[first]))
                prometheus.wait_for("increase(balance_guard_orders_total[1m]) > 0")
                bot.wait_loops(2)
                for name, expression in expressions().items():
                    for variable, value in VARIABLES.items():
                        expression = expression.replace(variable, value)
                    found = prometheus.query(expression)
                    is_alert = name.startswith("BalanceGuard")
                    if name in EMPTY or name in ALERTS_EMPTY:
                        assert found == [], name
                    elif not is_alert:
                        assert found, f"{name}: {expression}"
                (group,) = prometheus.ask("rules")["groups"]
                assert {rule["health"] for rule in group["rules"]} == {"ok"}
                assert not [rule for rule in group["rules"] if rule["state"] == "firing"]
