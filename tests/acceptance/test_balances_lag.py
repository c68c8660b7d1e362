"""A balance that lags ten seconds behind own orders: no order refused, too large or too small."""

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import (
    GUARDED,
    A,
    B,
    C,
    D,
    E,
    figure,
    overdrawn,
    rehearsal,
    side_by_side,
    usdt,
)


pytestmark = pytest.mark.acceptance

LAG = 10.0


def lagging(side):
    return usdt("1000", faults=[{"kind": "balance_lag", "seconds": LAG, "side": side}])


AFTER_BUYS = {
    "fixed 600 of 1000, 2 slots": ((A, B), {"stake_amount": 600, "max_open_trades": 2}),
    "unlimited, 3 slots": ((A, B, C), {"max_open_trades": 3}),
}


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("settings", AFTER_BUYS)
def test_after_buys_no_order_is_refused_or_larger_than_what_is_there(tmp_path, settings, way):
    pairs, more = AFTER_BUYS[settings]
    # What is sold is sold again and again, so that every pair is entered while the other lags.
    plan = StrategyPlan(signals=dict.fromkeys(pairs), exit_after_s=3)

    def run(one):
        with rehearsal(tmp_path, one, on=lagging("buy"), plan=plan, **more) as rehearsed:
            rehearsed.wait_orders("buy", 1)
            rehearsed.bot.wait_loops(20, timeout=120)
            recoveries = len(rehearsed.bot.lines("Trying to recover|Not enough .* in wallet"))
            refused = rehearsed.refused_orders().total()
            entered = {order["pair"] for order in rehearsed.orders("buy")}
            return refused, recoveries, overdrawn(rehearsed.exchange), len(entered)

    seen = side_by_side(run, "plain", way)
    figure(f"lag after buys, {settings}: (refused, recoveries, too large, pairs entered)", seen)
    assert seen["plain"][0] >= 2, "plain freqtrade is in trouble here"
    assert seen[way] == (0, 0, [], len(pairs))


@pytest.mark.parametrize("way", GUARDED)
def test_after_buys_all_slots_are_filled_in_the_end(tmp_path, way):
    plan = StrategyPlan(signals=dict.fromkeys((A, B, C)))
    with rehearsal(tmp_path, way, on=lagging("buy"), plan=plan, max_open_trades=3) as rehearsed:
        rehearsed.wait_bought(3, timeout=90)
        sizes = rehearsed.costs()
        rehearsed.bot.wait_loops(2)
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
    figure("lag after buys, three slots", {way: sizes})
    # Sizes as without a lag: a third of 990 each, the first ones a little off for the fees.
    assert min(sizes) >= 0.95 * max(sizes)


def entries_after_sells(tmp_path, way, *, slots, lag):
    """Sizes of the entries that follow one sale, or the sale of all slots."""
    first, second = ((A,), (B,)) if slots == 1 else ((A, B, C, D), (E, *MORE))
    with rehearsal(tmp_path, way, max_open_trades=slots) as rehearsed:
        rehearsed.signal(*first)
        rehearsed.wait_bought(slots, timeout=90)
        rehearsed.bot.wait_loops(1)
        if lag:
            rehearsed.exchange.fault("balance_lag", seconds=LAG, side="sell")
        rehearsed.signal(*second, sell=first)
        rehearsed.wait_orders("buy", 2 * slots, timeout=90)
        assert not rehearsed.refused_orders()
        assert not overdrawn(rehearsed.exchange)
        return rehearsed.costs()[slots:]


MORE = ("DOT/USDT", "LTC/USDT", "LINK/USDT")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("slots", [1, 4])
def test_after_sells_each_entry_has_the_size_that_it_has_without_a_lag(tmp_path, slots, way):
    def run(one):
        who, lag = one
        return entries_after_sells(tmp_path / str(lag), who, slots=slots, lag=lag)

    sizes = side_by_side(run, ("plain", True), (way, True), (way, False))
    figure(
        f"lag after sells, {slots} slots", {f"{w}, lag {lag}": s for (w, lag), s in sizes.items()}
    )
    assert min(sizes["plain", True]) < 100, "plain freqtrade enters with a remainder"
    for with_lag, without in zip(sorted(sizes[way, True]), sorted(sizes[way, False]), strict=True):
        assert with_lag >= 0.95 * without
