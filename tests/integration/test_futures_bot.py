"""The guard around a real bot that trades contracts on the sandbox, in Binance's words."""

from contextlib import ExitStack

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.futures_bot import (
    ADA,
    DOGE,
    LEVERAGE,
    SHORT,
    SOL,
    XRP,
    futures_scenario,
    futures_settings,
    is_filled,
)
from tests.support.live import running


TRIPLE = LEVERAGE.format(leverage=3)


def rejected(sandbox):
    """Orders that the exchange rejected; that a margin type is set already is none."""
    return [one for one in sandbox.control.rejections() if "-4046" not in one["error"]]


def closed(bot):
    return [trade for trade in bot.trades() if not trade["is_open"]]


def test_a_balance_that_lags_over_sizes_nothing_and_lets_nothing_be_rejected(tmp_path):
    with Sandbox.start(futures_scenario("320")) as sandbox:
        sandbox.control.fault("balance_lag", seconds=3)
        plan = StrategyPlan(signals=dict.fromkeys((SOL, ADA, XRP, DOGE)), exit_after_s=4)
        bot_settings = futures_settings(sandbox, plan, way="launcher", guard={}, max_open_trades=2)
        with running(bot_settings, tmp_path, TRIPLE) as bot:
            bot.wait_until(lambda: len(closed(bot)) == 4, 60, "four closed trades")
            stakes = [trade["stake_amount"] for trade in bot.trades()]
            assert rejected(sandbox) == []
            # The first two have what there is; the next two wait for what the first two free.
            assert all(120 < stake <= 160 for stake in stakes)
            assert bot.lines("No order for .*the rest is under way")
            assert not bot.lines("changed by|external")
            assert sandbox.control.audit()["ok"]


@pytest.mark.acceptance
@pytest.mark.parametrize("lag", [3, 10])
def test_two_bots_on_one_futures_account_with_a_lagging_balance(tmp_path, lag):
    with Sandbox.start(futures_scenario("320")) as sandbox, ExitStack() as stack:
        sandbox.control.fault("balance_lag", seconds=lag)
        guard = {"ledger": {"db_url": f"sqlite:///{tmp_path}/ledger.sqlite"}}
        bots = []
        for number, pairs in enumerate(((SOL, ADA), (XRP, DOGE))):
            plan = StrategyPlan(signals=dict.fromkeys(pairs), exit_after_s=8)
            config = {"bot_name": f"bot{number}"}
            bot_settings = futures_settings(
                sandbox,
                plan,
                key=number,
                way="mixin",
                guard=guard,
                max_open_trades=2,
                config=config,
            )
            folder = tmp_path / f"bot{number}"
            bots.append(stack.enter_context(running(bot_settings, folder, TRIPLE)))
        for bot in bots:
            bot.wait_until(lambda b=bot: len(closed(b)) >= 2, 120, "two closed trades")
        assert rejected(sandbox) == []
        assert sandbox.control.audit()["ok"]


def timeline(bot):
    """What freqtrade booked, without what differs between two runs."""
    keys = ("pair", "is_short", "leverage", "stake_amount", "amount", "open_rate", "exit_reason")
    return [tuple(trade[key] for key in keys) for trade in bot.trades()]


@pytest.mark.acceptance
@pytest.mark.parametrize("shorts", [False, True], ids=["long", "short"])
def test_with_neutral_settings_trades_are_those_of_plain(tmp_path, shorts):
    neutral = {
        "min_order_size": 0,
        "min_balance_threshold": 0,
        "position_size_percent": 100,
        "balance_cache_duration": 0,
        "post_trade_refresh_window": 0,
    }
    seen = {}
    extra = TRIPLE + (SHORT if shorts else "")
    for way in ("plain", "mixin", "launcher"):
        with Sandbox.start(futures_scenario("1000")) as sandbox:
            plan = StrategyPlan(signals={SOL: 1, ADA: 1, XRP: 1}, exit_after_s=3)
            guard = None if way == "plain" else neutral
            bot_settings = futures_settings(
                sandbox, plan, way=way, guard=guard, stake_amount=100, max_open_trades=3
            )
            with running(bot_settings, tmp_path / way, extra) as bot:
                bot.wait_until(lambda b=bot: len(closed(b)) == 3, 60, "three closed trades")
                seen[way] = timeline(bot)
                assert not bot.lines("ERROR|Traceback")
    assert seen["plain"] == seen["mixin"] == seen["launcher"]


@pytest.mark.acceptance
@pytest.mark.parametrize("margin_mode", ["isolated", "cross"])
@pytest.mark.parametrize("way", ["mixin", "launcher"])
def test_with_a_guard_whose_limits_do_not_bind_trades_are_those_of_plain(
    tmp_path, way, margin_mode
):
    seen = {}
    for each in ("plain", way):
        with Sandbox.start(futures_scenario("1000")) as sandbox:
            plan = StrategyPlan(signals={SOL: 1, ADA: 1, XRP: 1}, exit_after_s=3, stoploss=-0.3)
            bot_settings = futures_settings(
                sandbox,
                plan,
                way=each,
                guard=None if each == "plain" else {},
                margin_mode=margin_mode,
                stake_amount=100,
                max_open_trades=3,
            )
            with running(bot_settings, tmp_path / each, TRIPLE) as bot:
                bot.wait_until(lambda b=bot: len(closed(b)) == 3, 60, "three closed trades")
                seen[each] = timeline(bot)
                assert not bot.lines("ERROR|Traceback")
                assert rejected(sandbox) == []
    assert seen["plain"] == seen[way]


POSITIONS = "GET /fapi/v3/positionRisk"
FAULTS = [
    ("balance", {"kind": "http_status", "status": 502}),
    ("balance", {"kind": "timeout", "seconds": 15}),
    ("balance", {"kind": "html"}),
    ("balance", {"kind": "balance_zero"}),
    (POSITIONS, {"kind": "http_status", "status": 502}),
    (POSITIONS, {"kind": "timeout", "seconds": 15}),
    (POSITIONS, {"kind": "html"}),
]


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("endpoint", "fault"), FAULTS, ids=[f"{fault['kind']} of {what}" for what, fault in FAULTS]
)
def test_a_due_exit_goes_out_while_balance_or_positions_cannot_be_read(tmp_path, endpoint, fault):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={SOL: 1}, exit_after_s=None)
        bot_settings = futures_settings(sandbox, plan, way="launcher", guard={}, stake_amount=100)
        with running(bot_settings, tmp_path, TRIPLE) as bot:
            bot.wait_until(lambda: is_filled(bot, 1), 30, "an open trade")
            more = {} if fault["kind"].startswith("balance") else {"endpoint": endpoint}
            kind = {key: one for key, one in fault.items() if key != "kind"}
            sandbox.control.fault(fault["kind"], **kind, **more)
            bot.wait_loops(1)
            bot.control(Control(exits=[SOL]))
            # One loop, and at most 3 s that the guard may wait.
            bot.wait_until(lambda: len(closed(bot)) == 1, 8, "the exit")
            assert bot.lines("Balances are unreadable")
