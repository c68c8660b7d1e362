"""One pair from its intent to its end: stored, reserved, sent at the same time, followed."""

import logging
from collections.abc import Callable

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.engine.reservations import reserve
from freqtrade_balance_guard.arbitrage.engine.settlement import Settlement
from freqtrade_balance_guard.arbitrage.events import LegUnresolved
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageResult,
    ArbitrageUnresolved,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable, NotOpen
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.ledger import Funds, LedgerUnavailable, Move, Moved, Step


logger = logging.getLogger(__name__)

# Between two rounds of asking; doubled each time up to the second.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
# How long after leg_timeout a loop waits for the outcome, before later loops ask.
PATIENCE_SECONDS = 5.0


class GateClosed(BalanceGuardError):
    """The ledger did not let an order out."""


class ArbitrageRunner:
    """Of one bot. ``going``: by number, what was stored and has not ended."""

    def __init__(self, context: ArbitrageContext, settlement: Settlement) -> None:
        self._context = context
        self._settlement = settlement
        self.going: dict[int, RunningArbitrage] = {}
        self._told: set[str] = set()

    def run(
        self,
        kind: ArbitrageKind,
        orders: list[LegOrder],
        funds: list[Funds | None],
        *,
        tag: str | None = None,
        exposure: int | None = None,
    ) -> ArbitrageResult:
        """All of it, until it has ended or patience has. Never raises.

        :param exposure: what the order is to close
        """
        begun = self._begun(kind, orders, funds, tag, exposure)
        return self._sent(begun) if isinstance(begun, RunningArbitrage) else begun

    # In two steps

    def hold(
        self, kind: ArbitrageKind, orders: list[LegOrder], funds: list[Funds | None]
    ) -> RunningArbitrage | ArbitrageDenied:
        """Everything up to the reservation; nothing is sent before ``send_held``."""
        begun = self._begun(kind, orders, funds, None, None)
        if isinstance(begun, ArbitrageDenied):
            return begun
        if not isinstance(begun, RunningArbitrage):
            return ArbitrageDenied(
                ArbitrageDenialCode.LEDGER_UNAVAILABLE, "it could not be reserved"
            )
        # What waits here is not followed.
        del self.going[begun.record.id]
        return begun

    def send_held(self, running: RunningArbitrage, exposure: int) -> ArbitrageResult:
        """Send it now, for an exposure that has come about meanwhile."""
        self.going[running.record.id] = running
        running.record.exposure = exposure
        try:
            self._context.store.assign(running.record)
        except Exception as error:
            self._failed(running, error)
            return self._see_through(running)
        return self._sent(running)

    def release_held(self, running: RunningArbitrage) -> None:
        """It is not needed: release it."""
        self.going[running.record.id] = running
        running.record.note = "not needed"
        self.or_none(lambda: self.advance(running))

    # Step by step

    def _begun(
        self,
        kind: ArbitrageKind,
        orders: list[LegOrder],
        funds: list[Funds | None],
        tag: str | None,
        exposure: int | None,
    ) -> RunningArbitrage | ArbitrageResult:
        """Stored and reserved, or how it ended before that."""
        running = self._stored(kind, orders, tag, exposure)
        if isinstance(running, ArbitrageDenied):
            return running
        try:
            return self._reserved(running, funds) or running
        except Exception as error:
            self._failed(running, error)
            return self._see_through(running)

    def _sent(self, running: RunningArbitrage) -> ArbitrageResult:
        try:
            self._send(running)
        except Exception as error:
            self._failed(running, error)
        return self._see_through(running)

    def _stored(
        self, kind: ArbitrageKind, orders: list[LegOrder], tag: str | None, exposure: int | None
    ) -> RunningArbitrage | ArbitrageDenied:
        context = self._context
        made_at = context.clock.wall()
        stored = ArbitrageRecord(
            *(0, context.bot, kind, ArbitrageState.PLANNED, tag, tuple(orders), made_at, exposure)
        )
        try:
            stored.id = context.store.insert(stored)
        except (ArbitragesUnavailable, NotOpen) as error:
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        running = RunningArbitrage(
            stored, [LegRun(order, context.clock.monotonic()) for order in orders]
        )
        self.going[stored.id] = running
        return running

    def _reserved(
        self, running: RunningArbitrage, funds: list[Funds | None]
    ) -> ArbitrageDenied | None:
        """:raises LedgerUnavailable: nothing is known to be reserved"""
        context, stored = self._context, running.record
        crash_point("arbitrage stored")
        what = f"{stored.kind} {stored.id}"
        denial = reserve(context.ledger, stored.orders, funds, what)
        if denial is not None:
            denial = context.explain(denial)
            context.store.end(stored, ArbitrageMove.DENY, context.clock.wall(), denial.sentence)
            del self.going[stored.id]
            return denial
        crash_point("arbitrage reserved")
        return None

    def _send(self, running: RunningArbitrage) -> None:
        """Both at the same time. After this only the exchanges know.

        :raises GateClosed: the ledger did not let both out; nothing was sent
        """
        context = self._context
        if context.is_stopping():
            raise GateClosed("the bot stops")
        for order in running.record.orders:
            context.venues[order.venue].check(order)
        results = context.ledger.settle(*[Step(Move.SEND, one) for one in running.ids])
        if not all(isinstance(result, Moved) for result in results):
            raise GateClosed(f"the ledger let the orders not out: {results}")
        crash_point("arbitrage gated")
        running.record.state = context.store.mark_sent(running.record)
        crash_point("arbitrage sent")
        running.has_left = True
        now = context.clock.monotonic()
        works: list[tuple[Venue, Callable[[], None]]] = []
        for leg in running.legs:
            leg.sent_at = now
            venue = context.venues[leg.order.venue]
            works.append((venue, lambda leg=leg, venue=venue: self._settlement.place(leg, venue)))  # type: ignore[misc]
        context.queues.together(works)

    def _failed(self, running: RunningArbitrage, error: Exception) -> None:
        running.record.note = f"{type(error).__name__}: {error}"
        logger.error("Arbitrage %s: an error before its end.", running.record.id, exc_info=error)

    # Following

    def _see_through(self, running: RunningArbitrage) -> ArbitrageResult:
        """Ask until it has ended, or for as long as a loop may wait."""
        context = self._context
        ends = context.clock.monotonic() + context.settings.leg_timeout + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            result = self.or_none(lambda: self.advance(running))
            if result is not None:
                return result
            is_late = context.clock.monotonic() + pause >= ends
            if is_late or not running.has_left or context.is_stopping():
                return self._unresolved(running)
            if context.is_wanted():
                return ArbitrageUnresolved(
                    running.record.id, "something else is to be done; it goes on"
                )
            context.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def advance(self, running: RunningArbitrage) -> ArbitrageEnded | None:
        """One round of asking and booking.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        ended = self._settlement.advance(running)
        if ended is not None:
            self.going.pop(running.record.id, None)
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
                "Arbitrage %s: %s; it is asked for in every loop.", running.record.id, sentence
            )
            for leg in unknown:
                order = leg.order
                event = LegUnresolved(
                    running.record.id, order.venue, order.pair, order.client_order_id
                )
                self._context.hub.publish(event)
        return ArbitrageUnresolved(running.record.id, sentence)

    def or_none(self, work: Callable[[], ArbitrageEnded | None]) -> ArbitrageEnded | None:
        """What cannot be written now is tried again in the next loop; a bug stops nobody."""
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
            self._told.clear()
        return done

    def _log_once(self, text: str, error: Exception | None) -> None:
        """Until something has ended: it comes again in every round."""
        level = logging.DEBUG if text in self._told else logging.WARNING
        self._told.add(text)
        logger.log(level, text, exc_info=error)
