"""Whose an order of the exchange is: by pair and order id, however long ago it was."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.ledger import Claimed, Moved
from tests.support.ledger import made, order


def bound(ledger, order_id, pair="COIN/USDT", account=None):
    more = {"account": account} if account else {}
    one = made(ledger.reserve(order(ledger, 1, pair=pair, **more))).client_order_id
    assert isinstance(ledger.bind(one, order_id), Moved)
    return one


def test_equal_order_ids_of_two_pairs_are_two_orders(place):
    one, two = place.open("one"), place.open("two")
    first, second = bound(one, "1001", "AAA/USDT"), bound(two, "1001", "BBB/USDT")
    asked = [("AAA/USDT", "1001"), ("BBB/USDT", "1001"), ("CCC/USDT", "1001"), ("AAA/USDT", "1")]
    assert one.owners_of(place.account, asked) == {
        ("AAA/USDT", "1001"): {"one"},
        ("BBB/USDT", "1001"): {"two"},
    }
    assert one.owners_of(place.account, asked[1:2]) == {("BBB/USDT", "1001"): {"two"}}
    assert isinstance(one.commit(first, Decimal(1)), Moved)
    assert isinstance(two.commit(second, Decimal(1)), Moved)
    assert one.audit() == []


def test_orders_of_other_accounts_do_not_count(place):
    ledger = place.open()
    bound(ledger, "7", account=f"{place.account}-other")
    assert ledger.owners_of(place.account, [("COIN/USDT", "7")]) == {}


def test_an_order_that_ended_and_one_that_was_archived_keep_their_owner(own_place):
    place = own_place
    ledger, other = place.open("one", keep_days=1), place.open("two")
    one = bound(other, "7")
    other.commit(one, Decimal(1))
    other.seen(other.mark())
    asked = [("COIN/USDT", "7")]
    assert ledger.owners_of(place.account, asked) == {asked[0]: {"two"}}
    place.clock.advance(86400 * 2)
    bound(other, "8")
    assert ledger.archive_step() == 1
    assert ledger.owners_of(place.account, asked) == {asked[0]: {"two"}}


def test_what_was_claimed_belongs_to_the_bot_that_claimed_it(place):
    ledger, dead = place.open("one"), place.open("two")
    one = bound(dead, "7")
    ledger.abandoned()
    place.clock.advance(121)
    ledger.abandoned()
    assert isinstance(ledger.claim(one), Claimed)
    assert ledger.owners_of(place.account, [("COIN/USDT", "7")]) == {("COIN/USDT", "7"): {"one"}}


def test_an_order_with_two_reservations_is_found_by_the_audit(place):
    one, two = place.open("one"), place.open("two")
    bound(one, "7")
    assert one.audit() == []
    second = bound(two, "7")
    assert one.owners_of(place.account, [("COIN/USDT", "7")]) == {
        ("COIN/USDT", "7"): {"one", "two"}
    }
    (violation,) = one.audit()
    assert violation.rule == "one order"
    assert second in str(violation) or "7" in str(violation)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_the_query_reads_an_index_only(place, tmp_path):
    import sqlite3

    from freqtrade_balance_guard.ledger.sqlite.statements import SQL

    place.open().mark()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        for name in ("order_owners", "history", "archived_history", "newest_ended", "accounts"):
            text = SQL[name]
            values = ["x"] * 3 if "?3" in text or name == "newest_ended" else ["x"]
            values = [] if name == "accounts" else values
            plan = db.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
            scans = [
                step[3]
                for step in plan
                if step[3].startswith("SCAN") and "one" not in step[3] and "INDEX" not in step[3]
            ]
            assert scans == [], (name, plan)
    db.close()
