"""Runs one arbitrage from its intent to its end: stored, reserved, sent together, followed."""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.engine.reservations import reserve, reserve_and_mark_sent
from freqtrade_balance_guard.arbitrage.engine.settlement import Settlement
from freqtrade_balance_guard.arbitrage.events import LegUnresolved
from freqtrade_balance_guard.arbitrage.gate.limits import PATIENCE_SECONDS
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageResult,
    ArbitrageUnresolved,
)
from freqtrade_balance_guard.arbitrage.sending.order_sender import OrderSender
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable, NotOpen
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
)
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import BalanceGuardError, kind_and_words_of
from freqtrade_balance_guard.ledger import (
    Funds,
    LedgerUnavailable,
    Move,
    Moved,
    Reserved,
    Step,
)


logger = logging.getLogger(__name__)

# Between two rounds of asking; doubled each time up to the second.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


class GateClosed(BalanceGuardError):
    """The ledger did not mark an order as sent."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Says what is to be sent: two legs, or the one order that closes exposures.

    :param funds: for each order, what it may be paid from
    :param shares: exposure -> how much of it, in base currency; the first one leads
    """

    kind: ArbitrageKind
    orders: Sequence[LegOrder]
    funds: Sequence[Funds | None]
    tag: str | None = None
    shares: Mapping[int, Decimal] = field(default_factory=dict)
    result: Mapping[str, str] = field(default_factory=dict)


