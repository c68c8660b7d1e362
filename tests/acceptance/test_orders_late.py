"""A request whose reply was lost reaches the exchange seconds after the bot has given up on it.

Five pairs at once, so that the late requests also compete for what the bot may wait; four runs of
five are the twenty tries of each.
"""

import pytest

from tests.support.balances import A, B, C, D, E, figure, rehearsal
from tests.support.orders import WITH_TAG, eventually, settled_books, wrong_trade


pytestmark = pytest.mark.acceptance

PAIRS = (A, B, C, D, E)
# After the bot has its error; ccxt's time-out counts into it where the reply is a time-out.
LATE_SECONDS = 12.0
RUNS = {
    "drop, launcher": {"way": "launcher", "how": "drop"},
    "drop, mixin": {"way": "mixin", "how": "drop"},
    "502": {"way": "launcher", "how": "502"},
    "timeout": {"way": "mixin", "how": "timeout", "ccxt": {"timeout": 2000}},
}
SETTINGS = {"stake_amount": 100, "max_open_trades": 5, "extra": WITH_TAG}


def late(run, **which):
    seconds = LATE_SECONDS + run.get("ccxt", {}).get("timeout", 0) / 1000
    return {"seconds": seconds, "how": run["how"], **which}


def arrivals(rehearsed):
    return [line for line in rehearsed.exchange.journal() if line["event"] == "late_arrival"]


def wait_for_arrivals(rehearsed, count):
    rehearsed.bot.wait_until(lambda: len(arrivals(rehearsed)) >= count, 90, "late arrivals")


def filled(rehearsed, side, pair):
    return [o for o in rehearsed.orders(side) if o["pair"] == pair and float(o["filled"])]


@pytest.mark.parametrize("name", RUNS)
def test_a_late_entry_is_the_only_one_of_its_signal_and_becomes_a_trade(tmp_path, name):
    run = RUNS[name]
    with rehearsal(tmp_path, run["way"], ccxt=run.get("ccxt"), **SETTINGS) as rehearsed:
        rehearsed.bot.wait_loops(1)
        for pair in PAIRS:
            rehearsed.exchange.fault("late_arrival", **late(run, symbol=pair, side="buy", times=1))
        # The signal stays: a bot that takes the order for gone would enter again.
        rehearsed.signal(*PAIRS, times=None)
        wait_for_arrivals(rehearsed, len(PAIRS))
        rehearsed.wait_bought(len(PAIRS))
        rehearsed.bot.wait_loops(5)
        rehearsed.signal()
        settled_books(rehearsed)
        for pair in PAIRS:
            assert len([o for o in rehearsed.orders("buy") if o["pair"] == pair]) == 1
            eventually(rehearsed, lambda one=pair: wrong_trade(rehearsed, one))
        figure("late entries", {name: len(arrivals(rehearsed))})


@pytest.mark.parametrize("name", RUNS)
def test_of_a_late_exit_and_the_next_one_at_most_one_is_filled(tmp_path, name):
    run = RUNS[name]
    with rehearsal(tmp_path, run["way"], ccxt=run.get("ccxt"), **SETTINGS) as rehearsed:
        rehearsed.signal(*PAIRS)
        rehearsed.wait_bought(len(PAIRS))
        rehearsed.bot.wait_loops(2)
        for pair in PAIRS:
            rehearsed.exchange.fault("late_arrival", **late(run, symbol=pair, side="sell", times=1))
        rehearsed.signal(sell=PAIRS)
        rehearsed.bot.wait_until(lambda: not rehearsed.bot.open_trades(), 60, "the exits")
        wait_for_arrivals(rehearsed, len(PAIRS))
        rehearsed.bot.wait_loops(3)
        for pair in PAIRS:
            assert len(filled(rehearsed, "sell", pair)) == 1, pair
            assert len(filled(rehearsed, "buy", pair)) == 1, pair
        assert not rehearsed.bot.open_trades()
        assert rehearsed.exchange.audit()["ok"]
        figure("late exits", {name: len(arrivals(rehearsed))})
