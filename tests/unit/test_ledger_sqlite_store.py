"""The ledger in a SQLite file by itself: what is flushed, listed, remembered and summed."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    Claimed,
    Funds,
    LedgerUnavailable,
    Moved,
    NotReserved,
    ReservationLedger,
    Reserved,
    State,
)
from freqtrade_balance_guard.ledger.facts import (
    MoneyReserved,
    ReservationDenied,
    ReservationMoved,
)
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.sqlite import archive as sqlite_archive
from freqtrade_balance_guard.ledger.sqlite import file as sqlite_file
from freqtrade_balance_guard.ledger.sqlite import store as sqlite_store
from freqtrade_balance_guard.ledger.sqlite.steps import OutdatedError
from tests.support.ledger import Place, made, memory_ledger, order


D = Decimal


@pytest.fixture
def place(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    place = Place(lambda: open_store(url), kind="sqlite", account="main", clock=ManualClock())
    yield place
    place.close()


@pytest.fixture
def ledger(place):
    ledger = place.open("m")
    ledger.mark()
    return ledger


def named(ledger, client_order_id, amount=10, **more):
    more.setdefault("funds", None)
    return made(ledger.reserve(order(ledger, amount, client_order_id=client_order_id, **more)))


def ids(rows):
    return [row.client_order_id for row in rows]


# What is on the disk


def test_intents_and_who_owns_them_are_flushed_and_what_follows_is_not(ledger, monkeypatch):
    flushed = []
    monkeypatch.setattr(sqlite_file, "_flush", flushed.append)

    def flushes(call):
        flushed.clear()
        call()
        return len(flushed)

    first, second = order(ledger), order(ledger)
    assert flushes(lambda: ledger.reserve(first)) == 1
    assert flushes(lambda: ledger.reserve(first)) == 1  # the answer that it had is as good
    assert flushes(lambda: ledger.reserve_and_mark_sent([second])) == 1
    one, two = first.client_order_id, second.client_order_id
    for call in (
        lambda: ledger.send(one),
        lambda: ledger.bind(one, "EX-1"),
        lambda: ledger.bind(one, "EX-2"),
        lambda: ledger.use(one, D(4)),
        lambda: ledger.commit(one),
        lambda: ledger.release(two, "rejected"),
        lambda: ledger.seen(ledger.mark()),
        ledger.heartbeat,
        lambda: ledger.forget(ledger.heartbeats()[0]),
        lambda: ledger.store.archive(0, ledger.mark(), 10),
        lambda: ledger.store.forget_archived(ledger.mark(), 10),
    ):
        assert flushes(call) == 0
    assert flushes(lambda: ledger.move_from("earlier")) == 1


def test_a_claim_is_flushed(place, ledger, monkeypatch):
    named(place.open("m"), "left by an earlier run")
    flushed = []
    monkeypatch.setattr(sqlite_file, "_flush", flushed.append)
    assert isinstance(ledger.claim("left by an earlier run"), Claimed)
    assert len(flushed) == 1


def test_a_step_that_is_decided_again_is_not_flushed(place, ledger, monkeypatch):
    named(ledger, "a")
    place.open("m").use("a", D(4))
    flushed = []
    monkeypatch.setattr(sqlite_file, "_flush", flushed.append)
    assert ledger.use("a", D(6)).reservation.committed == 6
    assert flushed == []


def test_a_new_file_has_small_pages_because_a_step_writes_whole_ones(tmp_path, ledger):
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        assert db.execute("PRAGMA page_size").fetchone() == (2048,)
    db.close()


def test_a_call_that_waits_four_times_still_lets_an_exit_go_out():
    assert 0 < 4 * sqlite_file.WAIT_SECONDS <= EXIT_WAIT_SECONDS


def test_a_ledger_that_was_never_opened_closes_nothing_of_others(place, monkeypatch):
    closed = []
    monkeypatch.setattr(sqlite_file.os, "close", closed.append)
    place.open().close()
    assert closed == []


# What is listed


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"account": "main", "bot": "m", "limit": 2}, ["m4", "m3"]),
        ({"account": "main", "bot": "m", "limit": 4}, ["m4", "m3", "m2", "m1"]),
        ({"account": "main", "bot": "m", "limit": 9}, ["m4", "m3", "m2", "m1"]),
        ({"account": "main", "bot": "m", "limit": 0}, []),
        ({"account": "main", "bot": "m"}, ["m4", "m3", "m2", "m1"]),
        ({"account": "main", "limit": 3}, ["other", "m4", "m3"]),
        ({"bot": "m", "limit": 3}, ["elsewhere", "m4", "m3"]),
        ({"limit": 2}, ["elsewhere", "other"]),
        ({"bot": "m", "states": [State.RELEASED], "limit": 5}, ["m2"]),
        ({"account": "main", "bot": "m", "states": [State.RELEASED], "limit": 5}, ["m2"]),
        ({"account": "main", "bot": "m", "states": [State.IN_FLIGHT], "limit": 5}, ["m3"]),
        ({"account": "main", "states": [State.RESERVED, State.COMMITTED]}, ["other", "m4", "m1"]),
        ({"states": [State.RESERVED], "limit": 2}, ["elsewhere", "other"]),
        ({"account": "elsewhere"}, ["elsewhere"]),
    ],
)
def test_reservations_are_listed_the_newest_first(place, ledger, asked, found):
    for one in ("m1", "m2", "m3", "m4"):
        named(ledger, one)
    named(place.open("other"), "other")
    named(ledger, "elsewhere", account="elsewhere")
    ledger.commit("m1", D(10))
    ledger.release("m2", "rejected")
    ledger.send("m3")
    assert ids(ledger.reservations(**asked)) == found


def test_of_the_ended_and_the_unfinished_the_newest_of_both_are_listed(ledger):
    for one in "abcde":
        named(ledger, one)
    for one in "bd":
        ledger.release(one, "rejected")
    newest = [ids(ledger.reservations(account="main", bot="m", limit=n)) for n in (1, 2, 3, 4)]
    assert newest == [["e"], ["e", "d"], ["e", "d", "c"], ["e", "d", "c", "b"]]


def test_what_is_archived_is_listed_only_where_it_is_asked_for(ledger):
    named(ledger, "old")
    ledger.release("old", "rejected")
    named(ledger, "new")
    assert ledger.store.archive(0, ledger.mark(), 10)[0] == 1
    assert ids(ledger.store.select()) == ids(ledger.reservations()) == ["new"]
    assert ids(ledger.store.select(archived=True)) == ["new", "old"]
    assert ids(ledger.reservations(archived=True)) == ["new", "old"]


def test_the_first_event_from_a_number_on_is_that_of_what_is_not_archived(ledger):
    named(ledger, "old")
    ledger.release("old", "rejected")
    named(ledger, "new")
    ledger.store.archive(0, 2, 10)
    assert ledger.store.event_from(0)[0] == 3
    assert ledger.store.event_from(0, archived=True)[0] == 1
    assert ledger.store.event_from(4) is None
    assert ledger.store.last_archived() == 2


# What is remembered


def test_no_more_rows_are_remembered_than_a_bot_has_without_an_end(ledger, monkeypatch):
    monkeypatch.setattr(sqlite_store, "REMEMBERED", 2)
    remembered = []
    for _ in range(4):
        ledger.reserve([order(ledger, 1), order(ledger, 1)])
        remembered.append(len(ledger.store._known))
    assert remembered == [2, 4, 2, 4]


def test_a_snapshot_that_is_believed_makes_every_remembered_row_doubtful(ledger):
    named(ledger, "a")
    ledger.send("a")
    ledger.bind("a", "EX-1")
    assert ledger.seen(ledger.mark()) == 1
    assert ledger.find("a").visible_from < 10
    assert isinstance(ledger.use("a", D(4)), Moved)
    assert ledger.find("a").visible_from < 10


# What is promised and not in a balance


def held(ledger, mark=0, currency="USDT"):
    """Own and others' holds, as the check of an entry that is too large finds them."""
    too_much = order(ledger, 10**6, currency=currency, funds=Funds(D(1000), D(0), mark))
    denied = ledger.reserve(too_much)
    assert isinstance(denied, NotReserved)
    return denied.numbers["reserved_own"], denied.numbers["reserved_others"]


