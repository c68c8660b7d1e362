"""Orders that leave at once: reserved and marked as sent together, or nothing of it."""

import sqlite3
from decimal import Decimal

import pytest

from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import NotReserved, Reserved, State
from freqtrade_balance_guard.ledger.results import Moved, Unchanged
from freqtrade_balance_guard.ledger.sqlite.file import _is_busy
from freqtrade_balance_guard.money import MoneyError
from tests.support.ledger import order


D = Decimal


def states(ledger):
    return {row.client_order_id: row.state for row in ledger.reservations(account=ledger.account)}


def test_all_are_reserved_and_marked_as_sent(place):
    ledger = place.open("one")
    batch = [order(ledger, 30), order(ledger, 20)]
    result = ledger.reserve_and_mark_sent(batch)
    assert isinstance(result, Reserved) and not result.replayed
    assert [row.state for row in result.reservations] == [State.IN_FLIGHT] * 2
    assert set(states(ledger).values()) == {State.IN_FLIGHT}
    for request in batch:
        assert [line.what for line in ledger.history(request.client_order_id)] == [
            "reserve",
            "send",
        ]
    assert ledger.audit() == []


def test_without_the_money_for_all_of_them_nothing_is_marked(place):
    ledger = place.open("one")
    result = ledger.reserve_and_mark_sent([order(ledger, 60), order(ledger, 60)])
    assert isinstance(result, NotReserved)
    assert states(ledger) == {}
    assert isinstance(ledger.reserve(order(ledger, 90)), Reserved)


def test_an_amount_that_is_none_is_rejected_before_anything_is_written(place):
    ledger = place.open("one")
    with pytest.raises(MoneyError):
        ledger.reserve_and_mark_sent([order(ledger, 30), order(ledger, "NaN")])
    assert states(ledger) == {}


def test_nothing_is_published_before_the_orders_have_left(place):
    hub, made = EventHub(), []
    hub.subscribe(made.append)
    ledger = place.open("one", hub=hub)
    result = ledger.reserve_and_mark_sent([order(ledger, 30)])
    assert made == []
    ledger.publish_sent(result)
    assert len(made) > 0


def test_the_same_fills_again_change_nothing_whatever_their_digits(place):
    ledger = place.open("one")
    request = order(ledger, 30)
    ledger.reserve_and_mark_sent([request])
    first = ledger.use(request.client_order_id, D("5"), order_id="EX-1")
    again = ledger.use(request.client_order_id, D("5.0"), order_id="EX-1")
    assert (type(first), type(again)) == (Moved, Unchanged)


@pytest.mark.parametrize(
    ("code", "is_busy"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, False),
        (sqlite3.SQLITE_ERROR, False),
    ],
)
def test_every_kind_of_busy_is_known(code, is_busy):
    error = sqlite3.OperationalError("it is")
    error.sqlite_errorcode = code
    assert _is_busy(error) is is_busy
    assert not _is_busy(ValueError("it is not"))
