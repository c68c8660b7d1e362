"""A store that remembers its rows and sums is never fooled by what others did meanwhile.

Each scene is one that a memory without doubt would get wrong: somebody else, a second connection of
the same bot or another program, was there between two steps.
"""

import sqlite3
from decimal import Decimal

import pytest

from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    Conflict,
    Funds,
    LedgerUnavailable,
    Move,
    Moved,
    NotAllowed,
    NotReserved,
    Reserved,
    State,
    Step,
    Unchanged,
)
from tests.support.ledger import made, order


def asked(ledger, amount, mark, spendable=100):
    return order(ledger, amount, funds=Funds(Decimal(spendable), Decimal(0), mark))


def sent(ledger, amount=30):
    one = made(ledger.reserve(asked(ledger, amount, ledger.mark()))).client_order_id
    assert isinstance(ledger.send(one), Moved)
    return one


def commit(client_order_id, total):
    return Step(Move.COMMIT, client_order_id, Decimal(total))


def test_what_somebody_else_has_ended_is_not_ended_again(place):
    ledger, other = place.open("one"), place.open("two")
    one = sent(ledger)
    assert isinstance(other.release(one, "the exchange does not know it"), Moved)
    for again in (ledger.commit(one, Decimal(30)), ledger.release(one, "rejected")):
        assert isinstance(again, AlreadyEnded)
        assert again.reservation.state is State.RELEASED
    assert len(ledger.history(one)) == 3
    assert ledger.audit() == []


def test_what_somebody_else_has_booked_stays_booked(place):
    ledger, other = place.open("one"), place.open("two")
    one = sent(ledger)
    assert isinstance(other.use(one, Decimal(20), order_id="EX-1"), Moved)
    assert isinstance(ledger.bind(one, "EX-2"), NotAllowed)
    assert isinstance(ledger.use(one, Decimal(10)), Unchanged)
    moved = ledger.commit(one)
    assert isinstance(moved, Moved)
    assert (moved.reservation.committed, moved.reservation.order_id) == (20, "EX-1")
    assert ledger.audit() == []


def test_a_fill_that_somebody_else_has_booked_does_not_become_smaller(place):
    ledger, other = place.open("one"), place.open("two")
    one = sent(ledger)
    ledger.bind(one, "EX-1")
    assert isinstance(other.use(one, Decimal(20)), Moved)
    assert isinstance(ledger.use(one, Decimal(10)), Unchanged)
    assert ledger.find(one).committed == 20


def test_the_gate_is_passed_once_only(place):
    ledger, other = place.open("one"), place.open("two")
    one = made(ledger.reserve(asked(ledger, 30, 0))).client_order_id
    assert isinstance(other.send(one), Moved)
    assert isinstance(ledger.send(one), NotAllowed)


def test_what_a_balance_of_somebody_else_shows_is_known_at_the_end(place):
    ledger, other = place.open("one"), place.open("two")
    one = sent(ledger)
    ledger.bind(one, "EX-1")
    mark = other.mark()
    other.seen(mark)
    row = ledger.commit(one, Decimal(30)).reservation
    assert row.visible_from == mark
    assert row == ledger.find(one)
    assert ledger.held("USDT", mark=mark).own == 0
    assert ledger.held("USDT", mark=0).own == 30


def test_one_pair_of_steps_is_done_as_a_whole_after_somebody_else_was_there(place):
    ledger, other = place.open("one"), place.open("two")
    first, second = sent(ledger), sent(ledger)
    other.bind(second, "EX-2")
    results = ledger.settle(commit(first, 30), commit(second, 10))
    assert [type(one) for one in results] == [Moved, Moved]
    assert [len(ledger.history(one)) for one in (first, second)] == [3, 4]
    assert ledger.find(second).order_id == "EX-2"
    assert ledger.audit() == []


def test_the_same_row_twice_in_one_go(place):
    ledger = place.open()
    one = sent(ledger)
    results = ledger.settle(commit(one, 10), commit(one, 20))
    assert [type(one) for one in results] == [Moved, AlreadyEnded]
    assert ledger.find(one).committed == 10


def test_an_id_that_somebody_else_has_is_answered_as_it_was_for_him(place):
    ledger, other = place.open("one"), place.open("two")
    request = asked(ledger, 30, 0)
    made(other.reserve(request))
    again = ledger.reserve(request)
    assert isinstance(again, Reserved) and again.replayed
    assert isinstance(ledger.reserve(request._replace(amount=Decimal(31))), Conflict)
    other.release(request.client_order_id, "rejected")
    again = ledger.reserve(request)
    assert isinstance(again, Reserved) and again.replayed
    assert again.reservations[0].state is State.RELEASED
    many = asked(ledger, 90, 0)
    made(ledger.reserve(many))
    assert ledger.reserve(many).replayed, "a yes stays one, also if there is no more money"
    assert ledger.reserve([many, many]).replayed
    refused = asked(ledger, 300, 0)
    assert isinstance(other.reserve(refused), NotReserved)
    assert ledger.reserve(refused).replayed
    assert isinstance(ledger.reserve([asked(ledger, 1, 0), request]), Conflict)
    assert ledger.audit() == []


