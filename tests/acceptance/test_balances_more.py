"""More of the same troubles: other order types, sizes, fees and numbers of entries."""

import base64
import json
import time
import urllib.request

import pytest

from freqtrade_balance_guard.demo.strategy import Adjustment, StrategyPlan
from tests.support.balances import (
    BALANCE_FAULTS,
    GUARDED,
    PAIRS,
    A,
    B,
    C,
    figure,
    overdrawn,
    rehearsal,
    usdt,
)


pytestmark = pytest.mark.acceptance

FIVE = PAIRS[:5]
BEYOND = "beyond own orders"


def lag(side, seconds=10.0):
    return {"kind": "balance_lag", "seconds": seconds, "side": side}


def fee_in_base(**more):
    markets = [row.model_dump(mode="json") for row in usdt("1").markets]
    return usdt("1000", markets=[{**row, "fee_currency": "base"} for row in markets], **more)


def refusals(rehearsed):
    return len(rehearsed.bot.lines("balance_lagging|balance_unreadable|funds_rejected"))


SEVERAL = {
    "market, fixed": ({"stake_amount": 180}, "market", {}),
    "limit, fixed": ({"stake_amount": 180}, "limit", {}),
    "market, unlimited": ({}, "market", {}),
    "limit, unlimited, half filled first": (
        {}, "limit", {"faults": [{"kind": "partial_fill", "fraction": "0.5"}]},
    ),
    "market, fixed, lag": ({"stake_amount": 180}, "market", {"faults": [lag("both")]}),
    "limit, unlimited, lag": ({}, "limit", {"faults": [lag("both")]}),
}  # fmt: skip


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("case", SEVERAL)
def test_five_entries_in_one_loop_all_go_out_and_none_is_denied_for_the_others(tmp_path, case, way):
    settings, order_type, more = SEVERAL[case]
    plan = StrategyPlan(signals=dict.fromkeys(FIVE, 1), order_type=order_type)
    on = usdt("1000", **more)
    with rehearsal(tmp_path, way, on=on, plan=plan, max_open_trades=5, **settings) as rehearsed:
        rehearsed.wait_orders("buy", 5, timeout=60)
        placed = [order["created_at"] for order in rehearsed.orders("buy")]
        rehearsed.exchange.clear_faults()
        rehearsed.bot.wait_loops(3)
        took = max(placed) - min(placed)
        figure(
            f"five entries, {case} ({way})",
            {"seconds": took, "denied": refusals(rehearsed), "costs": rehearsed.costs()},
        )
        assert not refusals(rehearsed)
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        assert not rehearsed.bot.lines(BEYOND)
        assert took < 5


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("order_type", ["market", "limit"])
@pytest.mark.parametrize("fee", ["quote", "base"])
def test_round_trips_under_a_lag_are_nobody_elses_doing(tmp_path, fee, order_type, way):
    faults = [lag("both", 4), {"kind": "partial_fill", "fraction": "0.5", "times": 3}]
    on = fee_in_base(faults=faults) if fee == "base" else usdt("1000", faults=faults)
    plan = StrategyPlan(
        signals=dict.fromkeys((A, B, C)), exit_after_s=6, order_type=order_type,
        adjustments=(Adjustment(A, stake=60.0, after_s=2), Adjustment(B, share=-0.4, after_s=3)),
    )  # fmt: skip
    # What does not fill is cancelled, and its filled part is a trade.
    config = {"unfilledtimeout": {"entry": 4, "exit": 4, "unit": "seconds"}}
    settings = {"plan": plan, "stake_amount": 200, "config": config}
    with rehearsal(tmp_path, way, on=on, **settings) as rehearsed:
        rehearsed.bot.wait_loops(25, timeout=90)
        seen = {side: len(rehearsed.orders(side)) for side in ("buy", "sell")}
        figure(f"round trips, fee in {fee}, {order_type} ({way})", seen)
        assert seen["sell"] >= 2
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        assert not rehearsed.bot.lines(BEYOND)
        assert not rehearsed.bot.lines("Traceback")


@pytest.mark.parametrize("way", GUARDED)
def test_a_fixed_stake_after_sells_waits_for_its_money(tmp_path, way):
    with rehearsal(tmp_path, way, stake_amount=450, max_open_trades=2) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**lag("sell"))
        rehearsed.signal(C, PAIRS[3], sell=(A, B))
        rehearsed.wait_orders("buy", 4, timeout=40)
        assert min(rehearsed.costs()) >= 449
        assert not rehearsed.refused_orders()