def test_bots_are_told_apart_whatever_their_names(place, ledger):
    for bot, amount in (("a", 1), ("m", 20), ("z", 300)):
        named(place.open(bot), f"of {bot}", amount)
    assert held(ledger) == (20, 301)
    # Settled by this bot, and still those of the others.
    ledger.commit("of a", D("0.5"))
    ledger.commit("of z", D(200))
    ledger.commit("of m", D(5))
    assert held(ledger) == (5, D("200.5"))
    since = order(ledger, 10**6, funds=Funds(D(1000), D(0), since=0))
    numbers = ledger.reserve(since).numbers
    assert (numbers["reserved_own"], numbers["reserved_others"]) == (5, D("200.5"))


def test_other_accounts_and_currencies_do_not_count_while_a_sum_is_followed(ledger):
    named(ledger, "first", 10)
    assert held(ledger) == (10, 0)
    named(ledger, "in a", 1, currency="AAA")
    named(ledger, "in z", 2, currency="ZZZ")
    named(ledger, "on a", 3, account="account")
    named(ledger, "on z", 4, account="zoo")
    named(ledger, "second", 5)
    assert held(ledger) == (15, 0)
    assert held(ledger, currency="AAA") == (1, 0)


@pytest.mark.parametrize(("used", "counts"), [("4", 4), ("10", 10), ("12", 12)])
def test_what_was_used_in_the_end_counts_and_no_more(ledger, used, counts):
    named(ledger, "a", 10)
    assert held(ledger) == (10, 0)
    ledger.commit("a", D(used), excess=True)
    assert held(ledger) == (counts, 0)


