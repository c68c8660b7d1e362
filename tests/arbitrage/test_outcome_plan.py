"""Complements: what a leg and an opportunity may be, which are found, planned and denied."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import freqtrade_balance_guard as guard
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap, looks_inverted
from freqtrade_balance_guard.arbitrage.outcomes.fees import KalshiFees, PolymarketFees, SxFees
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.outcomes.plan import OutcomeMarket, plan_complement
from freqtrade_balance_guard.arbitrage.outcomes.rules import OutcomeRules, PriceRange
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode
from freqtrade_balance_guard.money import Money
from freqtrade_balance_guard.settings import load_settings


D = Decimal
NOW = datetime(2026, 11, 30, tzinfo=UTC)
YES, NO = "7132", "KXFED-26-T-NO"
GRID = (PriceRange(D(0), D(1), D("0.01")),)
POLY = OutcomeRules(
    "USDC", GRID, D("0.01"), D("0.01"), shares_min=D(0), cost_min=D(1), spends_money=True
)
KALSHI = OutcomeRules("USD", GRID, D(1), shares_min=D(1))


def settings_of(**event):
    venues = {
        "poly": {"name": "polymarket", "kind": "prediction"},
        "kalshi": {"name": "kalshi", "kind": "prediction"},
    }
    outcomes = {
        "poly": {"yes": YES, "no": "9021"},
        "Kalshi": {"yes": "KXFED-26-T", "no": NO},
    }
    content = {
        "closes": "2026-12-10T19:00:00Z",
        "resolution_checked": True,
        "outcomes": outcomes,
        **event,
    }
    return load_settings({"venues": venues, "events": {"fed-dec": content}})


def events(**event):
    return EventMap(settings_of(**event).events)


def leg(venue="poly", outcome=YES, shares="100", limit="0.40", **more):
    return OutcomeLeg(venue, outcome, "buy", D(shares), D(limit), **more)


def pair(shares="100", limits=("0.40", "0.55"), outcomes=(YES, NO)):
    return Opportunity(
        leg(outcome=outcomes[0], shares=shares, limit=limits[0]),
        leg("kalshi", outcomes[1], shares, limits[1]),
        payout=1,
    )


def market(rules, fees, offered, rate="1", **more):
    return OutcomeMarket(rules, fees, D(offered), None if rate is None else D(rate), **more)


def plan(opportunity=None, *, here=None, there=None, mapped=None, **more):
    return plan_complement(
        opportunity or pair(),
        (
            here or market(POLY, PolymarketFees(D("0.04")), "0.40"),
            there or market(KALSHI, KalshiFees(), "0.55"),
        ),
        mapped or events(),
        NOW,
        **more,
    )


def denied(result):
    return result.code


# Types


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"side": "hold"}, "side is"),
        ({"venue": ""}, "no outcome"),
        ({"outcome": "two words"}, "no outcome"),
        ({"shares": 0}, "above 0"),
        ({"limit_price": 1}, "between 0 and 1"),
        ({"limit_price": 0}, "between 0 and 1"),
        ({"time_in_force": "DAY"}, "time_in_force"),
    ],
)
def test_a_leg_that_names_no_outcome_well_is_none(changes, said):
    values = {"venue": "poly", "outcome": "1", "side": "buy", "shares": 1, "limit_price": 0.5}
    with pytest.raises(ValueError, match=said):
        OutcomeLeg(**values | changes)


def test_a_float_is_taken_by_its_shortest_text():
    made = guard.OutcomeLeg("poly", "1", "buy", 0.1, 0.41)
    assert (made.shares, made.limit_price) == (D("0.1"), D("0.41"))


@pytest.mark.parametrize(
    ("first", "second", "payout", "said"),
    [
        (leg(), leg("kalshi", NO, "99"), 1, "not equal"),
        (leg(), leg("kalshi", NO), 2, "pays 1"),
        (leg(), leg("kalshi", NO), None, "payout"),
        (leg(), leg(), 1, "Both legs buy"),
        (leg(), OutcomeLeg("kalshi", NO, "sell", D(100), D("0.5")), 1, "two purchases"),
        (Leg("bot", "BTC/USDT", "buy", 1), Leg("b", "BTC/USDT", "sell", 1), 1, "name outcomes"),
        (leg(), Leg("b", "BTC/USDT", "sell", 1), 1, "name outcomes"),
    ],
)
def test_an_opportunity_that_does_not_pay_one_is_none(first, second, payout, said):
    with pytest.raises(ValueError, match=said):
        Opportunity(first, second, payout=payout)


def test_coins_are_as_before():
    made = Opportunity(Leg("bot", "BTC/USDT", "buy", 1), Leg("b", "BTC/USDT", "sell", 1), "tag")
    assert (made.tag, made.payout, made.legs[0].base) == ("tag", None, "BTC")
    with pytest.raises(ValueError, match="two coins"):
        Opportunity(Leg("bot", "BTC/USDT", "buy", 1), Leg("b", "ETH/USDT", "sell", 1))


# Finding one


def book(venue, outcome, asks, fees, **more):
    return guard.OutcomeBook(venue, outcome, [], asks, fees, **more)


def test_both_answers_are_bought_as_far_as_it_is_worth_it():
    yes = book("poly", YES, [[0.40, 50], [0.42, 500]], PolymarketFees())
    no = book("kalshi", NO, [[0.55, 80], [0.57, 500], [0.60, 500]], KalshiFees(D(0)))
    found = guard.best_complement(yes, no, 1000)
    assert {each.shares for each in found.legs} == {D(550)}
    assert [each.limit_price for each in found.legs] == [D("0.42"), D("0.57")]
    assert guard.best_complement(yes, no, 1000, min_profit_percent=4).first.shares == D(50)


def test_where_money_is_spent_only_the_best_level_is_used():
    yes = book("poly", YES, [[0.40, 50], [0.41, 500]], PolymarketFees(), spends_money=True)
    no = book("kalshi", NO, [[0.50, 1000]], KalshiFees(D(0)))
    found = guard.best_complement(yes, no, 1000)
    assert (found.first.shares, found.first.limit_price) == (D(50), D("0.40"))


def test_fees_and_currencies_count_and_nothing_is_found_where_nothing_is_left():
    yes = book("poly", YES, [[0.45, 500]], PolymarketFees(D("0.04")))
    no = book("kalshi", NO, [[0.53, 500]], KalshiFees())
    assert guard.best_complement(yes, no, 100) is None
    free = book("kalshi", NO, [[0.53, 500]], KalshiFees(D(0)))
    assert guard.best_complement(yes, free, 100).first.shares == D(100)
    dear = book("kalshi", NO, [[0.53, 500]], KalshiFees(D(0)), rate=1.05)
    assert guard.best_complement(yes, dear, 100) is None
    assert guard.best_complement(book("poly", YES, [], PolymarketFees()), no, 100) is None


# Planning


def test_a_plan_has_equal_shares_and_reserves_the_worst_of_each_leg():
    made = plan()
    assert [each.shares for each in made.legs] == [D(100), D(100)]
    assert made.legs[0].reserved == Money(D(40) + D("1.584"), "USDC")
    assert made.legs[1].reserved == Money(D(55) + D("1.75") + D("0.02"), "USD")
    assert made.profit == D(100) - D(95) - D("0.96") - D("1.77")
    assert (made.event.event, made.event.closes.month) == ("fed-dec", 12)


def test_equal_money_is_never_planned():
    made = plan(
        pair("100", ("0.20", "0.70")),
        here=market(POLY, PolymarketFees(D("0.04")), "0.20"),
        there=market(KALSHI, KalshiFees(), "0.70"),
    )
    assert made.legs[0].shares == made.legs[1].shares
    assert made.legs[0].cost != made.legs[1].cost


def test_shares_are_cut_to_both_grids():
    made = plan(pair("100.57", ("0.41", "0.50")))
    assert made is not None and denied(made) == "price_moved"
    made = plan(pair("100.57", ("0.41", "0.55")))
    assert made.shares == D(100)


def test_a_limit_off_the_grid_is_rounded_to_the_better_side():
    made = plan(pair("100", ("0.405", "0.559")))
    assert [each.limit for each in made.legs] == [D("0.40"), D("0.55")]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"opportunity": pair("1")}, "below_minimum"),
        ({"opportunity": pair(outcomes=("7132", "unknown"))}, "event_not_mapped"),
        ({"opportunity": pair(outcomes=("7132", "KXFED-26-T"))}, "no_complement"),
        ({"mapped": events(resolution_checked=False)}, "resolution_not_checked"),
        ({"mapped": events(closes="2026-11-01T00:00:00Z")}, "event_closed"),
        ({"here": market(POLY, PolymarketFees(), "0.40", is_open=False)}, "event_closed"),
        (
            {"here": market(POLY, PolymarketFees(), "0.40", neg_risk_augmented=True)},
            "no_complement",
        ),
        ({"here": market(POLY, PolymarketFees(), "0.41")}, "price_moved"),
        ({"here": market(POLY, PolymarketFees(), "0.40", rate=None)}, "no_rate"),
        ({"opportunity": pair("100", ("0.44", "0.55"))}, "not_worth_it"),
        ({"min_profit": D(10)}, "not_worth_it"),
        ({"haircut_percent": D(5)}, "not_worth_it"),
    ],
)
def test_a_complement_is_denied_with_a_code(more, code):
    result = plan(**more)
    assert denied(result) == ArbitrageDenialCode(code)
    assert result.sentence


def test_two_currencies_pay_what_the_weaker_one_is_worth():
    made = plan(there=market(KALSHI, KalshiFees(D(0)), "0.55", rate="0.99"))
    assert made.profit == D(99) - D("40.96") - (D(55) + D("0.02")) * D("0.99")


def test_sx_profit_fee_counts_when_it_is_planned():
    rules = OutcomeRules("USDC", GRID, D("0.000001"), D("0.000001"), cost_min=D(1))
    free = plan(here=market(rules, SxFees(), "0.40"))
    paid = plan(here=market(rules, SxFees(D("0.03")), "0.40"))
    assert free.profit - paid.profit == D("1.8")


@pytest.mark.parametrize(
    ("one", "other", "is_inverted"),
    [("0.30", "0.71", True), ("0.30", "0.31", False), ("0.48", "0.52", False)],
)
def test_prices_that_add_up_to_one_look_inverted(one, other, is_inverted):
    assert looks_inverted(D(one), D(other)) == is_inverted


# Settings


def test_an_event_is_read_with_its_time_in_utc():
    event = settings_of(closes="2026-12-10T20:00:00+01:00").events["fed-dec"]
    assert event.closes == datetime(2026, 12, 10, 19, tzinfo=UTC)
    assert event.outcomes["kalshi"].no == NO
    assert event.closes - NOW < timedelta(days=11)


def test_the_user_has_to_say_that_the_rules_were_compared():
    assert settings_of(resolution_checked=False).events["fed-dec"].resolution_checked is False
