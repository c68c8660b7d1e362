"""Faulty answers of the balance endpoint: the exit goes out, no entry is sized on them."""

import sqlite3
import time
from contextlib import closing

import pytest

from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import (
    BALANCE_FAULTS,
    GUARDED,
    A,
    B,
    C,
    bot_on,
    figure,
    overdrawn,
    rehearsal,
    side_by_side,
    usdt,
)


pytestmark = pytest.mark.acceptance

FAULT_SECONDS = 12.0


# The stake currency is believed during these: an entry may go out, of its usual size.
STAKE_IS_KNOWN = ("coin missing", "ten times too high")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", BALANCE_FAULTS)
def test_while_the_balance_is_faulty_exits_go_out_and_entries_are_not_misled(tmp_path, fault, way):
    with rehearsal(tmp_path, way, max_open_trades=3) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(2)
        usual = min(rehearsed.costs())
        began = time.time()
        fault_id = rehearsed.exchange.fault(**BALANCE_FAULTS[fault])
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


def what_becomes_of_exits(folder, way, fault):
    """During a fault: (how the process ended, seconds until both exits were out; None: never)."""
    with rehearsal(folder, way, max_open_trades=2) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**BALANCE_FAULTS[fault], duration_s=FAULT_SECONDS)
        due = time.time()
        rehearsed.signal(sell=(A, B))
        while time.time() < due + FAULT_SECONDS + 5:
            sold = rehearsed.orders("sell")
            if len(sold) == 2 or rehearsed.bot.exit_code() is not None:
                break
            time.sleep(0.2)
        waited = max(order["created_at"] for order in sold) - due if len(sold) == 2 else None
        return rehearsed.bot.exit_code(), waited


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", ["garbage number", "empty", "zero", "null amounts", "html"])
def test_where_plain_freqtrade_dies_or_does_not_sell_the_guarded_bot_sells(tmp_path, fault, way):
    def run(one):
        return what_becomes_of_exits(tmp_path, one, fault)

    seen = side_by_side(run, "plain", way)
    figure(f"{fault}: (exit code, seconds until sold)", seen)
    died, waited = seen["plain"]
    assert died is not None or waited is None or waited >= FAULT_SECONDS - 2
    died, waited = seen[way]
    assert died is None
    assert waited <= 3.0


RESTART = ("empty", "null amounts", "garbage number", "html", "unavailable", "time-out")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", RESTART)
def test_a_restart_into_a_fault_sells_what_is_due(tmp_path, fault, way):
    with Sandbox.start(usdt("1000")) as sandbox:
        with bot_on(sandbox, tmp_path, way, max_open_trades=2) as rehearsed:
            rehearsed.signal(A)
            rehearsed.wait_bought(1)
        sandbox.control.fault(**BALANCE_FAULTS[fault])
        with bot_on(sandbox, tmp_path, way, max_open_trades=2) as rehearsed:
            rehearsed.bot.wait_loops(1)
            due = time.time()
            rehearsed.signal(B, sell=(A,))
            rehearsed.wait_orders("sell", 1, timeout=20)
            waited = rehearsed.orders("sell")[0]["created_at"] - due
            rehearsed.bot.wait_loops(2)
            assert len(rehearsed.orders("buy")) == 1
            sandbox.control.clear_faults()
            rehearsed.wait_orders("buy", 2, timeout=30)
            size = rehearsed.costs()[1]
            figure(f"restart, {fault} ({way})", {"exit after s": waited, "next entry": size})
            assert waited <= 4.0
            assert size == pytest.approx(495, rel=0.02)
            assert not rehearsed.refused_orders()
            assert not overdrawn(rehearsed.exchange)


AT_START = ("empty", "html", "unavailable")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("fault", AT_START)
def test_a_start_without_a_balance_heals_and_leaves_freqtrades_records_right(tmp_path, fault, way):
    on = usdt("1000", faults=[BALANCE_FAULTS[fault]])
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
        assert wallet_history(rehearsed) == []
        figure(f"start, {fault}", {"loops until entry": loops})
        assert loops <= 2


# Kraken has no old candles for freqtrade to fill its wallet history from; here it says it has, and
# the day's record of balances is written in every loop.
WITH_HISTORY = """

def bot_start(self, **kwargs):
    self.dp._exchange._ft_has["ohlcv_has_history"] = True


def bot_loop_start(self, current_time, _original=Rehearsal.bot_loop_start, **kwargs):
    self.wallets.record_wallet_state()
    _original(self, current_time, **kwargs)


Rehearsal.bot_start = bot_start
Rehearsal.bot_loop_start = bot_loop_start
"""


def wallet_history(rehearsed):
    """freqtrade's own records: currency and balance."""
    with closing(sqlite3.connect(rehearsed.bot.database)) as connection:
        return connection.execute("SELECT currency, balance FROM wallet_history").fetchall()


def history_after_a_start_without_a_balance(folder, way):
    """A bot trades, is stopped, and starts again while the balance endpoint answers nothing.

    :return: the records while nobody can read the balance, those after it, and the true balance
    """
    with Sandbox.start(usdt("1000")) as sandbox:
        with bot_on(sandbox, folder, way, max_open_trades=2) as rehearsed:
            rehearsed.signal(A)
            rehearsed.wait_bought(1)
        # Nor does the guard remember what it believed.
        (folder / way / "balance_guard.sqlite").unlink(missing_ok=True)
        sandbox.control.fault(**BALANCE_FAULTS["empty"])
        with bot_on(sandbox, folder, way, extra=WITH_HISTORY) as rehearsed:
            rehearsed.bot.wait_loops(3)
            unreadable = dict(wallet_history(rehearsed))
            true_balance = rehearsed.free()
            rehearsed.exchange.clear_faults()
            rehearsed.signal(B)
            rehearsed.wait_orders("buy", 2)
            rehearsed.bot.wait_loops(2)
            return unreadable, dict(wallet_history(rehearsed)), true_balance


@pytest.mark.parametrize("way", GUARDED)
def test_freqtrades_wallet_history_knows_no_balance_that_nobody_has_read(tmp_path, way):
    def run(one):
        return history_after_a_start_without_a_balance(tmp_path, one)

    seen = side_by_side(run, "plain", way)
    figure("wallet history after a start with an empty balance (unreadable, healed, true)", seen)
    unreadable, _, true_balance = seen["plain"]
    assert unreadable["USDT"] != pytest.approx(true_balance, rel=0.01), "plain records a wrong one"
    unreadable, healed, true_balance = seen[way]
    assert "USDT" not in unreadable
    assert healed["USDT"] == pytest.approx(true_balance)