def test_the_end_of_what_the_balance_shows_gives_nothing_back(ledger):
    named(ledger, "a", 10)
    ledger.send("a")
    ledger.bind("a", "EX-1")
    mark = ledger.mark()
    ledger.seen(mark)
    named(ledger, "b", 20)
    assert held(ledger, mark) == (20, 0)
    assert held(ledger, mark - 1) == (30, 0)
    ledger.commit("a", D(3))
    assert held(ledger, mark) == (20, 0)
    assert held(ledger, mark - 1) == (23, 0)


def test_what_was_taken_back_is_not_in_a_sum(ledger):
    named(ledger, "a", 10)
    assert held(ledger) == (10, 0)
    first, second = order(ledger, 5, funds=None), order(ledger, 6, funds=None)

    def fails(db):
        raise RuntimeError("the caller's own intent cannot be written")

    with pytest.raises(RuntimeError):
        ledger.reserve_and_mark_sent([first, second], beside=fails)
    assert held(ledger) == (10, 0)
    assert isinstance(ledger.reserve_and_mark_sent([first]), Reserved)
    assert held(ledger) == (15, 0)


def test_sums_of_many_balances_stay_right(ledger):
    named(ledger, "a", 10)
    marks = [0, 0, *range(1, 12), 0]
    assert [held(ledger, mark) for mark in marks] == [(10, 0)] * len(marks)
    named(ledger, "b", 5)
    assert [held(ledger, mark) for mark in marks] == [(15, 0)] * len(marks)


# Who has what, and where


def test_a_bot_owns_what_it_has_made_whatever_the_others_are_called(place, ledger):
    for bot in ("a", "m", "z"):
        named(place.open(bot), f"of {bot}")
    assert ids(ledger.owned()) == ["of m"]
    assert ids(ledger.unfinished(bot="m")) == ["of m"]


def test_only_what_is_reserved_together_has_a_group(ledger):
    assert named(ledger, "alone").group_id is None
    two = ledger.reserve([order(ledger, 1, client_order_id=one) for one in ("a", "b")])
    assert [row.group_id for row in two.reservations] == ["a", "a"]


def test_a_balance_without_a_mark_is_one_from_before_the_first_event(place):
    assert Funds(D(1), D(0)).mark == place.open().mark() == 0


def test_its_own_file_is_known_by_its_path_alone(tmp_path, ledger, monkeypatch):
    assert ledger.writes_to(tmp_path / "ledger.sqlite")
    for other in ("a.sqlite", "z.sqlite"):
        assert not ledger.writes_to(tmp_path / other)
    monkeypatch.chdir(tmp_path)
    assert ledger.writes_to(Path("ledger.sqlite"))
    assert not memory_ledger(bot="m", account="main").writes_to(tmp_path / "ledger.sqlite")


def test_too_little_is_known_of_the_funds_alone(place, ledger):
    named(place.open("other"), "its", 90)
    assert ledger.too_little([order(ledger, 60), order(ledger, 40)]) is None
    denied = ledger.too_little([order(ledger, 60), order(ledger, "40.1")])
    assert (denied.numbers["available"], denied.numbers["reserved_others"]) == (40, 0)
    assert ids(ledger.reservations()) == ["its"]


def test_what_was_sent_at_once_is_published_once_it_has_left(place):
    published = []
    ledger = place.open("m", hub=EventHub(published.append))
    sent = ledger.reserve_and_mark_sent([order(ledger, 1), order(ledger, 2)])
    denied = ledger.reserve_and_mark_sent([order(ledger, 1000)])
    assert published == []
    ledger.publish_sent(sent)
    ledger.publish_sent(denied)
    kinds = [MoneyReserved, ReservationMoved, ReservationMoved, ReservationDenied]
    assert [type(one) for one in published] == kinds
    place.open("silent").publish_sent(sent)
    assert len(published) == 4


