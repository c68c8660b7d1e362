"""From an opportunity to two orders: one size, prices, minimums, fees, and is it worth it?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.planning.plan import Market, Plan, common_amount, make_plan
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import round_down, round_up


D = Decimal


def rules(step="0.01", tick="0.01", amount_min="0.01", cost_min="1", fee="0.001"):
    return MarketRules(D(step), D(tick), D(amount_min), D(cost_min), D(fee))


def at(best, average=None, worst=None):
    return Price(D(best), D(average or best), D(worst or average or best))


def opportunity(amount="1", other=None, buy_limit=None, sell_limit=None, quotes=("USDT", "USDT")):
    return Opportunity(
        Leg("here", f"COIN/{quotes[0]}", "buy", D(amount), buy_limit),
        Leg("there", f"COIN/{quotes[1]}", "sell", D(other or amount), sell_limit),
    )


def market(its_rules, price):
    def round_price(side, value):
        rounded = round_down if side == "buy" else round_up
        return rounded(value, its_rules.price_step)

    def round_amount(amount):
        return round_down(amount, its_rules.amount_step)

    return Market(its_rules, price, round_price, round_amount)


def plan(what, here=None, there=None, rates=lambda currency: D(1), slippage="1"):
    markets = (here or market(rules(), at(100)), there or market(rules(), at(110)))
    return make_plan(what, markets, rates, D(slippage))


def refused(result, code):
    assert result.code is code, result
    return result


def test_both_legs_have_the_smaller_amount_on_the_coarser_grid():
    here, there = market(rules("0.001"), at(100)), market(rules("0.05"), at(110))
    made = plan(opportunity("1.2345", "1.19"), here, there)
    assert [leg.amount for leg in made.legs] == [D("1.15"), D("1.15")]


amounts = st.decimals("0.0001", "1000", places=6)
steps = st.sampled_from(["0.00001", "0.0003", "0.001", "0.02", "0.05", "1", "10", "0"])


@given(amounts, amounts, steps, steps)
def test_the_common_amount_is_on_both_grids_and_never_above_either(one, other, step, other_step):
    amount = common_amount([one, other], [rules(step), rules(other_step)])
    assert amount <= min(one, other)
    for each in (D(step), D(other_step)):
        assert not each or amount % each == 0


def test_without_a_limit_a_leg_takes_the_last_level_that_it_needs():
    made = plan(opportunity(), market(rules(), at("100", "100.2", "100.456")))
    assert (made.legs[0].limit, made.legs[0].expected) == (D("100.46"), D("100.2"))


def test_limits_are_rounded_so_that_they_are_never_worse_than_written():
    made = plan(opportunity(buy_limit="101.009", sell_limit="109.001"))
    assert [leg.limit for leg in made.legs] == [D("101"), D("109.01")]


def test_profit_is_what_is_left_after_both_fees():
    made = plan(opportunity())
    assert isinstance(made, Plan)
    assert made.profit == D(110) - D("0.11") - D(100) - D("0.1")


def test_what_the_fees_eat_is_not_worth_it():
    dear = market(rules(fee="0.1"), at(110))
    denied = refused(plan(opportunity(), there=dear), ArbitrageDenialCode.NOT_WORTH_IT)
    assert denied.numbers["profit"] < 0


def test_two_quote_currencies_are_compared_in_stake_currency():
    rates = {"USDT": D(1), "EUR": D("1.2")}.get
    made = plan(opportunity(quotes=("USDT", "EUR")), there=market(rules(), at(90)), rates=rates)
    assert made.profit == D(108) - D("0.108") - D("100.1")
    refused(plan(opportunity(quotes=("USDT", "CHF")), rates=rates), ArbitrageDenialCode.NO_RATE)


@pytest.mark.parametrize("which", ["here", "there"])
@pytest.mark.parametrize("minimum", [{"amount_min": "1.01"}, {"cost_min": "111"}])
def test_what_one_side_does_not_take_is_sent_to_neither(which, minimum):
    price = at(100) if which == "here" else at(110)
    result = plan(opportunity(), **{which: market(rules(**minimum), price)})
    assert refused(result, ArbitrageDenialCode.BELOW_MINIMUM).venue == which


def test_an_amount_below_one_step_is_below_the_minimum():
    refused(plan(opportunity("0.009")), ArbitrageDenialCode.BELOW_MINIMUM)


def test_a_price_beyond_the_limit_has_moved():
    denied = refused(plan(opportunity(buy_limit="99.99")), ArbitrageDenialCode.PRICE_MOVED)
    assert (denied.venue, denied.numbers["price"]) == ("here", D(100))
    assert (
        refused(plan(opportunity(sell_limit="110.01")), ArbitrageDenialCode.PRICE_MOVED).venue
        == "there"
    )


def test_a_thin_book_is_not_eaten_beyond_the_slippage_unless_a_limit_allows_it():
    thin = market(rules(), at("100", "101", "101.5"))
    assert refused(plan(opportunity(), thin), ArbitrageDenialCode.PRICE_MOVED).venue == "here"
    assert isinstance(plan(opportunity(buy_limit="102"), thin), Plan)
    assert isinstance(plan(opportunity(), thin, slippage="2"), Plan)


# What a strategy writes


def test_amounts_may_be_written_as_floats():
    leg = Leg("bot", "BTC/USDT", "buy", 0.1, 50000.5)
    assert (leg.amount, leg.limit_price) == (D("0.1"), D("50000.5"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "long"},
        {"amount": 0},
        {"amount": -1},
        {"limit_price": 0},
        {"pair": "BTC"},
        {"pair": "BTC/USDT:USDT"},
        {"venue": ""},
    ],
)
def test_a_leg_that_makes_no_sense_is_an_error_at_once(wrong):
    with pytest.raises(ValueError):
        Leg(**{"venue": "bot", "pair": "BTC/USDT", "side": "buy", "amount": D(1), **wrong})


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), "much", None, True])
def test_a_leg_of_no_number_is_an_error_at_once(amount):
    with pytest.raises(MoneyError):
        Leg("bot", "BTC/USDT", "buy", amount)


def test_two_legs_are_one_purchase_and_one_sale_of_one_coin():
    buy, sell = Leg("a", "BTC/USDT", "buy", 1), Leg("b", "BTC/USD", "sell", 1)
    assert Opportunity(buy, sell, "tag").tag == "tag"
    with pytest.raises(ValueError, match="Both legs buy"):
        Opportunity(buy, Leg("b", "BTC/USD", "buy", 1))
    with pytest.raises(ValueError, match="two coins"):
        Opportunity(buy, Leg("b", "ETH/USD", "sell", 1))
