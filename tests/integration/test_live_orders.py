"""Orders under the ledger around a real bot: the short form of tests/acceptance/test_orders_*."""

import time

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import WHOLE, A, B, C, rehearsal
from tests.support.orders import (
    FAR_BELOW,
    FAR_PRICES,
    WITH_TAG,
    eventually,
    reservations,
    settled_books,
    wrong_trade,
)
from tests.support.outages import locked


def test_lost_replies_make_one_order_per_signal_and_normal_trades(tmp_path):
    settings = {"stake_amount": 100, "max_open_trades": 3, "extra": WITH_TAG}
    with rehearsal(tmp_path, "launcher", **settings) as rehearsed:
        rehearsed.bot.wait_loops(1)
        for how, pair in {"error": A, "502": B, "drop": C}.items():
            rehearsed.exchange.fault("lost_reply", how=how, symbol=pair, times=1)
        rehearsed.signal(A, B, C)
        rehearsed.wait_bought(3)
        settled_books(rehearsed)
        for pair in (A, B, C):
            eventually(rehearsed, lambda one=pair: wrong_trade(rehearsed, one))
        rehearsed.exchange.fault("lost_reply", how="drop", side="sell", times=3)
        rehearsed.signal(sell=(A, B, C))
        rehearsed.bot.wait_until(lambda: not rehearsed.bot.open_trades(), 20, "three exits")
        settled_books(rehearsed)
        assert len(rehearsed.orders("buy")) == len(rehearsed.orders("sell")) == 3
        assert {trade["exit_reason"] for trade in rehearsed.bot.trades()} == {"rehearsal"}
        assert not rehearsed.refused_orders()


DONE = {
    "adopt": "is now one of its trades",
    "cancel": "was cancelled",
    "alert": "no trade for it",
}


@pytest.mark.acceptance
@pytest.mark.parametrize("policy", DONE)
def test_what_cannot_be_asked_for_in_time_is_left_to_the_policy(tmp_path, policy):
    settings = {
        "guard": {**WHOLE, "ledger": {"orphan_orders": policy}},
        "plan": StrategyPlan(order_type="limit"),
        "extra": WITH_TAG + FAR_BELOW,
        "config": FAR_PRICES,
        "stake_amount": 100,
    }
    with rehearsal(tmp_path, "mixin", **settings) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault("lost_reply", how="drop", times=1)
        rehearsed.exchange.fault("http_status", status=502, endpoint="OpenOrders")
        rehearsed.signal(A)
        rehearsed.bot.wait_for(f"No new entry on {A} until it can", 20)
        # The signal goes away: nothing but the policy decides.
        rehearsed.signal()
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.clear_faults()
        rehearsed.bot.wait_for(
            f"for {A}.* (now one of its trades|was cancelled|no trade for it)", 10
        )
        (order,) = rehearsed.orders()
        if policy == "adopt":
            settled_books(rehearsed)
            rehearsed.exchange.fill(order["id"])
            rehearsed.wait_bought(1)
            eventually(rehearsed, lambda: wrong_trade(rehearsed, A))
        else:
            (row,) = reservations(rehearsed)
            assert row.state == ("released" if policy == "cancel" else "open")
            assert order["status"] == ("canceled" if policy == "cancel" else "open")
        assert len(rehearsed.orders()) == 1


def test_while_the_ledger_is_locked_exits_go_out_and_entries_wait(tmp_path):
    with rehearsal(tmp_path, "launcher", stake_amount=100, max_open_trades=3) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        rehearsed.bot.wait_loops(1)
        with locked(rehearsed.bot.user_dir / "balance_guard.sqlite"):
            due = time.time()
            rehearsed.signal(B, sell=(A,))
            rehearsed.wait_orders("sell", 1, timeout=10)
            assert rehearsed.orders("sell")[0]["created_at"] - due <= 3.0
            rehearsed.bot.wait_for(f"No order for {B}: .*ledger_unavailable", 10)
            rehearsed.bot.wait_loops(2)
            assert len(rehearsed.orders("buy")) == 1
        rehearsed.wait_bought(1)
        assert len(rehearsed.orders("buy")) == 2
        settled_books(rehearsed)
