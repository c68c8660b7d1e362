"""An order in the ledger's words: what it locks, and what the exchange says that it used."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.money import Money
from freqtrade_balance_guard.orders.reader import fees_of
from freqtrade_balance_guard.orders.terms import (
    MARKET_SLIPPAGE,
    Purpose,
    currencies,
    margin_terms,
    read_report,
    spot_terms,
)


D = Decimal
FEE = D("0.004")


def buy(amount="2", price="100", *, is_market=False, fee=FEE):
    return spot_terms(
        "ETH/USDT", "buy", Purpose.ENTRY, D(amount), D(price), is_market=is_market, fee_rate=fee
    )


def sell(amount="2", price="100"):
    return spot_terms(
        "ETH/USDT", "sell", Purpose.EXIT, D(amount), D(price), is_market=False, fee_rate=FEE
    )


def told(**more):
    return {"id": "EX-1", "status": "open", "filled": 0, **more}


# What it locks


def test_a_buy_locks_its_cost_and_the_fee_on_top():
    assert buy().holds == Money(D("200.8"), "USDT")
    assert buy().at_least == D("200.8")


def test_a_market_buy_locks_room_for_a_worse_price_and_needs_only_the_price_it_saw():
    terms = buy(is_market=True)
    assert terms.at_least == D("200.8")
    assert terms.holds.amount == terms.at_least * (1 + MARKET_SLIPPAGE)


def test_a_sell_locks_its_coins():
    assert sell().holds == Money(D(2), "ETH")


def test_a_futures_entry_locks_margin_and_both_fees_and_its_exit_only_itself():
    pair = "ETH/USDT:USDT"
    details = {"fee_rate": D("0.001"), "leverage": D(4)}
    entry = margin_terms(pair, "sell", Purpose.ENTRY, D(2), D(100), **details)
    # A margin of 50, 0.2 to open it, and at worst 0.25 to close it.
    assert entry.holds == Money(D("50.45"), "USDT")
    assert margin_terms(pair, "buy", Purpose.EXIT, D(2), D(100), **details).holds.currency == "ETH"
    assert currencies("ETH/USD:BTC") == ("ETH", "BTC")


# What it used


def test_an_accepted_order_has_used_nothing():
    report = read_report(told(), buy())
    assert (report.is_open, report.filled, report.used, report.received) == (True, 0, 0, None)


def test_a_filled_buy_used_cost_and_fee_and_brought_the_coins():
    order = told(status="closed", filled=2, cost=199, fees=[{"cost": 0.796, "currency": "USDT"}])
    report = read_report(order, buy())
    assert not report.is_open
    assert report.used == D("199.796")
    assert report.received == Money(D(2), "ETH")


def test_a_fee_in_the_coin_is_taken_from_what_was_bought():
    order = told(status="closed", filled=2, cost=200, fee={"cost": 0.008, "currency": "ETH"})
    report = read_report(order, buy())
    assert report.used == 200
    assert report.received == Money(D("1.992"), "ETH")


def test_a_fee_in_a_third_coin_is_taken_from_neither():
    order = told(status="closed", filled=2, cost=200, fee={"cost": 0.3, "currency": "BNB"})
    report = read_report(order, buy())
    assert (report.used, report.received) == (D(200), Money(D(2), "ETH"))


def test_a_fee_that_nobody_told_is_assumed():
    report = read_report(told(status="closed", filled=2, cost=200), buy())
    assert report.used == D("200.8")
    sold = read_report(told(status="closed", filled=2, cost=200), sell())
    assert (sold.used, sold.received) == (D(2), Money(D("199.2"), "USDT"))


def test_without_a_cost_the_average_price_counts_and_else_the_price_of_the_order():
    assert read_report(told(filled=1, average=90), buy(fee=D(0))).used == 90
    assert read_report(told(filled=1, cost=0), buy(fee=D(0))).used == 100


def futures(purpose, *, leverage="4"):
    details = {"fee_rate": D("0.001"), "leverage": D(leverage)}
    return margin_terms("ETH/USDT:USDT", "buy", purpose, D(2), D(100), **details)


def test_a_futures_entry_uses_its_margin_and_the_fee_and_brings_nothing():
    fee = {"cost": 0.3, "currency": "USDT"}
    report = read_report(told(filled=2, cost=200, fee=fee), futures(Purpose.ENTRY))
    assert (report.used, report.received, report.is_fee_known) == (D("50.3"), None, True)
    assumed = read_report(told(filled=2, cost=200), futures(Purpose.ENTRY))
    assert (assumed.used, assumed.is_fee_known) == (D("50.2"), False)
    other = read_report(
        told(filled=2, cost=200, fee={"cost": 1, "currency": "BNB"}), futures(Purpose.ENTRY)
    )
    assert other.used == D("50.2"), "a fee in another coin does not make the margin cheaper"


def test_a_futures_exit_uses_only_itself_and_frees_its_margin():
    report = read_report(told(filled=2, cost=200), futures(Purpose.EXIT))
    assert (report.used, report.received) == (2, Money(D(50), "USDT"))


def test_a_fee_is_assumed_only_for_what_has_filled():
    assert read_report(told(), buy()).is_fee_known
    assert not read_report(told(filled=1, cost=100), buy()).is_fee_known


def test_a_sale_never_brings_less_than_nothing_and_a_fee_in_its_coin_is_used():
    dear = told(filled=1, cost=1, fee={"cost": 5, "currency": "USDT"})
    assert read_report(dear, sell()).received == Money(D(0), "USDT")
    in_coin = read_report(told(filled=1, cost=100, fee={"cost": 0.01, "currency": "ETH"}), sell())
    assert (in_coin.used, in_coin.received) == (D("1.01"), Money(D(100), "USDT"))
    odd = told(filled=1, cost=100, fee={"cost": 5, "currency": "ETH"})
    assert read_report(odd, buy()).received == Money(D(0), "ETH")


def test_a_number_that_is_none_is_an_error():
    with pytest.raises(MoneyError):
        read_report(told(filled="nan"), buy())


def test_several_fees_are_added_up_by_currency():
    order = {
        "fees": [
            {"cost": 0.1, "currency": "USDT"},
            {"cost": 0.2, "currency": "USDT"},
            {"cost": None, "currency": "BNB"},
        ]
    }
    assert fees_of(order) == {"USDT": D("0.3")}
    assert fees_of({"fee": None, "fees": []}) is None
