"""Believed balances around a real bot: the short form of tests/acceptance/test_balances_*."""

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import PAIRS, A, B, C, overdrawn, rehearsal, usdt


def lag(side, seconds):
    return {"kind": "balance_lag", "seconds": seconds, "side": side}


def test_while_the_balance_lags_after_buys_nothing_is_refused_and_all_slots_are_filled(tmp_path):
    plan = StrategyPlan(signals=dict.fromkeys((A, B, C)))
    on = usdt("1000", faults=[lag("buy", 5)])
    with rehearsal(tmp_path, "launcher", on=on, plan=plan, max_open_trades=3) as rehearsed:
        rehearsed.wait_bought(3)
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        assert min(rehearsed.costs()) >= 0.95 * max(rehearsed.costs())


def test_while_the_balance_lags_after_a_sell_the_next_entry_waits_for_the_money(tmp_path):
    with rehearsal(tmp_path, "mixin", max_open_trades=1) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**lag("sell", 5))
        rehearsed.signal(B, sell=(A,))
        rehearsed.bot.wait_for(f"No order for {B}: .*balance_lagging", 20)
        rehearsed.wait_orders("buy", 2)
        assert rehearsed.costs()[1] >= 0.95 * rehearsed.costs()[0]
        assert not rehearsed.refused_orders()


def test_exits_go_out_while_the_balance_cannot_be_read_and_entries_wait(tmp_path):
    with rehearsal(tmp_path, "launcher", max_open_trades=3) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(1)
        # Plain freqtrade would die of the first one, and not sell during the second.
        rehearsed.exchange.fault("balance_garbage")
        rehearsed.signal(C, sell=(A,))
        rehearsed.wait_orders("sell", 1, timeout=5)
        rehearsed.exchange.clear_faults()
        rehearsed.exchange.fault("balance_empty")
        rehearsed.signal(C, sell=(B,))
        rehearsed.wait_orders("sell", 2, timeout=5)
        rehearsed.bot.wait_for(f"No order for {C}: .*balance_unreadable", 10)
        assert len(rehearsed.orders("buy")) == 2
        rehearsed.exchange.clear_faults()
        rehearsed.wait_orders("buy", 3, timeout=10)
        assert rehearsed.costs()[2] == pytest.approx(rehearsed.costs()[0], rel=0.05)


@pytest.mark.acceptance
def test_the_balance_is_read_when_something_happened_and_not_because_a_pair_signals(tmp_path):
    plan = StrategyPlan(stakes=dict.fromkeys(PAIRS[1:], 0.5))
    with rehearsal(tmp_path, "launcher", plan=plan, max_open_trades=9) as rehearsed:
        # Nine pairs signal in every loop and are refused for their size.
        rehearsed.signal(*PAIRS[1:], times=None)
        rehearsed.bot.wait_for(f"No order for {PAIRS[9]}: .*stake_below_minimum", 20)
        rehearsed.exchange.reset_counters()
        rehearsed.bot.wait_loops(4)
        assert rehearsed.private_calls() == 0
        before = len(rehearsed.bot.loops())
        rehearsed.signal(*PAIRS, times=None)
        rehearsed.wait_bought(1)
        rehearsed.bot.wait_loops(4)
        # Own orders need to be seen: once per loop for a while, where plain reads for each pair.
        assert 1 <= rehearsed.balance_reads() <= len(rehearsed.bot.loops()) - before


@pytest.mark.acceptance
def test_a_minimum_raised_after_the_start_costs_one_refused_order(tmp_path):
    with rehearsal(tmp_path, "mixin", stake_amount=10, max_open_trades=2) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.market(A, cost_min="20")
        rehearsed.signal(A, times=None)
        rehearsed.bot.wait_until(lambda: bool(rehearsed.refused_orders()), 20, "a refusal")
        # The market data are loaded anew, and the entry is refused before it is sent.
        rehearsed.bot.wait_for(f"(?s)No order for {A}: .*(minimum|below)", 20)
        rehearsed.bot.wait_loops(3)
        assert rehearsed.refused_orders().total() == 1
