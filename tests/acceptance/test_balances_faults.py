"""Faulty answers of the balance endpoint: the exit goes out, no entry is sized on them."""

import time

import pytest

from tests.support.balances import GUARDED, A, B, C, figure, overdrawn, rehearsal, usdt


pytestmark = pytest.mark.acceptance

FAULT_SECONDS = 12.0
FAULTS = {
    "empty": {"kind": "balance_empty"},
    "zero": {"kind": "balance_zero"},
    "null amounts": {"kind": "balance_null"},
    "null result": {"kind": "balance_result_null"},
    "stake currency missing": {"kind": "balance_missing", "currency": "USDT"},
    "coin missing": {"kind": "balance_missing", "currency": "BTC"},
    "garbage number": {"kind": "balance_garbage"},
    "negative": {"kind": "balance_negative"},
    "html": {"kind": "html", "endpoint": "BalanceEx"},
    "ten times too high": {"kind": "balance_factor", "factor": "10"},
    "502": {"kind": "http_status", "status": 502, "endpoint": "BalanceEx"},
    "429": {"kind": "http_status", "status": 429, "endpoint": "BalanceEx"},
    "unavailable": {
        "kind": "error", "message": "EService:Unavailable", "endpoint": "BalanceEx",
    },
    "rate limit": {
        "kind": "error", "message": "EAPI:Rate limit exceeded", "endpoint": "BalanceEx",
    },
    "time-out": {"kind": "timeout", "seconds": 15, "endpoint": "BalanceEx"},
}  # fmt: skip


# The stake currency is believed during these: an entry may go out, of its usual size.
STAKE_IS_KNOWN = ("coin missing", "ten times too high")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", FAULTS)
def test_while_the_balance_is_faulty_exits_go_out_and_entries_are_not_misled(tmp_path, fault, way):
    with rehearsal(tmp_path, way, max_open_trades=3) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(2)
        usual = min(rehearsed.costs())
        began = time.time()
        fault_id = rehearsed.exchange.fault(**FAULTS[fault])
        rehearsed.bot.wait_loops(2)
        # Both exits become due, and another pair signals from now on.
        due = time.time()
        rehearsed.signal(C, sell=(A, B))
        rehearsed.wait_orders("sell", 2, timeout=20)
        sold = [order["created_at"] - due for order in rehearsed.orders("sell")]
        over = began + FAULT_SECONDS
        rehearsed.bot.wait_until(lambda: time.time() >= over, FAULT_SECONDS, "the fault's end")
        rehearsed.exchange.remove_fault(fault_id)
        ended = time.time()
        rehearsed.wait_orders("buy", 3, timeout=40)
        third = rehearsed.orders("buy")[2]
        loops = rehearsed.loops_between(ended, third["created_at"])
        figure(
            f"{fault} ({way})",
            {
                "exits after s": f"{sold[0]:.1f} {sold[1]:.1f}",
                "entry during the fault": third["created_at"] < ended,
                "loops until entry": loops,
                "size": float(third["cost"]),
                "usual": usual,
                "reads": rehearsed.balance_reads(),
            },
        )
        assert rehearsed.bot.exit_code() is None
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        assert not rehearsed.bot.lines("Traceback")
        assert max(sold) <= 3.0
        assert loops <= 2
        assert third["created_at"] > ended or fault in STAKE_IS_KNOWN
        assert 0.95 * usual <= float(third["cost"]) <= 1.02 * usual


AT_START = ("empty", "html", "unavailable")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", AT_START)
def test_a_start_without_a_balance_heals_and_leaves_freqtrades_records_right(tmp_path, fault, way):
    on = usdt("1000", faults=[FAULTS[fault]])
    with rehearsal(tmp_path, way, on=on, max_open_trades=2) as rehearsed:
        rehearsed.signal(A)
        rehearsed.bot.wait_for(f"No order for {A}: .*balance_unreadable", 30)
        rehearsed.bot.wait_loops(2)
        assert not rehearsed.orders()
        rehearsed.exchange.clear_faults()
        ended = time.time()
        rehearsed.wait_orders("buy", 1)
        loops = rehearsed.loops_between(ended, rehearsed.orders("buy")[0]["created_at"])
        rehearsed.wait_bought(1)
        assert rehearsed.costs() == [pytest.approx(495, rel=0.01)]
        figure(f"start, {fault}", {"loops until entry": loops})
        assert loops <= 2
