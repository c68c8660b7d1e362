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

import logging
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger.errors import AccountShared, InvariantBroken, LedgerUnavailable
from freqtrade_balance_guard.ledger.facts import (
    ReservationClaimed,
    publish_moved,
    publish_reserved,
)
from freqtrade_balance_guard.ledger.questions import LedgerQuestions
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import Move, Reservation
from freqtrade_balance_guard.ledger.results import (
    Claimed,
    ClaimResult,
    Moved,
    MoveResult,
    NotClaimed,
    NotFound,
    NotReserved,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import judge
from freqtrade_balance_guard.ledger.store import Beat, Beside, Run, Store
from freqtrade_balance_guard.ledger.upkeep.archive import ARCHIVED_AT_ONCE, ArchivePass
from freqtrade_balance_guard.ledger.upkeep.audit import Violation, check_reservation
from freqtrade_balance_guard.ledger.upkeep.heartbeats import Watch, of_dead_bots, owner_of
from freqtrade_balance_guard.money import ZERO, Money


logger = logging.getLogger(__name__)


class ReservationLedger(LedgerQuestions):
    """The books, as one run of one bot uses them. Safe to call from several threads.

    :param process: unique for this run; only it may let its reservations expire
    :param reservation_timeout: seconds; by the monotonic clock
    :param heartbeat_timeout: seconds; by the monotonic clock
    :param keep_days: after so many days what has ended is archived
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
        keep_days: float = 90.0,
    ) -> None:
        super().__init__(store, bot=bot, account=account, process=process, clock=clock)
        self.heartbeat_timeout = heartbeat_timeout
        self._reservation_timeout = reservation_timeout
        self._hub = hub
        self._debug = debug_validation
        self._checked = self._broken = 0
        self._made: dict[str, float] = {}  # never sent so far -> when (monotonic)
        self._watch = Watch(heartbeat_timeout)
        self._dead_owners: dict[str, Run] = {}  # of what was found abandoned last
        self._archive = ArchivePass(store, keep_days)
        self._beats = 0

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
        began = self._pause.begin()
        # Before it is written: an answer may be lost, and then it expires like others.
        made = self._made
        new = [one.client_order_id for one in batch if one.client_order_id not in made]
        for client_order_id in new:
            made[client_order_id] = began
        try:
            result = self.store.reserve(batch, self._stamp(), why)
        except LedgerUnavailable as error:
            self._pause.failed(error, began)
            raise
        if not isinstance(result, Reserved) or result.replayed:
            for client_order_id in new:
                self._made.pop(client_order_id, None)
        if self._hub is not None:
            publish_reserved(result, self._hub)
        if self._debug:
            self._validate([request.client_order_id for request in batch])
        return result

    def reserve_and_mark_sent(
        self, requests: Sequence[Request], why: str = "", beside: Beside | None = None
    ) -> ReserveResult:
        """Reserve all or nothing and pass the gate, in one transaction with one flush.

        For orders that leave at once: where it comes back as ``Reserved`` all of them are marked as
        sent. The ids have to be new. Nothing is published before ``publish_sent``: who listens must
        not hold the orders up.

        :param beside: writes the caller's own intent in the same transaction (``writes_to``)
        :raises LedgerUnavailable: it may be written or not; do not send, and ask ``find``
        :raises MoneyError: an amount that is none
        """
        batch = tuple(requests)
        for request in batch:
            request.checked()
        began = self._pause.begin()
        try:
            result = self.store.reserve_and_mark_sent(batch, self._stamp(), why, beside)
        except LedgerUnavailable as error:
            self._pause.failed(error, began)
            raise
        if self._debug:
            self._validate([request.client_order_id for request in batch])
        return result

    def publish_sent(self, result: ReserveResult) -> None:
        """Publish what ``reserve_and_mark_sent`` did, once its orders have left."""
        if self._hub is None:
            return
        publish_reserved(result, self._hub)
        if isinstance(result, Reserved):
            for row in result.reservations:
                publish_moved(Step(Move.SEND, row.client_order_id), Moved(row), self._hub)

    def writes_to(self, path: Path) -> bool:
        """Return whether its rows are in this SQLite file: then ``beside`` may write there."""
        file = self.store.file
        return file is not None and file.absolute() == path.absolute()

    def too_little(self, requests: Sequence[Request]) -> NotReserved | None:
        """What ``reserve`` would say where the ``funds`` alone are too little already.

        The store is not asked and nothing is written: for callers that retry with new ids.
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

    # After it has left

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
        return self._step(
            Step.fills(Move.USE, client_order_id, total, received, order_id=order_id, why=why)
        )

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
        step = Step.fills(
            Move.COMMIT,
            client_order_id,
            total,
            received,
            order_id=order_id,
            excess=excess,
            why=why,
        )
        return self._step(step)

    def release(self, client_order_id: str, why: str) -> MoveResult:
        """The order has ended without any fill, or was never accepted."""
        return self._step(Step(Move.RELEASE, client_order_id, why=why))

    def settle(self, *steps: Step) -> tuple[MoveResult, ...]:
        """Several steps in one transaction. One that is not allowed does not stop the others."""
        for step in steps:
            step.checked()
        began = self._pause.begin()
        try:
            results = self.store.move(steps, self._stamp())
        except LedgerUnavailable as error:
            self._pause.failed(error, began)
            raise
        for step, result in zip(steps, results, strict=True):
            if isinstance(result, Moved):
                self._made.pop(step.client_order_id, None)
            if self._hub is not None:
                publish_moved(step, result, self._hub)
        if self._debug:
            self._validate([step.client_order_id for step in steps])
        return results

    def _step(self, step: Step) -> MoveResult:
        return self.settle(step)[0]

    # Snapshots

    def seen(
        self, mark: int, *, account: str | None = None, currencies: Collection[str] | None = None
    ) -> int:
        """The snapshot with ``mark`` is believed: it shows what the exchange had before it.

        :param currencies: only of these; None: of all
        :return: how many reservations have become visible
        """
        where = account or self.account
        return self._ask(lambda: self.store.seen(where, mark, currencies))

    # Heartbeats and claims

    def heartbeat(self, about: str = "{}", *, account: str | None = None) -> None:
        """Say that this run is alive.

        :param about: JSON for `doctor`; no secrets
        """
        self._beats += 1
        where = account or self.account
        beat = Beat(where, self.bot, self.process, self._beats, self._clock.wall(), about)
        self._ask(lambda: self.store.beat(beat))

    def abandoned(self, account: str | None = None) -> list[Reservation]:
        """What dead bots have left. Look it up on the exchange before it is freed.

        A bot is dead when it was silent for ``heartbeat_timeout`` while *this* run watched, so
        this has to be called from time to time.
        """
        where = account or self.account
        beats = self.heartbeats(where)
        owners = self._owners(where)
        runs = [(where, *owner) for owner in owners.values()]
        dead = self._watch.dead_runs(beats, runs, self._clock.monotonic())
        left = of_dead_bots(owners, beats, dead - {(where, self.bot, self.process)})
        self._dead_owners = {row.client_order_id: owners[row] for row in left}
        return left

    def claim(self, client_order_id: str) -> ClaimResult:
        """Take over what a dead run left: of several that try it exactly one gets ``Claimed``.

        Compare-and-set: it is given only if the owner is still the run that ``abandoned`` has
        found dead, or an earlier run of this bot. A run that was only slow may not send it any
        more.
        """
        row = self.find(client_order_id)
        if row is None:
            return NotFound(client_order_id)
        owner = owner_of(row, self._ask(self.store.claims))
        if owner.bot != self.bot:
            dead = self._dead_owners.get(client_order_id)
            if dead is None:
                return NotClaimed(row, f"{owner.bot} owns it, and was not found to be dead")
            owner = dead
        why = f"left by {owner.bot}"
        result = self._ask(lambda: self.store.claim(client_order_id, owner, self._stamp(), why))
        if isinstance(result, Claimed) and result.changed and self._hub is not None:
            self._hub.publish(ReservationClaimed(result.reservation, owner.bot))
        return result

    def move_from(self, old: str) -> None:
        """Move this bot's rows of an earlier account to the present one, in one transaction.

        :raises AccountShared: other bots have futures orders there; nothing was moved
        :raises LedgerUnavailable: it cannot be written
        """
        others = self._ask(lambda: self.store.move_account(self.bot, old, self.account))
        if others:
            raise AccountShared(
                f"{', '.join(others)} still has futures orders on the account {old}, from which "
                f"those of {self.bot} are to be moved to {self.account}: stop these bots and let "
                f'their orders end, or write "{old}" into balance_guard.ledger.account.'
            )

    def owned(self, account: str | None = None) -> list[Reservation]:
        """What this bot has to settle: unfinished, and made or claimed by a run of it."""
        owners = self._owners(account or self.account)
        return [row for row, owner in owners.items() if owner.bot == self.bot]

    def _owners(self, account: str) -> dict[Reservation, Run]:
        claims = self._ask(self.store.claims)
        return {row: owner_of(row, claims) for row in self.unfinished(account=account)}

    def forget(self, beat: Beat) -> None:
        """Drop the last sign of life of a run that is dead, or of this one at its end."""
        self._ask(lambda: self.store.forget_beat(beat.account, beat.bot, beat.process))

    # What ended long ago

    def archive_step(self, limit: int = ARCHIVED_AT_ONCE) -> int:
        """Move some of what ended more than ``keep_days`` ago to the archive: once per loop.

        What is archived cannot end again, keeps its client order id and its order's owner, and is
        in ``find``, ``history`` and ``changes`` as before.

        :return: how many reservations were moved
        """
        now, wall = self._clock.monotonic(), self._clock.wall()
        return self._ask(lambda: self._archive.step(now, wall, limit))

    # Audit

    def _validate(self, client_order_ids: Iterable[str]) -> None:
        """:raises InvariantBroken: what was just touched breaks a rule (debug_validation)"""
        found: list[Violation] = []
        for client_order_id in client_order_ids:
            row = self.find(client_order_id)
            if row is not None:
                self._checked += 1
                found += check_reservation(row, self.history(client_order_id))
        if found:
            self._broken += len(found)
            raise InvariantBroken("; ".join(str(violation) for violation in found))

    def close(self) -> None:
        """Close the store; with ``debug_validation`` say what was checked."""
        if self._debug:
            logger.info(
                "debug_validation: %s reservations were checked against the rules of the ledger, "
                "each after its step; %s rules were broken.",
                self._checked,
                self._broken or "no",
            )
        super().close()
