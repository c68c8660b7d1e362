"""What the exchange refuses teaches: never the same order in every loop."""

import pytest

from tests.support.balances import GUARDED, PAIRS, A, B, C, figure, rehearsal, side_by_side


pytestmark = pytest.mark.acceptance

CANNOT_BE_SOLD = "cannot be sold now"


@pytest.mark.parametrize("way", GUARDED)
def test_a_minimum_raised_after_the_start_costs_one_refused_order_per_pair(tmp_path, way):
    def run(one):
        settings = {"stake_amount": 10, "max_open_trades": 3}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.bot.wait_loops(1)
            for pair in (A, B, C):
                rehearsed.exchange.market(pair, cost_min="20")
            rehearsed.signal(A, B, C)
            rehearsed.bot.wait_until(lambda: bool(rehearsed.refused_orders()), 40, "a refusal")
            rehearsed.bot.wait_loops(10)
            # Other pairs go on.
            rehearsed.signal(A, B, C, PAIRS[5])
            rehearsed.wait_bought(1)
            return rehearsed.refused_orders()

    seen = side_by_side(run, "plain", way)
    figure("minimum raised, refused orders in 10 loops", {w: s.total() for w, s in seen.items()})
    assert seen["plain"].total() >= 3 * 8
    assert len(seen[way]) == 3
    assert set(seen[way].values()) == {1}


@pytest.mark.parametrize("way", GUARDED)
def test_a_position_under_the_minimum_is_tried_three_times_a_minute_and_sold_when_it_can_be(
    tmp_path, way
):
    def run(one):
        settings = {"stake_amount": 10, "max_open_trades": 1}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.signal(A)
            rehearsed.wait_bought(1)
            rehearsed.bot.wait_loops(1)
            rehearsed.exchange.market(A, cost_min="20")
            rehearsed.signal(sell=(A,))
            rehearsed.bot.wait_until(lambda: bool(rehearsed.refused_orders()), 40, "a refusal")
            rehearsed.exchange.reset_counters()
            rehearsed.bot.wait_loops(55, timeout=90)
            tries, reads = rehearsed.refused_orders().total(), rehearsed.balance_reads()
            words = len(rehearsed.bot.lines(CANNOT_BE_SOLD))
            # It rises step by step, each one larger than the last try, and then above the minimum.
            for price in ("60000", "70000", "80000", "90000"):
                rehearsed.exchange.price(A, price=price)
                rehearsed.bot.wait_loops(2)
            assert not rehearsed.orders("sell")
            before = len(rehearsed.bot.loops())
            rehearsed.exchange.price(A, price="106000")
            rehearsed.wait_orders("sell", 1)
            return tries, reads, words, len(rehearsed.bot.loops()) - before

    seen = side_by_side(run, "plain", way)
    figure("under the minimum for 55 loops: (tries, reads, messages, loops until sold)", seen)
    assert seen["plain"][0] >= 40
    tries, _, words, loops = seen[way]
    assert tries <= 3
    assert words == 1
    assert loops <= 2
