"""Two legs before they leave: borders, numbers, sentences; and what is left unhedged."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.planning.plan import (
    Market,
    Plan,
    make_plan,
    purchase_for,
)
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import (
    ENDED,
    TRANSITIONS,
    UNFINISHED,
    ArbitrageMove,
    ArbitrageState,
    NotAllowed,
    after,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, after_repair
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.money import round_down, round_up


D = Decimal
NOW = ManualClock().wall()


def market(best: str, worst: str = "", **more: object) -> Market:
    rules = MarketRules(D("0.01"), D("0.01"), D("0.01"), D(1), D("0.001"))
    rules = replace(rules, **more)  # type: ignore[arg-type]

    def round_price(side: str, price: Decimal) -> Decimal:
        return (round_down if side == "buy" else round_up)(price, rules.price_step)

    price = Price(D(best), (D(best) + D(worst or best)) / 2, D(worst or best))
    return Market(rules, price, round_price, lambda amount: round_down(amount, rules.amount_step))


def plan(
    here: Market,
    there: Market,
    *,
    amount: str = "1",
    slippage: str = "1",
    drift: str = "0",
    limit: Decimal | None = None,
) -> Plan | ArbitrageDenied:
    legs = Opportunity(
        Leg("here", "COIN/USDT", "buy", D(amount), limit),
        Leg("there", "COIN/USDT", "sell", D(amount)),
    )
    return make_plan(legs, (here, there), lambda currency: D(2), D(slippage), D(drift))


def planned(result: Plan | ArbitrageDenied) -> Plan:
    assert isinstance(result, Plan), result
    return result


def denied(result: Plan | ArbitrageDenied) -> ArbitrageDenied:
    assert isinstance(result, ArbitrageDenied), result
    return result


def test_profit_and_value_are_in_stake_currency_after_the_fees_of_both() -> None:
    made = planned(plan(market("100"), market("110")))
    assert made.profit == (D(110) * D("0.999") - D(100) * D("1.001")) * 2
    assert made.value == 220
    buy, sell = made.legs
    assert (buy.best, buy.expected, buy.limit, buy.fee_rate) == (100, 100, 100, D("0.001"))
    assert (sell.best, sell.expected, sell.limit) == (110, 110, 110)


def test_a_fee_in_the_coin_is_bought_on_top_and_not_paid_twice() -> None:
    here = market("100", is_fee_in_base=True, taker_fee=D("0.01"))
    made = planned(plan(here, market("110")))
    assert [leg.amount for leg in made.legs] == [D("1.01"), 1]
    assert made.legs[0].is_fee_in_base and not made.legs[1].is_fee_in_base
    assert made.profit == (D(110) * D("0.999") - D(101)) * 2


def test_exactly_the_minimums_are_enough_and_a_hair_less_is_not() -> None:
    assert planned(plan(market("100", amount_min=D(1), cost_min=D(100)), market("110")))
    for minimum in ({"amount_min": D("1.01")}, {"cost_min": D("100.01")}):
        answer = denied(plan(market("100", **minimum), market("110")))
        assert answer.code is ArbitrageDenialCode.BELOW_MINIMUM
        assert answer.sentence == "1 COIN for 100 USDT is below what here takes on COIN/USDT"
    assert answer.numbers == {"amount": D(1), "amount_min": D("0.01"), "cost_min": D("100.01")}


def test_nothing_is_no_order_also_where_the_exchange_names_no_minimum() -> None:
    free = {"amount_min": D(0), "cost_min": D(0)}
    answer = denied(plan(market("100", **free), market("110", **free), amount="0.009"))
    assert answer.code is ArbitrageDenialCode.BELOW_MINIMUM
    assert planned(plan(market("100", **free), market("110", **free), amount="0.01"))


def test_as_much_slippage_as_is_allowed_is_allowed() -> None:
    assert planned(plan(market("100", "101"), market("110")))
    answer = denied(plan(market("100", "101.01"), market("110")))
    assert answer.code is ArbitrageDenialCode.PRICE_MOVED
    assert answer.sentence == (
        "to buy COIN/USDT on here goes to 101.01, too far from the best price"
    )
    assert answer.numbers == {"price": D("101.01"), "best": D(100), "limit": D("101.01")}
    assert planned(plan(market("100"), market("110", "108.9")))
    assert denied(plan(market("100"), market("110", "108.89"))).venue == "there"


def test_a_book_at_the_limit_itself_has_not_moved() -> None:
    assert planned(plan(market("100", "105"), market("120"), limit=D(105)))
    answer = denied(plan(market("100", "105.01"), market("120"), limit=D(105)))
    assert answer.sentence == "to buy COIN/USDT on here goes to 105.01, beyond the limit 105"


def test_what_leaves_nothing_after_fees_is_not_worth_it() -> None:
    free = {"taker_fee": D(0)}
    answer = denied(plan(market("100", **free), market("100", **free)))
    assert answer.code is ArbitrageDenialCode.NOT_WORTH_IT
    assert answer.sentence == "after fees 0 would be left of it, in stake currency"
    assert answer.numbers == {"profit": D(0), "value": D(200)}
    assert planned(plan(market("100", **free), market("100.01", **free))).profit == D("0.02")


@pytest.mark.parametrize(
    ("drift", "bought"),
    [
        ("0.05", "0.95"),  # so much is there already
        ("-0.05", "1.05"),
        ("0.1", "0.9"),
        ("0.11", "1"),  # too much to be a rest of earlier ones
        ("-0.11", "1"),
        ("0.004", "1"),  # the nearer step
        ("0.006", "0.99"),
        ("0.005", "1"),  # as near to both: nothing is missing then
    ],
)
def test_a_purchase_makes_good_what_earlier_ones_have_left_over(drift: str, bought: str) -> None:
    assert purchase_for(D(1), market("100"), D(drift)) == D(bought)
    made = planned(plan(market("100"), market("110"), drift=drift))
    assert [leg.amount for leg in made.legs] == [D(bought), 1]


def test_a_grid_that_is_another_one_for_the_smaller_amount_is_looked_at_again() -> None:
    coarse = replace(
        market("110"),
        round_amount=lambda amount: round_down(amount, D("0.25") if amount < 1 else D("0.3")),
    )
    # 1.0 -> 0.9 -> 0.75, which is on its own grid.
    assert [leg.amount for leg in planned(plan(market("100"), coarse)).legs] == [D("0.75")] * 2


# States


def test_only_what_the_table_allows_may_follow_and_an_end_is_an_end() -> None:
    for state in ArbitrageState:
        for move in ArbitrageMove:
            if (state, move) in TRANSITIONS:
                assert after(state, move) is TRANSITIONS[state, move][0]
                assert state in UNFINISHED
            else:
                with pytest.raises(NotAllowed, match=f"{move} is not allowed when .* {state}"):
                    after(state, move)
    assert set(ENDED) == set(ArbitrageState) - {ArbitrageState.PLANNED, ArbitrageState.SENT}


# What is left unhedged


def exposure(net: str = "2", **more: object) -> Exposure:
    known: dict[str, object] = {
        "id": 4,
        "bot": "bot",
        "arbitrage_id": 7,
        "base": "COIN",
        "net": D(net),
        "venue": "here",
        "account": "account of here",
        "pair": "COIN/USDT",
        "price": D(100),
        "other_venue": "there",
        "other_pair": "COIN/USDC",
        "other_price": D(110),
        "value": D(200),
        "marked_at": NOW,
        "opened_at": NOW,
        "doing": "held",
    }
    return Exposure(**(known | more))  # type: ignore[arg-type]


def test_an_exposure_says_which_way_it_is_and_what_is_done() -> None:
    assert exposure().sentence() == (
        "2 COIN on here (COIN/USDT) is held without its sale, worth 200 in stake currency: held"
    )
    assert exposure("-2").sentence() == (
        "2 COIN on here (COIN/USDT) is sold without its purchase, worth 200 in stake currency: held"
    )


def test_an_exposure_for_scripts_keeps_all_digits_and_stops_ageing_at_its_end() -> None:
    later = NOW + timedelta(seconds=90.1234)
    found = exposure("-0.10", price=D("100.50")).as_json(later)
    assert found == {
        "id": 4,
        "bot": "bot",
        "arbitrage_id": 7,
        "pair_number": 7,
        "currency": "COIN",
        "amount": "0.10",
        "direction": "short",
        "venue": "here",
        "account": "account of here",
        "pair": "COIN/USDT",
        "price": "100.50",
        "value": "200",
        "age_seconds": 90.123,
        "opened_at": NOW.isoformat(),
        "state": "open",
        "is_dust": False,
        "doing": "held",
    }
    closed = exposure(closed_at=NOW + timedelta(seconds=5), closed_how="unwound on here")
    told = closed.as_json(later)
    assert (told["direction"], told["age_seconds"]) == ("long", 5)
    assert (told["state"], told["doing"]) == ("closed", "unwound on here")
    assert exposure().age_seconds(NOW - timedelta(seconds=3)) == 0, "a clock that was set back"


def test_a_part_that_was_repaired_takes_its_share_of_the_value() -> None:
    part = after_repair(exposure(), D("-0.5"), NOW, "unwound on here")
    assert (part.net, part.value, part.is_open) == (D("1.5"), 150, True)
    assert part.doing == "unwound on here: 1.5 is left"
    whole = after_repair(exposure("-2"), D(2), NOW, "unwound on here")
    assert (whole.net, whole.value, whole.closed_at) == (0, 0, NOW)
    assert whole.doing == whole.closed_how == "unwound on here"
