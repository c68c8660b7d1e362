"""From one version of the tables to the next, forward only, and nothing is lost on the way.

``data/`` holds ledgers as version 1 left them, with reservations in every state.
"""

import sqlite3
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    LedgerUnavailable,
    Moved,
    NotReserved,
    ReservationLedger,
    SchemaTooNew,
    State,
)
from freqtrade_balance_guard.ledger.postgres.schema import POSTGRES
from freqtrade_balance_guard.ledger.postgres.store import PostgresStore
from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sqlite.schema import SQLITE
from freqtrade_balance_guard.ledger.sqlite.store import SqliteStore
from tests.support.ledger import made, order


DATA = Path(__file__).parent / "data"


class SqliteFixture:
    schema = SQLITE
    next_step = (
        "ALTER TABLE reservations ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "UPDATE reservations SET note = 'from version 1'",
    )

    def __init__(self, folder):
        self.path = folder / "old.sqlite"

    def plant(self):
        with sqlite3.connect(self.path) as db:
            db.executescript((DATA / "ledger_v1_sqlite.sql").read_text())
        db.close()

    def store(self, schema):
        return SqliteStore(self.path, schema)

    def ask(self, sql):
        db = sqlite3.connect(self.path)
        rows = db.execute(sql).fetchall()
        db.close()
        return rows


class PostgresFixture:
    schema = POSTGRES
    next_step = (
        "ALTER TABLE balance_guard.reservations ADD COLUMN note text NOT NULL DEFAULT ''",
        "UPDATE balance_guard.reservations SET note = 'from version 1'",
    )

    def __init__(self, url):
        self.url = url
        with psycopg.connect(url) as db:
            db.execute("DROP SCHEMA IF EXISTS balance_guard CASCADE")

    def plant(self):
        with psycopg.connect(self.url) as db:
            db.execute((DATA / "ledger_v1_postgres.sql").read_text())

    def store(self, schema):
        return PostgresStore(self.url, schema)

    def ask(self, sql):
        with psycopg.connect(self.url) as db:
            db.execute("SET search_path TO balance_guard")
            return db.execute(sql).fetchall()


@pytest.fixture(scope="module")
def database_of_its_own(postgres):
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("CREATE DATABASE migrations")
    return postgres.replace("/postgres?", "/migrations?")


@pytest.fixture(params=["sqlite", "postgres"])
def old(request, tmp_path):
    if request.param == "sqlite":
        return SqliteFixture(tmp_path)
    return PostgresFixture(request.getfixturevalue("database_of_its_own"))


@pytest.fixture
def opened(old):
    ledgers = []

    def open_with(schema):
        ledgers.append(
            ReservationLedger(
                old.store(schema), bot="new", account="kraken", process="new", clock=ManualClock()
            )
        )
        return ledgers[-1]

    yield open_with
    for ledger in ledgers:
        ledger.close()


def newer(old):
    """The tables as they might be in the release after this one."""
    return Schema([*old.schema.steps, old.next_step])


def check_all_is_there(ledger):
    states = {row.client_order_id: row.state for row in ledger.reservations()}
    assert states == {
        "v1-reserved": State.RESERVED,
        "v1-in-flight": State.IN_FLIGHT,
        "v1-open": State.OPEN,
        "v1-seen": State.OPEN,
        "v1-committed": State.COMMITTED,
        "v1-released": State.RELEASED,
        "v1-sell": State.RESERVED,
    }
    half = ledger.find("v1-open")
    assert (half.held, half.committed) == (Decimal("17.75"), Decimal("12.25"))
    assert half.order_id == "EX-1"
    assert ledger.held("USDT").others == Decimal("30.5")
    assert ledger.history("v1-committed")[-1].received == Decimal("0.1")
    for client_order_id in states:
        lines = ledger.history(client_order_id)
        assert lines[0].what == "reserve"
        assert lines[-1].state == states[client_order_id]
    assert [line.what for line in ledger.history("v1-committed")][-1] == "commit"
    assert ledger.owners_of("kraken", [(half.pair, "EX-1"), ("OTHER/USDT", "EX-1")]) == {
        (half.pair, "EX-1"): {"old"}
    }
    assert [beat.bot for beat in ledger.heartbeats()] == ["old"]
    assert ledger.audit() == []


