"""Complements on two sandboxes with the executor of two legs: bought, settled, paid."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.results import ArbitrageDenied, ArbitrageEnded
from tests.support.complements import PAIRS, run_on
from tests.support.prediction import EVENT


D = Decimal
# Each ordered pair of venues; the first one also in a quick run.
WAYS = [PAIRS[0], *(pytest.param(*pair, marks=pytest.mark.acceptance) for pair in PAIRS[1:])]


@pytest.mark.parametrize("winner", ["first", "second"])
@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_pair_is_bought_settled_and_pays_exactly_one_per_pair(
    start, tmp_path, one, other, winner
):
    venues = start(one, settle_after_s=0.2), start(other, settle_after_s=0.2)
    with run_on(*venues, tmp_path) as world:
        world.books()
        ended = world.executor.execute(world.opportunity())
        assert isinstance(ended, ArbitrageEnded), ended
        assert (ended.state, ended.exposure) == ("hedged", None)
        world.check_orders()
        world.work_until(lambda: world.states() == ["held", "held"])
        spent = {name: 1000 - world.money(name) for name in ("one", "other")}
        held = world.store.open_holdings("bot")
        assert [one.shares for one in held] == [D(100), D(100)]
        assert sum(one.locked for one in held) == sum(spent.values())
        for each in venues:
            each.control.resolve(EVENT, winner)
        world.executor._holdings._pauses.clear()
        winning = "one" if winner == "first" else "other"
        if world.both[winning].dialect == "polymarket":
            world.work_until(lambda: world.states() == ["paid", "redeemable"])
            world.both[winning].control.redeem(EVENT)
            world.executor._holdings._pauses.clear()
        world.work_until(lambda: world.states() == ["paid", "paid"])
        # To the last digit: each pair paid 1.
        total = sum(world.money(name) for name in ("one", "other"))
        assert total == 2000 - sum(spent.values()) + 100
        assert sum(one.paid for one in world.store.all_holdings()) == 100
        assert D(world.store.record(ended.number).result["profit"]) == 100 - sum(spent.values())


def test_what_second_leg_cannot_pay_releases_the_first(start, tmp_path):
    venues = start("polymarket"), start("kalshi", accounts=[{"name": "main", "balance": "10"}])
    with run_on(*venues, tmp_path) as world:
        world.books()
        denied = world.executor.execute(world.opportunity())
        assert isinstance(denied, ArbitrageDenied)
        assert (denied.code, denied.venue) == ("insufficient_available", "other")
        assert world.ledger.unfinished() == []
        assert [each.orders() for each in venues] == [[], []]
