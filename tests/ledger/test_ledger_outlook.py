"""For a bot that follows what the others do: nothing between its look and its order is missed."""

from decimal import Decimal

from freqtrade_balance_guard.ledger import Funds, Move, NotReserved, Reserved
from freqtrade_balance_guard.money import Money
from tests.support.ledger import made, order


def reserve(ledger, amount, spendable, outlook):
    funds = Funds(Decimal(spendable), Decimal(0), since=outlook.since)
    return ledger.reserve(order(ledger, amount, funds=funds))


def test_what_was_reserved_before_the_outlook_is_in_the_askers_own_numbers(place):
    ledger, other = place.open("one"), place.open("two")
    made(ledger.reserve(order(ledger, 60)))
    outlook = other.outlook("USDT", 0)
    # 100 on the account; the other bot knows of the 60 and has 40 left.
    assert isinstance(reserve(other, 41, 40, outlook), NotReserved)
    assert isinstance(reserve(other, 40, 40, outlook), Reserved)


def test_what_was_reserved_after_the_outlook_is_subtracted(place):
    ledger, other = place.open("one"), place.open("two")
    outlook = other.outlook("USDT", 0)
    made(ledger.reserve(order(ledger, 60)))
    refused = reserve(other, 41, 100, outlook)
    assert isinstance(refused, NotReserved)
    assert refused.numbers["reserved_others"] == 60
    assert isinstance(reserve(other, 40, 100, outlook), Reserved)


def test_a_believed_snapshot_between_outlook_and_order_gives_nothing_away(place):
    ledger, other = place.open("one"), place.open("two")
    early = made(ledger.reserve(order(ledger, 30))).client_order_id
    ledger.bind(early, "EX-1")
    mark = ledger.mark()
    outlook = other.outlook("USDT", 0)  # 70 of 100 are left for the other bot
    late = made(ledger.reserve(order(ledger, 60, currency="USDT"))).client_order_id
    ledger.bind(late, "EX-2")
    ledger.seen(mark)
    assert ledger.seen(ledger.mark()) == 1
    assert isinstance(reserve(other, 11, 70, outlook), NotReserved)
    assert isinstance(reserve(other, 10, 70, outlook), Reserved)


def test_what_ended_unused_after_the_outlook_is_free_again(place):
    ledger, other = place.open("one"), place.open("two")
    outlook = other.outlook("USDT", 0)
    gone = made(ledger.reserve(order(ledger, 60))).client_order_id
    ledger.release(gone, "refused")
    assert isinstance(reserve(other, 100, 100, outlook), Reserved)


def test_an_outlook_tells_what_each_order_used_and_brought(place):
    ledger, other = place.open("one"), place.open("two")
    start = other.outlook("USDT", 0)
    bought = made(ledger.reserve(order(ledger, 60))).client_order_id
    ledger.send(bought)
    ledger.use(bought, Decimal(20), received=Money(Decimal("0.5"), "ETH"), order_id="EX-1")
    ledger.commit(bought, Decimal(55), received=Money(Decimal("1.4"), "ETH"))
    told = other.outlook("USDT", start.after)
    assert [entry.what for entry, _ in told.changes] == ["reserve", "send", Move.USE, Move.COMMIT]
    last, row = told.changes[-1]
    assert (last.received, last.received_currency) == (Decimal("1.4"), "ETH")
    assert (row.bot, row.committed, row.held) == ("one", 55, 0)


def test_the_next_outlook_begins_where_the_last_one_ended(place):
    ledger, other = place.open("one"), place.open("two")
    made(ledger.reserve(order(ledger, 10)))
    first = other.outlook("USDT", 0)
    second = made(ledger.reserve(order(ledger, 10)))
    told = other.outlook("USDT", first.after).changes
    assert told[-1][1].client_order_id == second.client_order_id
    if place.kind != "postgres":  # which may hand a line out again
        assert len(told) == 1


def test_an_order_is_checked_against_what_was_reserved_meanwhile_in_this_currency_alone(place):
    ledger, other = place.open("one"), place.open("two")
    outlook = other.outlook("USDT", 0)
    made(ledger.reserve(order(ledger, 60, currency="EUR")))
    made(ledger.reserve(order(ledger, 60, account="elsewhere")))
    assert isinstance(reserve(other, 100, 100, outlook), Reserved)


def test_an_exit_between_outlook_and_order_is_subtracted_too(place):
    ledger, other = place.open("one"), place.open("two")
    outlook = other.outlook("USDT", 0)
    for _ in range(2):  # the first one makes the book
        made(ledger.reserve(order(ledger, 30, funds=None)))
    assert isinstance(reserve(other, 41, 100, outlook), NotReserved)
    assert isinstance(reserve(other, 40, 100, outlook), Reserved)
    assert other.audit() == []
