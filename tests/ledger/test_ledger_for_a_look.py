"""A look at the ledger from outside: it reads what bots have stored and changes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from freqtrade_balance_guard.ledger import LedgerUnavailable, NothingStored, SchemaTooNew
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.sqlite.schema import SQLITE
from tests.support.ledger import Place, made, order


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgres")


@pytest.fixture
def bot(url):
    place = Place(lambda: open_store(url))
    yield place.open()
    place.close()


@pytest.fixture
def look(url):
    store = open_store(url, read_only=True)
    yield store
    store.close()


def test_a_look_sees_what_a_running_bot_has_stored_as_it_is_now(bot, look):
    row = made(bot.reserve(order(bot)))
    bot.heartbeat('{"pid": 1}')
    assert look.find(row.client_order_id) == row
    bot.release(row.client_order_id, "because")
    assert [line.what for line in look.history(row.client_order_id)] == ["reserve", "release"]
    assert look.holds(bot.account, "USDT", None, "one") == bot.held("USDT")
    assert bot.process in {beat.process for beat in look.beats(bot.account)}


def test_a_look_cannot_write(bot, look):
    bot.heartbeat()
    (beat, *_) = look.beats(bot.account)
    with pytest.raises(LedgerUnavailable, match=r"read-?only"):
        look.forget_beat(beat.account, beat.bot, beat.process)
    assert beat in look.beats(bot.account)


def test_where_nothing_was_stored_a_look_says_so_and_makes_nothing(tmp_path):
    path = tmp_path / "data" / "ledger.sqlite"
    look = open_store(f"sqlite:///{path}", read_only=True)
    with pytest.raises(NothingStored, match="Nothing is stored yet"):
        look.mark()
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_ledger_in_it_stays_without(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE believed_balances (x)")
    look = open_store(f"sqlite:///{path}", read_only=True)
    with pytest.raises(NothingStored, match="no ledger in it"):
        look.mark()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("believed_balances",)]


def test_a_database_without_a_ledger_in_it_stays_without(postgres):
    with psycopg.connect(postgres, autocommit=True) as link:
        link.execute("DROP DATABASE IF EXISTS for_a_look")
        link.execute("CREATE DATABASE for_a_look")
    url = postgres.replace("/postgres?", "/for_a_look?")
    assert url != postgres
    look = open_store(url, read_only=True)
    with pytest.raises(NothingStored, match="no ledger in it"):
        look.mark()
    look.close()
    with psycopg.connect(url) as link:
        found = link.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'balance_guard'")
        assert found.fetchone() is None


@pytest.mark.parametrize(
    ("version", "error", "words"),
    [
        (SQLITE.version + 1, SchemaTooNew, "newer freqtrade-balance-guard"),
        (SQLITE.version - 1 or -1, LedgerUnavailable, "brings it up to date"),
    ],
)
def test_tables_of_another_version_are_left_as_they_are(tmp_path, version, error, words):
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        db.execute(f"INSERT INTO schema_version VALUES ({version})")
        db.commit()
    with pytest.raises(error, match=words):
        open_store(f"sqlite:///{path}", read_only=True).mark()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT version FROM schema_version").fetchall() == [(version,)]


def test_after_the_bot_has_gone_a_look_leaves_no_file_behind(tmp_path):
    path = tmp_path / "ledger.sqlite"
    place = Place(lambda: open_store(f"sqlite:///{path}"))
    row = made((bot := place.open()).reserve(order(bot)))
    place.close()
    before = names(tmp_path)
    look = open_store(f"sqlite:///{path}", read_only=True)
    assert look.find(row.client_order_id) == row
    assert names(tmp_path) == before
    look.close()
    assert names(tmp_path) == before


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}