class ArbitrageRunner:
    """Runs the arbitrages of one bot. ``going``: by number, what is stored and has not ended.

    :param judge: called after each end, before the next arbitrage may begin
    """

    def __init__(self, context: ArbitrageContext, judge: Callable[[], None]) -> None:
        self._judge = judge
        self._context = context
        self._settlement = Settlement(context)
        self._sender = OrderSender(context)
        self.going: dict[int, RunningArbitrage] = {}
        # The numbers of what this run has begun: none of it was left by an earlier one.
        self.begun: set[int] = set()
        self._logged: set[str] = set()
        self._unnumbered = itertools.count(-1, -1)

    def resume(self, record: ArbitrageRecord) -> None:
        """Take up what an earlier run has left."""
        self.going[record.id] = self._settlement.resumed(record)

    def run(self, intent: Intent) -> ArbitrageResult:
        """Carry it out until it has ended or patience has. Never raises."""
        begun = self._begun(intent)
        return self._sent(begun) if isinstance(begun, RunningArbitrage) else begun

    # At once: from the engine's thread, which waits for no request

    def start(
        self, intent: Intent, triggered_at: float | None = None
    ) -> RunningArbitrage | ArbitrageDenied:
        """Store, reserve and mark as sent in one transaction, and hand the orders to their keys.

        :param triggered_at: when the order book changed that it is begun for, monotonic
        :return: to be seen through by another thread; or why nothing was begun. Never raises
        """
        context = self._context
        record = self._record(intent, ArbitrageState.PLANNED)
        now = context.clock.monotonic()
        running = RunningArbitrage(
            record,
            [LegRun(order, sent_at=now) for order in record.orders],
            is_preparing=True,
            began_at=now if triggered_at is None else triggered_at,
        )
        try:
            if context.is_stopping():
                raise GateClosed("the bot stops")
            self._sender.check(running)
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.GUARD_ERROR, kind_and_words_of(error))
        try:
            reserved = self._reserved_and_marked(running, intent.funds)
            if isinstance(reserved, ArbitrageDenied):
                self.going.pop(running.key, None)
                return reserved
            running.reserved = reserved
            self._sender.send(running)
        except Exception as error:
            # What is written is looked up, or released where nothing has left.
            self._failed(running, error)
        running.is_preparing = False
        return running

    def _reserved_and_marked(
        self, running: RunningArbitrage, funds: Sequence[Funds | None]
    ) -> ArbitrageDenied | Reserved:
        """:raises LedgerUnavailable, ArbitragesUnavailable: it may be written or not"""
        context, record = self._context, running.record
        ledger, store = context.ledger, context.store
        if ledger.writes_to(store.path):
            running.key, running.is_doubtful = next(self._unnumbered), True
            self.going[running.key] = running
            record.state = ArbitrageState.SENT

            def beside(db: Any) -> None:
                store.insert_beside(db, record)
                self.begun.add(record.id)

            result = reserve_and_mark_sent(ledger, record.orders, funds, str(record.kind), beside)
            running.is_doubtful = False
            return context.explain(result) if isinstance(result, ArbitrageDenied) else result
        record.id = running.key = store.insert(record)
        self.going[running.key] = running
        what = f"{record.kind} {record.id}"
        result = reserve_and_mark_sent(ledger, record.orders, funds, what, None)
        if isinstance(result, ArbitrageDenied):
            denial = context.explain(result)
            store.end(record, ArbitrageMove.DENY, context.clock.wall(), denial.sentence)
            return denial
        record.state = store.mark_sent(record)
        return result

    def see_through(self, running: RunningArbitrage) -> ArbitrageResult:
        """Wait for the replies, and follow it to its end; in a thread that waits for it alone."""
        reserved, running.reserved = running.reserved, None
        if reserved is not None:
            self._context.ledger.publish_sent(reserved)
        try:
            self._sender.await_replies(running)
        except Exception as error:
            self._failed(running, error)
        return self._see_through(running, is_patient=True)

    # In two steps

    def hold(self, intent: Intent) -> RunningArbitrage | ArbitrageDenied:
        """Do everything up to the reservation; nothing is sent before ``send_held``."""
        begun = self._begun(intent)
        if isinstance(begun, ArbitrageDenied):
            return begun
        if not isinstance(begun, RunningArbitrage):
            return ArbitrageDenied(
                ArbitrageDenialCode.LEDGER_UNAVAILABLE, "it could not be reserved"
            )
        # What waits here is not followed.
        del self.going[begun.key]
        return begun

    def send_held(
        self, running: RunningArbitrage, shares: Mapping[int, Decimal]
    ) -> ArbitrageResult:
        """Send it now, for exposures that have come about meanwhile."""
        self.going[running.key] = running
        running.record.exposure = next(iter(shares))
        running.record.shares = dict(shares)
        try:
            self._context.store.assign(running.record)
        except Exception as error:
            self._failed(running, error)
            return self._see_through(running)
        return self._sent(running)

    def release_held(self, running: RunningArbitrage) -> None:
        """Release what is not needed."""
        self.going[running.key] = running
        running.record.note = "not needed"
        running.is_preparing = False
        self.or_none(lambda: self.advance(running))

    # Step by step

    def _begun(self, intent: Intent) -> RunningArbitrage | ArbitrageResult:
        """Store and reserve it; return how it ended, if it ended before that."""
        running = self._stored(intent)
        if isinstance(running, ArbitrageDenied):
            return running
        try:
            return self._reserved(running, intent.funds) or running
        except Exception as error:
            self._failed(running, error)
            return self._see_through(running)

    def _sent(self, running: RunningArbitrage) -> ArbitrageResult:
        try:
            self._send(running)
        except Exception as error:
            self._failed(running, error)
        return self._see_through(running)

    def _stored(self, intent: Intent) -> RunningArbitrage | ArbitrageDenied:
        context = self._context
        record = self._record(intent, ArbitrageState.PLANNED)
        try:
            record.id = context.store.insert(record)
        except (ArbitragesUnavailable, NotOpen) as error:
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        now = context.clock.monotonic()
        legs = [LegRun(order, sent_at=now) for order in record.orders]
        running = RunningArbitrage(record, legs, is_preparing=True, began_at=now, key=record.id)
        self.going[record.id] = running
        return running

    def _record(self, intent: Intent, state: ArbitrageState) -> ArbitrageRecord:
        return ArbitrageRecord(
            id=0,
            bot=self._context.bot,
            kind=intent.kind,
            state=state,
            tag=intent.tag,
            orders=tuple(intent.orders),
            made_at=self._context.clock.wall(),
            exposure=next(iter(intent.shares), None),
            shares=dict(intent.shares),
            result=dict(intent.result),
        )

    def _reserved(
        self, running: RunningArbitrage, funds: Sequence[Funds | None]
    ) -> ArbitrageDenied | None:
        """:raises LedgerUnavailable: nothing is known to be reserved"""
        context, record = self._context, running.record
        crash_point("arbitrage stored")
        what = f"{record.kind} {record.id}"
        denial = reserve(context.ledger, record.orders, funds, what)
        if denial is not None:
            denial = context.explain(denial)
            context.store.end(record, ArbitrageMove.DENY, context.clock.wall(), denial.sentence)
            del self.going[record.id]
            return denial
        crash_point("arbitrage reserved")
        return None

    def _send(self, running: RunningArbitrage) -> None:
        """Send both at the same time; legs of one key in order. After this only exchanges know.

        :raises GateClosed: the ledger did not mark both as sent; nothing was sent
        """
        context = self._context
        if context.is_stopping():
            raise GateClosed("the bot stops")
        self._sender.check(running)
        results = context.ledger.settle(*[Step(Move.SEND, one) for one in running.ids])
        if not all(isinstance(result, Moved) for result in results):
            raise GateClosed(f"the ledger did not mark the orders as sent: {results}")
        crash_point("arbitrage gated")
        running.record.state = context.store.mark_sent(running.record)
        self._sender.send(running)
        self._sender.await_replies(running)

    def _failed(self, running: RunningArbitrage, error: Exception) -> None:
        running.record.note = kind_and_words_of(error)
        logger.error("Arbitrage %s: an error before its end.", running.record.id, exc_info=error)

    # Following

    def _see_through(
        self, running: RunningArbitrage, *, is_patient: bool = False
    ) -> ArbitrageResult:
        """Ask until it has ended, or for as long as a loop may wait.

        :param is_patient: also while other work waits
        """
        context = self._context
        running.is_preparing = False
        ends = context.clock.monotonic() + context.settings.leg_timeout + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            result = self.or_none(lambda: self.advance(running))
            if result is not None:
                return result
            is_late = context.clock.monotonic() + pause >= ends
            if is_late or not running.has_left or context.is_stopping():
                return self._unresolved(running)
            if context.is_wanted() and not is_patient:
                return ArbitrageUnresolved(
                    running.record.id, "something else is to be done; it goes on"
                )
            context.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def advance(self, running: RunningArbitrage) -> ArbitrageEnded | None:
        """Do one round of asking and booking; None also while another thread does one.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        if running.is_preparing or not running.lock.acquire(blocking=False):
            return None
        try:
            ended = self._settlement.advance(running)
        finally:
            running.lock.release()
        if ended is not None:
            self._judge()
            self.going.pop(running.key, None)
        return ended

    def _unresolved(self, running: RunningArbitrage) -> ArbitrageUnresolved:
        unknown = [leg for leg in running.legs if not leg.is_over]
        names = ", ".join(
            f"{leg.order.side} of {leg.order.pair} on {leg.order.venue}" for leg in unknown
        )
        sentence = f"the outcome of {names or 'its booking'} is not known"
        if not running.is_reported_unresolved:
            running.is_reported_unresolved = True
            logger.error(
                "Arbitrage %s: %s; it is looked up in every loop.", running.record.id, sentence
            )
            for leg in unknown:
                order = leg.order
                event = LegUnresolved(
                    running.record.id, order.venue, order.pair, order.client_order_id
                )
                self._context.hub.publish(event)
        return ArbitrageUnresolved(running.record.id, sentence)

    def or_none(self, work: Callable[[], ArbitrageEnded | None]) -> ArbitrageEnded | None:
        """Log failures, which are retried in the next loop; never raise."""
        try:
            done = work()
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            self._log_once(f"Arbitrages wait: {error}", None)
            return None
        except Exception as error:
            text = (
                f"An arbitrage could not be followed ({type(error).__name__}); it is tried again."
            )
            self._log_once(text, error)
            return None
        if done is not None:
            self._logged.clear()
        return done

    def _log_once(self, text: str, error: Exception | None) -> None:
        """Log it once until something has ended: it comes again in every round."""
        level = logging.DEBUG if text in self._logged else logging.WARNING
        self._logged.add(text)
        logger.log(level, text, exc_info=error)
