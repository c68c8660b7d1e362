"""The rounded order just before it leaves, and partial exits."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.market import (
    FLOAT_HAIR,
    AmountPrecision,
    MarketRules,
    PrecisionMode,
)
from freqtrade_balance_guard.limits.order_check import (
    PartialExit,
    RoundedOrder,
    look_at_entry,
    shape_partial_exit,
)
from freqtrade_balance_guard.limits.sizing import EntryKind


D = Decimal
RULES = MarketRules(
    amount_min=D("0.1"),
    cost_min=D(5),
    precision=AmountPrecision(PrecisionMode.TICK_SIZE, D("0.01")),
    fee=D("0.001"),
)
# At its stop of 9 the exchange wants 0.56, and 0.57 of which the fee leaves 0.56.
ORDER = RoundedOrder(
    pair="X/USDT", amount=D("0.57"), price=D(10), kind=EntryKind.NEW, stoploss=D("-0.1")
)


def look(room_for_exit: bool = True, **changes: object) -> Denied | None:
    order = replace(ORDER, **changes)  # type: ignore[arg-type]
    return look_at_entry(order, RULES, room_for_exit, "USDT")


def refusal(denied: Denied | Decimal | None) -> Denied:
    assert isinstance(denied, Denied)
    return denied


def test_an_order_that_can_be_closed_again_may_go() -> None:
    assert look() is None


def test_amount_below_exchange_minimum_names_the_rounded_amount() -> None:
    denied = refusal(look(amount=D("0.0999"), price=D(1000)))
    assert denied.code == "amount_below_exchange_minimum"
    assert denied.sentence == "the rounded amount 0.09 is below the exchange's minimum 0.1"
    assert denied.numbers == {"amount_base": D("0.09"), "amount_min_base": D("0.1")}


def test_an_amount_that_rounds_to_nothing_is_below_the_minimum() -> None:
    assert refusal(look(amount=D("0.009"))).code is DenialCode.AMOUNT_BELOW_EXCHANGE_MINIMUM


def test_cost_below_exchange_minimum_names_what_the_rounded_order_is_worth() -> None:
    denied = refusal(look(amount=D("0.499")))
    assert denied.code == "cost_below_exchange_minimum"
    assert denied.sentence == (
        "the rounded order is worth 4.9 USDT, the exchange's minimum is 5 USDT"
    )
    assert denied.numbers == {"cost": D("4.90"), "cost_min": D(5)}


def test_no_room_for_exit_names_what_the_position_would_need() -> None:
    denied = refusal(look(amount=D("0.56")))
    assert denied.code == "no_room_for_exit"
    assert denied.sentence == (
        "a position of 0.56 could not be sold at its stop-loss: after fee and rounding the "
        "exchange would want 0.57"
    )
    assert denied.numbers == {"amount_base": D("0.56"), "needed_base": D("0.57")}


@pytest.mark.parametrize("kind", [EntryKind.ADJUSTMENT, EntryKind.REPLACEMENT])
def test_only_a_new_position_needs_room_for_its_exit(kind: EntryKind) -> None:
    assert look(amount=D("0.5"), kind=kind) is None
    assert refusal(look(amount=D("0.49"), kind=kind)).code is DenialCode.COST_BELOW_EXCHANGE_MINIMUM


def test_who_wants_no_room_for_the_exit_still_meets_the_exchanges_minimum() -> None:
    assert look(room_for_exit=False, amount=D("0.5")) is None
    denied = refusal(look(room_for_exit=False, amount=D("0.49")))
    assert denied.code is DenialCode.COST_BELOW_EXCHANGE_MINIMUM


def test_a_price_that_was_rounded_down_after_sizing_does_not_refuse_what_sizing_lifted() -> None:
    # Sized at 10.004 with 5 % reserve: 5 / 9.0036 * 1.05 = 0.5831 -> 0.59, before the fee 0.60.
    sized = RULES.exit_room_amount(D("10.004"), D("-0.1"))
    assert sized == D("0.60")
    assert look(amount=sized, price=D("9.5")) is None


def test_a_short_position_needs_no_room_for_a_fall() -> None:
    assert refusal(look(amount=D("0.52"))).code is DenialCode.NO_ROOM_FOR_EXIT
    assert look(amount=D("0.52"), is_short=True) is None


def test_insufficient_available_names_cost_and_what_is_available() -> None:
    denied = refusal(look(amount=D(1), leverage=D(2), available=D("4.99")))
    assert denied.code == "insufficient_available"
    assert denied.sentence == "the order costs 5 USDT, available are 4.99 USDT"
    assert denied.numbers == {"cost": D(5), "available": D("4.99")}
    assert look(amount=D(1), leverage=D(2), available=D(5)) is None


def test_all_that_is_available_may_come_back_from_a_float_division_as_a_hair_more() -> None:
    assert look(amount=D(1), available=D("9.9999999999999999")) is None
    assert look(amount=D(1), available=D("9.99999")) is not None


def test_the_hair_is_a_border_that_belongs_to_what_may_go() -> None:
    price = 10 * FLOAT_HAIR
    assert look(amount=D(1), price=price, available=D(10)) is None
    assert look(amount=D(1), price=price, available=D(10) - D("1e-15")) is not None


def test_an_order_that_was_held_to_its_funds_before_is_not_asked_again() -> None:
    assert look(amount=D(1000), kind=EntryKind.REPLACEMENT, available=None) is None


# Partial exits: 5.25 at a stop of 9 are 0.5834, so a rest needs 0.59; a part needs 0.5 at 10.

EXIT = PartialExit(
    pair="X/USDT", amount=D("1"), position_amount=D("2"), price=D(10), stoploss=D("-0.1")
)


def shape(**changes: object) -> Decimal | Denied:
    return shape_partial_exit(replace(EXIT, **changes), RULES, "USDT")  # type: ignore[arg-type]


def test_a_partial_exit_that_leaves_enough_goes_as_asked_to_the_last_digit() -> None:
    assert shape(amount=D("1.2345")) == D("1.2345")


def test_a_partial_exit_is_made_smaller_until_the_rest_can_be_sold_at_the_stop() -> None:
    assert shape(amount=D("1.9")) == D("1.41")
    assert shape(amount=D("1.42")) == D("1.41")
    assert shape(amount=D("1.41")) == D("1.41")


def test_what_freqtrade_wants_of_the_rest_counts_too() -> None:
    # freqtrade wants the rest to be worth 7 at 10; compared in floats, hence a step more.
    assert shape(amount=D("1.9"), freqtrade_rest_min=D(7)) == D("1.29")
    assert shape(amount=D("1.9"), freqtrade_rest_min=D("5.83")) == D("1.41")


def test_the_rest_keeps_a_reserve_for_a_price_that_is_not_known_yet() -> None:
    no_reserve = replace(RULES, reserve=D(0))
    assert shape_partial_exit(replace(EXIT, amount=D("1.9")), no_reserve, "USDT") == D("1.44")


@pytest.mark.parametrize(
    ("amount", "position"),
    [
        ("2", "2"),
        ("2.5", "2"),  # more than there is
        ("1.998", "1.998"),  # the fee left an odd amount, of which 1.99 is sendable
        ("0.05", "0.05"),  # too small for the exchange: nobody's fault, nothing to protect
        ("1.9999999999999999999999999999", "2"),  # a quotient of 28 digits
    ],
)
def test_a_whole_exit_is_not_touched(amount: str, position: str) -> None:
    assert shape(amount=D(amount), position_amount=D(position)) == D(amount)


def test_a_quotient_that_ends_in_nines_is_the_amount_that_freqtrade_makes_of_it() -> None:
    # 1.41 is just allowed; truncated to 1.40 it would be handed back as a smaller exit.
    amount = D("1.409999999999999999999999999")
    assert shape(amount=amount) == amount


def test_partial_exit_too_small_names_rest_and_part() -> None:
    denied = refusal(shape(amount=D("0.9"), position_amount=D("1")))
    assert denied.code == "partial_exit_too_small"
    assert denied.sentence == (
        "selling 0.9 of 1 would leave a rest or a part that the exchange does not take: the rest "
        "needs 0.59, the part 0.5 (prices in USDT as of now)"
    )
    assert denied.numbers == {
        "wanted_base": D("0.9"),
        "position_base": D(1),
        "rest_min_base": D("0.59"),
        "part_min_base": D("0.5"),
    }


def test_a_part_that_is_itself_too_small_is_refused_not_enlarged() -> None:
    assert refusal(shape(amount=D("0.49"))).code is DenialCode.PARTIAL_EXIT_TOO_SMALL
    assert shape(amount=D("0.5")) == D("0.5")


def test_a_position_of_exactly_rest_and_part_can_be_split() -> None:
    assert shape(amount=D("0.9"), position_amount=D("1.09")) == D("0.5")
    assert isinstance(shape(amount=D("0.9"), position_amount=D("1.08")), Denied)


def test_a_short_position_leaves_a_rest_that_need_not_survive_a_fall() -> None:
    assert shape(amount=D("1.9"), is_short=True) == D("1.47")


def test_a_strategy_without_stop_loss_leaves_a_rest_for_a_fall_by_half() -> None:
    # 5.25 at 5 is 1.05.
    assert shape(amount=D("1.9"), stoploss=D("-0.99")) == D("0.95")
