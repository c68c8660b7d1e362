"""What ended long ago, in SQLite: moved to tables of its own, and read for the audit."""

from collections.abc import Iterator
from typing import Any

from freqtrade_balance_guard.ledger.sql.tables import REFUSED, STATE
from freqtrade_balance_guard.ledger.sqlite.file import Cursor
from freqtrade_balance_guard.ledger.sqlite.queries import entry, reservation
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from freqtrade_balance_guard.ledger.store import ScannedRow


SCANNED_AT_ONCE = 500
SETTLED = 17


def archive(db: Cursor, after: int, until: int, limit: int) -> tuple[int, int]:
    """Move ended reservations with their history; the database has the last word on each."""
    rows = db.execute(SQL["archivable"], (after, until, limit)).fetchall()
    for _event, one, number in rows:
        db.execute(SQL["archive_reservation"], (one,))
        db.execute(SQL["archive_history"], (number,))
        db.execute(SQL["drop_history"], (number,))
        db.execute(SQL["drop_reservation"], (one,))
    return len(rows), rows[-1][0] if rows else after


def forget_archived(db: Cursor, until: int, limit: int) -> int:
    """Delete archived reservations with their history."""
    rows = db.execute(SQL["archived_until"], (until, limit)).fetchall()
    for _event, one, number in rows:
        db.execute(SQL["forget_history"], (number,))
        db.execute(SQL["forget_reservation"], (one,))
        db.execute(SQL["drop_claim"], (one,))
    return len(rows)


def scan(db: Cursor) -> Iterator[ScannedRow]:
    """Every row with its history, in pieces: a ledger for years does not fit into memory."""
    for table, lines in (("scan", "history"), ("scan_archived", "archived_history")):
        last = ""
        while rows := db.execute(SQL[table], (last, SCANNED_AT_ONCE)).fetchall():
            for row in rows:
                history = db.execute(SQL[lines], (row[1],)).fetchall()
                yield _scanned(row, history, archived=table == "scan_archived")
            last = rows[-1][1]


def _scanned(row: tuple[Any, ...], history: list[tuple[Any, ...]], *, archived: bool) -> ScannedRow:
    found = None if row[STATE] == REFUSED else reservation(row[:SETTLED])
    lines = [entry(line) for line in history]
    return ScannedRow(row[1], row[3], found, lines, row[SETTLED], archived)