def test_where_the_gate_is_closed_for_one_nothing_is_reserved(tmp_path, ledger):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
        db.execute("INSERT INTO claims VALUES ('second', 'other', 'other-1', '2026-01-01')")
    both = [order(ledger, 1, client_order_id=one) for one in ("first", "second")]
    with pytest.raises(OutdatedError, match="the gate is closed"):
        ledger.reserve_and_mark_sent(both)
    assert ledger.reservations() == []


def test_no_step_is_no_work(ledger):
    assert ledger.settle() == ()


def test_every_row_is_scanned_once_however_many_there_are(ledger, monkeypatch):
    monkeypatch.setattr(sqlite_archive, "SCANNED_AT_ONCE", 2)
    for one in "edcba":
        named(ledger, one)
    for one in "abc":
        ledger.release(one, "rejected")
    named(ledger, "f")
    ledger.store.archive(0, ledger.mark(), 10)
    assert [(row.client_order_id, row.archived) for row in ledger.store.scan({})] == [
        ("d", False),
        ("e", False),
        ("f", False),
        ("a", True),
        ("b", True),
        ("c", True),
    ]
    assert ledger.audit() == []


# Turns, and trouble


class Lock:
    """In the place of the fair lock: notes what happens, and may be taken by another."""

    events: ClassVar[list[str]] = []
    is_free = True

    def __init__(self, path):
        self.events.append("made")

    def acquire(self, seconds):
        assert seconds == sqlite_file.WAIT_SECONDS
        self.events.append("acquired" if self.is_free else "waited in vain")
        return self.is_free

    def release(self):
        self.events.append("released")

    def close(self):
        self.events.append("closed")


@pytest.mark.parametrize(
    ("is_free", "turn"), [(True, ["acquired", "released"]), (False, ["waited in vain"])]
)
def test_who_opens_or_writes_waits_for_a_turn_and_ends_only_its_own(
    place, monkeypatch, is_free, turn
):
    monkeypatch.setattr(sqlite_file, "FairLock", Lock)
    monkeypatch.setattr(Lock, "is_free", is_free)
    monkeypatch.setattr(Lock, "events", [])
    ledger = place.open("m")
    ledger.mark()
    assert Lock.events == ["made", *turn]
    Lock.events.clear()
    named(ledger, "a")
    assert Lock.events == turn
    Lock.events.clear()
    with pytest.raises(ZeroDivisionError):
        ledger.store._file.write(lambda db: 1 // 0, flush=False)
    ledger.close()
    assert Lock.events == [*turn, "closed"]


@pytest.mark.parametrize("beside", [-1, 1])
def test_another_file_in_its_place_is_known_by_its_number(ledger, beside):
    file = ledger.store._file
    device, number = file._identity
    for other in ((device, number + beside), (device + beside, number)):
        file._identity = other
        with pytest.raises(LedgerUnavailable, match="another file has taken its place"):
            ledger.mark()
        assert ledger.mark() == 0, "and it is opened anew"


@pytest.mark.parametrize(
    ("code", "is_kept"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, False),
        (sqlite3.SQLITE_IOERR, False),
        (sqlite3.SQLITE_FULL, False),
    ],
)
def test_after_an_error_only_a_file_that_was_busy_stays_open(ledger, code, is_kept):
    file = ledger.store._file
    before, undone = file._db, file.undone

    def fails(db):
        error = sqlite3.OperationalError("trouble")
        error.sqlite_errorcode = code
        raise error

    with pytest.raises(LedgerUnavailable, match="cannot be used: trouble"):
        file.read(fails)
    ledger.mark()
    assert (file._db is before) is is_kept
    assert (file.undone > undone) is not is_kept


# While it cannot be used


@pytest.mark.parametrize(
    "call",
    [
        lambda ledger: ledger.reserve(order(ledger)),
        lambda ledger: ledger.reserve_and_mark_sent([order(ledger)]),
        lambda ledger: ledger.send("a"),
        lambda ledger: ledger.seen(1),
    ],
    ids=["reserve", "reserve and mark as sent", "send", "seen"],
)
def test_after_a_slow_failure_of_any_call_the_next_one_does_not_wait(call):
    clock, asked = ManualClock(), []

    class Away:
        def __getattr__(self, name):
            def slow(*_arguments):
                asked.append(name)
                clock.advance(0.7)
                raise LedgerUnavailable("the disk is full")

            return slow

    ledger = ReservationLedger(Away(), bot="one", account="main", process="run", clock=clock)
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="the disk is full"):
            call(ledger)
    assert len(asked) == 1
