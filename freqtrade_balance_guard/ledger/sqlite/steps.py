"""What happens inside a transaction of SQLite: a reservation, or a step of one that exists.

The usual step asks nothing that it knows already: an id that we have just made is new, and a row is
as we left it. The database has the last word on both, in the same transaction: it refuses an id
that it has, and changes a row only if it is the one we think of. Where we were wrong nothing is
written, and the store does the step once more, with questions.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import ALWAYS, NEVER, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    Moved,
    MoveResult,
    NotFound,
    Refused,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import Asked, judge, repeated_id, replay, take_step
from freqtrade_balance_guard.ledger.sql.tables import (
    COLUMNS,
    REFUSAL,
    REFUSED,
    STATE,
    STATES,
    read_refusal,
    settled,
    write_refusal,
)
from freqtrade_balance_guard.ledger.sqlite.file import Cursor
from freqtrade_balance_guard.ledger.sqlite.unseen import Unseen
from freqtrade_balance_guard.ledger.store import Stamp
from freqtrade_balance_guard.money import ZERO


# The history gives a step its number when the line is written; until then it has this one.
PENDING = -1
NOTHING = (None, None, None)

FIND = f"SELECT {COLUMNS}, refusal FROM reservations WHERE client_order_id = ?"  # noqa: S608
IS_TAKEN = "SELECT 1 FROM reservations WHERE client_order_id = ?"
INSERT = f"""
INSERT INTO reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, visible_from, settled)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, '0', 'reserved', ?11, {NEVER}, 0)
"""  # noqa: S608
INSERT_REFUSAL = f"""
INSERT INTO reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, visible_from, refusal)
VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, '0', '0', '{REFUSED}', ?, {ALWAYS}, ?)
"""  # noqa: S608
# What tells that a row is as we left it: all else that may change follows from these.
_AS_BEFORE = """
WHERE client_order_id = ? AND id = ? AND state = ? AND committed = ? AND order_id IS ?
    AND visible_from = ?
"""
# Two texts: SQLite writes to an index as soon as its columns are named, also if they stay the same.
UPDATE = f"""
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?
{_AS_BEFORE}
"""  # noqa: S608
UPDATE_AND_MOVE = f"""
UPDATE reservations SET state = ?, held = ?, committed = ?, order_id = ?, known_at = ?,
    visible_from = ?, settled = ?
{_AS_BEFORE}
"""  # noqa: S608
ADD_HISTORY = """
INSERT INTO history (client_order_id, at, bot, process, what, state, held, committed, order_id,
    received, received_currency, why)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
BEGIN_HISTORY = """
INSERT INTO history (client_order_id, at, bot, process, what, state, held, committed, why)
VALUES (?, ?, ?, ?, 'reserve', 'reserved', ?, '0', ?)
"""


class OutdatedError(Exception):
    """A row is not as we left it."""


def reserve(
    db: Cursor, batch: Sequence[Request], stamp: Stamp, why: str, unseen: Unseen, *, new: bool
) -> ReserveResult:
    """Check and insert all of ``batch``, or nothing.

    :param new: the ids are taken for new; what is written for one that is not is refused, whether
        it is a yes or a no
    """
    conflict = repeated_id(batch) if len(batch) > 1 else None
    if conflict is not None or not new:
        answer = _answer_given(db, batch) or conflict
        if answer is not None:
            return answer
    refusal = judge(batch, stamp.bot, partial(unseen.ask, db))
    if refusal is not None:
        _refuse(db, batch, refusal, stamp)
        return refusal
    group = batch[0].client_order_id if len(batch) > 1 else None
    return Reserved(tuple([_insert(db, one, group, stamp, why, unseen) for one in batch]))


def _answer_given(db: Cursor, batch: Sequence[Request]) -> ReserveResult | None:
    for request in batch:
        if db.execute(IS_TAKEN, (request.client_order_id,)).fetchone():
            return replay(batch, [find(db, one.client_order_id) for one in batch])
    return None


