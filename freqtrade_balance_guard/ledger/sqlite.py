"""The ledger in one SQLite file, shared by the bots of one host.

Only a reservation is flushed to the disk before the call returns (``synchronous=FULL``): it is the
intent, and must be there before the order leaves. Everything after it is written but not flushed
(NORMAL): a kill of the process loses nothing, and a power cut at worst brings back money as held
that was let go, which is the safe side and is settled at the next start. So a reservation and its
end cost one flush, whatever happens between them.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    ALWAYS,
    EXACT,
    NEVER,
    UNFINISHED,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.results import (
    Holds,
    Moved,
    MoveResult,
    NotFound,
    Refused,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rows import (
    COLUMNS,
    REFUSAL,
    REFUSED,
    STATE,
    STATES,
    read_refusal,
    settled,
    write_refusal,
)
from freqtrade_balance_guard.ledger.rules import Asked, judge, repeated_id, replay, take_step
from freqtrade_balance_guard.ledger.schema import SQLITE, Schema
from freqtrade_balance_guard.ledger.sqlite_file import Cursor, SqliteFile
from freqtrade_balance_guard.ledger.store import Beat, Entry, Outlook, Stamp
from freqtrade_balance_guard.money import ZERO


# The history gives a step its number when the line is written; until then it has this one.
PENDING = -1
NOTHING = (None, None, None)

FIND = f"SELECT {COLUMNS}, refusal FROM reservations WHERE client_order_id = ?"  # noqa: S608
IS_TAKEN = "SELECT 1 FROM reservations WHERE client_order_id = ?"
# What is held or used, of rows that this snapshot does not show: live ones, and those that somebody
# with a newer snapshot has settled. (Unfinished rows hold what was requested less what was used.)
UNSEEN = """
SELECT bot, CASE held WHEN '0' THEN committed ELSE requested END FROM reservations
WHERE account = ?1 AND settled IN (0, 1) AND currency = ?2 AND visible_from > ?3
"""
# What was reserved after one of them, for who has everything before it in his numbers. (CROSS: from
# the history to the rows. The other way round SQLite would read all that ever ended.)
YOUNGER = """
SELECT r.bot, CASE r.held WHEN '0' THEN r.committed ELSE r.requested END
FROM history h CROSS JOIN reservations r ON r.client_order_id = h.client_order_id
WHERE h.event > ?3 AND h.what = 'reserve' AND r.account = ?1 AND r.currency = ?2
    AND r.settled IN (0, 1)
"""
LAST_EVENT = "SELECT max(event) FROM history"
INSERT = """
INSERT INTO reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, visible_from, settled, refusal)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '0', ?, ?, ?, ?, ?)
"""
# Two texts: SQLite writes to an index as soon as its columns are named, also if they stay the same.
UPDATE = """
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?
WHERE client_order_id = ?
"""
UPDATE_AND_MOVE = """
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?,
    visible_from = ?, settled = ? WHERE client_order_id = ?
"""
SEEN = """
UPDATE reservations SET visible_from = ?, settled = state = 'committed'
WHERE account = ? AND settled = 0 AND visible_from = ? AND known_at <= ?
"""
ADD_HISTORY = """
INSERT INTO history (client_order_id, at, bot, process, what, state, held, committed, order_id,
    received, received_currency, why)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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


class SqliteStore:
    """All bots of one host use the same file.

    :param schema: another history of versions, for tests of migrations
    :param read_only: for a look: nothing is made, migrated or written
    :raises SchemaTooNew: at first use, a file of a newer version
    """

    def __init__(self, path: Path, schema: Schema = SQLITE, *, read_only: bool = False) -> None:
        self._file = SqliteFile(path, schema, read_only=read_only)

    # Writing

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        return self._file.write(lambda db: _reserve(db, batch, stamp, why), flush=True)

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        return self._file.write(
            lambda db: tuple([_move(db, step, stamp) for step in steps]), flush=False
        )

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        only, names = _one_of("currency", currencies)
        values = [mark, account, NEVER, mark, *names]
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
        return Holds(*self._file.read(lambda db: _holds(db, account, currency, newest, bot)))

    def find(self, client_order_id: str) -> Reservation | None:
        return self._file.read(lambda db: _find(db, client_order_id)).reservation

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
            lambda db: [_reservation(r) for r in db.execute(sql, [*values, *names])]
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


# What happens inside a transaction


