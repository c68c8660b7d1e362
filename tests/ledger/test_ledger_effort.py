"""What has ended is not read again: a reservation stays as cheap as on the first day.

Effort is counted, not timed: steps of SQLite's machine, rows and index entries that PostgreSQL has
read.
"""

from decimal import Decimal

import psycopg
import pytest

from freqtrade_balance_guard.ledger import Funds, Move, Moved, Reserved, Step
from tests.support.ledger import order


# What PostgreSQL reads also depends on when it last cleaned up: counted where nothing else runs.
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.benchmark)]
pytestmark = pytest.mark.parametrize("place", KINDS, indirect=True)


def steps_of_sqlite(ledger, do):
    steps = []
    db = ledger.store._file._db
    db.set_progress_handler(lambda: steps.append(1), 1)
    do()
    db.set_progress_handler(None, 1)
    return len(steps)


def rows_read_by_postgres(ledger, do):
    before = rows_read(ledger)
    do()
    return rows_read(ledger) - before


def rows_read(ledger):
    link = ledger.store._link._link
    link.execute("SELECT pg_stat_force_next_flush()")
    link.execute("SELECT 1")
    with psycopg.connect(link.info.dsn, autocommit=True) as db:
        ((tables, indexes),) = db.execute(
            "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables), "
            "(SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
        ).fetchall()
    return int(tables + indexes)


def end_some(ledger, number):
    for start in range(0, number, 100):
        orders = [order(ledger, 1, funds=None) for _ in range(min(100, number - start))]
        assert isinstance(ledger.reserve(orders), Reserved)
        ledger.settle(
            *[
                Step(Move.COMMIT, one.client_order_id, Decimal(1), order_id="EX")
                if index % 4
                else Step(Move.RELEASE, one.client_order_id, why="rejected")
                for index, one in enumerate(orders)
            ]
        )
        ledger.seen(ledger.mark())


def one_order(ledger, follows):
    """From the balance to the end of the order, and the believed balance after it."""
    mark = ledger.mark()
    outlook = ledger.outlook("USDT", mark) if follows else None
    since = outlook.since if outlook else None
    asked = order(ledger, 1, funds=Funds(Decimal(100), Decimal(0), mark, since))
    assert isinstance(ledger.reserve(asked), Reserved)
    assert isinstance(ledger.send(asked.client_order_id), Moved)
    assert isinstance(ledger.commit(asked.client_order_id, Decimal(1)), Moved)
    ledger.seen(ledger.mark())


def least(place, ledger, do):
    """The least of several: PostgreSQL clears an index of what has ended when somebody meets it."""
    count = steps_of_sqlite if place.kind == "sqlite" else rows_read_by_postgres
    return min(count(ledger, do) for _ in range(8))


@pytest.mark.parametrize("follows", [False, True])
def test_an_order_costs_the_same_after_twenty_times_as_many_that_have_ended(place, follows):
    ledger = place.open()
    end_some(ledger, 100)
    few = least(place, ledger, lambda: one_order(ledger, follows))
    end_some(ledger, 2000)
    assert least(place, ledger, lambda: one_order(ledger, follows)) < few + 200


@pytest.mark.parametrize("ask", ["reserve", "held", "outlook", "unfinished"])
def test_what_is_asked_all_the_time_does_not_read_what_has_ended(place, ask):
    ledger, other = place.open(), place.open("two")

    def question():
        if ask == "reserve":  # somebody else was faster: his is looked at
            outlook = ledger.outlook("USDT", ledger.mark())
            other.reserve(order(other, 1, funds=None))
            funds = Funds(Decimal(10000), Decimal(0), since=outlook.since)
            assert isinstance(ledger.reserve(order(ledger, 1, funds=funds)), Reserved)
        elif ask == "outlook":
            ledger.outlook("USDT", ledger.mark() - 5)
        elif ask == "unfinished":
            ledger.unfinished(account=ledger.account)
        else:
            ledger.held("USDT")

    end_some(ledger, 100)
    few = least(place, ledger, question)
    end_some(ledger, 2000)
    assert least(place, ledger, question) < few + 200