def test_the_sum_follows_own_steps_and_those_of_others(place):
    """100 are there. After each step just what is left can be reserved, and no more."""
    ledger, other = place.open("one"), place.open("two")
    mark = ledger.mark()
    left = Decimal(100)

    def check():
        refused = ledger.reserve(asked(ledger, left + 1, mark))
        assert isinstance(refused, NotReserved)
        assert refused.numbers["available"] == left

    first = made(ledger.reserve(asked(ledger, 20, mark))).client_order_id
    left -= 20
    check()
    made(other.reserve(asked(other, 10, mark)))
    left -= 10
    check()
    second = made(ledger.reserve(asked(ledger, 30, mark))).client_order_id
    left -= 30
    check()
    ledger.send(first)
    ledger.commit(first, Decimal(5))
    left += 15
    check()
    ledger.release(second, "rejected")
    left += 30
    check()
    third = made(ledger.reserve(asked(ledger, 40, mark))).client_order_id
    ledger.send(third)
    ledger.commit(third, Decimal(50), excess=True)
    left -= 50
    check()
    ledger.seen(ledger.mark())
    check()  # with an older balance it still counts
    made(ledger.reserve(asked(ledger, left, mark)))
    left = Decimal(0)
    check()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_could_not_be_written_is_not_in_the_sum(place, tmp_path):
    ledger = place.open()
    mark = ledger.mark()
    made(ledger.reserve(asked(ledger, 10, mark)))
    db = ledger.store._file._db
    # A commit that fails leaves nothing behind: 90 of 100 are free, not 40.
    db.execute("CREATE TEMP TABLE parent (id INTEGER PRIMARY KEY)")
    db.execute(
        "CREATE TEMP TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    db.execute("PRAGMA foreign_keys = ON")
    db.execute(
        "CREATE TEMP TRIGGER fails AFTER INSERT ON main.reservations "
        "BEGIN INSERT INTO child VALUES (7); END"
    )
    with pytest.raises(Exception, match="FOREIGN KEY"):
        ledger.reserve(asked(ledger, 50, mark))
    db.execute("DROP TRIGGER fails")
    made(ledger.reserve(asked(ledger, 90, mark)))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_another_program_writes_is_in_the_sum(place, tmp_path):
    ledger = place.open()
    mark = ledger.mark()
    one = made(ledger.reserve(asked(ledger, 10, mark))).client_order_id
    db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    db.execute("UPDATE reservations SET requested = '60', held = '60' WHERE state = 'reserved'")
    db.close()
    refused = ledger.reserve(asked(ledger, 50, mark))
    assert isinstance(refused, NotReserved)
    assert refused.numbers["available"] == 40
    assert ledger.find(one).held == 60


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_another_connection_begins_without_sums(place):
    place.open().mark()
    ledger, other = place.open("one"), place.open("two")
    mark = ledger.mark()
    made(ledger.reserve(asked(ledger, 10, mark)))  # two rows written
    ledger.store.close()
    made(other.reserve(asked(other, 60, mark)))
    for _ in range(2):
        ledger.heartbeat()  # two rows, of the new connection
    assert isinstance(ledger.reserve(asked(ledger, 50, mark)), NotReserved)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_that_was_replaced_is_summed_anew(place, tmp_path):
    ledger = place.open()
    mark = ledger.mark()
    made(ledger.reserve(asked(ledger, 60, mark)))
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (tmp_path / name).unlink()
    with pytest.raises(LedgerUnavailable):
        ledger.reserve(asked(ledger, 41, mark))
    assert isinstance(ledger.reserve(asked(ledger, 41, mark)), NotReserved)
    made(ledger.reserve(asked(ledger, 40, mark)))


def test_a_step_of_what_a_balance_shows_does_not_change_its_sum(place):
    ledger = place.open()
    shown = sent(ledger, 10)
    ledger.bind(shown, "EX-1")
    mark = ledger.mark()
    assert ledger.seen(mark) == 1
    assert isinstance(ledger.reserve(asked(ledger, 40, mark)), Reserved)
    assert isinstance(ledger.settle(commit(shown, 7))[0], Moved)
    refused = ledger.reserve(asked(ledger, 61, mark))
    assert isinstance(refused, NotReserved)
    assert refused.numbers["available"] == 60
    assert isinstance(ledger.reserve(asked(ledger, 60, mark)), Reserved)


def test_a_step_of_another_bots_order_changes_the_sum_of_others(place):
    ledger, other = place.open("one"), place.open("two")
    theirs = sent(other, 40)
    mark = ledger.mark()
    assert isinstance(ledger.reserve(asked(ledger, 30, mark)), Reserved)
    assert isinstance(ledger.release(theirs, "the exchange does not know it"), Moved)
    refused = ledger.reserve(asked(ledger, 80, mark))
    assert isinstance(refused, NotReserved)
    assert (refused.numbers["reserved_own"], refused.numbers["reserved_others"]) == (30, 0)


def test_what_is_reserved_on_another_account_does_not_change_the_sum(place):
    ledger = place.open()
    mark = ledger.mark()
    assert isinstance(ledger.reserve(asked(ledger, 30, mark)), Reserved)
    elsewhere = asked(ledger, 50, mark)._replace(account=f"{place.account}-second")
    assert isinstance(ledger.reserve(elsewhere), Reserved)
    assert isinstance(ledger.reserve(asked(ledger, 70, mark)), Reserved)