@pytest.mark.parametrize("way", GUARDED)
def test_a_lowered_minimum_is_noticed_soon(tmp_path, way):
    with rehearsal(tmp_path, way, stake_amount=10, max_open_trades=2) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        for pair in (A, B):
            rehearsed.exchange.market(pair, cost_min="20")
        rehearsed.signal(B, sell=(A,))
        rehearsed.bot.wait_until(lambda: len(rehearsed.refused_orders()) == 2, 40, "refusals")
        rehearsed.bot.wait_loops(3)
        for pair in (A, B):
            rehearsed.exchange.market(pair, cost_min="0.5")
        lowered = time.time()
        rehearsed.wait_orders("buy", 2, timeout=60)
        rehearsed.wait_orders("sell", 1, timeout=60)
        waited = {
            "entry after s": rehearsed.orders("buy")[1]["created_at"] - lowered,
            "exit after s": rehearsed.orders("sell")[0]["created_at"] - lowered,
        }
        figure(f"minimum lowered ({way})", waited)
        assert rehearsed.refused_orders().total() == 2
        assert max(waited.values()) <= 20


# Another thread reads the balance all the time.

API = {
    "api_server": {
        "enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": 0, "verbosity": "error",
        "username": "u", "password": "p", "jwt_secret_key": "x" * 32, "ws_token": "y" * 32,
    }
}  # fmt: skip


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask_api(port, path="balance"):
    login = base64.b64encode(b"u:p").decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/{path}", headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("way", GUARDED)
def test_balance_requests_of_the_api_disturb_nothing(tmp_path, way):
    import threading

    port = free_port()
    config = {"api_server": {**API["api_server"], "listen_port": port}}
    plan = StrategyPlan(signals=dict.fromkeys(FIVE), exit_after_s=3)
    on = usdt("1000", faults=[{"kind": "latency", "ms": 150, "endpoint": "private"}])
    settings = {"plan": plan, "stake_amount": 190, "max_open_trades": 5, "config": config}
    over, answers, failures = threading.Event(), [], []

    def poll():
        while not over.is_set():
            try:
                answers.append(ask_api(port))
            except OSError as error:
                failures.append(error)
                time.sleep(0.2)

    with rehearsal(tmp_path, way, on=on, **settings) as rehearsed:
        poller = threading.Thread(target=poll)
        poller.start()
        try:
            rehearsed.bot.wait_loops(12, timeout=90)
        finally:
            over.set()
            poller.join()
        figure(
            f"polled ({way})",
            {
                "polls": len(answers),
                "failed polls": len(failures),
                "reads": rehearsed.balance_reads(),
                "buys": len(rehearsed.orders("buy")),
            },
        )
        assert len(answers) > 10
        assert len(rehearsed.orders("sell")) >= 3
        assert not rehearsed.refused_orders()
        assert not rehearsed.bot.lines(f"{BEYOND}|Invalid nonce|balance_unreadable|Traceback")
        assert rehearsed.balance_reads() <= 6 * len(rehearsed.orders())


# Faults at other moments

FAULTS = {
    **BALANCE_FAULTS,
    "slow": {"kind": "latency", "ms": 1300, "endpoint": "BalanceEx"},
    "open orders time out": {"kind": "timeout", "seconds": 15, "endpoint": "OpenOrders"},
}

SLOW = ("time-out", "slow", "open orders time out")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_exit_that_gets_due_later_in_a_fault_goes_out_within_three_seconds(tmp_path, fault, way):
    with rehearsal(tmp_path, way, max_open_trades=3) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**FAULTS[fault])
        # An entry keeps the loop busy with reads when the exit gets due.
        rehearsed.signal(C)
        rehearsed.bot.wait_loops(4)
        due = time.time()
        rehearsed.signal(C, sell=(A, B))
        rehearsed.wait_orders("sell", 2, timeout=30)
        sold = [order["created_at"] - due for order in rehearsed.orders("sell")]
        figure(f"due in a fault, {fault} ({way})", {"exits after s": [round(s, 1) for s in sold]})
        # The loop itself takes a second until it looks; what is slow delays by three at most.
        assert max(sold) <= (4.0 if fault in SLOW else 3.0)
