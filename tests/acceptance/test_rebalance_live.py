"""A real bot on the sandbox whose stake is stuck: one attempt per cooldown, also over kills."""

from dataclasses import replace

import pytest

from freqtrade_balance_guard.rebalance.attempt import MAY_BE_SOLD
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import GUARDED, bot_on, figure
from tests.support.fleet import fleet, shared_account
from tests.support.stuck import (
    ADA,
    HELD,
    LTC,
    PAIRS,
    PLAN,
    XRP,
    attempts,
    console,
    guard,
    locks,
    markets,
    preview,
    small_account,
    stuck,
)


pytestmark = pytest.mark.acceptance

SOLD = "sold by the emergency rebalance"
MORE = {
    "stake_amount": 10,
    "max_open_trades": 4,
    "plan": PLAN,
    "config": {"tradable_balance_ratio": 1.0},
}
KILLED = """

import os
import signal

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.integration.rebalance.live_rebalance import LiveRebalancer

sell = LiveRebalancer._sell
selling = False


def noted_sell(self, bot, sale):
    global selling
    selling = True
    try:
        return sell(self, bot, sale)
    finally:
        selling = False


LiveRebalancer._sell = noted_sell


def die(point):
    if selling and point == "@POINT@":
        os.kill(os.getpid(), signal.SIGKILL)


crash_points.watcher = die
"""


# The attempt's own stages: killed when the word for it has just been written.
KILLED_AT = """

import os
import signal

from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.rebalance.attempts import AttemptLog


def deadly(name, when):
    original = getattr(AttemptLog, name)

    def method(self, *args, **kwargs):
        answer = original(self, *args, **kwargs)
        if when(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(AttemptLog, name, method)


deadly(*{
    "begun": ("begin", lambda *args: True),
    "sending": ("record", lambda trade, outcome: outcome is Outcome.SENDING),
    "one of two": ("record", lambda trade, outcome: outcome is Outcome.ORDERED),
    "both": ("record", lambda trade, outcome: trade == 2 and outcome is Outcome.ORDERED),
    "ended": ("end", lambda *args: True),
}["@STAGE@"])
"""


def use_it_up(rehearsed):
    """What the rebalance has freed is spent: the shortage is there again."""
    rehearsed.signal(LTC)
    rehearsed.wait_bought(4)
    rehearsed.bot.wait_loops(2)
    assert rehearsed.free() < 5


@pytest.mark.parametrize("way", GUARDED)
def test_stuck_at_2_86_one_attempt_reaches_the_target_and_then_none_in_the_cooldown(tmp_path, way):
    with stuck(tmp_path, way=way) as rehearsed:
        assert round(rehearsed.free(), 2) == 2.86
        rehearsed.wait_orders("sell", 1)
        rehearsed.bot.wait_loops(3)
        (attempt,) = attempts(rehearsed)
        reached = rehearsed.free()
        assert 9.9 <= reached <= 10.2
        assert all(float(order["cost"]) >= 2 for order in rehearsed.orders("sell"))
        assert not rehearsed.refused_orders()
        use_it_up(rehearsed)
        # An hour is ten seconds.
        rehearsed.bot.wait_loops(25)
        assert [one.id for one in attempts(rehearsed)] == [attempt.id]
        assert len(rehearsed.orders("sell")) == 1
        shown = preview(rehearsed)
        assert shown["reasons"][0]["code"] == "cooldown"
        assert float(shown["available"]) < 5
    figure("stuck at 2.86, available after one attempt", {way: reached})


@pytest.mark.parametrize(
    "point", ["order checked", "order sent", "order answered", "order bound", "order stored"]
)
def test_killed_in_the_middle_of_it_the_restart_ends_it_and_begins_no_other(tmp_path, point):
    kill = KILLED.replace("@POINT@", point)
    with Sandbox.start(small_account()) as sandbox:
        with bot_on(sandbox, tmp_path, "launcher", guard=guard(), extra=kill, **MORE) as first:
            first.wait_bought(3)
            assert first.bot._running_process().wait(timeout=60) == -9
            (attempt,) = attempts(first)
            assert attempt.ended_at is None
        with bot_on(sandbox, tmp_path, "launcher", guard=guard(), **MORE) as second:
            second.bot.wait_for("the bot was interrupted in it", 60)
            was_sent = point in ("order answered", "order bound", "order stored")
            if was_sent:
                use_it_up(second)
            second.bot.wait_loops(15)
            (ended,) = attempts(second)
            assert ended.ended_at is not None and ended.id == attempt.id
            (sale,) = ended.sales
            # Before it was sent nothing was sold; afterwards it was, once.
            assert len(second.orders("sell")) == int(was_sent)
            assert sale.outcome == ("filled" if was_sent else "unknown")
            assert sale.outcome in MAY_BE_SOLD and locks(second, SOLD) == {ADA}
            second.signal(ADA, times=9)
            second.bot.wait_loops(4)
            assert len(second.orders("buy")) == 3 + int(was_sent)
            assert not second.exchange.audit()["findings"]


