"""What does not fit into one statement of PostgreSQL, decided with the rows locked."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from freqtrade_balance_guard.ledger.postgres.link import Link
from freqtrade_balance_guard.ledger.postgres.statements import SQL
from freqtrade_balance_guard.ledger.postgres.usual import read_row, reserved
from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    ALWAYS,
    EXACT,
    NEVER,
    Move,
    Reservation,
)
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
from freqtrade_balance_guard.ledger.store import CLAIM, Run, Stamp
from freqtrade_balance_guard.money import ZERO


def reserve_slowly(link: Link, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
    with link.transaction():
        return _reserve(link, batch, stamp, why)


def reserve_and_mark_sent(
    link: Link, batch: Sequence[Request], stamp: Stamp, why: str
) -> ReserveResult:
    """Reserve and pass the gate, in one transaction that is flushed."""
    with link.transaction():
        result = _reserve(link, batch, stamp, why)
        if not isinstance(result, Reserved) or result.replayed:
            return result
        moved = [_move(link, Step(Move.SEND, one.client_order_id, why=why), stamp) for one in batch]
        return Reserved(tuple([one.reservation for one in moved if isinstance(one, Moved)]))


def _reserve(link: Link, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
    for book in sorted({(one.account, one.currency) for one in batch}):
        link.do(SQL["make_book"], book)
        link.do(SQL["lock_book"], book)
    asked = [find(link, one.client_order_id) for one in batch]
    if any(one.reservation or one.refusal for one in asked):
        return replay(batch, asked)
    if conflict := repeated_id(batch):
        return conflict
    refusal = judge(batch, stamp.bot, partial(_against, link))
    if refusal is not None:
        _refuse(link, batch, refusal, stamp)
        return refusal
    group = batch[0].client_order_id if len(batch) > 1 else None
    return Reserved(tuple([_insert(link, one, group, stamp, why) for one in batch]))


def _insert(link: Link, request: Request, group: str | None, stamp: Stamp, why: str) -> Reservation:
    row = reserved(_next_event(link), request, group, stamp)
    link.do(SQL["insert"], (*row[:11], "reserved", row.created_at, NEVER, 0, None))
    _add_line(link, row.id, row, "reserve", stamp, why)
    link.do(SQL["promise"], (row.held, row.id, row.account, row.currency))
    return row


def _refuse(link: Link, batch: Sequence[Request], refusal: NotReserved, stamp: Stamp) -> None:
    for one in batch:
        event = _next_event(link)
        row = reserved(event, one, None, stamp)
        rest = (REFUSED, stamp.at, ALWAYS, None, write_refusal(refusal))
        link.do(SQL["insert"], (*row[:10], ZERO, *rest))
        who = (event, one.client_order_id, stamp.at, stamp.bot, stamp.process)
        what = ("refuse", REFUSED, ZERO, ZERO, None, None, None, str(refusal), None)
        link.do(SQL["add_history"], (*who, *what))


def move_slowly(link: Link, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
    ids = [step.client_order_id for step in steps]
    with link.transaction():
        link.do(SQL["relax"])
        link.do(SQL["lock_rows"], [ids])
        return tuple([_move(link, step, stamp) for step in steps])


def _move(link: Link, step: Step, stamp: Stamp) -> MoveResult:
    before = find(link, step.client_order_id).reservation
    if before is None:
        return NotFound(step.client_order_id)
    if step.move is Move.SEND:
        held = link.row(SQL["claim_of"], [step.client_order_id])
        if held is not None and held[1] != stamp.process:
            return claimed_elsewhere(before, step, held[0])
    event = _next_event(link)
    after = take_step(before, step, event, stamp.process)
    if not isinstance(after, Reservation):
        return after
    row = (after.state.value, after.held, after.committed, after.order_id, after.known_at)
    link.do(SQL["update"], (*row, after.visible_from, settled(after), after.client_order_id))
    _add_line(link, event, after, step.move.value, stamp, step.why, step)
    then = before.promised if before.visible_from == NEVER else ZERO
    now = after.promised if after.visible_from == NEVER else ZERO
    if now != then:
        _add_to_book(link, after, EXACT.subtract(now, then))
    return Moved(after)


def _add_line(
    link: Link,
    event: int,
    row: Reservation,
    what: str,
    stamp: Stamp,
    why: str,
    step: Step | None = None,
) -> None:
    received = (step.received, step.received_currency) if step else (None, None)
    who = (event, row.client_order_id, stamp.at, stamp.bot, stamp.process)
    step_line = (what, row.state.value, row.held, row.committed, row.order_id, *received, why)
    link.do(SQL["add_history"], (*who, *step_line, None if event == row.id else row.id))


def _add_to_book(link: Link, row: Reservation, amount: Decimal) -> None:
    link.do(SQL["add_to_book"], (amount, row.account, row.currency))


def _next_event(link: Link) -> int:
    row = link.row(SQL["next_event"])
    return int(row[0]) if row else 0


def _against(
    link: Link, account: str, currency: str, funds: Funds, bot: str
) -> tuple[Decimal, Decimal]:
    if funds.since is None:
        return unseen(link, account, currency, funds.mark, bot)
    return _sums(link.rows(SQL["younger"], (account, currency, funds.since)), bot)


def unseen(link: Link, account: str, currency: str, mark: int, bot: str) -> tuple[Decimal, Decimal]:
    return _sums(link.rows(SQL["unseen"], (account, currency, mark)), bot)


def _sums(rows: Iterable[tuple[Any, ...]], bot: str) -> tuple[Decimal, Decimal]:
    own = others = ZERO
    for holder, promised in rows:
        if holder == bot:
            own = promised
        else:
            others = EXACT.add(others, promised)
    return own, others


def find(link: Link, client_order_id: str) -> Asked:
    row = link.row(SQL["find"], [client_order_id])
    if row is None:
        row = link.row(SQL["find_archived"], [client_order_id])
    if row is None:
        return Asked(None, None)
    if row[STATE] == REFUSED:
        return Asked(None, read_refusal(row[REFUSAL]))
    return Asked(read_row(row[:REFUSAL]), None)


def claim(link: Link, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
    """Make the run of ``stamp`` the owner of an unfinished reservation, if ``owner`` still is."""
    with link.transaction():
        link.do(SQL["lock_row"], [client_order_id])
        row = find(link, client_order_id).reservation
        held = link.row(SQL["claim_of"], [client_order_id])
        answer = judge_claim(client_order_id, row, held, owner, stamp)
        if isinstance(answer, Claimed) and answer.changed:
            _add_line(link, _next_event(link), answer.reservation, CLAIM, stamp, why)
            link.do(SQL["put_claim"], (client_order_id, stamp.bot, stamp.process, stamp.at))
        return answer


def move_account(link: Link, bot: str, old: str, new: str) -> tuple[str, ...]:
    """Give the rows of a bot another account; the other bots that prevent it, if any do."""
    with link.transaction():
        rows = link.rows(SQL["lock_rows_of_bot"], (old, bot))
        others = link.rows(SQL["others_on_futures"], (old, bot))
        if others:
            return tuple(str(row[0]) for row in others)
        books = sorted((account, row[0]) for row in set(rows) for account in (old, new))
        for book in books:
            link.do(SQL["make_book"], book)
        for book in books:
            link.rows(SQL["lock_book"], book)
        for name in ("move_rows", "move_beats"):
            link.do(SQL[name], (new, old, bot))
        for book in books:
            link.do(SQL["sum_book"], book)
        return ()
