"""A real bot frees stake that is stuck, once, and only then."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.strategy import Control
from freqtrade_balance_guard.rebalance.attempt import Outcome, Reason
from tests.support.stuck import ADA, HELD, LTC, XRP, attempts, console, guard, locks, stuck


SOLD = "sold by the emergency rebalance"


def test_stuck_stake_is_freed_once_and_what_was_sold_is_not_bought_back(tmp_path):
    with stuck(tmp_path) as rehearsed:
        bot = rehearsed.bot
        assert round(rehearsed.free(), 2) == 2.86
        rehearsed.wait_orders("sell", 1)
        bot.wait_for("Emergency rebalance, attempt 1", 10)
        # Everything signals again: what was sold stays sold, and no second attempt comes.
        bot.control(Control(signals=dict.fromkeys((*HELD, LTC), 9)))
        bot.wait_until(lambda: any(t["pair"] == LTC for t in bot.open_trades()), 30, "an entry")
        bot.wait_loops(4)
        (attempt,) = attempts(rehearsed)
        (sale,) = attempt.sales
        assert attempt.reason is Reason.STUCK and attempt.ended_at is not None
        assert (sale.pair, sale.is_whole, sale.outcome) == (ADA, False, Outcome.FILLED)
        assert len(rehearsed.orders("sell")) == 1
        # 99 % of the target after fee and slippage, and no more than a sale's slippage above it.
        sold = Decimal(str(rehearsed.orders("sell")[0]["cost"])) * (1 - Decimal("0.004"))
        assert Decimal("9.9") <= attempt.available + sold <= Decimal("10.2")
        # As freqtrade's own: reason, stake of the rest, a lock.
        order = next(o for o in bot.orders() if o["ft_order_side"] == "sell")
        assert order["ft_order_tag"] == "emergency_rebalance"
        assert len(bot.open_trades()) == 4
        assert locks(rehearsed, SOLD) == {ADA}
        assert not rehearsed.exchange.rejections()
        status = json.loads(console(rehearsed, "status", "--json").stdout)
        assert status["last_rebalance"]["sales"][0]["outcome"] == "filled"


@pytest.mark.acceptance
def test_asked_for_it_waits_for_nothing_and_says_why_not(tmp_path):
    settings = guard(rebalance={"min_hours_without_trade": 5})
    with stuck(tmp_path, settings=settings) as rehearsed:
        bot = rehearsed.bot
        bot.wait_loops(12)
        preview = json.loads(console(rehearsed, "rebalance", "--preview", "--json").stdout)
        assert [one["code"] for one in preview["reasons"]] == ["traded_recently"]
        assert [sale["pair"] for sale in preview["plan"]["sales"]] == [ADA]
        assert attempts(rehearsed) == []
        asked = console(rehearsed, "rebalance", "--now")
        assert asked.returncode == 0, asked.stderr
        assert "attempt 1" in asked.stdout + asked.stderr
        bot.wait_loops(2)
        again = console(rehearsed, "rebalance", "--now")
        assert again.returncode == 1
        assert "enough_stake" in again.stdout + again.stderr
        (attempt,) = attempts(rehearsed)
        assert attempt.reason is Reason.ASKED


VETO = """
def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force, exit_reason,
                       current_time, **kwargs):
    return not (pair == "ADA/USDT" and exit_reason == "emergency_rebalance")


def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
    raise AssertionError("a dormant position adjustment was woken")


Rehearsal.confirm_trade_exit = confirm_trade_exit
Rehearsal.adjust_trade_position = adjust_trade_position
Rehearsal.use_exit_signal = False
Rehearsal.exit_profit_only = True
"""


@pytest.mark.acceptance
def test_a_veto_is_recorded_and_the_next_sale_goes_out_whatever_the_exit_settings_are(tmp_path):
    # Two whole positions are wanted.
    settings = guard(rebalance={"target_stake": 22})
    with stuck(tmp_path, settings=settings, extra=VETO) as rehearsed:
        rehearsed.bot.wait_for("Emergency rebalance, attempt 1", 40)
        rehearsed.bot.wait_loops(3)
        (attempt,) = attempts(rehearsed)
        outcomes = {sale.pair: (sale.is_whole, sale.outcome) for sale in attempt.sales}
        assert outcomes[ADA] == (True, Outcome.VETOED)
        assert outcomes[XRP] == (True, Outcome.FILLED)
        assert not rehearsed.bot.lines("dormant position adjustment|AssertionError")
        closed = {t["pair"]: t["exit_reason"] for t in rehearsed.bot.trades() if not t["is_open"]}
        assert closed[XRP] == "emergency_rebalance"


@pytest.mark.acceptance
def test_the_threshold_locks_all_pairs_in_any_loop_and_a_deposit_lifts_the_lock(tmp_path):
    settings = guard(
        min_balance_threshold=5, balance_cache_duration=1, rebalance={"enabled": False}
    )
    with stuck(tmp_path, settings=settings) as rehearsed:
        bot = rehearsed.bot
        bot.wait_for("All pairs are locked", 20)
        assert locks(rehearsed, "available stake is below min_balance_threshold") == {"*"}
        rehearsed.exchange.deposit("main", "USDT", "20")
        bot.wait_for("All pairs are unlocked", 20)
        assert not locks(rehearsed, "available stake is below min_balance_threshold")
