"""The database itself refuses what must never be, whoever writes to it."""

import sqlite3

import psycopg
import pytest

from tests.support.ledger import made, order


pytestmark = pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def execute(request, place, tmp_path):
    """Say something to the database past our store."""
    if place.kind == "sqlite":
        place.open().mark()
        db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        yield lambda sql, *values: db.execute(sql.replace("%s", "?"), values)
        db.close()
    else:
        place.open().mark()
        with psycopg.connect(request.getfixturevalue("postgres"), autocommit=True) as db:
            db.execute("SET search_path TO balance_guard")
            yield lambda sql, *values: db.execute(sql, values)


def refuses(execute, sql, *values, says):
    with pytest.raises(Exception, match=says) as error:
        execute(sql, *values)
    assert isinstance(error.value, (sqlite3.IntegrityError, psycopg.IntegrityError))


def end(place, how):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    if how == "committed":
        ledger.commit(one, made(ledger.reserve(order(ledger))).requested)
    elif how == "released":
        ledger.release(one, "test")
    elif how == "expired":
        place.clock.advance(100)
        ledger.expire_unsent()
    return one


@pytest.mark.parametrize("how", ["committed", "released", "expired"])
@pytest.mark.parametrize("second", ["committed", "released", "expired", "open", "reserved"])
def test_it_refuses_a_second_ending(place, execute, how, second):
    one = end(place, how)
    other = second if second != how else "reserved"
    sql = "UPDATE reservations SET state = %s, known_at = 1 WHERE client_order_id = %s"
    refuses(execute, sql, other, one, says="ended")


def test_it_refuses_money_that_is_held_again_after_the_end(place, execute):
    one = end(place, "released")
    refuses(
        execute, "UPDATE reservations SET held = '5' WHERE client_order_id = %s", one, says="ended"
    )


@pytest.mark.parametrize("column", ["held", "committed", "requested"])
def test_it_refuses_a_negative_amount(place, execute, column):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    sql = f"UPDATE reservations SET {column} = '-1' WHERE client_order_id = %s"
    refuses(execute, sql, one, says="(?i)check constraint")


def test_it_refuses_two_rows_for_one_client_order_id(place, execute):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    columns = (
        "account, bot, process, pair, side, currency, requested, held, committed, state, "
        "created_at, visible_from, settled"
    )
    sql = (
        f"INSERT INTO reservations (id, client_order_id, {columns}) "
        f"SELECT id + 1000000, client_order_id, {columns} FROM reservations "
        "WHERE client_order_id = %s"
    )
    refuses(execute, sql, one, says="(?i)unique")


@pytest.mark.parametrize(
    "wrong",
    [
        "state = 'nonsense'",
        "state = 'committed', held = '0'",
        "state = 'committed', committed = '5'",
        "state = 'released'",
        "state = 'open', known_at = NULL",
        "side = 'both'",
        "state = 'refused', held = '0'",
    ],
)
def test_it_refuses_states_that_contradict_the_amounts(place, execute, wrong):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    sql = f"UPDATE reservations SET {wrong} WHERE client_order_id = %s"
    refuses(execute, sql, one, says="(?i)check constraint")


def test_it_refuses_to_forget(place, execute):
    one = end(place, "released")
    sql = "DELETE FROM {} WHERE client_order_id = %s"
    refuses(execute, sql.format("reservations"), one, says="not deleted")
    refuses(execute, sql.format("history"), one, says="only added to")
    refuses(
        execute,
        "UPDATE history SET why = 'another story' WHERE client_order_id = %s",
        one,
        says="only added to",
    )


def test_it_refuses_a_line_of_history_after_the_end(place, execute):
    one = end(place, "released")
    columns = "client_order_id, at, bot, process, what, state, held, committed, why"
    sql = (
        f"INSERT INTO history (event, {columns}) SELECT event + 1000000, {columns} FROM history "
        "WHERE client_order_id = %s AND state = 'released'"
    )
    refuses(execute, sql, one, says="(?i)ended|unique")


def archived(place):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    ledger.send(one)
    ledger.release(one, "rejected")
    made(ledger.reserve(order(ledger)))
    # (Other tests have written to this server too, each by a clock of its own.)
    ledger.store.archive(0, ledger.mark(), 10**6)
    assert one not in [row.client_order_id for row in ledger.reservations(account=place.account)]
    return one


ROW = (
    "client_order_id, id, account, bot, process, pair, side, currency, requested, held, committed, "
    "state, created_at, visible_from, settled"
)
LINE = "client_order_id, at, bot, process, what, state, held, committed, why"


def test_it_refuses_to_change_what_is_archived(place, execute):
    one = archived(place)
    sql = "UPDATE archived_reservations SET state = 'expired' WHERE client_order_id = %s"
    refuses(execute, sql, one, says="ended")
    sql = "UPDATE archived_history SET why = 'another story' WHERE client_order_id = %s"
    refuses(execute, sql, one, says="only added to")


def test_it_refuses_to_reserve_again_what_is_archived(place, execute):
    one = archived(place)
    sql = (
        f"INSERT INTO reservations ({ROW}) SELECT client_order_id, id + 1000000, account, bot, "
        "process, pair, side, currency, requested, requested, committed, 'reserved', created_at, "
        "visible_from, 0 FROM archived_reservations WHERE client_order_id = %s"
    )
    refuses(execute, sql, one, says="ended")


def test_it_refuses_a_second_ending_of_what_is_archived(place, execute):
    one = archived(place)
    sql = (
        f"INSERT INTO history (event, {LINE}) SELECT event + 1000000, {LINE} "
        "FROM archived_history WHERE client_order_id = %s AND state = 'released'"
    )
    refuses(execute, sql, one, says="ended")


def test_it_refuses_to_archive_what_has_not_ended(place, execute):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger))).client_order_id
    sql = "INSERT INTO archived_reservations SELECT * FROM reservations WHERE client_order_id = %s"
    refuses(execute, sql, one, says="(?i)check constraint")


def test_it_refuses_to_drop_what_is_archived_only_in_part(place, execute):
    one = end(place, "released")
    copy = "INSERT INTO archived_reservations SELECT * FROM reservations WHERE client_order_id = %s"
    execute(copy, one)
    refuses(execute, "DELETE FROM history WHERE client_order_id = %s", one, says="only added to")