def _insert(
    db: Cursor, request: Request, group: str | None, stamp: Stamp, why: str, unseen: Unseen
) -> Reservation:
    client_order_id, account, pair, side, currency, amount, _ = request
    bot, process, at = stamp
    text, when = f"{amount:f}", at.isoformat()
    who = (client_order_id, group, account, bot, process, pair, side, currency)
    line = (client_order_id, when, bot, process, text, why)
    changes = db.connection.total_changes
    number = db.execute(BEGIN_HISTORY, line).lastrowid or 0
    db.execute(INSERT, (number, *who, text, when))
    values = (number, *who, amount, amount, ZERO, State.RESERVED, at, None, None, NEVER)
    row = tuple.__new__(Reservation, values)
    unseen.follow(db, changes, None, row)
    return row


def _refuse(db: Cursor, batch: Sequence[Request], refusal: Refused, stamp: Stamp) -> None:
    text = write_refusal(refusal)
    when = stamp.at.isoformat()
    for one in batch:
        who = (one.client_order_id, one.account, stamp.bot, stamp.process)
        what = (one.pair, one.side, one.currency, f"{one.amount:f}")
        line = (one.client_order_id, when, stamp.bot, stamp.process, "refuse", REFUSED)
        written = db.execute(ADD_HISTORY, (*line, "0", "0", *NOTHING, str(refusal)))
        db.execute(INSERT_REFUSAL, (written.lastrowid, *who, *what, when, text))


def take_steps(
    db: Cursor,
    steps: Sequence[Step],
    stamp: Stamp,
    unseen: Unseen,
    known: dict[str, Reservation],
) -> tuple[MoveResult, ...]:
    """``known``: rows as we left them; the others are read.

    :raises OutdatedError: one of them is not as we left it
    """
    if len(steps) == 1:
        return (_move(db, steps[0], stamp, unseen, known.get(steps[0].client_order_id)),)
    left = dict(known)
    # Known once only: a second step of the same row comes after the first.
    return tuple(
        [_move(db, step, stamp, unseen, left.pop(step.client_order_id, None)) for step in steps]
    )


def _move(
    db: Cursor, step: Step, stamp: Stamp, unseen: Unseen, known: Reservation | None
) -> MoveResult:
    before, after = known, None
    if before is not None:
        after = take_step(before, step, PENDING, stamp.process)
    if before is None or not isinstance(after, Reservation):
        before = find(db, step.client_order_id).reservation
        if before is None:
            return NotFound(step.client_order_id)
        after = take_step(before, step, PENDING, stamp.process)
        if not isinstance(after, Reservation):
            return after
    bot, process, at = stamp
    # str(): an enum's ``value`` is Python's own work, in the hottest of places.
    client_order_id, state = after.client_order_id, str(after.state)
    held, committed = f"{after.held:f}", f"{after.committed:f}"
    received = None if step.received is None else f"{step.received:f}"
    line = (client_order_id, at.isoformat(), bot, process, str(step.move), state, held, committed)
    learned = (after.order_id, received, step.received_currency, step.why)
    changes = db.connection.total_changes
    event = db.execute(ADD_HISTORY, line + learned).lastrowid or 0
    if after.known_at == PENDING:
        after = after.known_since(event)
    row = (state, held, committed, after.order_id, after.known_at)
    as_before = (
        client_order_id,
        before.id,
        str(before.state),
        f"{before.committed:f}",
        before.order_id,
        before.visible_from,
    )
    place = settled(after)
    if after.visible_from == before.visible_from and place == settled(before):
        written = db.execute(UPDATE, row + as_before)
    else:
        place_values = (after.visible_from, place)
        written = db.execute(UPDATE_AND_MOVE, row + place_values + as_before)
    if written.rowcount != 1:
        raise OutdatedError(client_order_id)
    unseen.follow(db, changes, before, after)
    return Moved(after)


def find(db: Cursor, client_order_id: str) -> Asked:
    row = db.execute(FIND, (client_order_id,)).fetchone()
    if row is None:
        return Asked(None, None)
    if row[STATE] == REFUSED:
        return Asked(None, read_refusal(row[REFUSAL]))
    return Asked(reservation(row[:REFUSAL]), None)


def reservation(row: tuple[Any, ...]) -> Reservation:
    amounts = map(Decimal, row[9:12])
    created = datetime.fromisoformat(row[13])
    return Reservation._make((*row[:9], *amounts, STATES[row[12]], created, *row[14:]))
