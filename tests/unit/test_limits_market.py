"""What an exchange demands of an order, and how much room an exit needs."""

from dataclasses import replace
from decimal import Decimal

import pytest
from freqtrade.exchange import amount_to_precision

from freqtrade_balance_guard.limits.market import (
    AmountPrecision,
    MarketRules,
    PrecisionMode,
    fall_to_stoploss,
)


D = Decimal
TICK, PLACES, DIGITS = (
    PrecisionMode.TICK_SIZE,
    PrecisionMode.DECIMAL_PLACES,
    PrecisionMode.SIGNIFICANT_DIGITS,
)


def steps_of(step: str) -> AmountPrecision:
    return AmountPrecision(TICK, D(step))


@pytest.mark.parametrize(
    ("mode", "value", "amount", "down", "up"),
    [
        (TICK, "0.01", "1.239", "1.23", "1.24"),
        (TICK, "0.01", "1.23", "1.23", "1.23"),
        (TICK, "0.3", "1.0", "0.9", "1.2"),
        (TICK, "10", "25", "20", "30"),
        (TICK, "0", "1.239", "1.239", "1.239"),
        (TICK, None, "1.239", "1.239", "1.239"),
        (PLACES, "2", "1.239", "1.23", "1.24"),
        (PLACES, "0", "1.9", "1", "2"),
        (PLACES, "-1", "25", "20", "30"),
        (DIGITS, "3", "1239", "1230", "1240"),
        (DIGITS, "3", "0.0012399", "0.00123", "0.00124"),
        (DIGITS, "3", "9.999", "9.99", "10"),
        (DIGITS, "3", "0", "0", "0"),
        (DIGITS, "8", "1.5", "1.5", "1.5"),
    ],
)
def test_an_amount_is_rounded_to_what_can_be_sent(
    mode: PrecisionMode, value: str | None, amount: str, down: str, up: str
) -> None:
    precision = AmountPrecision(mode, None if value is None else D(value))
    assert precision.down(D(amount)) == D(down)
    assert precision.up(D(amount)) == D(up)


@pytest.mark.parametrize(
    ("mode", "value", "smallest"),
    [(TICK, "0.01", "0.01"), (PLACES, "3", "0.001"), (DIGITS, "3", "0"), (TICK, None, "0")],
)
def test_the_smallest_sendable_amount_is_one_step(
    mode: PrecisionMode, value: str | None, smallest: str
) -> None:
    precision = AmountPrecision(mode, None if value is None else D(value))
    assert precision.smallest == D(smallest)


def test_a_nudge_is_a_hair_and_less_than_a_step() -> None:
    assert steps_of("1").nudged(D(10)) == D("10.00000001")
    # A hair of 1000 is a hundred steps here; half a step is nudge enough.
    assert steps_of("1e-8").nudged(D(1000)) == D("1000.000000005")
    assert AmountPrecision().nudged(D(1000)) == D(1000)


RULES = MarketRules(D("0.002"), D(5), steps_of("0.001"))


@pytest.mark.parametrize(
    ("amount", "price", "missed"),
    [
        ("0.002", "2500", ""),
        ("0.002", "2499.99", "cost"),
        ("0.0019999", "1e6", "amount"),
        ("0.0029999", "2499.99", "cost"),  # 0.002 is what would be sent
        ("0", "1e6", "amount"),
        ("0.003", "1", "cost"),
    ],
)
def test_a_shortfall_names_the_minimum_that_the_sent_order_misses(
    amount: str, price: str, missed: str
) -> None:
    assert RULES.shortfall(D(amount), D(price)) == missed


def test_an_order_of_less_than_a_step_is_too_small_even_without_minimums() -> None:
    rules = MarketRules(precision=steps_of("0.01"))
    assert rules.shortfall(D("0.009"), D("1e6")) == "amount"
    assert rules.shortfall(D("0.01"), D("0.001")) == ""
    assert MarketRules().shortfall(D(0), D(1)) == "amount"


def test_the_smallest_order_meets_both_minimums_and_can_be_sent() -> None:
    assert RULES.smallest_order_amount(D(1000)) == D("0.005")
    assert RULES.smallest_order_amount(D(1001)) == D("0.005")  # 0.004995, rounded up
    assert RULES.smallest_order_amount(D(100000)) == D("0.002")
    assert MarketRules(precision=steps_of("0.01")).smallest_order_amount(D(1)) == D("0.01")


@pytest.mark.parametrize("price", ["3", "7", "0.7", "1e-8", "123456.789"])
def test_the_smallest_order_is_worth_the_minimum_cost_where_nothing_is_rounded(price: str) -> None:
    rules = MarketRules(cost_min=D(1))
    amount = rules.smallest_order_amount(D(price))
    assert rules.shortfall(amount, D(price)) == ""


