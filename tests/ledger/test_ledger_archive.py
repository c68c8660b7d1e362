"""What ended long ago moves to an archive, and everything that is asked about it stays answered."""

import sqlite3
import threading
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    BackupImpossible,
    Funds,
    Moved,
    NotReserved,
    Reserved,
    State,
)
from freqtrade_balance_guard.ledger.sqlite.store import SqliteStore
from freqtrade_balance_guard.ledger.upkeep import archive
from freqtrade_balance_guard.ledger.upkeep.archive import Pruned, mark_at, prune
from freqtrade_balance_guard.ledger.upkeep.audit import check_store
from tests.support.ledger import made, order


DAY = 86400


@pytest.fixture
def place(own_place):
    return own_place


def ended(ledger, how="commit", **more):
    one = made(ledger.reserve(order(ledger, 10, **more))).client_order_id
    ledger.send(one)
    if how == "commit":
        ledger.bind(one, f"EX-{one}")
        assert isinstance(ledger.commit(one, Decimal(7)), Moved)
        ledger.seen(ledger.mark())
    else:
        assert isinstance(ledger.release(one, "rejected"), Moved)
    return one


def refused(ledger):
    asked = order(ledger, 10**6)
    assert isinstance(ledger.reserve(asked), NotReserved)
    return asked


def kept(ledger):
    """The client order ids that are not in the archive."""
    return {row.client_order_id for row in ledger.reservations(account=ledger.account)}


def archived_in_full(ledger):
    number = 0
    while moved := ledger.archive_step():
        number += moved
    return number


def test_what_ended_before_keep_days_is_archived_and_nothing_else(place):
    ledger = place.open(keep_days=90)
    old = {ended(ledger), ended(ledger, "release")}
    open_one = made(ledger.reserve(order(ledger))).client_order_id
    ledger.bind(open_one, "EX-open")
    place.clock.advance(91 * DAY)
    young = ended(ledger)
    before = {one: ledger.history(one) for one in old}
    rows = {one: ledger.find(one) for one in old}
    assert archived_in_full(ledger) == 2
    assert kept(ledger) == {open_one, young}
    for one in old:
        assert ledger.history(one) == before[one]
        assert len(before[one]) >= 3
        assert ledger.find(one) == rows[one]
    everything = ledger.reservations(account=ledger.account, archived=True)
    assert {row.client_order_id for row in everything} == {*old, open_one, young}
    assert [row.id for row in everything] == sorted((row.id for row in everything), reverse=True)
    assert ledger.audit() == []