def go_on_with(ledger):
    assert isinstance(ledger.commit("v1-open", Decimal(30)), Moved)
    assert isinstance(ledger.release("v1-in-flight", "not found"), Moved)
    assert isinstance(ledger.commit("v1-committed"), AlreadyEnded)
    again = order(ledger, 5000, client_order_id="v1-refused", account="kraken")
    assert isinstance(ledger.reserve(again), NotReserved)
    made(ledger.reserve(order(ledger, 1)))
    assert ledger.audit() == []


def test_a_ledger_of_version_1_is_read_and_written_on(old, opened):
    old.plant()
    ledger = opened(old.schema)
    check_all_is_there(ledger)
    go_on_with(ledger)


def test_a_migration_keeps_the_data(old, opened):
    old.plant()
    ledger = opened(newer(old))
    check_all_is_there(ledger)
    go_on_with(ledger)
    assert old.ask("SELECT note FROM reservations WHERE client_order_id = 'v1-open'") == [
        ("from version 1",)
    ]
    assert old.ask("SELECT version FROM schema_version") == [(3,)]


def test_a_fresh_ledger_takes_every_step(old, opened):
    ledger = opened(newer(old))
    one = made(ledger.reserve(order(ledger))).client_order_id
    assert old.ask(f"SELECT note FROM reservations WHERE client_order_id = '{one}'") == [("",)]


def test_a_migration_that_fails_leaves_the_old_version_whole(old, opened):
    old.plant()
    broken = Schema([*old.schema.steps, (*old.next_step, "UPDATE nothing SET a = 1")])
    with pytest.raises(LedgerUnavailable):
        opened(broken).mark()
    assert old.ask("SELECT version FROM schema_version") == [(1,)]
    check_all_is_there(opened(old.schema))


def test_a_newer_ledger_is_refused_in_one_sentence_and_left_alone(old, opened):
    old.plant()
    opened(newer(old)).mark()
    before = old.ask("SELECT * FROM reservations ORDER BY client_order_id")
    today = opened(old.schema)
    for call in (today.mark, lambda: today.reserve(order(today)), lambda: today.send("v1-open")):
        with pytest.raises(SchemaTooNew) as error:
            call()
        sentence = str(error.value)
        assert "has schema 3" in sentence
        assert "knows up to 2" in sentence
        assert sentence.count(". ") == 0
    assert old.ask("SELECT * FROM reservations ORDER BY client_order_id") == before
    check_all_is_there(opened(newer(old)))


def test_the_tables_of_another_program_in_the_same_database_stay_as_they_are(tmp_path):
    db = sqlite3.connect(tmp_path / "shared.sqlite")
    db.execute("CREATE TABLE trades (id INTEGER PRIMARY KEY, pair TEXT)")
    db.execute("INSERT INTO trades (pair) VALUES ('COIN/USDT')")
    db.commit()
    db.close()
    store = SqliteStore(tmp_path / "shared.sqlite")
    store.mark()
    store.close()
    db = sqlite3.connect(tmp_path / "shared.sqlite")
    assert db.execute("SELECT pair FROM trades").fetchall() == [("COIN/USDT",)]
    db.close()


def test_what_version_1_has_ended_is_archived_by_this_one(old, opened):
    old.plant()
    ledger = opened(old.schema)
    lines = {one: ledger.history(one) for one in ("v1-committed", "v1-released")}
    ledger.seen(ledger.mark(), account="kraken")
    ledger._clock.advance(10**9)
    ledger.reserve(order(ledger, 1, account="kraken"))
    number = 0
    while moved := ledger.archive_step():
        number += moved
    assert number >= 2
    for one, before in lines.items():
        assert ledger.history(one) == before
        assert isinstance(ledger.release(one, "again"), AlreadyEnded)
    assert ledger.audit("kraken") == []
