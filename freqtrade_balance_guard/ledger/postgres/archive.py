"""What ended long ago, in PostgreSQL: moved to tables of its own, and read for the audit."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.ledger.postgres.link import Link
from freqtrade_balance_guard.ledger.postgres.statements import SQL
from freqtrade_balance_guard.ledger.postgres.usual import read_row
from freqtrade_balance_guard.ledger.sql.tables import REFUSED, STATE
from freqtrade_balance_guard.ledger.store import Entry, ScannedRow


SCANNED_AT_ONCE = 500
SETTLED = 17


def archive(link: Link, after: int, until: int, limit: int) -> tuple[int, int]:
    """Move ended reservations with their history; the database has the last word on each."""
    with link.transaction():
        link.do(SQL["relax"])
        values = {"after": after, "until": until, "limit": limit}
        rows = link.rows(SQL["archivable"], values)
        if not rows:
            return 0, after
        names = [[row[1] for row in rows]]
        link.do(SQL["lock_rows"], names)
        moved = {"ids": [row[0] for row in link.rows(SQL["archive_reservations"], names)]}
        link.do(SQL["archive_history"], moved)
        link.do(SQL["drop_history"], moved)
        link.do(SQL["drop_reservations"], names)
        return len(moved["ids"]), int(rows[-1][0])


def forget_archived(link: Link, until: int, limit: int) -> int:
    """Delete archived reservations with their history."""
    with link.transaction():
        link.do(SQL["relax"])
        rows = link.rows(SQL["archived_until"], (until, limit))
        link.do(SQL["forget_history"], {"ids": [row[1] for row in rows]})
        names = [[row[0] for row in rows]]
        link.do(SQL["drop_claims"], names)
        return link.do(SQL["forget_reservations"], names)


def scan(link: Link, totals: dict[tuple[str, str], Decimal]) -> Iterator[ScannedRow]:
    """Every row with its history, in pieces: a ledger for years does not fit into memory."""
    for account, currency, unseen in link.rows(SQL["running_totals"]):
        totals[(account, currency)] = unseen
    for table, lines in (("scan", "history"), ("scan_archived", "archived_history")):
        last = ""
        while rows := link.rows(SQL[table], (last, SCANNED_AT_ONCE)):
            for row in rows:
                history = link.rows(SQL[lines], {"one": row[1]})
                yield _scanned(row, history, archived=table == "scan_archived")
            last = rows[-1][1]


def _scanned(row: tuple[Any, ...], history: list[tuple[Any, ...]], *, archived: bool) -> ScannedRow:
    found = None if row[STATE] == REFUSED else read_row(row[:SETTLED])
    lines = [Entry._make(line) for line in history]
    return ScannedRow(row[1], row[3], found, lines, row[SETTLED], archived)
