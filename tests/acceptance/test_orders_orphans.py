"""Nobody could say for long what became of an entry: what the policy does, and what goes on."""

import time
from contextlib import contextmanager

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import GUARDED, WHOLE, A, B, C, bot_on, figure, usdt
from tests.support.orders import (
    FAR_BELOW,
    FAR_PRICES,
    ORDER_ENDPOINTS,
    WITH_TAG,
    eventually,
    loops_until_known,
    reservations,
    settled_books,
    wrong_books,
    wrong_trade,
)


pytestmark = pytest.mark.acceptance

UNREACHABLE_SECONDS = 10.0
FILLED = {"plan": StrategyPlan(), "extra": WITH_TAG}
RESTING = {
    "plan": StrategyPlan(order_type="limit"),
    "extra": WITH_TAG + FAR_BELOW,
    "config": FAR_PRICES,
}
KINDS = {"filled": FILLED, "resting": RESTING}


def settings(kind, policy):
    guard = {**WHOLE, "ledger": {"orphan_orders": policy}}
    return {"stake_amount": 100, "max_open_trades": 4, "guard": guard, **KINDS[kind]}


@contextmanager
def unreachable(exchange, *endpoints):
    """Orders can be sent, their replies are lost, and nobody can ask for them."""
    exchange.fault("lost_reply", how="drop", symbol=A, side="buy", times=1)
    for one in endpoints or ORDER_ENDPOINTS:
        exchange.fault("http_status", status=502, endpoint=one)
    yield
    exchange.clear_faults()


def lose_an_entry(rehearsed):
    """The entry of A is on the exchange, and its reply is lost; returns its time."""
    rehearsed.signal(A)
    rehearsed.wait_orders("buy", 1, timeout=20)
    return rehearsed.orders("buy")[0]["created_at"]


def wait_since(rehearsed, moment, seconds):
    rehearsed.bot.wait_until(
        lambda: time.time() >= moment + seconds, seconds + 5, f"{seconds:g} seconds"
    )


@contextmanager
def healed(folder, way, kind, policy, *, killed=False, uncancellable=False):
    """A bot, when the exchange answers again after too long; and since when it does."""
    with Sandbox.start(usdt("1000")) as sandbox:
        with bot_on(sandbox, folder, way, **settings(kind, policy)) as rehearsed:
            rehearsed.bot.wait_loops(1)
            with unreachable(sandbox.control):
                sent = lose_an_entry(rehearsed)
                if killed:
                    wait_since(rehearsed, sent, 2)
                    rehearsed.bot.kill()
                    with bot_on(sandbox, folder, way, **settings(kind, policy)) as another:
                        # Still nobody can say; the signal is still there.
                        another.signal(A)
                        another.bot.wait_loops(3)
                        assert len(another.orders()) == 1
                        sandbox.control.clear_faults()
                        yield another, time.time()
                    return
                wait_since(rehearsed, sent, UNREACHABLE_SECONDS)
                assert len(rehearsed.orders()) == 1
                # Without its signal nothing but the policy decides.
                rehearsed.signal()
                rehearsed.bot.wait_loops(1)
                begun = [fault["id"] for fault in sandbox.control.faults()]
                if uncancellable:
                    sandbox.control.fault("http_status", status=502, endpoint="CancelOrder")
                for fault_id in begun:
                    sandbox.control.remove_fault(fault_id)
                assert rehearsed.bot.lines(f"No new entry on {A} until it can")
                yield rehearsed, time.time()


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("kind", KINDS)
def test_adopt_makes_it_a_normal_trade_within_two_loops(tmp_path, kind, killed, way):
    with healed(tmp_path, way, kind, "adopt", killed=killed) as (rehearsed, since):
        loops = loops_until_known(rehearsed, A, since)
        figure(f"adopt, {kind}{', killed' * killed}: loops until known", {way: loops})
        settled_books(rehearsed)
        assert len(rehearsed.orders()) == 1
        if kind == "resting":
            rehearsed.exchange.fill(rehearsed.orders()[0]["id"])
        rehearsed.wait_bought(1)
        eventually(rehearsed, lambda: wrong_trade(rehearsed, A))
        # Nothing waits any more, and it is sold like any other.
        rehearsed.signal(A, B, sell=(A,))
        rehearsed.wait_orders("sell", 1)
        rehearsed.wait_orders("buy", 2)
        settled_books(rehearsed)
        assert loops <= 2
        assert not rehearsed.bot.lines("Traceback")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_cancel_takes_a_resting_order_back_and_the_pair_is_free_again(tmp_path, killed, way):
    with healed(tmp_path, way, "resting", "cancel", killed=killed) as (rehearsed, since):
        orphan = rehearsed.orders()[0]["id"]
        rehearsed.bot.wait_until(
            lambda: rehearsed.orders()[0]["status"] != "open", 20, "the cancellation"
        )
        loops = rehearsed.loops_between(since, time.time())
        rehearsed.signal(A)
        figure(f"cancel{', killed' * killed}: loops until cancelled", {way: loops})
        # A new signal is a new order.
        rehearsed.wait_orders("buy", 2)
        first, _ = reservations(rehearsed)
        assert (first.order_id, first.state) == (orphan, "released")
        # The exchange has it a moment before the bot has its reply.
        eventually(
            rehearsed,
            lambda: [] if reservations(rehearsed)[1].state == "open" else ["it is not bound yet"],
        )
        eventually(rehearsed, lambda: but_for(orphan, wrong_books(rehearsed)))
        assert rehearsed.bot.lines("was cancelled")
        assert loops <= 2


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("policy", ["cancel", "alert"])
def test_what_filled_is_told_and_its_pair_waits_while_others_go_on(tmp_path, policy, way):
    with healed(tmp_path, way, "filled", policy) as (rehearsed, _):
        rehearsed.bot.wait_for(f"for {A} is on the exchange .* no trade for it", 20)
        rehearsed.signal(A, B, C)
        rehearsed.wait_orders("buy", 3)
        rehearsed.bot.wait_loops(3)
        orphan = rehearsed.orders()[0]["id"]
        assert [order["pair"] for order in rehearsed.orders()].count(A) == 1
        eventually(rehearsed, lambda: but_for(orphan, wrong_books(rehearsed)))
        # Its money is booked as spent.
        row = next(row for row in reservations(rehearsed) if row.order_id == orphan)
        assert row.state == "committed"


