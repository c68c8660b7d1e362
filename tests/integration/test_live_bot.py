"""The guard around a real bot that trades live on the sandbox."""

import pytest

from freqtrade_balance_guard.demo.strategy import Adjustment, Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import EVERY_CALLBACK, all_pairs, running, scenario, settings


GUARDED = ("mixin", "launcher")


def sent(sandbox):
    """The orders that reached the exchange, without what differs between two runs."""
    return [
        (order["pair"], order["side"], order["type"], order["amount"], order["filled"])
        for order in sandbox.control.orders()
    ]


def booked(bot):
    """freqtrade's own rows, without ids and times."""
    keys = ("pair", "stake_amount", "amount", "open_rate", "is_open", "strategy", "exit_reason")
    return [tuple(trade[key] for key in keys) for trade in bot.trades()]


@pytest.mark.acceptance
def test_mixin_and_launcher_decide_alike_for_a_strategy_that_overrides_every_callback(tmp_path):
    seen = {}
    for way in GUARDED:
        with Sandbox.start(scenario("1000")) as sandbox:
            plan = StrategyPlan(signals={pair: 1 for pair in all_pairs(sandbox, 4)})
            guard = {"position_size_percent": 25, "reserve_balance": {"usdt": 200}}
            bot_settings = settings(sandbox, plan, way=way, guard=guard)
            with running(bot_settings, tmp_path / way, EVERY_CALLBACK) as bot:
                bot.wait_until(lambda b=bot: len(b.trades()) == 3, 30, "3 trades")
                bot.wait_until(lambda b=bot: all(t["amount"] for t in b.trades()), 20, "fills")
                seen[way] = (sent(sandbox), booked(bot))
                assert bot.trades()[0]["stake_amount"] <= 0.25 * 800
                assert bot.trades()[0]["strategy"] == "Rehearsal"
    assert seen["mixin"] == seen["launcher"]


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(None, id="no section", marks=pytest.mark.acceptance),
        pytest.param({"enabled": False}, id="disabled", marks=pytest.mark.acceptance),
    ],
)
def test_without_a_guard_the_same_orders_and_rows_as_plain(tmp_path, guard):
    seen = {}
    for way in ("plain", *GUARDED):
        with Sandbox.start(scenario("1000")) as sandbox:
            plan = StrategyPlan(signals={pair: 1 for pair in all_pairs(sandbox, 3)}, exit_after_s=3)
            with running(settings(sandbox, plan, way=way, guard=guard), tmp_path / way) as bot:
                bot.wait_until(
                    lambda b=bot: len([t for t in b.trades() if not t["is_open"]]) == 3,
                    40,
                    "3 exits",
                )
                seen[way] = (sent(sandbox), booked(bot))
                lines = bot.lines("freqtrade_balance_guard")
                if guard is None and way in GUARDED:
                    warning = lines.pop()
                    assert "WARNING" in warning and "NOT guarded: no balance_guard" in warning
                assert lines == []
    assert seen["plain"] == seen["mixin"] == seen["launcher"]


@pytest.mark.parametrize(
    "free",
    [
        pytest.param("3.05", marks=pytest.mark.acceptance),
        pytest.param("2.2", marks=pytest.mark.acceptance),
        "0",
    ],
)
def test_with_too_little_money_no_order_and_one_line_for_each_pair(tmp_path, free):
    with Sandbox.start(scenario(free)) as sandbox:
        pairs = all_pairs(sandbox, 10)
        plan = StrategyPlan(signals=dict.fromkeys(pairs))
        with running(settings(sandbox, plan, way="launcher", guard={}), tmp_path) as bot:
            bot.wait_loops(6)
            # Below the threshold a lock then says it for all pairs.
            assert len(bot.lines("All pairs are locked")) == int(float(free) < 2.5)
            for pair in pairs:
                assert len(bot.lines(f"No order for {pair}")) == 1
            # Nothing of freqtrade's own about it either.
            assert not bot.lines("Unable to create trade|Minimum stake amount|is too small")
            assert len(bot.lines("Wallets synced")) <= 3
        assert sent(sandbox) == []


def test_the_floor_is_never_spent(tmp_path):
    with Sandbox.start(scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={pair: 1 for pair in all_pairs(sandbox, 6)})
        guard = {"reserve_balance": {"USDT": 700}, "position_size_percent": 100}
        bot_settings = settings(sandbox, plan, way="launcher", guard=guard, max_open_trades=6)
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) >= 2, 30, "trades")
            bot.wait_loops(4)
        balances = sandbox.control.state()["accounts"]["main"]["balances"]
        assert float(balances["USDT"]["total"]) >= 700
        assert sandbox.control.rejections() == []