# Pair -> what became of its sale; and the pairs of which something was sold.
STAGES = {
    "begun": ({ADA: "not_sent", XRP: "not_sent"}, set()),
    "sending": ({ADA: "unknown", XRP: "not_sent"}, set()),
    "one of two": ({ADA: "filled", XRP: "not_sent"}, {ADA}),
    "both": ({ADA: "filled", XRP: "filled"}, {ADA, XRP}),
    "ended": ({ADA: "filled", XRP: "filled"}, {ADA, XRP}),
}


@pytest.mark.parametrize("stage", STAGES)
def test_killed_between_its_stages_nothing_is_sold_twice_and_none_is_begun_anew(tmp_path, stage):
    outcomes, sold = STAGES[stage]
    settings = guard(rebalance={"order": "oldest", "target_stake": 14})
    kill = KILLED_AT.replace("@STAGE@", stage)
    with Sandbox.start(small_account()) as sandbox:
        with bot_on(sandbox, tmp_path, "mixin", guard=settings, extra=kill, **MORE) as first:
            first.wait_bought(3)
            assert first.bot._running_process().wait(timeout=60) == -9
            (attempt,) = attempts(first)
            assert (attempt.ended_at is not None) is (stage == "ended")
        with bot_on(sandbox, tmp_path, "mixin", guard=settings, **MORE) as second:

            def is_over():
                (ended,) = attempts(second)
                found = {sale.pair: str(sale.outcome) for sale in ended.sales}
                return ended.ended_at is not None and found == outcomes

            second.bot.wait_until(is_over, 30, f"{outcomes}")
            second.bot.wait_loops(12)
            assert is_over()
            assert [o["pair"] for o in second.orders("sell")] == sorted(sold)
            # What may have been sold is not bought back, whatever signals.
            kept = {pair for pair, outcome in outcomes.items() if outcome in MAY_BE_SOLD}
            assert locks(second, SOLD) == kept
            second.signal(*HELD, times=9)
            second.bot.wait_loops(4)
            assert not kept & {order["pair"] for order in second.orders("buy")[3:]}
            assert not second.exchange.audit()["findings"]


# Two bots on one account


def test_two_bots_on_one_account_sell_only_their_own_and_only_what_they_need(tmp_path):
    on = shared_account(2, "70", markets=markets())
    pairs = [[ADA, LTC], [HELD[1], HELD[2]]]
    plans = [replace_plan(own) for own in pairs]
    settings = guard(rebalance={"enough_stake": 12, "target_stake": 16})
    with fleet(
        tmp_path,
        2,
        on=on,
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        plans=plans,
        pairs=pairs,
        guard=settings,
        stake_amount=15,
        max_open_trades=2,
        config={"tradable_balance_ratio": 1.0},
    ) as bots:
        # What one frees is there for both, so one sale may be enough.
        bots.bots[0].wait_until(
            lambda: any(bots.orders_of(number, "sell") for number in range(2)), 60, "a sale"
        )
        for number, own in enumerate(pairs):
            bots.bots[number].wait_loops(12)
            assert {order["pair"] for order in bots.orders_of(number)} == set(own)
        sold = [bots.orders_of(number, "sell") for number in range(2)]
        figure("two bots short at once, sold", {
            str(number): [(o["pair"], round(float(o["cost"]), 2)) for o in orders]
            for number, orders in enumerate(sold)
        })  # fmt: skip
        for number, orders in enumerate(sold):
            assert {order["pair"] for order in orders} <= set(pairs[number])
            # From about 10 to 16, and a hair for slippage and fee.
            assert sum(float(order["cost"]) for order in orders) <= 6.5
        assert not bots.refused()
        assert not bots.unknown()


def replace_plan(pairs):
    return replace(PLAN, signals=dict.fromkeys(pairs, 1), stakes=dict.fromkeys(pairs, 15.0))


def test_the_protection_that_locks_all_is_named_in_the_strategy(tmp_path):
    extra = "\n\nRehearsal.protections = [{'method': 'RebalanceCooldown', 'lock_all': True}]\n"
    with stuck(tmp_path, extra=extra) as rehearsed:
        rehearsed.wait_orders("sell", 1)
        rehearsed.bot.wait_loops(3)
        assert locks(rehearsed, SOLD) == {"*"}
        assert rehearsed.bot.lines("Using resolved protection RebalanceCooldown")
        rehearsed.signal(*PAIRS, times=9)
        rehearsed.bot.wait_loops(4)
        assert len(rehearsed.orders("buy")) == 3
        shown = console(rehearsed, "explain", LTC)
        assert SOLD in shown.stdout
