"""The two decisions of the ledger as pure functions: may it be reserved, and what does a step do?

Every store calls these inside its transaction; PostgreSQL's one-statement paths say the same in
SQL for the common cases and fall back to these.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.ledger.requests import Request, Step
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
    Conflict,
    Holds,
    MoreThanHeld,
    NotAllowed,
    RefusalCode,
    Refused,
    Reserved,
    ReserveResult,
    Unchanged,
)
from freqtrade_balance_guard.money import ZERO, format_amount


# What is not visible in a snapshot with this mark: (account, currency, mark) -> own and others'.
Unseen = Callable[[str, str, int], Holds]


class Asked(NamedTuple):
    """What the store already has under one client order id."""

    reservation: Reservation | None
    refusal: Refused | None


def judge(batch: Sequence[Request], unseen: Unseen) -> Refused | None:
    """The refusal of the first request that is too much, or None if all of them fit together."""
    taken: dict[tuple[str, str], Decimal] = {}
    for request in batch:
        book = (request.account, request.currency)
        before = taken.get(book, ZERO)
        needed = EXACT.add(before, request.amount)
        if request.funds is not None:
            spendable, floor, mark = request.funds
            holds = unseen(request.account, request.currency, mark)
            reserved = EXACT.add(holds.own, holds.others)
            available = EXACT.subtract(EXACT.subtract(spendable, floor), reserved)
            if needed > available:
                return _refusal(request, holds, EXACT.subtract(available, before))
        taken[book] = needed
    return None


def _refusal(request: Request, holds: Holds, available: Decimal) -> Refused:
    funds = request.funds
    assert funds is not None  # noqa: S101  only what was checked can be refused
    without_others = EXACT.add(available, holds.others)
    enough = request.amount <= without_others
    code = RefusalCode.RESERVED_BY_OTHERS if enough else RefusalCode.INSUFFICIENT_AVAILABLE
    why = (
        f"; other bots hold {format_amount(holds.others)} {request.currency}"
        if holds.others
        else ""
    )
    return Refused(
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


def replay(batch: Sequence[Request], asked: Sequence[Asked]) -> ReserveResult | None:
    """The answer that was given to these client order ids before; None if they are all new."""
    if not any(one.reservation or one.refusal for one in asked):
        return None
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


Refusal = Unchanged | AlreadyEnded | NotAllowed | MoreThanHeld


def take_step(
    reservation: Reservation, step: Step, event: int, process: str
) -> Reservation | Refusal:
    """The reservation after ``step``, or why it stays as it is.

    :param event: the number that this step gets in the history
    :param process: the run of a bot that asks, for what only the maker may do
    """
    move = step.move
    if reservation.state in ENDED:
        return AlreadyEnded(reservation, move)
    allowed = TRANSITIONS.get((reservation.state, move))
    if allowed is None:
        return NotAllowed(reservation, move, f"{move} is not allowed when {reservation.state}")
    state = allowed[0]
    if move in (Move.USE, Move.COMMIT):
        return _use(reservation, step, state, event)
    if move is Move.BIND:
        return _bind(reservation, step, event)
    if move is Move.SEND:
        return reservation._replace(state=state)
    return _end_unused(reservation, step, state, process)


def _bind(reservation: Reservation, step: Step, event: int) -> Reservation | Refusal:
    if reservation.order_id is not None:
        if step.order_id == reservation.order_id:
            return Unchanged(reservation)
        return NotAllowed(reservation, step.move, f"it is bound to order {reservation.order_id}")
    if reservation.state is State.OPEN and step.order_id is None:
        return Unchanged(reservation)
    return reservation._replace(
        state=State.OPEN,
        order_id=step.order_id,
        known_at=event if reservation.known_at is None else reservation.known_at,
    )


def _use(reservation: Reservation, step: Step, state: State, event: int) -> Reservation | Refusal:
    """Book fills. What was reported used stays used, also if a later report says less."""
    ends = step.move is Move.COMMIT
    committed = reservation.committed
    if step.total is not None and step.total > committed:
        committed = step.total
    over = committed > reservation.requested
    if over and not (ends and step.excess):
        return MoreThanHeld(reservation, committed)
    if not committed:
        return NotAllowed(reservation, step.move, "nothing was used; release it instead")
    if not ends and committed == reservation.committed and state is reservation.state:
        return Unchanged(reservation)
    visible_from = reservation.visible_from
    if over:
        # More than was held is gone: no snapshot so far shows all of it.
        visible_from, known_at = NEVER, event
    else:
        known_at = event if reservation.known_at is None else reservation.known_at
    return reservation._replace(
        state=state,
        committed=committed,
        held=ZERO if ends else EXACT.subtract(reservation.requested, committed),
        order_id=reservation.order_id or step.order_id,
        known_at=known_at,
        visible_from=visible_from,
    )


def _end_unused(
    reservation: Reservation, step: Step, state: State, process: str
) -> Reservation | Refusal:
    if reservation.committed:
        return NotAllowed(reservation, step.move, "it has fills; commit it instead")
    if step.move is Move.EXPIRE and process != reservation.process:
        return NotAllowed(reservation, step.move, "another process made it: ask the exchange first")
    return reservation._replace(state=state, held=ZERO, visible_from=ALWAYS)
