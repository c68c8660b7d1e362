"""Guarded bots trade live on every protocol that the sandbox speaks."""

import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.ledger import ReservationLedger, State
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.live import running, settings


FUTURES = {"trading_mode": "futures", "margin_mode": "isolated"}
DIALECTS = [
    # Most tests of bots trade on Kraken.
    pytest.param(
        "kraken",
        "ETH/USDT",
        {},
        marks=[pytest.mark.shows("kraken", "spot", "traded"), pytest.mark.acceptance],
    ),
    pytest.param("binance", "ETH/USDT", {}, marks=pytest.mark.shows("binance", "spot", "traded")),
    pytest.param(
        "binance-futures",
        "ETH/USDT:USDT",
        FUTURES,
        marks=pytest.mark.shows("binance", "futures", "traded"),
    ),
]


def reserved(bot, sandbox):
    """The ledger's rows of the bot's account."""
    name = sandbox.freqtrade_exchange()["name"]
    account = f"{name}-futures" if sandbox.scenario.dialect == "binance-futures" else name
    store = open_store(f"sqlite:///{bot.user_dir / 'balance_guard.sqlite'}", read_only=True)
    names = {"bot": "onlooker", "account": account, "process": "onlooker"}
    ledger = ReservationLedger(store, clock=SystemClock(), **names)
    try:
        return ledger.reservations(account=account)
    finally:
        ledger.close()


@pytest.mark.parametrize(("dialect", "pair", "config"), DIALECTS)
def test_a_guarded_bot_enters_and_exits_and_nothing_stays_reserved(tmp_path, dialect, pair, config):
    with Sandbox.start(Scenario.default(dialect)) as sandbox:
        plan = StrategyPlan(signals={pair: 1}, exit_after_s=2)
        guarded = settings(sandbox, plan, way="launcher", guard={}, config=config)
        with running(guarded, tmp_path) as bot:
            bot.wait_until(lambda: any(not trade["is_open"] for trade in bot.trades()), 40, "exit")
            bot.wait_loops(2)
            first = bot.lines("Balance guard")[0]
            assert "(live, " in first and "untested" not in first
            assert not bot.lines("ERROR")
            orders = [(order["side"], order["status"]) for order in sandbox.control.orders()]
            assert orders == [("buy", "closed"), ("sell", "closed")]
            assert {row.state for row in reserved(bot, sandbox)} == {State.COMMITTED}
