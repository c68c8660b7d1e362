"""One pair from its intent to its end: stored, reserved, sent at the same time, followed."""

import logging
from collections.abc import Callable

from freqtrade_balance_guard.arbitrage.context import Parts
from freqtrade_balance_guard.arbitrage.events import LegsSent, LegUnresolved
from freqtrade_balance_guard.arbitrage.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.reserving import reserve
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageResult,
    ArbitrageUnresolved,
)
from freqtrade_balance_guard.arbitrage.settlement import Follower
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable, NotOpen
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

    def __init__(self, parts: Parts, follower: Follower) -> None:
        self._parts = parts
        self._follower = follower
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
        # Nobody follows what waits here.
        del self.going[begun.stored.id]
        return begun

    def send_held(self, pair: RunningArbitrage, exposure: int) -> ArbitrageResult:
        """Send it now, for an exposure that has come about meanwhile."""
        self.going[pair.stored.id] = pair
        pair.stored.exposure = exposure
        try:
            self._parts.store.assign(pair.stored)
        except Exception as error:
            self._failed(pair, error)
            return self._see_through(pair)
        return self._sent(pair)

    def let_go(self, pair: RunningArbitrage) -> None:
        """It is not needed: release it."""
        self.going[pair.stored.id] = pair
        pair.stored.note = "not needed"
        self.or_none(lambda: self.advance(pair))

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
        pair = self._stored(kind, orders, tag, exposure)
        if isinstance(pair, ArbitrageDenied):
            return pair
        try:
            return self._reserved(pair, funds) or pair
        except Exception as error:
            self._failed(pair, error)
            return self._see_through(pair)

    def _sent(self, pair: RunningArbitrage) -> ArbitrageResult:
        try:
            self._send(pair)
        except Exception as error:
            self._failed(pair, error)
        return self._see_through(pair)

    def _stored(
        self, kind: ArbitrageKind, orders: list[LegOrder], tag: str | None, exposure: int | None
    ) -> RunningArbitrage | ArbitrageDenied:
        parts = self._parts
        made_at = parts.clock.wall()
        stored = ArbitrageRecord(
            *(0, parts.bot, kind, ArbitrageState.PLANNED, tag, tuple(orders), made_at, exposure)
        )
        try:
            stored.id = parts.store.insert(stored)
        except (ArbitragesUnavailable, NotOpen) as error:
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        pair = RunningArbitrage(
            stored, [LegRun(order, parts.clock.monotonic()) for order in orders]
        )
        self.going[stored.id] = pair
        return pair

    def _reserved(
        self, pair: RunningArbitrage, funds: list[Funds | None]
    ) -> ArbitrageDenied | None:
        """:raises LedgerUnavailable: nothing is known to be reserved"""
        parts, stored = self._parts, pair.stored
        crash_point("arbitrage stored")
        what = f"{stored.kind} {stored.id}"
        denial = reserve(parts.ledger, stored.orders, funds, what)
        if denial is not None:
            denial = parts.explain(denial)
            parts.store.end(stored, ArbitrageMove.DENY, parts.clock.wall(), denial.sentence, None)
            del self.going[stored.id]
            return denial
        crash_point("arbitrage reserved")
        return None

    def _send(self, pair: RunningArbitrage) -> None:
        """Both at the same time. After this only the exchanges know.

        :raises GateClosed: the ledger did not let both out; nothing was sent
        """
        parts = self._parts
        if parts.is_stopping():
            raise GateClosed("the bot stops")
        for order in pair.stored.orders:
            parts.venues[order.venue].check(order)
        results = parts.ledger.settle(*[Step(Move.SEND, one) for one in pair.ids])
        if not all(isinstance(result, Moved) for result in results):
            raise GateClosed(f"the ledger let the orders not out: {results}")
        crash_point("arbitrage gated")
        pair.stored.state = parts.store.mark_sent(pair.stored)
        crash_point("arbitrage sent")
        pair.has_left = True
        now = parts.clock.monotonic()
        planned_at = min(leg.sent_at for leg in pair.legs)
        works: list[tuple[Venue, Callable[[], None]]] = []
        for leg in pair.legs:
            leg.sent_at = now
            venue = parts.venues[leg.order.venue]
            works.append((venue, lambda leg=leg, venue=venue: self._follower.place(leg, venue)))  # type: ignore[misc]
        parts.queues.together(works)
        self._publish_sent(pair, planned_at)

    def _publish_sent(self, pair: RunningArbitrage, planned_at: float) -> None:
        sent = [leg.sent_at for leg in pair.legs]
        self._parts.hub.publish(
            LegsSent(pair.stored.id, min(sent) - planned_at, max(sent) - min(sent))
        )

    def _failed(self, pair: RunningArbitrage, error: Exception) -> None:
        pair.stored.note = f"{type(error).__name__}: {error}"
        logger.error("Pair %s: an error before its end.", pair.stored.id, exc_info=error)

    # Following

    def _see_through(self, pair: RunningArbitrage) -> ArbitrageResult:
        """Ask until it has ended, or for as long as a loop may wait."""
        parts = self._parts
        ends = parts.clock.monotonic() + parts.settings.leg_timeout + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            result = self.or_none(lambda: self.advance(pair))
            if result is not None:
                return result
            is_late = parts.clock.monotonic() + pause >= ends
            if is_late or not pair.has_left or parts.is_stopping():
                return self._unresolved(pair)
            if parts.is_wanted():
                return ArbitrageUnresolved(
                    pair.stored.id, "something else is to be done; it goes on"
                )
            parts.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def advance(self, pair: RunningArbitrage) -> ArbitrageEnded | None:
        """One round of asking and booking.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        ended = self._follower.advance(pair)
        if ended is not None:
            self.going.pop(pair.stored.id, None)
        return ended

    def _unresolved(self, pair: RunningArbitrage) -> ArbitrageUnresolved:
        unknown = [leg for leg in pair.legs if not leg.is_over]
        names = ", ".join(
            f"{leg.order.side} of {leg.order.pair} on {leg.order.venue}" for leg in unknown
        )
        sentence = f"the outcome of {names or 'its booking'} is not known"
        if not pair.was_told_unresolved:
            pair.was_told_unresolved = True
            logger.error("Pair %s: %s; it is asked for in every loop.", pair.stored.id, sentence)
            for leg in unknown:
                order = leg.order
                event = LegUnresolved(
                    pair.stored.id, order.venue, order.pair, order.client_order_id
                )
                self._parts.hub.publish(event)
        return ArbitrageUnresolved(pair.stored.id, sentence)

    def or_none(self, work: Callable[[], ArbitrageEnded | None]) -> ArbitrageEnded | None:
        """What cannot be written now is tried again in the next loop; a bug stops nobody."""
        try:
            done = work()
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            self._tell_once(f"Pairs wait: {error}", None)
            return None
        except Exception as error:
            text = f"A pair could not be followed ({type(error).__name__}); it is tried again."
            self._tell_once(text, error)
            return None
        if done is not None:
            self._told.clear()
        return done

    def _tell_once(self, text: str, error: Exception | None) -> None:
        """Until something has ended: it comes again in every round."""
        level = logging.DEBUG if text in self._told else logging.WARNING
        self._told.add(text)
        logger.log(level, text, exc_info=error)
