"""Whatever markets and positions are: what a plan sells can be sold, and is what was promised."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.limits.order_check import PartialExit, shape_partial_exit
from freqtrade_balance_guard.money import exact
from freqtrade_balance_guard.rebalance.plan import (
    NEAR_ENOUGH,
    Capital,
    Plan,
    Position,
    Sale,
    SaleOrder,
    make_plan,
    reason_to_leave_out,
    smallest_sale,
)
from freqtrade_balance_guard.rebalance.policy import CONFIRMED, NotNow, NotNowCode, decide
from tests.support.effort import examples
from tests.support.rebalance import LIMITS, amounts, capitals, portfolios, stuck


ORDERS = st.sampled_from(list(SaleOrder))
TARGETS = amounts("0.5", "60", 2)
FOUND = settings(max_examples=examples(60), deadline=None)
# A quotient of 50 digits may end a hair below what it was meant to be.
HAIR = Decimal("1e-20")


def sold(plan: Plan, positions: tuple[Position, ...]) -> list[tuple[Sale, Position]]:
    by_id = {position.trade_id: position for position in positions}
    return [(sale, by_id[sale.trade_id]) for sale in plan.sales]


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
def test_no_sale_is_below_what_the_exchange_takes_even_after_slippage(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    for sale, position in sold(make_plan(capital, positions, target, order), positions):
        assert sale.amount > 0
        assert position.rules.shortfall(sale.amount, position.price) == ""
        assert position.rules.shortfall(sale.amount, position.rate or Decimal(0)) == ""


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
@exact
def test_no_rest_is_below_what_can_be_sold_at_its_stop(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    for sale, position in sold(make_plan(capital, positions, target, order), positions):
        if sale.is_whole:
            assert sale.amount == position.owned
            continue
        rest = position.amount - sale.amount
        rate = position.rate or Decimal(0)
        assert position.rules.shortfall(rest, position.price) == ""
        assert rest * rate >= (position.rest_min or 0)
        # The guard's own look at partial exits lets it pass as it is.
        exit_ = PartialExit(
            pair=position.pair,
            amount=position.rules.precision.nudged(sale.amount),
            position_amount=position.amount,
            price=rate,
            stoploss=position.stoploss,
            is_short=position.is_short,
            freqtrade_rest_min=position.rest_min,
        )
        assert shape_partial_exit(exit_, position.rules, "USDT") == exit_.amount


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
def test_nothing_is_sold_that_is_not_owned_and_nothing_twice(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    plan = make_plan(capital, positions, target, order)
    for sale, position in sold(plan, positions):
        assert sale.amount <= position.amount
        assert position.in_wallet is None or sale.amount <= position.in_wallet
        assert not position.has_open_order
    assert len({sale.trade_id for sale in plan.sales}) == len(plan.sales)


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
@exact
def test_the_target_is_reached_or_all_is_sold_that_can_be(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    plan = make_plan(capital, positions, target, order)
    now = capital
    for sale in plan.sales:
        now = now.after(sale.freed, sale.released)
    assert abs(now.available - plan.expected) <= HAIR
    if not plan.reaches_target:
        sellable = {p.trade_id for p in positions if reason_to_leave_out(p) is None}
        assert sellable == {sale.trade_id for sale in plan.sales if sale.is_whole}


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
@exact
def test_only_a_whole_position_or_a_minimum_goes_above_the_target_and_only_the_last_sale(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    plan = make_plan(capital, positions, target, order)
    now = capital
    for sale, position in sold(plan, positions):
        assert now.available < target * NEAR_ENOUGH, "the sales before were enough"
        before, now = now, now.after(sale.freed, sale.released)
        if sale.is_whole or now.available <= target:
            continue
        step = position.rules.precision.step(sale.amount)
        # Without its last step it would not be enough, unless it is the smallest sale there is.
        less = sale.amount - step
        short = before.after(position.freed_per_unit * less, position.released_per_unit * less)
        assert short.available <= target + HAIR or sale.amount <= smallest_sale(position) + step


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS, st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_in_which_positions_are_told(
    capital: Capital,
    positions: tuple[Position, ...],
    target: Decimal,
    order: SaleOrder,
    random: object,
) -> None:
    shuffled = list(positions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    plans = [make_plan(capital, each, target, order) for each in (positions, shuffled)]
    assert plans[0].sales == plans[1].sales


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS)
def test_a_decision_is_a_reason_or_a_plan_that_frees_something(
    capital: Capital, positions: tuple[Position, ...], target: Decimal, order: SaleOrder
) -> None:
    limits = replace(LIMITS, enough_stake=target / 2, target_stake=target, order=order)
    answer = decide(stuck(limits=limits, capital=capital, positions=positions))
    if isinstance(answer, Plan):
        assert answer.sales
        assert answer.expected > answer.available
        assert capital.available < limits.enough_stake
    else:
        assert isinstance(answer, NotNow)
        assert answer.code in {
            NotNowCode.ENOUGH_STAKE,
            NotNowCode.NOTHING_DEPLOYED,
            NotNowCode.NOTHING_TO_SELL,
        }


@FOUND
@given(capitals(), portfolios(), TARGETS, ORDERS, st.floats(0, 3599.99))
def test_during_the_cooldown_no_shortage_is_large_enough(
    capital: Capital,
    positions: tuple[Position, ...],
    target: Decimal,
    order: SaleOrder,
    since: float,
) -> None:
    limits = replace(LIMITS, target_stake=target, order=order)
    answer = decide(stuck(limits=limits, capital=capital, positions=positions, since_attempt=since))
    assert isinstance(answer, NotNow)
    assert answer.code is NotNowCode.COOLDOWN


def test_the_verdict_that_counts_is_called_as_the_balances_call_it() -> None:
    assert CONFIRMED == Verdict.CONFIRMED
