"""What happens inside a transaction of SQLite: a reservation, or a step of one that exists.

The usual step asks nothing that it knows already: an id that we have just made is new, and a row is
as we left it. The database has the last word on both, in the same transaction: it rejects an id
that it has, and changes a row only if it is the one we think of. Where we were wrong nothing is
written, and the store does the step once more, with questions.
"""

from collections.abc import Sequence
from functools import partial

from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import NEVER, Move, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    Claimed,
    ClaimResult,
    Moved,
    MoveResult,
    NotFound,
    NotReserved,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import (
    Asked,
    claimed_elsewhere,
    judge,
    judge_claim,
    repeated_id,
    replay,
    take_step,
)
from freqtrade_balance_guard.ledger.sql.tables import (
    REFUSAL,
    REFUSED,
    STATE,
    read_refusal,
    settled,
    write_refusal,
)
from freqtrade_balance_guard.ledger.sqlite.file import Cursor
from freqtrade_balance_guard.ledger.sqlite.queries import reservation
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from freqtrade_balance_guard.ledger.sqlite.unseen import Unseen
from freqtrade_balance_guard.ledger.store import CLAIM, Run, Stamp
from freqtrade_balance_guard.money import ZERO


# The history gives a step its number when the line is written; until then it has this one.
PENDING = -1
NOTHING = (None, None, None)

FIND = SQL["find"]
FIND_ARCHIVED = SQL["find_archived"]
IS_TAKEN = SQL["is_taken"]
BEGIN_HISTORY = SQL["begin_history"]
INSERT = SQL["insert"]
INSERT_REFUSAL = SQL["insert_refusal"]
ADD_HISTORY = SQL["add_history"]
UPDATE = SQL["update"]
UPDATE_AND_MOVE = SQL["update_and_move"]
CLAIM_OF = SQL["claim_of"]
PUT_CLAIM = SQL["put_claim"]


class OutdatedError(Exception):
    """A row is not as we left it."""


def reserve(
    db: Cursor, batch: Sequence[Request], stamp: Stamp, why: str, unseen: Unseen, *, new: bool
) -> ReserveResult:
    """Check and insert all of ``batch``, or nothing.

    :param new: the ids are taken for new; what is written for one that is not is rejected, whether
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


def reserve_and_send(
    db: Cursor, batch: Sequence[Request], stamp: Stamp, why: str, unseen: Unseen
) -> ReserveResult:
    """``reserve`` of new ids, and the gate of each of them.

    :raises OutdatedError: the gate is closed for one; the transaction has to be taken back
    """
    result = reserve(db, batch, stamp, why, unseen, new=True)
    if not isinstance(result, Reserved):
        return result
    known = {row.client_order_id: row for row in result.reservations}
    steps = [Step(Move.SEND, one.client_order_id, why=why) for one in batch]
    moved = take_steps(db, steps, stamp, unseen, known)
    rows = tuple([one.reservation for one in moved if isinstance(one, Moved)])
    if len(rows) != len(batch):
        raise OutdatedError(f"the gate is closed: {moved}")
    return Reserved(rows)


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


def _refuse(db: Cursor, batch: Sequence[Request], refusal: NotReserved, stamp: Stamp) -> None:
    text = write_refusal(refusal)
    when = stamp.at.isoformat()
    for one in batch:
        who = (one.client_order_id, one.account, stamp.bot, stamp.process)
        what = (one.pair, one.side, one.currency, f"{one.amount:f}")
        line = (one.client_order_id, when, stamp.bot, stamp.process, "refuse", REFUSED)
        written = db.execute(ADD_HISTORY, (*line, "0", "0", *NOTHING, str(refusal), None))
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
    if step.move is Move.SEND:
        claim = db.execute(CLAIM_OF, (step.client_order_id,)).fetchone()
        if claim is not None and claim[1] != stamp.process:
            claimed = find(db, step.client_order_id).reservation
            return claimed_elsewhere(claimed, step, claim[0])
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
    learned = (after.order_id, received, step.received_currency, step.why, before.id)
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


def claim(db: Cursor, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
    """Make the run of ``stamp`` the owner of an unfinished reservation, if ``owner`` still is."""
    row = find(db, client_order_id).reservation
    held = db.execute(CLAIM_OF, (client_order_id,)).fetchone()
    answer = judge_claim(client_order_id, row, held, owner, stamp)
    if isinstance(answer, Claimed) and answer.changed:
        row, when = answer.reservation, stamp.at.isoformat()
        line = (client_order_id, when, stamp.bot, stamp.process, CLAIM, str(row.state))
        amounts = (f"{row.held:f}", f"{row.committed:f}", row.order_id)
        db.execute(ADD_HISTORY, (*line, *amounts, None, None, why, row.id))
        db.execute(PUT_CLAIM, (client_order_id, stamp.bot, stamp.process, when))
    return answer


def find(db: Cursor, client_order_id: str) -> Asked:
    row = db.execute(FIND, (client_order_id,)).fetchone()
    if row is None:
        row = db.execute(FIND_ARCHIVED, (client_order_id,)).fetchone()
    if row is None:
        return Asked(None, None)
    if row[STATE] == REFUSED:
        return Asked(None, read_refusal(row[REFUSAL]))
    return Asked(reservation(row[:REFUSAL]), None)
