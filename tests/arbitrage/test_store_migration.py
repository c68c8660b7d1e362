"""A file of release 0.1 is opened with all its rows, whoever comes first."""

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path

import pytest

from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import (
    ArbitrageStore,
    ArbitragesUnavailable,
    read_arbitrages,
    read_exposures,
    read_positions,
)


DUMP = Path(__file__).parents[1] / "data" / "arbitrages_0_1.sql"
BOT = "freqtrade-aaaa"
NOW = datetime(2026, 1, 3, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "balance_guard.sqlite"
    db = sqlite3.connect(path)
    db.executescript(DUMP.read_text())
    db.close()
    return path


def test_every_arbitrage_is_there_with_its_number_its_kind_and_what_was_reported(file):
    store = ArbitrageStore(file, "kraken")
    found = [store.record(number) for number in range(1, 7)]
    assert [one.state for one in found] == [
        ArbitrageState.HEDGED,
        ArbitrageState.UNHEDGED,
        ArbitrageState.DENIED,
        ArbitrageState.SENT,
        ArbitrageState.PLANNED,
        ArbitrageState.HEDGED,
    ]
    assert [one.kind for one in found].count(ArbitrageKind.TWO_LEGS) == 5
    assert found[4].kind is ArbitrageKind.COMPLETE
    assert (found[0].tag, found[1].tag) == ("first", None)
    assert found[0].reported["bot-1"].order_id == "OB-1"
    assert found[3].reported["bot-4"].filled == D("0.1")
    assert found[0].orders[0].price == D(3000)
    assert [one.id for one in store.unfinished(BOT)] == [4, 5]
    assert [one.id for one in store.to_book(BOT)] == [2, 6]


def test_the_open_exposure_and_the_open_trade_go_on(file):
    store = ArbitrageStore(file, "kraken")
    (exposure,) = store.open_exposures(BOT)
    assert (exposure.arbitrage_id, exposure.net, exposure.venue) == (2, D("-0.2"), "second")
    assert not exposure.is_dust and not exposure.is_for_user
    (position,) = store.positions(BOT)
    assert (position.arbitrage_id, position.trade_id, position.hedged) == (1, 7, D("0.5"))
    assert [one.id for one in store.of_group(2)] == [2, 5]


def test_a_new_number_is_higher_than_every_old_one(file):
    store = ArbitrageStore(file, "kraken")
    record = store.record(4)
    assert store.insert(record) == 7


def test_what_has_ended_cannot_end_again(file):
    store = ArbitrageStore(file, "kraken")
    record = store.record(1)
    record.state = ArbitrageState.SENT
    with pytest.raises(ArbitragesUnavailable, match="this arbitrage has ended"):
        store.end(record, ArbitrageMove.FAIL, NOW, "")


def test_the_old_tables_are_gone_and_a_second_opening_changes_nothing(file):
    ArbitrageStore(file, "kraken").unfinished(BOT)
    before = file_rows(file)
    ArbitrageStore(file, "kraken").unfinished(BOT)
    assert file_rows(file) == before
    assert "arbitrage_pairs" not in before


def file_rows(path):
    with sqlite3.connect(path) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master ORDER BY name")]
    return names


def test_the_console_reads_an_old_file_without_changing_it(file):
    before = file.read_bytes()
    (exposure,) = read_exposures(file)
    (position,) = read_positions(file)
    assert (exposure.arbitrage_id, position.arbitrage_id) == (2, 1)
    assert read_arbitrages(file) == []
    assert file.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_file(file, monkeypatch):
    from freqtrade_balance_guard.arbitrage.store import tables

    monkeypatch.setattr(tables, "_MOVE_ROWS", tables._MOVE_ROWS + "SELECT nonsense;\n")
    with pytest.raises(ArbitragesUnavailable):
        ArbitrageStore(file, "kraken").unfinished(BOT)
    assert "arbitrage_pairs" in file_rows(file)
    monkeypatch.undo()
    assert len(ArbitrageStore(file, "kraken").unfinished(BOT)) == 2


def test_rows_of_0_1_belong_to_no_account_and_go_to_the_first_that_claims_them(file):
    store = ArbitrageStore(file, "kraken")
    assert store.owners() == {BOT}
    assert store.claim([BOT], "heir") == 5
    assert ArbitrageStore(file, "kraken").claim([BOT], "second heir") == 0
    assert [one.id for one in store.unfinished("heir")] == [4, 5]
    assert [one.id for one in store.to_book("heir")] == [2, 6]
    assert len(store.open_exposures("heir")) == 1
    # The trade is in a freqtrade database: it stays its bot's until that is known to be gone.
    (position,) = store.positions(BOT)
    assert store.claim_position(position, "heir")
    assert not store.claim_position(position, "second heir")
    assert ArbitrageStore(file, "binance").owners() == set()
