"""Complements in a row: under random faults, and killed at random points; nothing leaks."""

import os
import random
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox import SandboxError
from tests.support.complements import PAIRS, run_on
from tests.support.mortal_complements import KILLED, setup_of
from tests.support.prediction import EVENT


pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

D = Decimal
RICH = {"accounts": [{"name": "main", "balance": "1000000"}], "settle_after_s": 1.0}
COUNT = int(os.environ.get("COMPLEMENTS_IN_A_ROW", "300"))
KILLS = int(os.environ.get("COMPLEMENTS_KILLED", "100"))
FAULTS = (
    ("lost_reply", {"how": "502"}),
    ("lost_reply", {"how": "drop"}),
    ("lost_reply", {"how": "error"}),
    ("html", {"endpoint": "place"}),
    ("refuse", {}),
    ("book", {}),
    ("halt", {}),
    ("match", {}),
)


def check_shares(world):
    """What is stored as held is what the venues say, less what failed; exposures are true."""
    for name, sandbox in world.both.items():
        real = {0: D(0), 1: D(0)}
        for order in sandbox.orders():
            failed = sum(D(one["shares"]) for one in order["matches"] if one["status"] == "failed")
            real[order["outcome"]] += D(order["filled"]) - failed
        for outcome, shares in real.items():
            held = sum(
                one.shares
                for one in world.store.all_holdings()
                if (one.venue, one.outcome) == (name, sandbox.outcome(outcome))
                and one.state != "reverted"
            )
            assert held == shares, (name, outcome)
    held = {
        name: sum(
            one.shares
            for one in world.store.all_holdings()
            if one.venue == name and one.state != "reverted"
        )
        for name in world.both
    }
    alone = {name: D(0) for name in world.both}
    for one in world.executor.exposures():
        alone[one.venue] += one.net
    assert held["one"] - alone["one"] == held["other"] - alone["other"]


def one_trouble(world, rng):
    kind, more = rng.choice(FAULTS)
    name = rng.choice(["one", "other"])
    control = world.both[name].control
    if kind == "book":
        if name == "one":
            control.event_book(EVENT, bids=[("0.38", "1000")], asks=[("0.40", "7")])
        else:
            control.event_book(EVENT, bids=[("0.50", "7")], asks=[("0.52", "1000")])
    elif kind == "halt":
        control.halt(EVENT)
    elif kind != "match":
        control.fault(kind, times=1, **more)
    world.executor.execute(world.opportunity(shares="20"))
    if kind == "match" and world.both[name].dialect != "kalshi":
        for order in world.both[name].orders()[-1:]:
            for match in order["matches"]:
                # It may have become final just now.
                with suppress(SandboxError):
                    control.fail_match(match["id"])
    control.halt(EVENT, trading=True)
    control.clear_faults()


@pytest.mark.parametrize(("one", "other"), [PAIRS[0], PAIRS[3], PAIRS[1]])
def test_random_troubles_in_a_row_leave_nothing_unknown_or_doubled(start, tmp_path, one, other):
    rng = random.Random(14)
    venues = start(one, **RICH), start(other, **RICH)
    with run_on(*venues, tmp_path, leg_timeout=1, max_unhedged=10**9) as world:
        for _ in range(COUNT):
            world.books()
            one_trouble(world, rng)
        world.work_until(lambda: world.executor.unresolved() == [], 60)
        world.work_until(lambda: "settling" not in world.states(), 60)
        world.check_orders()
        check_shares(world)


def test_killed_at_random_points_nothing_is_lost_or_doubled(start, tmp_path):
    rng = random.Random(15)
    venues = start("polymarket", **RICH), start("kalshi", **RICH)
    setup, killed = setup_of(venues), 0
    with run_on(*venues, tmp_path) as world:
        world.books()
    for nth in [*(rng.randint(1, 14) for _ in range(KILLS)), 0]:
        command = [sys.executable, "-m", "tests.support.mortal_complements"]
        done = subprocess.run(
            [*command, str(tmp_path), setup, str(nth)], capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, KILLED), done.stderr[-2000:]
        killed += done.returncode == KILLED
    assert killed >= KILLS * 0.7
    with run_on(*venues, tmp_path, max_unhedged=10**9) as world:
        world.check_orders()
        check_shares(world)
