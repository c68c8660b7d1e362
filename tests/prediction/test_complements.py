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


def test_a_part_that_fills_leaves_the_rest_of_the_other_leg_as_an_exposure(start, tmp_path):
    venues = start("kalshi"), start("polymarket", settle_after_s=0.1)
    with run_on(*venues, tmp_path) as world:
        world.books()
        world.other.control.event_book(EVENT, bids=[("0.50", "40")], asks=[("0.52", "1000")])
        ended = world.executor.execute(world.opportunity())
        assert ended.state == "unhedged"
        assert (ended.exposure.net, ended.exposure.venue) == (60, "one")
        world.check_orders()


def test_the_missing_answer_is_bought_where_the_policy_is_to_complete(start, tmp_path):
    venues = start("kalshi"), start("polymarket", settle_after_s=0.1)
    with run_on(*venues, tmp_path, unhedged_policy="complete", leg_timeout=20) as world:
        world.books()
        world.other.control.fault("refuse", times=1)
        ended = world.executor.execute(world.opportunity())
        assert ended.state == "unhedged"
        world.work_until(lambda: world.executor.exposures() == [])
        world.work_until(lambda: world.states() == ["held", "held"])
        answers = {one.answer: one.shares for one in world.store.holdings_of(ended.number)}
        assert answers == {"yes": 100, "no": 100}
        assert [len(each.orders()) for each in venues] == [1, 1]
        world.check_orders()


def test_shares_are_sold_again_only_when_their_match_is_final(start, tmp_path):
    venues = start("polymarket", settle_after_s=2), start("kalshi")
    with run_on(*venues, tmp_path, unhedged_policy="unwind", max_slippage_percent=10) as world:
        world.books()
        world.other.control.fault("refuse", times=1)
        ended = world.executor.execute(world.opportunity())
        assert ended.state == "unhedged"
        doing = world.store.exposure(ended.exposure.id).doing
        assert "not final" in doing
        world.work_until(lambda: world.executor.exposures() == [])
        assert world.states() == ["sold"]
        assert [one["side"] for one in world.one.orders()] == ["buy", "sell"]
        world.check_orders()


def test_a_match_that_fails_is_taken_back_and_leaves_the_other_leg_alone(start, tmp_path):
    venues = start("polymarket", settle_after_s=60), start("kalshi")
    with run_on(*venues, tmp_path) as world:
        world.books()
        ended = world.executor.execute(world.opportunity())
        assert ended.state == "hedged"
        world.work_until(lambda: world.states() == ["held", "settling"])
        (order,) = world.one.orders()
        world.one.control.fail_match(order["matches"][0]["id"])
        world.work_until(lambda: world.states() == ["held", "reverted"])
        (exposure,) = world.executor.exposures()
        assert (exposure.net, exposure.venue, exposure.other_venue) == (100, "other", "one")
        assert world.money("one") == 1000
        assert world.executor.execute(world.opportunity()).code == "unhedged"


def test_more_shares_for_the_same_money_are_an_exposure(start, tmp_path):
    """A purchase that spends money takes 112.5 shares in a better book, for the price of 100."""
    venues = start("polymarket"), start("kalshi")
    with run_on(*venues, tmp_path) as world:
        world.books(yes="0.40")
        ended = world.executor.execute(world.opportunity(yes="0.45"))
        assert ended.state == "unhedged"
        assert (ended.exposure.net, ended.exposure.venue) == (D("12.5"), "one")
        world.check_orders()


def test_a_void_market_is_said_and_pays_by_its_venues_rules(start, tmp_path):
    venues = start("kalshi"), start("sxbet", settle_after_s=0)
    with run_on(*venues, tmp_path) as world:
        world.books()
        assert world.executor.execute(world.opportunity()).state == "hedged"
        world.work_until(lambda: world.states() == ["held", "held"])
        for each in venues:
            each.control.resolve(EVENT, "void")
        world.executor._holdings._pauses.clear()
        world.work_until(lambda: world.states() == ["void", "void"])
        assert {one.venue: one.paid for one in world.store.all_holdings()} == {
            "one": D(40),
            "other": D(50),
        }


@pytest.mark.parametrize("how", ["502", "drop", "error"])
@pytest.mark.parametrize("late", ["one", "other"])
def test_a_lost_reply_is_looked_up_and_nothing_is_doubled(start, tmp_path, how, late):
    venues = start("polymarket", settle_after_s=0.1), start("sxbet", settle_after_s=0.1)
    with run_on(*venues, tmp_path, leg_timeout=2) as world:
        world.books()
        world.both[late].control.fault("lost_reply", how=how, times=1)
        world.executor.execute(world.opportunity())
        world.work_until(lambda: world.states() == ["held", "held"])
        assert [len(each.orders()) for each in venues] == [1, 1]
        assert world.executor.exposures() == []
        world.check_orders()


def test_in_dry_run_nothing_is_sent_and_the_wallets_are_paid(start, tmp_path):
    venues = start("polymarket"), start("kalshi")
    with run_on(*venues, tmp_path, dry_run=True) as world:
        world.books()
        assert world.executor.execute(world.opportunity()).state == "hedged"
        assert [each.orders() for each in venues] == [[], []]
        world.work_until(lambda: world.states() == ["held", "held"])
        before = world.venues["one"].balances()["USDC"]
        for each in venues:
            each.control.resolve(EVENT, "first")
        world.executor._holdings._pauses.clear()
        world.work_until(lambda: world.states() == ["paid", "paid"])
        assert world.venues["one"].balances()["USDC"] == before + 100


def test_what_is_held_is_followed_after_a_restart(start, tmp_path):
    venues = start("polymarket", settle_after_s=0.5), start("kalshi")
    with run_on(*venues, tmp_path) as world:
        world.books()
        assert world.executor.execute(world.opportunity()).state == "hedged"
    with run_on(*venues, tmp_path) as world:
        world.work_until(lambda: world.states() == ["held", "held"])
        assert world.executor.complements.held_pairs(EVENT) == 100
