"""The audit finds each kind of contradiction, in the rows and in the archive."""

import sqlite3

import psycopg
import pytest

from freqtrade_balance_guard.ledger.upkeep.audit import check_store
from tests.support.ledger import made, order


@pytest.fixture
def ledger(own_place):
    return own_place.open(keep_days=1)


@pytest.fixture
def execute(own_place, ledger, tmp_path):
    """Say something to the database past our store, with its own checks switched off."""
    ledger.mark()
    if own_place.kind == "sqlite":
        db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        triggers = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("PRAGMA ignore_check_constraints = ON")
        yield lambda sql, *values: db.execute(sql.replace("%s", "?"), values)
        db.close()
    else:
        url = ledger.store._link._url
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("SET search_path TO balance_guard")
            db.execute("SET session_replication_role = replica")
            yield lambda sql, *values: db.execute(sql, values)


def open_order(ledger):
    one = made(ledger.reserve(order(ledger, 10))).client_order_id
    ledger.send(one)
    ledger.bind(one, f"EX-{one}")
    return one


def ended(ledger):
    one = open_order(ledger)
    ledger.release(one, "cancelled")
    return one


def archived(place, ledger):
    one = ended(ledger)
    place.clock.advance(2 * 86400)
    open_order(ledger)
    assert ledger.archive_step() == 1
    return one


def rules(ledger):
    return {violation.rule for violation in check_store(ledger.store)}


def test_nothing_is_found_where_nothing_is_wrong(own_place, ledger):
    archived(own_place, ledger)
    ended(ledger)
    checked = []
    assert list(check_store(ledger.store, checked=checked)) == []
    assert len(checked) == 3


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("held = '3'", "amounts"),
        ("requested = '-10'", "amounts"),
        ("state = 'reserved'", "history"),
        ("settled = 1", "marks"),
        ("known_at = NULL, visible_from = 5", "marks"),
        ("visible_from = 1", "marks"),
        ("visible_from = 0", "marks"),
    ],
)
def test_a_row_that_contradicts_itself_is_found(ledger, execute, wrong, rule):
    one = open_order(ledger)
    execute(f"UPDATE reservations SET {wrong} WHERE client_order_id = %s", one)
    assert rule in rules(ledger)


def test_a_missing_history_is_found(ledger, execute):
    one = open_order(ledger)
    execute("DELETE FROM history WHERE client_order_id = %s AND what = 'reserve'", one)
    assert "history" in rules(ledger)


def test_a_history_without_a_row_is_found(ledger, execute):
    one = ended(ledger)
    execute("DELETE FROM reservations WHERE client_order_id = %s", one)
    (found,) = check_store(ledger.store)
    assert (found.rule, found.client_order_id) == ("history", one)


def test_a_second_ending_is_found(ledger, execute):
    one = ended(ledger)
    execute("DROP INDEX IF EXISTS one_ending")
    execute(
        "INSERT INTO history SELECT event + 1000, client_order_id, at, bot, process, what, state, "
        "held, committed, order_id, received, received_currency, why, reservation FROM history "
        "WHERE client_order_id = %s AND state = 'released'",
        one,
    )
    assert "one ending" in rules(ledger)


def test_a_step_that_the_table_of_transitions_does_not_have_is_found(ledger, execute):
    one = ended(ledger)
    sql = "UPDATE history SET what = 'expire' WHERE client_order_id = %s AND state = 'released'"
    execute(sql, one)
    assert "transitions" in rules(ledger)


def test_a_claim_that_changed_something_is_found(ledger, execute):
    one = open_order(ledger)
    execute("UPDATE history SET what = 'claim' WHERE client_order_id = %s AND what = 'bind'", one)
    assert "transitions" in rules(ledger)


def test_what_was_let_expire_by_another_than_its_maker_is_found(own_place, ledger, execute):
    one = made(ledger.reserve(order(ledger, 10))).client_order_id
    own_place.clock.advance(100)
    assert ledger.expire_unsent()
    execute("UPDATE history SET process = 'x' WHERE client_order_id = %s AND what = 'expire'", one)
    assert "expiry" in rules(ledger)


def test_fills_that_become_less_are_found(ledger, execute):
    one = open_order(ledger)
    ledger.use(one, order(ledger, 4).amount)
    ledger.use(one, order(ledger, 6).amount)
    sql = "UPDATE history SET committed = '7' WHERE client_order_id = %s AND committed = '4'"
    execute(sql, one)
    assert "amounts" in rules(ledger)


def test_what_is_archived_and_kept_beside_it_is_found(own_place, ledger, execute):
    one = archived(own_place, ledger)
    execute(
        "INSERT INTO reservations SELECT * FROM archived_reservations WHERE client_order_id = %s",
        one,
    )
    assert "one ending" in rules(ledger)


@pytest.mark.parametrize("own_place", ["postgres"], indirect=True)
def test_a_sum_that_is_not_that_of_the_rows_is_found(ledger, execute):
    open_order(ledger)
    execute("UPDATE books SET unseen = unseen + 1")
    (found,) = check_store(ledger.store)
    assert found.rule == "totals"
    assert "kept 11" in str(found) and "sum is 10" in str(found)


def test_only_the_account_that_was_asked_for_is_looked_at(ledger, execute):
    one = open_order(ledger)
    execute("UPDATE reservations SET held = '3' WHERE client_order_id = %s", one)
    assert list(check_store(ledger.store, "another")) == []
    assert list(check_store(ledger.store, ledger.account)) != []
