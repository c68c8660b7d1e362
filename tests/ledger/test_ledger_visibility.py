"""Neither missed nor counted twice: reservations and the snapshots that show them or do not.

``free`` is what the exchange would say; the ledger is told nothing else about it.
"""

from decimal import Decimal

from freqtrade_balance_guard.ledger import Funds, Holds, NotReserved, Reserved
from tests.support.ledger import made, order


def reserve(ledger, amount, free, mark):
    funds = Funds(Decimal(free), Decimal(0), mark)
    return ledger.reserve(order(ledger, amount, funds=funds))


def test_an_order_that_the_balance_shows_is_not_subtracted_again(place):
    ledger = place.open()
    resting = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.send(resting)
    ledger.bind(resting, "EX-1")
    mark = ledger.mark()  # and now the balance is asked for: 100 less the 60 of the order
    assert isinstance(reserve(ledger, 40, free=40, mark=mark), NotReserved)  # not believed so far
    assert ledger.seen(mark) == 1
    assert isinstance(reserve(ledger, 40, free=40, mark=mark), Reserved)
    assert ledger.audit(place.account) == []


def test_an_older_balance_does_not_show_what_a_newer_one_does(place):
    ledger, other = place.open("one"), place.open("two")
    old = other.mark()  # free: 100
    resting = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.bind(resting, "EX-1")
    ledger.seen(ledger.mark())
    refused = reserve(other, 50, free=100, mark=old)
    assert refused.numbers["reserved_others"] == 60
    assert isinstance(reserve(other, 40, free=100, mark=old), Reserved)


def test_what_was_spent_is_subtracted_until_a_balance_shows_it(place):
    ledger, other = place.open("one"), place.open("two")
    old = other.mark()  # free: 100
    bought = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.send(bought)
    ledger.commit(bought, Decimal(55))
    assert other.held("USDT", mark=old) == Holds(Decimal(0), Decimal(55))
    assert isinstance(reserve(other, 46, free=100, mark=old), NotReserved)
    new = other.mark()
    assert other.seen(new) == 1
    assert other.held("USDT") == Holds(Decimal(0), Decimal(0))
    assert other.held("USDT", mark=old).others == 55
    assert isinstance(reserve(other, 45, free=45, mark=new), Reserved)


def test_a_balance_asked_for_before_an_order_was_accepted_does_not_show_it(place):
    ledger = place.open()
    resting = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.send(resting)
    mark = ledger.mark()
    ledger.bind(resting, "EX-1")
    assert ledger.seen(mark) == 0
    assert ledger.held("USDT", mark=mark).own == 60


def test_what_was_never_sent_is_in_no_balance(place):
    ledger = place.open()
    reserve(ledger, 60, free=100, mark=0)
    assert ledger.seen(ledger.mark()) == 0
    assert ledger.held("USDT").own == 60


def test_fills_of_a_resting_order_that_is_visible_change_nothing(place):
    # A fill of a resting order takes from what was held, not from what is free.
    ledger = place.open()
    resting = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.bind(resting, "EX-1")
    mark = ledger.mark()
    ledger.seen(mark)
    ledger.use(resting, Decimal(30))
    assert ledger.held("USDT", mark=mark).own == 0
    ledger.commit(resting, Decimal(50))
    assert ledger.held("USDT", mark=mark).own == 0
    assert ledger.held("USDT", mark=0).own == 50
    assert ledger.audit(place.account) == []


def test_a_cancelled_order_is_never_subtracted_whatever_the_balance(place):
    ledger = place.open()
    resting = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.bind(resting, "EX-1")
    seen = ledger.mark()
    ledger.seen(seen)
    ledger.release(resting, "cancelled")
    for mark in (0, seen, ledger.mark()):
        assert ledger.held("USDT", mark=mark).own == 0
    assert ledger.audit(place.account) == []


def test_a_fact_above_the_reservation_is_unseen_again_as_a_whole(place):
    ledger = place.open()
    one = made(reserve(ledger, 60, free=100, mark=0)).client_order_id
    ledger.bind(one, "EX-1")
    ledger.seen(ledger.mark())
    ledger.commit(one, Decimal(61), excess=True)
    assert ledger.held("USDT").own == 61
    ledger.seen(ledger.mark())
    assert ledger.held("USDT").own == 0
    assert ledger.audit(place.account) == []


def test_only_the_currencies_that_were_believed_become_visible(place):
    ledger = place.open()
    for currency in ("USDT", "EUR"):
        one = made(ledger.reserve(order(ledger, 10, currency=currency))).client_order_id
        ledger.bind(one, f"EX-{currency}")
    assert ledger.seen(ledger.mark(), currencies=["EUR"]) == 1
    assert ledger.held("EUR").own == 0
    assert ledger.held("USDT").own == 10
    assert ledger.seen(ledger.mark(), currencies=[]) == 0


def test_another_account_is_not_seen_with_this_one(place):
    ledger = place.open()
    venue = f"{place.account}-venue"
    one = made(ledger.reserve(order(ledger, 10, account=venue))).client_order_id
    ledger.bind(one, "EX-1")
    assert ledger.seen(ledger.mark()) == 0
    assert ledger.seen(ledger.mark(), account=venue) == 1
