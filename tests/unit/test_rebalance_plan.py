"""What is sold: examples with numbers that can be followed by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.rebalance.plan import (
    Capital,
    LeftOutBecause,
    Plan,
    Position,
    SaleOrder,
    in_order,
    make_plan,
    reason_to_leave_out,
)
from tests.support.rebalance import OPENED, RULES, position


D = Decimal
PLAIN = MarketRules(
    cost_min=D(2), precision=AmountPrecision(PrecisionMode.DECIMAL_PLACES, D(2)), reserve=D(0)
)


def coin(trade_id: int, worth: str, cost: str = "10", **changes: object) -> Position:
    """A position of that worth at a rate of 1, on a market without fee, slippage and reserve."""
    more = {"rules": PLAIN, "slippage": D(0), "stoploss": D(0), **changes}
    return position(trade_id, amount=D(worth), stake=D(cost), in_wallet=None, **more)


def plan(have: str, *positions: Position, target: str = "10", order: str = "oldest") -> Plan:
    capital = Capital(funds=D(have), room=D(have))
    return make_plan(capital, positions, D(target), SaleOrder(order))


def sales(made: Plan) -> list[tuple[int, Decimal, bool]]:
    return [(sale.trade_id, sale.amount, sale.is_whole) for sale in made.sales]


def test_no_more_is_sold_than_is_missing() -> None:
    made = plan("2.86", coin(1, "40"))
    assert sales(made) == [(1, D("7.14"), False)]
    assert made.expected == 10


def test_fee_and_slippage_are_sold_on_top() -> None:
    made = plan("2", position(1))
    # 8 missing, 0.99 x 0.996 of each unit comes back: 8.1136, and the rest would be under 2.
    assert sales(made) == [(1, D(10), True)]
    made = plan("2", position(1, amount=D(100), in_wallet=D(100)))
    assert sales(made) == [(1, D("8.1133"), False)]
    (sale,) = made.sales
    assert D(10) <= made.expected < D("10.0001")
    assert sale.slippage == D("0.081133")
    assert sale.fee == D("8.1133") * D("0.99") * D("0.004")


def test_a_rest_that_could_not_be_sold_is_sold_with_it() -> None:
    assert sales(plan("2", coin(1, "10.01"))) == [(1, D("8.00"), False)]
    assert sales(plan("2", coin(1, "9.99"))) == [(1, D("9.99"), True)]


def test_a_rest_must_be_sellable_at_its_stop_and_as_freqtrade_wants_it() -> None:
    assert sales(plan("2", coin(1, "11.9", stoploss=D("-0.5")))) == [(1, D("11.9"), True)]
    assert sales(plan("2", coin(1, "12.1", stoploss=D("-0.5")))) == [(1, D("8.00"), False)]
    assert sales(plan("2", coin(1, "12.1", rest_min=D(5)))) == [(1, D("12.1"), True)]


def test_less_than_a_minimum_is_raised_to_it() -> None:
    made = plan("9", coin(1, "40"))
    # One step above 2, because freqtrade calculates in floats.
    assert sales(made) == [(1, D("2.01"), False)]
    assert made.expected == D("11.01")


def test_a_part_and_its_rest_are_still_enough_when_the_sale_fills_worse() -> None:
    # 5 % worse: 2 USDT are 2.11 coins.
    assert sales(plan("9.5", coin(1, "40", slippage=D("0.05")))) == [(1, D("2.11"), False)]
    assert sales(plan("8.1", coin(1, "4.17", slippage=D("0.05")))) == [(1, D("4.17"), True)]
    assert sales(plan("8.1", coin(1, "4.25", slippage=D("0.05")))) == [(1, D("2.11"), False)]


def test_the_plan_says_what_the_sold_part_had_cost() -> None:
    part, whole = plan("2", coin(1, "40", "80")).sales[0], plan("2", coin(2, "6", "9")).sales[0]
    assert (part.amount, part.released) == (8, 16)
    assert (whole.amount, whole.released) == (6, 9)
    # What it cost goes as a whole, also what is too little to be sent.
    odd = plan("2", coin(1, "6.005", "12.01")).sales[0]
    assert (odd.freed, odd.released) == (6, D("12.01"))


def test_the_next_position_gives_what_the_first_cannot() -> None:
    made = plan("2", coin(1, "5"), coin(2, "40"), coin(3, "40"))
    assert sales(made) == [(1, D(5), True), (2, D("3.00"), False)]


def test_for_the_last_percent_no_other_sale_is_begun() -> None:
    made = plan("2", coin(1, "7.9"), coin(2, "40"))
    assert sales(made) == [(1, D("7.9"), True)]
    assert made.expected == D("9.9")
    assert made.reaches_target
    assert len(plan("2", coin(1, "7.89"), coin(2, "40")).sales) == 2


def test_all_is_sold_where_all_is_too_little_and_the_plan_says_so() -> None:
    made = plan("1", coin(1, "3"), coin(2, "2.5"), coin(3, "1.9"))
    assert sales(made) == [(1, D(3), True), (2, D("2.5"), True)]
    assert (made.expected, made.reaches_target) == (D("6.5"), False)
    assert made.left_out == {"COIN3/USDT": LeftOutBecause.BELOW_MINIMUM}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # profits: +20 %, -10 %, +5 %, -40 %
        ("most_profitable", [1, 3, 2, 4]),
        ("least_loss", [3, 1, 2, 4]),
        ("oldest", [1, 2, 3, 4]),
        ("largest", [4, 1, 3, 2]),
    ],
)
def test_the_chosen_order_is_kept(order: str, expected: list[int]) -> None:
    positions = [coin(1, "12"), coin(2, "9"), coin(3, "10.5"), coin(4, "18", "30")]
    ordered = in_order(positions[::-1], SaleOrder(order))
    assert [each.trade_id for each in ordered] == expected


@pytest.mark.parametrize("order", list(SaleOrder))
def test_equal_positions_go_by_age_then_by_number(order: SaleOrder) -> None:
    twins = [coin(n, "10", opened_at=OPENED + timedelta(hours=n // 3)) for n in (5, 4, 2, 1, 3)]
    assert [each.trade_id for each in in_order(twins, order)] == [1, 2, 3, 4, 5]


def test_a_fee_that_the_wallet_paid_in_coins_makes_the_sale_smaller_not_impossible() -> None:
    (sale,) = plan("0", position(1, in_wallet=D("9.96"))).sales
    assert (sale.amount, sale.is_whole) == (D("9.96"), True)
    assert reason_to_leave_out(position(1, in_wallet=D("9.80"))) is LeftOutBecause.NOT_OWNED


def test_coins_of_others_in_the_same_wallet_are_not_sold() -> None:
    (sale,) = plan("0", position(1, in_wallet=D(500))).sales
    assert sale.amount == 10


def test_what_freqtrade_would_put_to_work_is_made_enough_too() -> None:
    # Plenty is free, but of it freqtrade would use only 2: a sale of 8 makes room for 10.
    made = make_plan(Capital(funds=D(100), room=D(2)), [coin(1, "40")], D(10), SaleOrder.OLDEST)
    assert sales(made) == [(1, D("8.00"), False)]
    assert (made.available, made.expected) == (2, 10)


def test_a_worse_price_of_a_short_position_is_a_higher_one() -> None:
    short = coin(1, "40", "40", slippage=D("0.05"), is_short=True)
    (sale,) = plan("2", short).sales
    assert short.price == D("1.05")
    assert sale.slippage == D("0.05") * sale.amount


def test_a_loss_gives_more_room_than_it_frees_under_a_tradable_balance_ratio() -> None:
    capital = Capital(funds=D(9), room=D(0), tradable_ratio=D("0.5"))
    # freqtrade: (30 + 9) x 0.5 - 19.5 = 0. After a sale of 4 that cost 8: (22 + 13) x 0.5 - 11.5.
    assert capital.after(D(4), D(8)).room == D(6)
    made = make_plan(capital, [coin(1, "20", "40")], D(6), SaleOrder.OLDEST)
    assert sales(made) == [(1, D("4.00"), False)]


def test_closing_a_part_of_a_leveraged_position_frees_margin_and_profit() -> None:
    # 100 USDT of coins on 20 USDT of margin, 10 % up.
    long = coin(1, "100", "20", leverage=D(5), open_rate=D(1), rate=D("1.1"))
    assert long.freed_per_unit == D("0.3")
    short = coin(1, "100", "20", leverage=D(5), open_rate=D(1), rate=D("1.1"), is_short=True)
    assert short.freed_per_unit == D("0.1")
    wiped_out = coin(1, "100", "20", leverage=D(5), open_rate=D(1), rate=D("1.3"), is_short=True)
    assert reason_to_leave_out(wiped_out) is LeftOutBecause.FREES_NOTHING


def test_a_whole_position_of_an_odd_amount_counts_what_can_be_sent() -> None:
    (sale,) = plan("0", position(1, amount=D("4.00009"), rules=RULES, slippage=D(0))).sales
    assert sale.amount == D("4.00009")
    assert sale.freed == D("4.0000") * D("0.996")