@pytest.mark.parametrize("way", GUARDED)
def test_alert_leaves_a_resting_order_alone_and_its_money_held(tmp_path, way):
    with healed(tmp_path, way, "resting", "alert") as (rehearsed, _):
        rehearsed.bot.wait_for(f"for {A} is on the exchange .* no trade for it", 20)
        rehearsed.signal(A, B)
        rehearsed.wait_orders("buy", 2)
        rehearsed.bot.wait_loops(2)
        orphan = rehearsed.orders()[0]
        assert orphan["status"] == "open"
        row = next(row for row in reservations(rehearsed) if row.order_id == orphan["id"])
        assert (row.state, row.held) == ("open", row.requested)
        assert [order["pair"] for order in rehearsed.orders()].count(A) == 1
        eventually(rehearsed, lambda: but_for(orphan["id"], wrong_books(rehearsed)))


@pytest.mark.parametrize("way", GUARDED)
def test_an_order_that_cannot_be_cancelled_yet_is_tried_again_and_its_pair_waits(tmp_path, way):
    with healed(tmp_path, way, "resting", "cancel", uncancellable=True) as (rehearsed, _):
        rehearsed.bot.wait_for("nothing could be done about it yet", 20)
        rehearsed.signal(A, B)
        rehearsed.wait_orders("buy", 2)
        rehearsed.bot.wait_loops(2)
        assert [order["pair"] for order in rehearsed.orders()] == [A, B]
        rehearsed.exchange.clear_faults()
        rehearsed.bot.wait_until(
            lambda: rehearsed.orders()[0]["status"] == "canceled", 10, "the cancellation"
        )
        rehearsed.wait_orders("buy", 3)
        eventually(rehearsed, lambda: but_for(rehearsed.orders()[0]["id"], wrong_books(rehearsed)))


def but_for(order_id, wrong):
    """freqtrade is not to know this one."""
    return [one for one in wrong if not (order_id in one and "unknown to freqtrade" in one)]


@pytest.mark.parametrize("way", GUARDED)
def test_while_nobody_can_say_other_pairs_are_bought_and_sold(tmp_path, way):
    with Sandbox.start(usdt("1000")) as sandbox:
        with bot_on(sandbox, tmp_path, way, **settings("filled", "adopt")) as rehearsed:
            rehearsed.signal(B)
            rehearsed.wait_bought(1)
            # Only what has ended cannot be asked for: balances can still be read.
            with unreachable(sandbox.control, "ClosedOrders"):
                rehearsed.signal(A)
                rehearsed.wait_orders("buy", 2, timeout=20)
                lost_at = rehearsed.orders("buy")[1]["created_at"]
                rehearsed.signal(A, C, sell=(B,))
                rehearsed.wait_orders("buy", 3, timeout=20)
                rehearsed.wait_orders("sell", 1, timeout=20)
                others = max(order["created_at"] for order in rehearsed.orders()) - lost_at
                wait_since(rehearsed, lost_at, UNREACHABLE_SECONDS)
                assert [order["pair"] for order in rehearsed.orders()].count(A) == 1
                assert rehearsed.bot.lines(f"No order for {A}: .*order_unresolved")
            loops = loops_until_known(rehearsed, A, time.time())
            figure("meanwhile: others after s, loops until known", {way: f"{others:.1f} {loops}"})
            settled_books(rehearsed)
            assert loops <= 2
