"""``ReservationLedger``: one bot's view of the books that all bots of an account share.

The order of calls for an order: ``reserve`` (check and promise, on disk), ``send`` (the gate: only
if it comes back as ``Moved`` may the order leave), ``bind`` (the exchange has it), ``use`` (fills
so far), ``commit`` or ``release``. Everything comes back as a value; only a ledger that cannot be
reached raises ``LedgerUnavailable``.

What may be spent is checked against one snapshot of the account, named by a *mark*: take
``mark()`` before the balance is asked for, hand it in with ``Funds``, and say ``seen(mark)`` once
that snapshot is believed. Reservations that it shows are in its numbers; all others, of all bots,
are subtracted, also what they have spent meanwhile. So nothing is missed or counted twice, however
old the snapshot is.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger.audit import Violation, check_reservation, check_totals
from freqtrade_balance_guard.ledger.errors import InvariantBroken, LedgerUnavailable
from freqtrade_balance_guard.ledger.facts import (
    ENDINGS,
    EndedTwice,
    MoneyReserved,
    ReservationMoved,
    ReservationRefused,
)
from freqtrade_balance_guard.ledger.heartbeats import Watch, of_dead_bots
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    UNFINISHED,
    Move,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.results import (
    AlreadyEnded,
    Conflict,
    Holds,
    Moved,
    MoveResult,
    Refused,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import judge
from freqtrade_balance_guard.ledger.store import Beat, Entry, Outlook, Stamp, Store
from freqtrade_balance_guard.money import ZERO, Money


R = TypeVar("R")

# A failure that took long is not waited for again at once: an exit must not be delayed by each of
# its calls in turn.
SLOW_SECONDS = 0.3
PAUSE_SECONDS = 2.0


class ReservationLedger:
    """The books, as one run of one bot uses them. Safe to call from several threads.

    :param process: unique for this run; only it may let its reservations expire
    :param reservation_timeout: seconds; by the monotonic clock
    :param heartbeat_timeout: seconds; by the monotonic clock
    """

    def __init__(
        self,
        store: Store,
        *,
        bot: str,
        account: str,
        process: str,
        clock: Clock,
        reservation_timeout: float = 60.0,
        heartbeat_timeout: float = 120.0,
        hub: EventHub | None = None,
        debug_validation: bool = False,
    ) -> None:
        self.bot = bot
        self.account = account
        self.process = process
        self.heartbeat_timeout = heartbeat_timeout
        self.store = store
        self._clock = clock
        self._reservation_timeout = reservation_timeout
        self._hub = hub
        self._debug = debug_validation
        self._made: dict[str, float] = {}  # never sent so far -> when (monotonic)
        self._watch = Watch(heartbeat_timeout)
        self._beats = 0
        self._pause_ends = float("-inf")
        self._pause_reason = ""

    # Before the order leaves

    def reserve(self, requests: Request | Sequence[Request], why: str = "") -> ReserveResult:
        """Reserve one amount, or several all or nothing. On disk when it returns.

        Repeated with the same client order ids it gives the same answer, also a "no".

        :raises LedgerUnavailable: nothing is known to be reserved; do not send
        :raises MoneyError: an amount that is none
        """
        batch = (requests,) if isinstance(requests, Request) else tuple(requests)
        if not batch:
            raise ValueError("Nothing is asked for.")
        for request in batch:
            request.checked()
        started = self._clock.monotonic()
        self._stop_while_paused(started)
        # Before it is written: an answer may be lost, and then it expires like others.
        made = self._made
        new = [one.client_order_id for one in batch if one.client_order_id not in made]
        for client_order_id in new:
            made[client_order_id] = started
        try:
            result = self.store.reserve(batch, self._stamp(), why)
        except LedgerUnavailable as error:
            self._pause_if_slow(error, started)
            raise
        if not isinstance(result, Reserved) or result.replayed:
            for client_order_id in new:
                self._made.pop(client_order_id, None)
        if self._hub is not None:
            _tell_reserved(result, self._hub)
        if self._debug:
            self._validate([request.client_order_id for request in batch])
        return result

    def too_little(self, requests: Sequence[Request]) -> Refused | None:
        """What ``reserve`` would say where the ``funds`` alone are too little already.

        Nobody is asked and nothing is written: for who tries again and again with new ids.
        """
        return judge(requests, self.bot, lambda *_: (ZERO, ZERO))

    def send(self, client_order_id: str, why: str = "") -> MoveResult:
        """The gate: only if this comes back as ``Moved`` may the order leave."""
        return self._step(Step(Move.SEND, client_order_id, why=why))

    def release_unsent(self, *client_order_ids: str, why: str) -> tuple[MoveResult, ...]:
        """Free what of these was never sent, once; what was sent or has ended stays as it is.

        For the handler of an unexpected error, which cannot know how far things had gone.
        """
        steps = [Step(Move.RELEASE, one, why=why, unsent=True) for one in client_order_ids]
        return self.settle(*steps)

    def expire_unsent(self) -> list[Reservation]:
        """End what this run reserved and has not sent within ``reservation_timeout``."""
        now = self._clock.monotonic()
        overdue = [
            client_order_id
            for client_order_id, since in list(self._made.items())
            if now - since >= self._reservation_timeout
        ]
        if not overdue:
            return []
        why = f"not sent within {self._reservation_timeout:g} s"
        results = self.settle(*[Step(Move.EXPIRE, one, why=why) for one in overdue])
        for client_order_id in overdue:
            self._made.pop(client_order_id, None)
        return [result.reservation for result in results if isinstance(result, Moved)]

    # What became of it

    def bind(self, client_order_id: str, order_id: str, why: str = "") -> MoveResult:
        """The exchange has accepted it as ``order_id``."""
        return self._step(Step(Move.BIND, client_order_id, order_id=order_id, why=why))

    def use(
        self,
        client_order_id: str,
        total: Decimal,
        *,
        received: Money | None = None,
        order_id: str | None = None,
        why: str = "",
    ) -> MoveResult:
        """The order goes on; all its fills so far have used ``total``."""
        return self._step(_fills(Move.USE, client_order_id, total, received, order_id, why))

    def commit(
        self,
        client_order_id: str,
        total: Decimal | None = None,
        *,
        received: Money | None = None,
        order_id: str | None = None,
        excess: bool = False,
        why: str = "",
    ) -> MoveResult:
        """The order has ended with fills; what it did not use is free in the same step.

        :param total: what all its fills used; None: what ``use`` has reported
        :param excess: more than was reserved was used, and the exchange says so
        """
        step = _fills(Move.COMMIT, client_order_id, total, received, order_id, why, excess)
        return self.settle(step)[0]

    def release(self, client_order_id: str, why: str) -> MoveResult:
        """The order has ended without any fill, or was never accepted."""
        return self._step(Step(Move.RELEASE, client_order_id, why=why))

    def settle(self, *steps: Step) -> tuple[MoveResult, ...]:
        """Several steps in one transaction. One that is not allowed does not stop the others."""
        for step in steps:
            step.checked()
        started = self._clock.monotonic()
        self._stop_while_paused(started)
        try:
            results = self.store.move(steps, self._stamp())
        except LedgerUnavailable as error:
            self._pause_if_slow(error, started)
            raise
        for step, result in zip(steps, results, strict=True):
            if isinstance(result, Moved):
                self._made.pop(step.client_order_id, None)
            if self._hub is not None:
                _tell_moved(step, result, self._hub)
        if self._debug:
            self._validate([step.client_order_id for step in steps])
        return results

    def _step(self, step: Step) -> MoveResult:
        return self.settle(step)[0]

    # Snapshots

    def mark(self) -> int:
        """Take this before a balance is asked for: what the ledger knew then."""
        return self._ask(self.store.mark)

    def seen(
        self, mark: int, *, account: str | None = None, currencies: Collection[str] | None = None
    ) -> int:
        """The snapshot with ``mark`` is believed: it shows what the exchange had before it.

        :param currencies: only of these; None: of all
        :return: how many reservations have become visible
        """
        where = account or self.account
        return self._ask(lambda: self.store.seen(where, mark, currencies))

    def held(self, currency: str, *, account: str | None = None, mark: int | None = None) -> Holds:
        """What is reserved and not in the numbers of the snapshot with ``mark``.

        :param mark: None: the newest snapshot that any bot has believed
        """
        where = account or self.account
        return self._ask(lambda: self.store.holds(where, currency, mark, self.bot))

    # Questions

    def find(self, client_order_id: str) -> Reservation | None:
        return self._ask(lambda: self.store.find(client_order_id))

    def unfinished(
        self, *, account: str | None = None, bot: str | None = None
    ) -> list[Reservation]:
        """Every reservation without an end, for recovery; the newest first."""
        return self.reservations(account=account, bot=bot, states=UNFINISHED)

    def reservations(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> list[Reservation]:
        """Reservations, the newest first."""
        return self._ask(
            lambda: self.store.select(account=account, bot=bot, states=states, limit=limit)
        )

    def history(self, client_order_id: str) -> list[Entry]:
        """Who did what to it, when and why, in order."""
        return self._ask(lambda: self.store.history(client_order_id))

    def changes(self, after: int, *, account: str | None = None) -> list[tuple[Entry, Reservation]]:
        """What happened on the account after the event ``after``, of all bots."""
        where = account or self.account
        return self._ask(lambda: self.store.changes(where, after))

    def outlook(self, currency: str, after: int, *, account: str | None = None) -> Outlook:
        """What happened on the account after the event ``after``, and what that is complete for.

        Who has subtracted all of it from what he may spend of ``currency`` asks with
        ``Funds(spendable, floor, since=outlook.since)``.
        """
        where = account or self.account
        return self._ask(lambda: self.store.outlook(where, currency, after))

    # Who is alive

    def heartbeat(self, about: str = "{}", *, account: str | None = None) -> None:
        """Say that this run is alive.

        :param about: JSON for `doctor`; no secrets
        """
        self._beats += 1
        where = account or self.account
        beat = Beat(where, self.bot, self.process, self._beats, self._clock.wall(), about)
        self._ask(lambda: self.store.beat(beat))

    def heartbeats(self, account: str | None = None) -> list[Beat]:
        """The last beat of every run; of all accounts, or of one."""
        return self._ask(lambda: self.store.beats(account))

    def abandoned(self, account: str | None = None) -> list[Reservation]:
        """What dead bots have left. Look it up on the exchange before it is freed.

        A bot is dead when it was silent for ``heartbeat_timeout`` while *this* run watched, so
        this has to be called from time to time.
        """
        where = account or self.account
        beats = self.heartbeats(where)
        unfinished = self.unfinished(account=where)
        dead = self._watch.dead_runs(beats, unfinished, self._clock.monotonic())
        return of_dead_bots(unfinished, beats, dead - {(where, self.bot, self.process)})

    def forget(self, beat: Beat) -> None:
        """Drop the last sign of life of a run that is dead, or of this one at its end."""
        self._ask(lambda: self.store.forget_beat(beat.account, beat.bot, beat.process))

    # Audit

    def audit(self, account: str | None = None) -> list[Violation]:
        """Everything that is wrong in the books of one account; empty if nothing is."""
        where = account or self.account
        lines: dict[str, list[Entry]] = {}
        for entry, row in self.changes(0, account=where):
            lines.setdefault(row.client_order_id, []).append(entry)
        rows = self.reservations(account=where)
        found = [
            v for row in rows for v in check_reservation(row, lines.get(row.client_order_id, []))
        ]
        totals = self._ask(self.store.running_totals)
        here = {book: total for book, total in totals.items() if book[0] == where}
        return found + check_totals(rows, here)

    def _validate(self, client_order_ids: Iterable[str]) -> None:
        """:raises InvariantBroken: what was just touched breaks a rule (debug_validation)"""
        found: list[Violation] = []
        for client_order_id in client_order_ids:
            row = self.find(client_order_id)
            if row is not None:
                found += check_reservation(row, self.history(client_order_id))
        if found:
            raise InvariantBroken("; ".join(str(violation) for violation in found))

    def close(self) -> None:
        """Give the database back. What is reserved stays reserved."""
        self.store.close()

    # Inside

    def _stamp(self) -> Stamp:
        return Stamp(self.bot, self.process, self._clock.wall())

    def _ask(self, question: Callable[[], R]) -> R:
        started = self._clock.monotonic()
        self._stop_while_paused(started)
        try:
            return question()
        except LedgerUnavailable as error:
            self._pause_if_slow(error, started)
            raise

    def _stop_while_paused(self, now: float) -> None:
        if now < self._pause_ends:
            raise LedgerUnavailable(self._pause_reason)

    def _pause_if_slow(self, error: LedgerUnavailable, started: float) -> None:
        now = self._clock.monotonic()
        if now - started >= SLOW_SECONDS:
            self._pause_ends = now + PAUSE_SECONDS
            self._pause_reason = str(error)


def _tell_reserved(result: ReserveResult, hub: EventHub) -> None:
    if isinstance(result, Conflict) or result.replayed:
        return
    if isinstance(result, Refused):
        hub.publish(ReservationRefused(result))
    else:
        hub.publish(MoneyReserved(result.reservations))


def _tell_moved(step: Step, result: MoveResult, hub: EventHub) -> None:
    if isinstance(result, AlreadyEnded):
        hub.publish(EndedTwice(result))
    elif isinstance(result, Moved):
        ending = ENDINGS.get(step.move)
        row = result.reservation
        hub.publish(ending(row) if ending else ReservationMoved(step.move, row))


def _fills(
    move: Move,
    client_order_id: str,
    total: Decimal | None,
    received: Money | None,
    order_id: str | None,
    why: str,
    excess: bool = False,
) -> Step:
    brought, currency = (received.amount, received.currency) if received else (None, None)
    return Step(move, client_order_id, total, order_id, brought, currency, excess, why)