def test_a_partial_exit_is_made_smaller_so_that_the_rest_can_still_be_sold(tmp_path):
    with Sandbox.start(scenario("1000")) as sandbox:
        (pair,) = all_pairs(sandbox, 1)
        # Nine tenths of eight dollars would leave less than the minimum of two and a half.
        plan = StrategyPlan(
            signals={pair: 1}, stakes={pair: 8}, adjustments=(Adjustment(pair, share=-0.9),)
        )
        with running(settings(sandbox, plan, way="launcher", guard={}), tmp_path) as bot:
            bot.wait_for("Partial exit of .* made smaller", 40)
            bot.wait_until(lambda: len(sent(sandbox)) == 2, 20, "a sale")
            bot.wait_loops(2)
            (trade,) = bot.open_trades()
            minimum = 0.00005 * 1.05
            assert minimum <= trade["amount"] < 0.00016 * 0.5
            bot.control(Control(signals={}, exits=[pair]))
            bot.wait_until(lambda: not bot.open_trades(), 30, "the rest sold")
        assert sandbox.control.rejections() == []


def test_a_partial_exit_that_the_exchange_would_refuse_is_refused_with_the_reason(tmp_path):
    with Sandbox.start(scenario("1000")) as sandbox:
        (pair,) = all_pairs(sandbox, 1)
        plan = StrategyPlan(
            signals={pair: 1},
            stakes={pair: 8},
            adjustments=(Adjustment(pair, share=-0.1, times=None),),
        )
        with running(settings(sandbox, plan, way="launcher", guard={}), tmp_path) as bot:
            bot.wait_for("partial_exit_too_small", 40)
            bot.wait_loops(4)
            assert len(bot.lines("partial_exit_too_small")) == 1
        assert len(sent(sandbox)) == 1
        assert sandbox.control.rejections() == []


CHANGED_SIGNATURE = """

from freqtrade.exchange import Exchange

_create_order = Exchange.create_order


def create_order(self, *, pair, ordertype, side, amount, rate, leverage, time_in_force="GTC",
                 reduceOnly=False, initial_order=True, urgency=None):
    return _create_order(
        self, pair=pair, ordertype=ordertype, side=side, amount=amount, rate=rate,
        leverage=leverage, time_in_force=time_in_force, reduceOnly=reduceOnly,
        initial_order=initial_order,
    )


Exchange.create_order = create_order
"""


@pytest.mark.parametrize("way", ["mixin", pytest.param("launcher", marks=pytest.mark.acceptance)])
def test_a_freqtrade_that_differs_means_no_entry_while_exits_go_on(tmp_path, way):
    with Sandbox.start(scenario("1000")) as sandbox:
        first, second = all_pairs(sandbox, 2)
        plan = StrategyPlan(signals={first: 1})
        with running(settings(sandbox, plan, way=way, guard={}), tmp_path) as bot:
            bot.wait_until(lambda: any(t["amount"] for t in bot.trades()), 30, "a filled trade")
        plan = StrategyPlan(signals={second: None})
        with running(
            settings(sandbox, plan, way=way, guard={}), tmp_path, CHANGED_SIGNATURE
        ) as bot:
            line = bot.wait_for("Entries are denied, exits go on", 20)
            assert "Exchange.create_order(" in line and "urgency" in line
            bot.wait_for(f"No order for {second}: .*self_check_failed", 20)
            bot.control(Control(exits=[first]))
            bot.wait_until(lambda: not bot.open_trades(), 30, "the exit")
            bot.wait_loops(2)
            assert len(bot.lines(f"No order for {second}")) == 1
        assert [(pair, side) for pair, side, *_ in sent(sandbox)] == [
            (first, "buy"),
            (first, "sell"),
        ]


@pytest.mark.acceptance
def test_dry_run_decides_like_live(tmp_path):
    stakes = {}
    for dry_run in (True, False):
        with Sandbox.start(scenario("1000")) as sandbox:
            plan = StrategyPlan(signals={pair: 1 for pair in all_pairs(sandbox, 3)})
            bot_settings = settings(
                sandbox, plan, way="launcher", guard={"position_size_percent": 20}, dry_run=dry_run
            )
            with running(bot_settings, tmp_path / str(dry_run)) as bot:
                bot.wait_until(lambda b=bot: len(b.trades()) == 3, 30, "3 trades")
                stakes[dry_run] = [trade["stake_amount"] for trade in bot.trades()]
    # The fee is paid from the quote currency live and from the profit in dry-run.
    assert stakes[True] == pytest.approx(stakes[False], rel=0.01)
