"""What own orders do to a balance: holds while they rest, flows when they fill."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.own_orders import (
    KEPT_SECONDS,
    Flow,
    OwnOrder,
    OwnOrders,
    Side,
)


def order(side: Side = "buy", *, placed_at: float = 0.0, **known: Decimal) -> OwnOrder:
    """10 COIN for 10 USDT each, with a fee of 1 %."""
    return OwnOrder(
        base="COIN",
        quote="USDT",
        side=side,
        amount=Decimal(10),
        price=Decimal(10),
        fee_rate=Decimal("0.01"),
        placed_at=placed_at,
        changed_at=placed_at,
        **known,
    )


@pytest.fixture
def orders() -> OwnOrders:
    orders = OwnOrders()
    orders.place("b", order("buy"))
    orders.place("s", order("sell"))
    return orders


def see(
    orders: OwnOrders,
    order_id: str,
    filled: str,
    cost: str | None = None,
    fees: dict[str, str] | None = None,
    *,
    is_open: bool = False,
    now: float = 5.0,
) -> dict[str, tuple[Decimal, Decimal]]:
    flows = orders.observe(
        order_id,
        filled=Decimal(filled),
        cost=None if cost is None else Decimal(cost),
        fees=None if fees is None else {coin: Decimal(fee) for coin, fee in fees.items()},
        is_open=is_open,
        now=now,
    )
    assert all(isinstance(flow, Flow) and flow.at == now for flow in flows)
    return {flow.currency: (flow.amount, flow.doubt) for flow in flows}


def test_a_resting_buy_holds_its_price_and_fee_in_quote(orders: OwnOrders) -> None:
    assert orders.held("USDT") == Decimal("101.00")


def test_a_resting_sell_holds_its_base(orders: OwnOrders) -> None:
    assert orders.held("COIN") == 10


def test_a_partial_fill_gives_back_its_part_of_the_hold(orders: OwnOrders) -> None:
    see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True)
    assert orders.held("USDT") == Decimal("60.60")
    assert orders.released("USDT", since=4.0) == Decimal("40.40")
    assert orders.released("USDT", since=5.0) == 0


def test_holds_can_be_told_apart_by_age(orders: OwnOrders) -> None:
    orders.place("young", order("sell", placed_at=50.0))
    assert orders.held("COIN") == 20
    assert orders.held("COIN", since=49.0) == 10
    assert orders.held("COIN", since=50.0) == 0


def test_a_fee_in_quote_leaves_with_the_cost(orders: OwnOrders) -> None:
    flows = see(orders, "b", "10", "99", {"USDT": "0.5"})
    assert flows == {"COIN": (Decimal(10), Decimal(0)), "USDT": (Decimal("-99.5"), Decimal(0))}


def test_a_fee_in_base_is_missing_from_what_was_bought(orders: OwnOrders) -> None:
    flows = see(orders, "b", "10", "99", {"COIN": "0.1"})
    assert flows == {"COIN": (Decimal("9.9"), Decimal(0)), "USDT": (Decimal(-99), Decimal(0))}


def test_a_fee_in_a_third_coin_is_a_flow_of_that_coin(orders: OwnOrders) -> None:
    flows = see(orders, "s", "10", "100", {"BNB": "0.02"})
    assert flows["BNB"] == (Decimal("-0.02"), Decimal(0))
    assert flows["COIN"] == (Decimal(-10), Decimal(0))
    assert flows["USDT"] == (Decimal(100), Decimal(0))


def test_an_untold_fee_may_have_been_taken_from_either_currency(orders: OwnOrders) -> None:
    flows = see(orders, "b", "10", "99")
    assert flows["COIN"] == (Decimal("9.90"), Decimal("0.10"))
    assert flows["USDT"] == (Decimal("-99.99"), Decimal("0.99"))


def test_a_fee_that_is_told_later_replaces_the_assumed_one(orders: OwnOrders) -> None:
    first = see(orders, "b", "10", "99")
    later = see(orders, "b", "10", "99", {"USDT": "0.5"})
    assert first["USDT"][0] + later["USDT"][0] == Decimal("-99.5")
    assert first["COIN"][0] + later["COIN"][0] == 10


def test_an_untold_cost_is_guessed_from_the_price_and_corrected_later(orders: OwnOrders) -> None:
    first = see(orders, "s", "10", None, {})
    assert first["USDT"] == (Decimal("98.00"), Decimal("4.00"))
    later = see(orders, "s", "10", "100.5", {})
    assert first["USDT"][0] + later["USDT"][0] == Decimal("100.5")


def test_partial_fills_add_up_to_the_whole(orders: OwnOrders) -> None:
    parts = [
        see(orders, "b", "3", "30", {"USDT": "0.3"}, is_open=True),
        see(orders, "b", "7", "69", {"USDT": "0.7"}, is_open=True),
        see(orders, "b", "10", "99", {"USDT": "1"}),
    ]
    assert sum(part["COIN"][0] for part in parts) == 10
    assert sum(part["USDT"][0] for part in parts) == Decimal(-100)
    assert orders.held("USDT") == 0


def test_a_repeated_answer_changes_nothing(orders: OwnOrders) -> None:
    see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True)
    assert see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True) == {}


def test_an_older_answer_changes_nothing(orders: OwnOrders) -> None:
    see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True)
    assert see(orders, "b", "2", "20", {"USDT": "0.2"}, is_open=True) == {}
    assert orders.held("USDT") == Decimal("60.60")


def test_an_older_answer_does_not_open_an_order_again(orders: OwnOrders) -> None:
    see(orders, "b", "0")
    see(orders, "b", "0", is_open=True)
    assert not orders.is_open("b")
    assert orders.held("USDT") == 0


def test_a_fill_that_was_faster_than_the_cancel_still_counts(orders: OwnOrders) -> None:
    see(orders, "b", "0")
    flows = see(orders, "b", "4", "40", {"USDT": "0.4"}, now=6.0)
    assert flows["USDT"][0] == Decimal("-40.4")


def test_an_order_that_is_over_is_forgotten_in_the_end(orders: OwnOrders) -> None:
    see(orders, "b", "10", "99", {})
    see(orders, "s", "1", "10", {}, is_open=True, now=5.0 + KEPT_SECONDS)
    assert "b" not in orders
    assert "s" in orders
    assert orders.released("USDT", since=0.0) == 0


def test_an_order_is_placed_once(orders: OwnOrders) -> None:
    see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True)
    orders.place("b", order("buy"))
    assert see(orders, "b", "4", "40", {"USDT": "0.4"}, is_open=True) == {}


def test_an_order_followed_from_the_middle_flows_from_there_on() -> None:
    orders = OwnOrders()
    orders.place("b", order("buy", filled=Decimal(4), cost=Decimal(40)))
    flows = see(orders, "b", "8", "80", {"USDT": "0.8"})
    assert flows == {"COIN": (Decimal(4), Decimal(0)), "USDT": (Decimal("-40.40"), Decimal(0))}


def test_an_unknown_order_is_not_ours(orders: OwnOrders) -> None:
    assert see(orders, "somebody's", "10", "99") == {}


def test_a_resting_order_may_pay_its_fee_in_any_third_coin(orders: OwnOrders) -> None:
    assert orders.may_cost_fees("BNB", since=0)
    # Its own two currencies count the fee themselves: as a hold, and as a doubt.
    assert not orders.may_cost_fees("COIN", since=0)
    assert not orders.may_cost_fees("USDT", since=0)


def test_an_order_that_is_over_may_have_paid_a_fee_until_it_was_told() -> None:
    orders = OwnOrders()
    orders.place("b", order("buy"))
    see(orders, "b", "10", "99", None, now=5.0)
    assert orders.may_cost_fees("BNB", since=4)
    assert not orders.may_cost_fees("BNB", since=5), "every answer since then has it"
    see(orders, "b", "10", "99", {"BNB": "0.1"}, now=6.0)
    assert not orders.may_cost_fees("BNB", since=4)


def test_a_coin_that_paid_a_fee_once_may_pay_one_where_it_is_traded_too(orders: OwnOrders) -> None:
    see(orders, "b", "10", "99", {"COIN": "0.1"})
    assert orders.may_cost_fees("COIN", since=0)
    see(orders, "s", "10", "99", {"COIN": "0.1"})
    assert not orders.may_cost_fees("COIN", since=0)


def test_a_coin_that_pays_our_fees_and_that_another_bot_trades_is_concerned() -> None:
    orders = OwnOrders()
    assert orders.concerned() == set()
    orders.place("b", order("buy"))
    see(orders, "b", "10", "99", {"BNB": "0.1"}, now=5.0)
    orders.shared.share("its-1", Shared("BNB", Decimal(1), Decimal(0)), 5.0, is_old=False)
    assert orders.concerned() == {"COIN", "USDT", "BNB"}