def test_a_step_moves_no_more_than_it_was_asked_to(place):
    ledger = place.open(keep_days=1)
    for _ in range(5):
        ended(ledger, "release")
    place.clock.advance(2 * DAY)
    ended(ledger)
    assert [ledger.archive_step(2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(kept(ledger)) == 1


def test_after_a_pass_it_rests_for_an_hour(place):
    ledger = place.open(keep_days=1)
    ended(ledger, "release")
    place.clock.advance(2 * DAY)
    ended(ledger, "release")
    assert archived_in_full(ledger) == 1
    place.clock.advance(2 * DAY)
    ended(ledger)
    assert archived_in_full(ledger) == 1
    asked = []
    ledger.store.archive = lambda *args: asked.append(args) or (0, 0)
    place.clock.advance(3599)
    ledger.archive_step()
    assert asked == []
    place.clock.advance(2)
    ledger.archive_step()
    assert len(asked) == 1


def test_what_no_balance_has_shown_stays_however_old_it_is(place):
    ledger = place.open(keep_days=1)
    one = made(ledger.reserve(order(ledger, 10))).client_order_id
    ledger.bind(one, "EX-1")
    ledger.commit(one, Decimal(7))
    place.clock.advance(100 * DAY)
    ended(ledger, "release")
    assert archived_in_full(ledger) == 0
    assert ledger.held("USDT").own == 7


def test_what_was_seen_only_now_stays_for_balances_that_were_asked_for_before(place):
    ledger = place.open(keep_days=1)
    one = made(ledger.reserve(order(ledger, 10))).client_order_id
    ledger.bind(one, "EX-1")
    ledger.commit(one, Decimal(7))
    old = ledger.mark()
    place.clock.advance(100 * DAY)
    ended(ledger, "release")
    ledger.seen(ledger.mark())
    assert archived_in_full(ledger) == 0
    funds = Funds(Decimal(10), Decimal(0), old - 1)
    assert isinstance(ledger.reserve(order(ledger, 5, funds=funds)), NotReserved)


def test_what_is_archived_does_not_end_again(place):
    ledger = place.open(keep_days=1)
    one, two = ended(ledger), ended(ledger, "release")
    place.clock.advance(2 * DAY)
    ended(ledger)
    assert archived_in_full(ledger) == 2
    for again in (
        ledger.commit(one, Decimal(9)),
        ledger.release(two, "again"),
        ledger.use(two, Decimal(1)),
        ledger.send(two),
        ledger.bind(one, "EX-2"),
        *ledger.release_unsent(one, two, why="error"),
    ):
        assert isinstance(again, AlreadyEnded), again
    assert ledger.find(two).state is State.RELEASED
    assert ledger.audit() == []


def test_an_archived_id_gives_the_answer_that_it_gave(place):
    ledger = place.open(keep_days=1)
    asked = order(ledger, 10)
    ledger.reserve(asked)
    ledger.release(asked.client_order_id, "rejected")
    denied = refused(ledger)
    place.clock.advance(2 * DAY)
    ended(ledger)
    assert archived_in_full(ledger) == 2
    again = ledger.reserve(asked)
    assert isinstance(again, Reserved) and again.replayed
    no = ledger.reserve(denied._replace(funds=Funds(Decimal(10**9), Decimal(0))))
    assert isinstance(no, NotReserved) and no.replayed
    pair = ledger.reserve([order(ledger, 1), asked])
    assert type(pair).__name__ == "Conflict"


def test_changes_and_numbers_go_on_over_the_archive(place):
    ledger = place.open(keep_days=1)
    one = ended(ledger)
    before = [entry for entry, _ in ledger.changes(0)]
    place.clock.advance(2 * DAY)
    mark = ledger.mark()
    two = ended(ledger, "release")
    assert archived_in_full(ledger) == 1
    events = [entry for entry, _ in ledger.changes(0)]
    assert events[: len(before)] == before
    assert [entry.event for entry in events] == sorted({entry.event for entry in events})
    assert {entry.client_order_id for entry, _ in ledger.changes(mark)} == {two}
    number = ledger.find(one).id
    assert ledger.store.find_number(number).client_order_id == one
    assert ledger.store.find_number(ledger.find(two).id).client_order_id == two
    assert ledger.store.find_number(10**9) is None


def test_event_numbers_are_never_given_twice(place):
    ledger = place.open(keep_days=1)
    ended(ledger, "release")
    mark = ledger.mark()
    place.clock.advance(100 * DAY)
    archived_in_full(ledger)
    assert ledger.mark() == mark
    made(ledger.reserve(order(ledger)))
    assert ledger.mark() > mark


def test_several_bots_archive_at_the_same_time(place):
    ledger, other = place.open("one", keep_days=1), place.open("two", keep_days=1)
    old = {ended(ledger, "release") for _ in range(9)}
    place.clock.advance(2 * DAY)
    ended(other)
    moved = 0
    for _ in range(5):
        moved += ledger.archive_step(2) + other.archive_step(2)
    assert moved == len(old)
    assert not kept(ledger) & old
    assert ledger.audit() == []


def test_prune_archives_all_and_deletes_only_what_it_was_told(place, monkeypatch):
    monkeypatch.setattr(archive, "PRUNED_AT_ONCE", 2)
    ledger = place.open()
    account = {"account": ledger.account}
    for _ in range(5):
        ended(ledger, "release")
    place.clock.advance(10 * DAY)
    middle = place.clock.wall() - timedelta(days=1)
    later = [ended(ledger) for _ in range(3)]
    place.clock.advance(10 * DAY)
    last = ended(ledger)
    now = place.clock.wall() - timedelta(days=1)
    assert prune(ledger.store, middle, delete=False) == Pruned(5, 0)
    assert kept(ledger) == {*later, last}
    done = prune(ledger.store, now, delete=False)
    assert done == Pruned(3, 0)
    assert len(ledger.reservations(**account, archived=True)) == 9
    assert prune(ledger.store, middle, delete=True) == Pruned(0, 5)
    rows = ledger.reservations(**account, archived=True)
    assert {row.client_order_id for row in rows} == {*later, last}
    assert all(ledger.history(one) for one in later)
    assert ledger.audit() == []


def test_the_last_event_before_a_moment_is_found(place):
    ledger = place.open()
    start = place.clock.wall()
    marks = [(start, ledger.mark())]
    for _ in range(5):
        place.clock.advance(60)
        made(ledger.reserve(order(ledger, 1)))
        marks.append((place.clock.wall(), ledger.mark()))
    for moment, mark in marks:
        assert ledger.mark_at(moment + timedelta(seconds=1)) == mark
    assert mark_at(ledger.store, start - timedelta(days=10**3)) == 0
    for (_, before), (moment, _) in pairwise(marks):
        assert ledger.mark_at(moment) == before


@pytest.mark.parametrize("own_place", ["sqlite"], indirect=True)
def test_sqlite_itself_keeps_the_newest_line(place, tmp_path):
    ledger = place.open()
    ended(ledger, "release")
    db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    db.execute("INSERT INTO archived_history SELECT * FROM history")
    with pytest.raises(sqlite3.IntegrityError, match="only added to"):
        db.execute("DELETE FROM history WHERE event = (SELECT max(event) FROM history)")
    db.close()


@pytest.mark.parametrize("own_place", ["sqlite"], indirect=True)
def test_a_copy_is_whole_while_others_write(place, tmp_path):
    ledger = place.open()
    one = ended(ledger)
    stop = threading.Event()

    def write():
        other = place.open("other")
        while not stop.is_set():
            ended(other, "release")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        ledger.store.backup(tmp_path / "copy.sqlite")
    finally:
        stop.set()
        writer.join()
    with pytest.raises(BackupImpossible, match="exists already"):
        ledger.store.backup(tmp_path / "copy.sqlite")
    with pytest.raises(BackupImpossible, match="cannot be written"):
        ledger.store.backup(tmp_path / "none" / "copy.sqlite")
    copy = SqliteStore(tmp_path / "copy.sqlite")
    assert copy.find(one) == ledger.find(one)
    assert list(check_store(copy)) == []
    copy.close()
    left = {path.name for path in tmp_path.glob("copy*")}
    assert left <= {"copy.sqlite", *(f"copy.sqlite{end}" for end in (".lock", ".next"))}


@pytest.mark.parametrize("own_place", ["postgres"], indirect=True)
def test_for_a_copy_of_postgresql_its_own_program_is_named(place, tmp_path):
    with pytest.raises(BackupImpossible, match=r"pg_dump --schema=balance_guard --file=\S+x\.sql"):
        place.open().store.backup(tmp_path / "x.sql")
