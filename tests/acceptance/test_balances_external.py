"""Deposits, withdrawals and rewards while the bot runs."""

import time

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import GUARDED, WHOLE, A, B, C, D, figure, overdrawn, rehearsal


pytestmark = pytest.mark.acceptance

WINDOW = 8
GUARD = {**WHOLE, "post_trade_refresh_window": WINDOW, "balance_cache_duration": 1}
BEYOND = "beyond own orders"


def quiet(rehearsed):
    """Until nothing of the bot's own is under way any more."""
    rehearsed.bot.wait_loops(WINDOW + 2)


# A signal that is too small to be bought, so that the bot has a reason to look at its balance.
LOOKING = StrategyPlan(stakes={D: 0.5})


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("kind", ["deposit", "reward"])
def test_money_from_outside_is_spent_after_it_was_seen_twice_and_told_once(tmp_path, kind, way):
    with rehearsal(tmp_path, way, guard=GUARD, plan=LOOKING, max_open_trades=3) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        quiet(rehearsed)
        getattr(rehearsed.exchange, kind)("main", "USDT", "600")
        came = time.time()
        rehearsed.signal(B, D)
        rehearsed.wait_bought(2)
        # The bot trades on what it knows: a third of a thousand.
        assert rehearsed.costs()[1] == pytest.approx(330, rel=0.02)
        assert not rehearsed.bot.lines(BEYOND)
        rehearsed.bot.wait_for(BEYOND, 3 * WINDOW)
        told_after = time.time() - came
        rehearsed.signal(C)
        rehearsed.wait_bought(3)
        rehearsed.signal(D)
        quiet(rehearsed)
        seen = {"costs": rehearsed.costs(), "told after s": told_after, "window": WINDOW}
        figure(f"{kind} ({way})", seen)
        assert rehearsed.costs()[2] == pytest.approx(528, rel=0.02), "a third of 1600"
        assert told_after >= WINDOW
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        (line,) = rehearsed.bot.lines(BEYOND)
        assert "USDT rose by 600 " in line


@pytest.mark.parametrize("way", GUARDED)
def test_money_that_was_withdrawn_is_not_spent_and_told_once(tmp_path, way):
    with rehearsal(tmp_path, way, guard=GUARD, max_open_trades=3) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        quiet(rehearsed)
        rehearsed.exchange.withdraw("main", "USDT", "400")
        rehearsed.signal(B, C)
        rehearsed.wait_bought(3)
        rehearsed.bot.wait_loops(3)
        figure(f"withdrawal ({way})", {"costs": rehearsed.costs()})
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        (line,) = rehearsed.bot.lines(BEYOND)
        assert "USDT fell by 400 " in line
        # freqtrade shares what is left and what is in trades: (270 + 330) / 3.
        assert rehearsed.costs()[1] == pytest.approx(197, rel=0.03)
