"""kill -9 at random points of the executor, on two real sandboxes: the next run takes it up.

A process of its own trades and kills itself at a named point; the next one finds its stores as
they are. At the end nothing is unknown and nothing is owned without an owner.
"""

import multiprocessing
import os
import random
import signal
from collections import Counter
from decimal import Decimal

import pytest

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.crash_points import ARBITRAGE_POINTS
from tests.support.two_sandboxes import PAIR, a_bot_on, started


pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

D = Decimal
KILLS = 100
SEED = 11
FORK = multiprocessing.get_context("fork")
POLICY = {"unhedged_policy": "unwind", "max_unhedged": 0, "leg_timeout": 0.5}
FAULTS = (
    None,
    None,
    ("lost_reply", {"how": "drop"}),
    ("drop", {"endpoint": "AddOrder"}),
    ("refuse", {"message": "EOrder:Insufficient funds"}),
    ("partial_fill", {"fraction": "0.4", "duration_s": 1.0}),
)


def trade(cheap, dear, folder, point, nth, amount):
    """One run: takes up what was left, and tries opportunities until it is killed."""
    count = 0

    def watch(reached):
        nonlocal count
        count += reached == point
        if reached == point and count == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    with a_bot_on(cheap, dear, folder, **POLICY) as world:
        crash_points.watcher = watch
        world.settle()
        for _ in range(3):
            world.executor.execute(
                Opportunity(Leg("cheap", PAIR, "buy", amount), Leg("dear", PAIR, "sell", amount))
            )
            world.settle()
    os._exit(0)


def test_100_kills_at_random_points(tmp_path):
    dice, killed = random.Random(SEED), Counter()
    with started() as (cheap, dear):
        for _ in range(4 * KILLS):
            for sandbox in (cheap, dear):
                sandbox.control.clear_faults()
                fault = dice.choice(FAULTS)
                if fault is not None:
                    sandbox.control.fault(fault[0], times=1, **fault[1])
            point, nth = dice.choice(sorted(ARBITRAGE_POINTS)), dice.randint(1, 3)
            amount = D("0.01") * dice.randint(1, 9)
            child = FORK.Process(target=trade, args=(cheap, dear, tmp_path, point, nth, amount))
            child.start()
            child.join()
            assert child.exitcode in (0, -signal.SIGKILL)
            killed[point] += child.exitcode == -signal.SIGKILL
            if killed.total() == KILLS:
                break
        for sandbox in (cheap, dear):
            sandbox.control.clear_faults()
        with a_bot_on(cheap, dear, tmp_path, **POLICY) as world:
            world.settle()
            world.check()
    assert killed.total() == KILLS
    assert set(killed) == set(ARBITRAGE_POINTS)