def _reserve(db: Cursor, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
    for request in batch:
        if db.execute(IS_TAKEN, (request.client_order_id,)).fetchone():
            return replay(batch, [_find(db, one.client_order_id) for one in batch])
    if len(batch) > 1 and (conflict := repeated_id(batch)):
        return conflict
    refusal = judge(batch, stamp.bot, partial(_against, db))
    if refusal is not None:
        _refuse(db, batch, refusal, stamp)
        return refusal
    group = batch[0].client_order_id if len(batch) > 1 else None
    return Reserved(tuple([_insert(db, one, group, stamp, why) for one in batch]))


def _insert(db: Cursor, request: Request, group: str | None, stamp: Stamp, why: str) -> Reservation:
    client_order_id, account, pair, side, currency, amount, _ = request
    bot, process, at = stamp
    text, when = f"{amount:f}", at.isoformat()
    who = (client_order_id, group, account, bot, process, pair, side, currency)
    line = (client_order_id, when, bot, process, "reserve", "reserved", text, "0", *NOTHING, why)
    number = db.execute(ADD_HISTORY, line).lastrowid or 0
    db.execute(INSERT, (number, *who, text, text, "reserved", when, NEVER, 0, None))
    amounts = (amount, amount, ZERO)
    return Reservation(number, *who, *amounts, State.RESERVED, at, None, None, NEVER)


def _refuse(db: Cursor, batch: Sequence[Request], refusal: Refused, stamp: Stamp) -> None:
    text = write_refusal(refusal)
    when = stamp.at.isoformat()
    for one in batch:
        who = (one.client_order_id, None, one.account, stamp.bot, stamp.process)
        what = (one.pair, one.side, one.currency, f"{one.amount:f}", "0", REFUSED)
        line = (one.client_order_id, when, stamp.bot, stamp.process, "refuse", REFUSED)
        written = db.execute(ADD_HISTORY, (*line, "0", "0", *NOTHING, str(refusal)))
        db.execute(INSERT, (written.lastrowid, *who, *what, when, ALWAYS, None, text))


def _move(db: Cursor, step: Step, stamp: Stamp) -> MoveResult:
    before = _find(db, step.client_order_id).reservation
    if before is None:
        return NotFound(step.client_order_id)
    after = take_step(before, step, PENDING, stamp.process)
    if not isinstance(after, Reservation):
        return after
    held, committed = f"{after.held:f}", f"{after.committed:f}"
    line = (after.client_order_id, stamp.at.isoformat(), stamp.bot, stamp.process, step.move.value)
    received = None if step.received is None else f"{step.received:f}"
    learned = (after.order_id, received, step.received_currency, step.why)
    written = db.execute(ADD_HISTORY, (*line, after.state.value, held, committed, *learned))
    if after.known_at == PENDING:
        state, order_id, visible = after.state, after.order_id, after.visible_from
        known_at = written.lastrowid
        after = after.changed(state, after.held, after.committed, order_id, known_at, visible)
    row = (after.state.value, held, committed, after.order_id, after.known_at)
    place = settled(after)
    if after.visible_from == before.visible_from and place == settled(before):
        db.execute(UPDATE, (*row, after.client_order_id))
    else:
        db.execute(UPDATE_AND_MOVE, (*row, after.visible_from, place, after.client_order_id))
    return Moved(after)


def _against(
    db: Cursor, account: str, currency: str, funds: Funds, bot: str
) -> tuple[Decimal, Decimal]:
    if funds.since is None:
        return _holds(db, account, currency, funds.mark, bot)
    return _sums(db.execute(YOUNGER, (account, currency, funds.since)), bot)


def _holds(db: Cursor, account: str, currency: str, mark: int, bot: str) -> tuple[Decimal, Decimal]:
    return _sums(db.execute(UNSEEN, (account, currency, mark)), bot)


def _sums(rows: Iterable[tuple[str, str]], bot: str) -> tuple[Decimal, Decimal]:
    own = others = ZERO
    for holder, promised in rows:
        if holder == bot:
            own = EXACT.add(own, Decimal(promised))
        else:
            others = EXACT.add(others, Decimal(promised))
    return own, others


def _last_event(db: Cursor) -> int:
    return int(db.execute(LAST_EVENT).fetchone()[0] or 0)


def _changes(db: Cursor, account: str, after: int) -> list[tuple[Entry, Reservation]]:
    return [
        (_entry(row[:13]), _reservation(row[13:])) for row in db.execute(CHANGES, [after, account])
    ]


def _find(db: Cursor, client_order_id: str) -> Asked:
    row = db.execute(FIND, (client_order_id,)).fetchone()
    if row is None:
        return Asked(None, None)
    if row[STATE] == REFUSED:
        return Asked(None, read_refusal(row[REFUSAL]))
    return Asked(_reservation(row[:REFUSAL]), None)


# Rows


def _reservation(row: tuple[Any, ...]) -> Reservation:
    amounts = map(Decimal, row[9:12])
    created = datetime.fromisoformat(row[13])
    return Reservation._make((*row[:9], *amounts, STATES[row[12]], created, *row[14:]))


def _entry(row: tuple[Any, ...]) -> Entry:
    amounts = map(Decimal, row[7:9])
    received = None if row[10] is None else Decimal(row[10])
    at = datetime.fromisoformat(row[2])
    return Entry._make((*row[:2], at, *row[3:7], *amounts, row[9], received, *row[11:]))


def _one_of(column: str, names: Collection[str] | None) -> tuple[str, list[str]]:
    if names is None:
        return "", []
    return f" AND {column} IN ({', '.join('?' * len(names))})", [str(name) for name in names]
