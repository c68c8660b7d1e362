"""The two decisions of the ledger as pure functions: may it be reserved, and what does a step do?

Every store calls these inside its transaction; PostgreSQL's one-statement paths say the same in
SQL for the common cases and fall back to these.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    ALWAYS,
    ENDED,
    EXACT,
    NEVER,
    TRANSITIONS,
    Move,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.results import (
    AlreadyEnded,
    Claimed,
    ClaimResult,
    Conflict,
    Holds,
    MoreThanHeld,
    MoveResult,
    NotAllowed,
    NotClaimed,
    NotFound,
    NotReserved,
    Reserved,
    ReserveResult,
    Unchanged,
)
from freqtrade_balance_guard.ledger.store import Run, Stamp
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.money import ZERO, format_amount


_add = EXACT.add

# What these funds do not show: (account, currency, funds, bot) -> that bot's and the others'.
Unseen = Callable[[str, str, Funds, str], tuple[Decimal, Decimal]]


class Asked(NamedTuple):
    """What the store already has under one client order id."""

    reservation: Reservation | None
    refusal: NotReserved | None


def judge(batch: Sequence[Request], bot: str, unseen: Unseen) -> NotReserved | None:
    """The denial of the first request that is too much, or None if all of them fit together."""
    taken: dict[tuple[str, str], Decimal] = {}
    for request in batch:
        _, account, _, _, currency, amount, funds = request
        before = taken.get((account, currency), ZERO) if taken else ZERO
        if funds is not None:
            spendable, floor, _, _ = funds
            own, others = unseen(account, currency, funds, bot)
            gone = _add(_add(floor, own), _add(others, before))
            available = EXACT.subtract(spendable, gone)
            if amount > available:
                return _refusal(request, Holds(own, others), available)
        if len(batch) > 1:
            taken[(account, currency)] = _add(before, amount)
    return None


def _refusal(request: Request, holds: Holds, available: Decimal) -> NotReserved:
    funds = request.funds
    assert funds is not None  # noqa: S101  only what was checked can be denied
    without_others = EXACT.add(available, holds.others)
    enough = request.amount <= without_others
    code = DenialCode.RESERVED_BY_OTHERS if enough else DenialCode.INSUFFICIENT_AVAILABLE
    why = (
        f"; other bots hold {format_amount(holds.others)} {request.currency}"
        if holds.others
        else ""
    )
    return NotReserved(
        code=code,
        client_order_id=request.client_order_id,
        account=request.account,
        currency=request.currency,
        sentence=(
            f"{format_amount(request.amount)} {request.currency} needed on {request.account}, "
            f"{format_amount(available)} {request.currency} available{why}"
        ),
        numbers={
            "needed": request.amount,
            "spendable": funds.spendable,
            "floor": funds.floor,
            "reserved_own": holds.own,
            "reserved_others": holds.others,
            "available": available,
        },
    )


def replay(batch: Sequence[Request], asked: Sequence[Asked]) -> ReserveResult:
    """The answer that was given before, when at least one of these ids is known."""
    for request, one in zip(batch, asked, strict=True):
        if one.refusal is not None:
            return one.refusal
        if one.reservation is None or not _same(request, one.reservation):
            sentence = (
                "another order has this client order id"
                if one.reservation
                else "only some of these were reserved before"
            )
            return Conflict(request.client_order_id, sentence)
    reservations = tuple(one.reservation for one in asked if one.reservation)
    return Reserved(reservations, replayed=True)


def _same(request: Request, reservation: Reservation) -> bool:
    return (
        request.account == reservation.account
        and request.pair == reservation.pair
        and request.side == reservation.side
        and request.currency == reservation.currency
        and request.amount == reservation.requested
    )


def repeated_id(batch: Sequence[Request]) -> Conflict | None:
    """The conflict of a batch that names one client order id twice."""
    ids = [request.client_order_id for request in batch]
    for one in ids:
        if ids.count(one) > 1:
            return Conflict(one, "one client order id is asked for twice")
    return None


def judge_claim(
    client_order_id: str,
    row: Reservation | None,
    held: Sequence[str] | None,
    owner: Run,
    stamp: Stamp,
) -> ClaimResult:
    """Whether the run of ``stamp`` may own ``row`` from now on.

    :param held: bot and process of the claim that is stored, if one is
    :param owner: who owned it when it was found to be dead
    """
    if row is None:
        return NotFound(client_order_id)
    if row.state in ENDED:
        return NotClaimed(row, f"it is {row.state}")
    now = Run(*held) if held is not None else Run(row.bot, row.process)
    if now == (stamp.bot, stamp.process):
        return Claimed(row, changed=False)
    if now != owner:
        return NotClaimed(row, f"{now.bot} has claimed it")
    return Claimed(row)


def claimed_elsewhere(row: Reservation | None, step: Step, bot: str) -> MoveResult:
    """The answer to a run that was taken for dead and would send now."""
    if row is None:
        return NotFound(step.client_order_id)
    if row.state in ENDED:
        return AlreadyEnded(row, step.move)
    return NotAllowed(row, step.move, f"{bot} has claimed it and looks it up")


_BOOKS_FILLS = (Move.COMMIT, Move.USE)

NotMoved = Unchanged | AlreadyEnded | NotAllowed | MoreThanHeld


def take_step(
    reservation: Reservation, step: Step, event: int, process: str
) -> Reservation | NotMoved:
    """The reservation after ``step``, or why it stays as it is.

    :param event: the number that this step gets in the history
    :param process: the run of a bot that asks, for what only the maker may do
    """
    move, row = step.move, reservation
    allowed = TRANSITIONS.get((row.state, move))
    if allowed is None:
        if row.state in ENDED:
            return AlreadyEnded(row, move)
        return NotAllowed(row, move, f"{move} is not allowed when {row.state}")
    state = allowed[0]
    if move in _BOOKS_FILLS:
        return _use(row, step, state, event)
    if move is Move.BIND:
        return _bind(row, step, event)
    if move is Move.SEND:
        return row.changed(
            state, row.held, row.committed, row.order_id, row.known_at, row.visible_from
        )
    return _end_unused(row, step, state, process)


def _bind(row: Reservation, step: Step, event: int) -> Reservation | NotMoved:
    if row.order_id is not None:
        if step.order_id == row.order_id:
            return Unchanged(row)
        return NotAllowed(row, step.move, f"it is bound to order {row.order_id}")
    if row.state is State.OPEN and step.order_id is None:
        return Unchanged(row)
    known_at = event if row.known_at is None else row.known_at
    return row.changed(
        State.OPEN, row.held, row.committed, step.order_id, known_at, row.visible_from
    )


def _use(row: Reservation, step: Step, state: State, event: int) -> Reservation | NotMoved:
    """Book fills. What was reported used stays used, also if a later report says less."""
    ends = step.move is Move.COMMIT
    committed = row.committed
    if step.total is not None and step.total > committed:
        committed = step.total
    over = committed > row.requested
    if over and not (ends and step.excess):
        return MoreThanHeld(row, committed)
    if not committed:
        return NotAllowed(row, step.move, "nothing was used; release it instead")
    if not ends and committed == row.committed:
        return Unchanged(row)
    held = ZERO if ends else EXACT.subtract(row.requested, committed)
    order_id = row.order_id or step.order_id
    if over:
        # More than was held is gone: no snapshot so far shows all of it.
        return row.changed(state, held, committed, order_id, event, NEVER)
    known_at = event if row.known_at is None else row.known_at
    return row.changed(state, held, committed, order_id, known_at, row.visible_from)


def _end_unused(row: Reservation, step: Step, state: State, process: str) -> Reservation | NotMoved:
    if row.committed:
        return NotAllowed(row, step.move, "it has fills; commit it instead")
    if step.unsent and row.state is not State.RESERVED:
        return NotAllowed(row, step.move, "it was sent: ask the exchange first")
    if step.move is Move.EXPIRE and process != row.process:
        return NotAllowed(row, step.move, "another process made it: ask the exchange first")
    return row.changed(state, ZERO, ZERO, row.order_id, row.known_at, ALWAYS)
