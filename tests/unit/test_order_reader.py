"""One reader of ccxt's orders: what was filled, spent and paid, and what is not said."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.orders.reader import OrderAnswer, read_order, read_trades


D = Decimal


def read(**said):
    return read_order({"id": "1", "status": "closed", **said})


def test_what_was_spent_is_at_most_filled_times_average():
    # Gate reports what a market buy was ordered to spend.
    assert read(filled=1.893, average=10, cost=20).cost == D("18.93")


@pytest.mark.parametrize(
    ("cost", "taken"), [(100.009, "100.009"), (100.01, "100.01"), (100.02, "100")]
)
def test_a_difference_by_the_rounding_of_the_average_is_none(cost, taken):
    assert read(filled=1, average=100, cost=cost).cost == D(taken)


def test_a_cost_below_filled_times_average_is_taken_as_it_is():
    assert read(filled=1, average=100, cost=90).cost == 90


def test_an_order_that_was_never_filled_has_cost_nothing():
    # A simulated order reports the cost of what was ordered.
    answer = read(filled=0, cost=60.24, price=30.12)
    assert (answer.filled, answer.cost) == (0, 0)


@pytest.mark.parametrize("said", [{}, {"cost": None}, {"cost": 0}])
def test_a_cost_that_is_not_reported_follows_from_the_average_or_is_unknown(said):
    assert read(filled=2, average=50, **said).cost == 100
    assert read(filled=2, **said).cost is None


def test_the_price_of_the_order_stands_in_for_an_average():
    assert read(filled=2, price=40).price == 40
    assert read(filled=2, price=40, average=39).price == 39


@pytest.mark.parametrize(
    ("status", "is_open"),
    [(None, True), ("", True), ("open", True), ("closed", False), ("canceled", False)],
)
def test_an_order_is_open_until_the_exchange_says_otherwise(status, is_open):
    assert read_order({"id": 1, "status": status}).is_open is is_open


def test_an_order_without_an_id_or_with_garbage_is_an_error():
    with pytest.raises(KeyError):
        read_order({"status": "open"})
    with pytest.raises(MoneyError):
        read(filled="a lot")


@pytest.mark.parametrize(
    ("said", "fees"),
    [
        ({}, None),
        ({"fee": {"cost": None, "currency": "USDT"}}, None),
        ({"fee": {"cost": 1}}, None),
        ({"fee": {"cost": 0, "currency": "USDT"}}, {"USDT": 0}),
        ({"fees": [{"cost": 1, "currency": "BNB"}, {"cost": 2, "currency": "BNB"}]}, {"BNB": 3}),
        ({"fees": [], "fee": {"cost": 1, "currency": "ETH"}}, {"ETH": 1}),
    ],
)
def test_fees_are_added_up_by_currency_or_unknown(said, fees):
    assert read(filled=1, **said).fees == fees


# Trades


def trade(amount=1, price=10, **more):
    return {"amount": amount, "price": price, "cost": amount * price, **more}


def test_trades_are_added_up():
    fee = {"fee": {"cost": 0.5, "currency": "USDT"}}
    answer = read_trades("1", "closed", [trade(**fee), trade(2, 20, **fee)])
    assert (answer.filled, answer.cost, answer.fees) == (3, 50, {"USDT": 1})
    assert not answer.is_open


def test_a_trade_without_a_cost_has_that_of_its_price():
    assert read_trades("1", "open", [{"amount": 2, "price": 10}]).cost == 20


def test_a_trade_without_an_amount_adds_nothing():
    answer = read_trades("1", "open", [trade(2), {"price": 10}])
    assert (answer.filled, answer.cost) == (2, 20)


def test_fees_of_some_trades_are_not_those_of_all():
    fee = {"fee": {"cost": 0.5, "currency": "USDT"}}
    assert read_trades("1", "open", [trade(**fee), trade()]).fees is None


def test_no_trades_say_nothing():
    assert read_trades("1", "open", []) is None


# Stops


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        ({"id_stop": 7}, "7"),
        ({"info": {"actualOrderId": "8"}}, "8"),
        ({"info": {"fired_order_id": 9}}, "9"),
        ({"info": {"trade_id": 0, "actualOrderId": ""}}, None),
        ({"info": "text"}, None),
        ({}, None),
    ],
)
def test_a_fired_stop_names_the_order_that_it_placed(said, placed):
    assert read(**said).placed_id == placed


@pytest.mark.parametrize(
    ("status", "filled", "is_fired"),
    [("closed", 0, True), ("closed", 1, False), ("canceled", 0, False), ("open", 0, False)],
)
def test_a_stop_that_closed_with_nothing_filled_has_fired(status, filled, is_fired):
    assert read_order({"id": 1, "status": status, "filled": filled}).is_fired_stop is is_fired


# What an earlier answer said


def test_fees_and_cost_of_the_same_fills_are_remembered():
    first = OrderAnswer("1", "open", D(1), D(10), {"USDT": D(1)})
    later = OrderAnswer("1", "closed", D(1)).with_known(first)
    assert (later.cost, later.fees, later.status) == (10, {"USDT": 1}, "closed")


def test_fees_of_fewer_fills_are_not_those_of_more():
    first = OrderAnswer("1", "open", D(1), D(10), {"USDT": D(1)})
    assert OrderAnswer("1", "open", D(2)).with_known(first).fees is None


def test_what_is_said_now_counts_more_than_what_was_said_before():
    first = OrderAnswer("1", "open", D(1), D(10), {"USDT": D(1)})
    later = OrderAnswer("1", "closed", D(1), D(11), {"ETH": D(2)}).with_known(first)
    assert (later.cost, later.fees) == (11, {"ETH": 2})
