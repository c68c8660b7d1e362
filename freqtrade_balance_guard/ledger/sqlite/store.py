"""The ledger in one SQLite file, shared by the bots of one host.

Only a reservation is flushed to the disk before the call returns (``synchronous=FULL``): it is the
intent, and must be there before the order leaves. Everything after it is written but not flushed
(NORMAL): a kill of the process loses nothing, and a power cut at worst brings back money as held
that was let go, which is the safe side and is settled at the next start. So a reservation and its
end cost one flush, whatever happens between them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.ledger.errors import InvariantBroken
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import NEVER, UNFINISHED, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    Holds,
    Moved,
    MoveResult,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sql.tables import COLUMNS
from freqtrade_balance_guard.ledger.sqlite.file import Cursor, SqliteFile
from freqtrade_balance_guard.ledger.sqlite.schema import SQLITE
from freqtrade_balance_guard.ledger.sqlite.steps import (
    OutdatedError,
    find,
    reservation,
    reserve,
    take_steps,
)
from freqtrade_balance_guard.ledger.sqlite.unseen import Unseen, holds
from freqtrade_balance_guard.ledger.store import Beat, Entry, Outlook, Stamp


LAST_EVENT = "SELECT max(event) FROM history"
SEEN = """
UPDATE reservations SET visible_from = ?, settled = state = 'committed'
WHERE account = ? AND settled = 0 AND visible_from = ? AND known_at <= ?
"""
HISTORY_COLUMNS = (
    "h.event, h.client_order_id, h.at, h.bot, h.process, h.what, h.state, h.held, h.committed, "
    "h.order_id, h.received, h.received_currency, h.why"
)
CHANGES = (
    f"SELECT {HISTORY_COLUMNS}, {', '.join(f'r.{name}' for name in COLUMNS.split(', '))} "  # noqa: S608
    "FROM history h JOIN reservations r ON r.client_order_id = h.client_order_id "
    "WHERE h.event > ? AND r.account = ? AND r.state <> 'refused' ORDER BY h.event"
)


# Rows that we remember: more than any bot has without an end.
REMEMBERED = 1000


class SqliteStore:
    """All bots of one host use the same file.

    :param schema: another history of versions, for tests of migrations
    :param read_only: for a look: nothing is made, migrated or written
    :raises SchemaTooNew: at first use, a file of a newer version
    """

    def __init__(self, path: Path, schema: Schema = SQLITE, *, read_only: bool = False) -> None:
        self._file = SqliteFile(path, schema, read_only=read_only)
        self._unseen = Unseen(self._file)
        self._known: dict[str, Reservation] = {}  # without an end, as we left them

    # Writing

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        write, unseen = self._file.write, self._unseen
        try:
            result = write(lambda db: reserve(db, batch, stamp, why, unseen, new=True), flush=True)
        except InvariantBroken:  # an id that somebody has: what was said then?
            return write(lambda db: reserve(db, batch, stamp, why, unseen, new=False), flush=True)
        if isinstance(result, Reserved) and not result.replayed:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            for row in result.reservations:
                self._known[row.client_order_id] = row
        return result

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        known = {}
        for step in steps:
            row = self._known.pop(step.client_order_id, None)
            if row is not None:
                known[step.client_order_id] = row
        write, unseen = self._file.write, self._unseen
        try:
            results = write(lambda db: take_steps(db, steps, stamp, unseen, known), flush=False)
        except (OutdatedError, InvariantBroken):
            if not known:
                raise
            # Somebody else was here: how is it now?
            results = write(lambda db: take_steps(db, steps, stamp, unseen, {}), flush=False)
        for one in results:
            if isinstance(one, Moved) and one.reservation.state in UNFINISHED:
                self._known[one.reservation.client_order_id] = one.reservation
        return results

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        only, names = _one_of("currency", currencies)
        values = [mark, account, NEVER, mark, *names]
        self._known.clear()
        return self._file.write(lambda db: db.execute(SEEN + only, values).rowcount, flush=False)

    def beat(self, beat: Beat) -> None:
        values = [*beat[:4], beat.at.isoformat(), beat.about]
        sql = "INSERT OR REPLACE INTO beats VALUES (?, ?, ?, ?, ?, ?)"
        self._file.write(lambda db: db.execute(sql, values), flush=False)

    def forget_beat(self, account: str, bot: str, process: str) -> None:
        sql = "DELETE FROM beats WHERE account = ? AND bot = ? AND process = ?"
        self._file.write(lambda db: db.execute(sql, [account, bot, process]), flush=False)

    # Reading

    def mark(self) -> int:
        return self._file.read(_last_event)

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        newest = NEVER - 1 if mark is None else mark
        return Holds(*self._file.read(lambda db: holds(db, account, currency, newest, bot)))

    def find(self, client_order_id: str) -> Reservation | None:
        return self._file.read(lambda db: find(db, client_order_id)).reservation

    def select(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> list[Reservation]:
        sql = f"SELECT {COLUMNS} FROM reservations WHERE state <> 'refused'"  # noqa: S608
        values: list[Any] = []
        for column, value in (("account", account), ("bot", bot)):
            if value is not None:
                sql += f" AND {column} = ?"
                values.append(value)
        if states is not None and set(states) <= set(UNFINISHED):
            sql += " AND settled = 0"  # what the index is for
        only, names = _one_of("state", states)
        sql += f"{only} ORDER BY id DESC LIMIT {-1 if limit is None else limit:d}"
        return self._file.read(
            lambda db: [reservation(r) for r in db.execute(sql, [*values, *names])]
        )

    def history(self, client_order_id: str) -> list[Entry]:
        sql = f"SELECT {HISTORY_COLUMNS} FROM history h WHERE client_order_id = ? ORDER BY event"  # noqa: S608
        return self._file.read(
            lambda db: [_entry(row) for row in db.execute(sql, [client_order_id])]
        )

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        return self._file.read(lambda db: _changes(db, account, after))

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        def look(db: Cursor) -> Outlook:
            # Events get their numbers one after the other: what is up to the last one is complete,
            # and what is written between the two questions is handed out again next time.
            last = _last_event(db)
            return Outlook(last, last, _changes(db, account, after))

        return self._file.read(look)

    def running_totals(self) -> dict[tuple[str, str], Decimal]:
        return {}  # summed afresh each time

    def beats(self, account: str | None) -> list[Beat]:
        sql = "SELECT account, bot, process, number, at, about FROM beats"
        rows = self._file.read(lambda db: db.execute(sql).fetchall())
        return [
            Beat._make((*row[:4], datetime.fromisoformat(row[4]), row[5]))
            for row in rows
            if account in (None, row[0])
        ]

    def close(self) -> None:
        self._file.close()


def _last_event(db: Cursor) -> int:
    return int(db.execute(LAST_EVENT).fetchone()[0] or 0)


def _changes(db: Cursor, account: str, after: int) -> list[tuple[Entry, Reservation]]:
    return [
        (_entry(row[:13]), reservation(row[13:])) for row in db.execute(CHANGES, [after, account])
    ]


# Rows


def _entry(row: tuple[Any, ...]) -> Entry:
    amounts = map(Decimal, row[7:9])
    received = None if row[10] is None else Decimal(row[10])
    at = datetime.fromisoformat(row[2])
    return Entry._make((*row[:2], at, *row[3:7], *amounts, row[9], received, *row[11:]))


def _one_of(column: str, names: Collection[str] | None) -> tuple[str, list[str]]:
    if names is None:
        return "", []
    return f" AND {column} IN ({', '.join('?' * len(names))})", [str(name) for name in names]
