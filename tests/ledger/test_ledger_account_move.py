"""A bot's rows move to another account in one transaction, or stay where they are."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.ledger import AccountShared, Holds
from tests.support.ledger import made, order


PAIR = "COIN/USDT:USDT"


@pytest.fixture
def bots(own_place):
    """The same bot on its old and on its new account, and another bot on the old one."""
    own_place.account = "binance"
    old, other = own_place.open("mine"), own_place.open("other")
    own_place.account = "binance-futures"
    return old, own_place.open("mine"), other


def holds(ledger):
    return ledger.held("USDT")


def test_open_and_ended_rows_move_and_the_books_agree(bots):
    old, new, other = bots
    open_ = made(old.reserve(order(old, "20", pair=PAIR))).client_order_id
    ended = made(old.reserve(order(old, "5", pair=PAIR))).client_order_id
    old.release(ended, "x")
    used = made(old.reserve(order(old, "7", pair=PAIR))).client_order_id
    old.send(used)
    old.commit(used, Decimal(7))
    spot = made(other.reserve(order(other, "3"))).client_order_id
    new.move_from("binance")
    assert {new.find(one).account for one in (open_, ended, used)} == {"binance-futures"}
    assert other.find(spot).account == "binance"
    assert holds(new) == Holds(Decimal(27), Decimal(0))
    assert holds(other) == Holds(Decimal(3), Decimal(0))
    assert new.audit() == other.audit() == []
    new.release(open_, "later")
    assert made(new.reserve(order(new, "90", pair=PAIR, spendable="100"))).account == new.account
    assert new.audit() == []


def test_it_may_be_repeated_and_without_rows_nothing_happens(bots):
    old, new, _ = bots
    new.move_from("binance")
    made(old.reserve(order(old, "20", pair=PAIR)))
    for _ in range(2):
        new.move_from("binance")
        assert holds(new) == Holds(Decimal(20), Decimal(0))
    assert new.audit() == []


def test_while_another_bot_has_futures_orders_there_nothing_moves(bots):
    old, new, other = bots
    mine = made(old.reserve(order(old, "20", pair=PAIR))).client_order_id
    theirs = made(other.reserve(order(other, "3", pair=PAIR))).client_order_id
    with pytest.raises(AccountShared, match="other still has futures orders on"):
        new.move_from("binance")
    assert new.find(mine).account == "binance" and old.audit() == []
    other.release(theirs, "x")
    new.move_from("binance")
    assert new.find(mine).account == "binance-futures"
