"""The reply to an entry is lost: one order per signal, and freqtrade knows it as its own."""

import time

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import GUARDED, A, B, C, figure, rehearsal, side_by_side
from tests.support.orders import (
    FAR_BELOW,
    FAR_PRICES,
    ORDER_ENDPOINTS,
    WITH_TAG,
    eventually,
    first_sent,
    loops_until_known,
    settled_books,
    wrong_trade,
)
from tests.support.rest import Rest


pytestmark = pytest.mark.acceptance

HOWS = ("error", "502", "timeout", "drop")
# A time-out is one after four seconds.
IMPATIENT = {"timeout": 4000}
FILLED = {"plan": StrategyPlan(), "extra": WITH_TAG}
RESTING = {
    "plan": StrategyPlan(order_type="limit"),
    "extra": WITH_TAG + FAR_BELOW,
    "config": FAR_PRICES,
}
KINDS = {"filled": FILLED, "resting": RESTING}


def lost(how, **more):
    return {"kind": "lost_reply", "how": how, "side": "buy", "seconds": 15, **more}


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", HOWS)
def test_three_lost_replies_make_one_order_per_signal_and_normal_trades(tmp_path, how, kind, way):
    def run(one):
        settings = {"stake_amount": 100, "max_open_trades": 3, "ccxt": IMPATIENT, **KINDS[kind]}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.bot.wait_loops(1)
            rehearsed.exchange.fault(**lost(how, times=3))
            rehearsed.signal(A)
            loops = loops_until_known(rehearsed, A, first_sent(rehearsed, A))
            rehearsed.signal(A, B, C)
            rehearsed.bot.wait_until(lambda: len(rehearsed.bot.trades()) >= 3, 60, "3 trades")
            orders = [sum(o["pair"] == pair for o in rehearsed.orders()) for pair in (A, B, C)]
            if one == "plain":
                return orders, loops
            return orders, max(loops, *as_normal_trades(rehearsed, kind))

    seen = side_by_side(run, "plain", way)
    figure(f"{how}, {kind}: orders per signal", {one: orders for one, (orders, _) in seen.items()})
    figure(f"{how}, {kind}: loops until known", {one: loops for one, (_, loops) in seen.items()})
    assert max(seen["plain"][0]) == 4
    assert seen[way][0] == [1, 1, 1]
    assert seen[way][1] <= 2


def as_normal_trades(rehearsed, kind):
    """Loops until freqtrade knew them; each ends as a trade like any other."""
    loops = [loops_until_known(rehearsed, pair, first_sent(rehearsed, pair)) for pair in (A, B, C)]
    settled_books(rehearsed)
    if kind == "resting":
        assert all(order["status"] == "open" for order in rehearsed.orders())
        for order in rehearsed.orders():
            rehearsed.exchange.fill(order["id"])
    rehearsed.wait_bought(3)
    settled_books(rehearsed)
    for pair in (A, B, C):
        eventually(rehearsed, lambda one=pair: wrong_trade(rehearsed, one))
    # And they can be sold like others.
    rehearsed.signal(sell=(A, B, C))
    rehearsed.wait_orders("sell", 3)
    settled_books(rehearsed)
    assert not rehearsed.refused_orders()
    assert not rehearsed.bot.lines("Traceback")
    return loops


@pytest.mark.parametrize("way", GUARDED)
def test_what_cannot_be_asked_for_three_seconds_is_found_then(tmp_path, way):
    settings = {"stake_amount": 100, "max_open_trades": 3, **FILLED}
    with rehearsal(tmp_path, way, **settings) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**lost("drop", times=1))
        faults = [
            rehearsed.exchange.fault("http_status", status=502, endpoint=one)
            for one in ORDER_ENDPOINTS
        ]
        rehearsed.signal(A)
        sent = first_sent(rehearsed, A)
        rehearsed.bot.wait_until(lambda: time.time() >= sent + 3, 10, "three seconds")
        for fault in faults:
            rehearsed.exchange.remove_fault(fault)
        loops = loops_until_known(rehearsed, A, time.time())
        rehearsed.wait_bought(1)
        settled_books(rehearsed)
        figure("asking impossible for 3 s, loops until known", {way: loops})
        assert loops <= 2
        eventually(rehearsed, lambda: wrong_trade(rehearsed, A))
        assert len(rehearsed.orders()) == 1


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("kind", KINDS)
def test_an_exchange_that_lists_orders_late_is_waited_for(tmp_path, kind, way):
    """It says "no such order" for three seconds: freqtrade gets it then, whatever the policy."""
    settings = {"stake_amount": 100, "max_open_trades": 3, **KINDS[kind]}
    with rehearsal(tmp_path, way, **settings) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault("orders_lag", seconds=3)
        rehearsed.exchange.fault(**lost("502", times=1))
        rehearsed.signal(A)
        sent = first_sent(rehearsed, A)
        loops = loops_until_known(rehearsed, A, sent + 3)
        # Another pair did not wait for it.
        rehearsed.signal(A, B)
        rehearsed.bot.wait_until(lambda: len(rehearsed.bot.trades()) == 2, 20, "another trade")
        rehearsed.exchange.clear_faults()
        settled_books(rehearsed)
        figure(f"listed late, {kind}: loops until known", {way: loops})
        assert loops <= 2
        assert len(rehearsed.orders()) == 2


@pytest.mark.parametrize("way", GUARDED)
def test_a_lost_reply_to_forceenter_makes_one_normal_trade(tmp_path, way):
    rest = Rest.on_a_free_port()
    with rehearsal(tmp_path, way, stake_amount=100, config=rest.config) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault(**lost("drop", times=1))
        rest.post("forceenter", pair=A, entry_tag="by hand")
        rehearsed.wait_bought(1)
        settled_books(rehearsed)
        eventually(rehearsed, lambda: wrong_trade(rehearsed, A, tag="by hand"))
        assert len(rehearsed.orders()) == 1
