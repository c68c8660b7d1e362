"""A fee that is taken in the coin is bought besides; what rounding leaves is made good later."""

from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.planning.plan import Market, purchase_for
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.money import round_down
from tests.arbitrage.test_exposure_nets import exposure
from tests.support.venue import Fate


def plenty():
    return {"COIN": D(1000), "USDT": D(1000000)}


def test_200_arbitrages_leave_less_than_one_lot(make):
    world = make(money_here=plenty(), money_there=plenty())
    world.here.fee_in_base = True
    world.here.fee = D("0.0026")
    for _ in range(200):
        assert world.go(D("0.37")).state == "hedged"
    held = sum((venue.money["COIN"] for venue in world.venues), D(0)) - 2000
    assert abs(held) < D("0.01")
    assert world.store.drift("COIN") == held
    assert world.store.open_exposures("bot") == []


def test_the_same_the_other_way_round_and_back(make):
    """Buy with a fee in the coin, close by buying back elsewhere, also with a fee in the coin."""
    world = make(money_here=plenty(), money_there=plenty())
    for venue in world.venues:
        venue.fee_in_base, venue.fee = True, D("0.0026")
    for number in range(1, 51):
        world.go(D("0.37"))
        world.here.fates = [Fate()]
        world.there.price, world.here.price = D(100), D(100)
        world.store.record_exposure(exposure(0, "-0.37", venue="there", closes=True))
        # freqtrade sells what the trade holds.
        world.here.money["COIN"] -= D("0.37")
        world.work(15)
        world.here.price, world.there.price = D(100), D(110)
        assert world.store.open_exposures("bot") == [], number
    held = sum((venue.money["COIN"] for venue in world.venues), D(0)) - 2000
    assert abs(held) < D("0.02")


def test_a_partial_fill_with_a_fee_in_the_coin_is_an_exposure_of_what_is_there(make):
    world = make(here=[Fate(fills=D(1))], there=[Fate(fills=D("0.5"))])
    world.here.fee_in_base, world.here.fee = True, D("0.01")
    world.go()
    world.work(20)
    (left,) = world.store.open_exposures("bot")
    held = sum((venue.money["COIN"] for venue in world.venues), D(0)) - 20
    assert left.net + world.store.drift("COIN") == held
    assert abs(left.net - D("0.5")) < D("0.005")


def market(fee, step="0.01", in_base=True):
    rules = MarketRules(D(step), D("0.01"), taker_fee=D(fee), is_fee_in_base=in_base)
    price = Price(D(100), D(100), D(100))
    return Market(rules, price, lambda side, p: p, lambda amount: round_down(amount, D(step)))


@pytest.mark.parametrize(
    ("amount", "fee", "step", "in_base", "drift", "bought"),
    [
        ("1", "0.001", "0.01", False, "0", "1"),
        ("1", "0.001", "0.0001", True, "0", "1.0010"),
        ("1", "0.001", "0.01", True, "0", "1.00"),
        ("10", "0.001", "0.01", True, "0", "10.01"),
        ("1", "0.001", "0.01", True, "-0.006", "1.01"),
        ("1", "0.001", "0.01", True, "0.006", "0.99"),
        ("1", "0.001", "0.01", False, "-0.005", "1.01"),
        ("1", "0.001", "0.01", False, "0.02", "0.98"),
        # More than a tenth would be another trade.
        ("1", "0.001", "0.01", False, "-0.2", "1"),
    ],
)
def test_how_much_is_bought(amount, fee, step, in_base, drift, bought):
    found = purchase_for(D(amount), market(fee, step, in_base), D(drift))
    assert found == D(bought)


def test_no_fee_is_counted_twice_in_the_profit(make):
    world = make()
    world.here.fee_in_base, world.here.fee = True, D("0.01")
    plan = world.executor._proposals.plan(world.opportunity(1))
    buy, sell = plan.legs
    assert (buy.amount, sell.amount) == (D("1.01"), D(1))
    assert plan.profit == D(110) * D("0.999") - D("101")