def test_room_for_the_exit_counts_stop_loss_reserve_precision_and_fee() -> None:
    rules = MarketRules(
        amount_min=D("0.001"), cost_min=D(5), precision=steps_of("0.0001"), fee=D("0.0026")
    )
    # 5 / 90 = 0.05556 at the stop; with 5 % reserve 0.05833 -> 0.0584; before the fee 0.05855.
    assert rules.exit_room_amount(D(100), D("-0.1")) == D("0.0586")
    # No reserve: 0.0556, before the fee 0.05575.
    assert rules.without_margin.exit_room_amount(D(100), D("-0.1")) == D("0.0558")
    # No fee either.
    assert rules.without_margin.without_fee.exit_room_amount(D(100), D("-0.1")) == D("0.0556")
    # A short position is worth more at its stop.
    short = rules.without_margin.without_fee.exit_room_amount(D(100), D("-0.1"), is_short=True)
    assert short == D("0.0501")


def test_room_for_the_exit_of_a_minimum_amount_is_that_amount_after_the_fee() -> None:
    rules = MarketRules(amount_min=D(10), precision=steps_of("1"), fee=D("0.01"))
    # 10 / 0.99 = 10.1; and 5 % more than the minimum, as freqtrade wants: 10.5.
    assert rules.exit_room_amount(D(1), D("-0.1")) == D(11)


def test_a_minimum_amount_keeps_a_reserve_for_a_fee_that_is_higher_than_announced() -> None:
    rules = MarketRules(amount_min=D(10), precision=steps_of("0.01"), fee=D("0.001"))
    assert rules.exit_room_amount(D(1), D("-0.1")) == D("10.5")
    assert rules.without_margin.exit_room_amount(D(1), D("-0.1")) == D("10.02")


def test_without_any_minimum_there_is_room_for_one_step_after_the_fee() -> None:
    rules = MarketRules(precision=steps_of("0.01"), fee=D("0.001"))
    # Of 0.01 the fee leaves 0.00999, which is truncated to nothing.
    assert rules.exit_room_amount(D(100), D("-0.1")) == D("0.02")


def test_the_fee_in_floats_leaves_a_whole_step_of_what_has_room() -> None:
    # 0.03 less 1 % is exactly 0.0297, but 0.0296999... in floats: truncated to 0.0296.
    left_of_too_little = 0.03 - 0.03 * 0.01
    assert amount_to_precision(left_of_too_little, 0.0001, 4) == 0.0296
    rules = MarketRules(
        amount_min=D("0.0297"), precision=steps_of("0.0001"), fee=D("0.01"), reserve=D(0)
    )
    room = rules.exit_room_amount(D(1), D("-0.1"))
    assert room == D("0.0301")
    assert amount_to_precision(float(room) - float(room) * 0.01, 0.0001, 4) >= 0.0297


@pytest.mark.parametrize(
    ("stoploss", "fall"),
    [
        ("-0.001", "0.001"),
        ("-0.1", "0.1"),
        ("-0.899", "0.899"),
        ("-0.9", "0.5"),  # "no stop-loss": room for a fall by half
        ("-0.99", "0.5"),
        ("-1", "0.5"),
        ("0", "0"),
    ],
)
def test_a_stop_loss_of_ninety_percent_means_none(stoploss: str, fall: str) -> None:
    assert fall_to_stoploss(D(stoploss)) == D(fall)


# Contracts

CONTRACT = MarketRules(
    D("0.001"),
    D(20),
    steps_of("0.001"),
    fee=D("0.001"),
    is_contract=True,
    exits_have_cost_min=False,
)


def test_on_contracts_no_fee_is_taken_from_the_position_and_the_stop_is_divided_by_leverage():
    held = replace(CONTRACT, exits_have_cost_min=True)
    # 20 at a price that fell by 10 % / 4, with the reserve of 5 %.
    assert held.exit_room_amount(D(100), D("-0.1"), leverage=D(4)) == D("0.216")
    assert held.exit_room_amount(D(100), D("-0.1")) == D("0.234")
    assert held.exit_room_amount(D(100), D("-0.99"), leverage=D(5)) == D("0.234")


def test_where_reducing_orders_need_no_minimum_cost_an_entry_needs_only_its_own():
    assert CONTRACT.exit_room_amount(D(100), D("-0.5"), leverage=D(3)) == D("0.2")
    assert CONTRACT.for_exits.shortfall(D("0.01"), D(100)) == ""
    assert CONTRACT.for_exits.shortfall(D("0.0001"), D(100)) == "amount"
    assert CONTRACT.shortfall(D("0.01"), D(100)) == "cost"


def test_fees_of_a_stake_are_those_of_opening_and_at_worst_of_closing():
    # Leverage 4: the position is worth 4, a short ends at 5 at the latest.
    assert CONTRACT.fees_of_stake(D(4)) == D("0.009")
    assert replace(CONTRACT, is_contract=False).fees_of_stake(D(1)) == D("0.001")
