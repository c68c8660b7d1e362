"""Questions to the tables in SQLite, and how rows are read."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.ledger.reservation import Reservation, State
from freqtrade_balance_guard.ledger.sql.tables import COLUMNS, STATES
from freqtrade_balance_guard.ledger.sqlite.file import Cursor
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from freqtrade_balance_guard.ledger.store import Entry


def select_unfinished(
    db: Cursor, account: str | None, bot: str | None, states: Collection[State]
) -> list[Reservation]:
    """Reservations without an end, the newest first; by the index ``live``."""
    accounts = [account] if account else [row[0] for row in db.execute(SQL["accounts"])]
    where, values = one_of("account", accounts)
    only, names = one_of("state", states)
    sql = f"SELECT {COLUMNS} FROM reservations WHERE settled = 0{where}{only} ORDER BY id DESC"  # noqa: S608
    rows = [reservation(row) for row in db.execute(sql, [*values, *names])]
    return [row for row in rows if bot in (None, row.bot)]


def select_newest(db: Cursor, account: str, bot: str, limit: int) -> list[Reservation]:
    """The newest ``limit`` reservations of one bot."""
    ended = [
        reservation(row) for row in db.execute(SQL["newest_ended"], [account, bot, max(limit, 0)])
    ]
    sql = f"SELECT {COLUMNS} FROM reservations WHERE settled = 0 AND account = ? AND bot = ?"  # noqa: S608
    live = [reservation(row) for row in db.execute(sql, [account, bot])]
    return sorted(ended + live, key=lambda row: row.id, reverse=True)[:limit]


def select_all(
    db: Cursor,
    tables: Sequence[str],
    account: str | None,
    bot: str | None,
    states: Collection[State] | None,
) -> list[Reservation]:
    """Everything that fits, the newest first. Reads whole tables."""
    found: dict[str, Reservation] = {}
    for table in tables:
        sql = f"SELECT {COLUMNS} FROM {table} WHERE state <> 'refused'"  # noqa: S608
        values: list[str] = []
        for column, value in (("account", account), ("bot", bot)):
            if value is not None:
                sql += f" AND {column} = ?"
                values.append(value)
        only, names = one_of("state", states)
        for row in db.execute(sql + only, [*values, *names]):
            found[row[1]] = reservation(row)
    return sorted(found.values(), key=lambda row: row.id, reverse=True)


def changes(db: Cursor, account: str, after: int) -> list[tuple[Entry, Reservation]]:
    """The lines after an event with their rows, also those that were archived since."""
    rows = [*db.execute(SQL["archived_changes"], [after, account])]
    old = {row[0] for row in rows}
    rows += [row for row in db.execute(SQL["changes"], [after, account]) if row[0] not in old]
    if old:
        rows.sort()
    return [(entry(row[:13]), reservation(row[13:])) for row in rows]


def order_owners(
    db: Cursor, account: str, orders: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], set[str]]:
    """The bots that have bound each (pair, order id)."""
    found = {}
    for order in orders:
        bots = {row[0] for row in db.execute(SQL["order_owners"], (account, *order))}
        if bots:
            found[order] = bots
    return found


# Rows


def entry(row: tuple[Any, ...]) -> Entry:
    amounts = map(Decimal, row[7:9])
    received = None if row[10] is None else Decimal(row[10])
    at = datetime.fromisoformat(row[2])
    return Entry._make((*row[:2], at, *row[3:7], *amounts, row[9], received, *row[11:]))


def reservation(row: tuple[Any, ...]) -> Reservation:
    amounts = map(Decimal, row[9:12])
    created = datetime.fromisoformat(row[13])
    return Reservation._make((*row[:9], *amounts, STATES[row[12]], created, *row[14:]))


def one_of(column: str, names: Collection[str] | None) -> tuple[str, list[str]]:
    if names is None:
        return "", []
    return f" AND {column} IN ({', '.join('?' * len(names))})", [str(name) for name in names]
