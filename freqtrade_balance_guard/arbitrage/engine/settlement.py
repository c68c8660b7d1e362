"""From "sent" to the end: the same code after a send, in every loop, and after a restart."""

import logging
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.events import (
    ArbitrageFinished,
    UnhedgedClosed,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.results import ArbitrageEnded
from freqtrade_balance_guard.arbitrage.states import ENDED as ENDED_STATES
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, after_repair, exposure_of
from freqtrade_balance_guard.arbitrage.venue import LookUp, OrderRejected, Venue
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.ledger import (
    ENDED,
    AlreadyEnded,
    Move,
    NotFound,
    State,
    Step,
)
from freqtrade_balance_guard.ledger.results import Moved, MoveResult, Unchanged
from freqtrade_balance_guard.money import ZERO, format_amount
from freqtrade_balance_guard.orders.lookup_result import Absent, Unknown


logger = logging.getLogger(__name__)

# "Not found" counts when it is said twice with this pause.
TWICE_WITHIN_SECONDS = 1.0

REPAIRED = {
    ArbitrageKind.UNWIND: "unwound",
    ArbitrageKind.COMPLETE: "completed",
    ArbitrageKind.CLOSE: "closed with its trade",
}


class Settlement:
    """Asks for orders until they have ended, books them, and ends the pair."""

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self._missing: set[str] = set()

    def resumed(self, stored: ArbitrageRecord) -> RunningArbitrage:
        """An arbitrage that an earlier run has left."""
        clock = self._context.clock
        age = max(0.0, (clock.wall() - stored.made_at).total_seconds())
        legs = [LegRun(order, clock.monotonic() - age) for order in stored.orders]
        for leg in legs:
            reported = stored.reported.get(leg.order.client_order_id)
            if reported is not None:
                leg.learn(reported)
        return RunningArbitrage(stored, legs, has_left=True)

    # Sending

    def place(self, leg: LegRun, venue: Venue) -> None:
        """Send it, in the thread of its key. Whatever comes back is an answer, or none."""
        crash_point("arbitrage leaving")
        leg.sent_at = self._context.clock.monotonic()
        try:
            reported = venue.place(leg.order)
        except OrderRejected as refusal:
            leg.rejected = str(refusal) or "refused"
        except Exception as error:
            logger.warning(
                "The reply to an order of %s on %s is lost (%s: %s); it will be asked for.",
                *(leg.order.pair, venue.name, type(error).__name__, str(error)[:200]),
            )
        else:
            leg.learn(reported)
        crash_point("arbitrage answered")

    # Asking

    def advance(self, running: RunningArbitrage) -> ArbitrageEnded | None:
        """One round: ask for what is not over, book what is new, end what is over.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        context = self._context
        if running.record.state in ENDED_STATES:
            return self._report_end(running)  # something failed after its end was written
        if not running.has_left:
            return self._dropped(running, "it was not sent")
        if self._was_never_reserved(running):
            return self._end(running, ArbitrageMove.DROP, "nothing was reserved")
        self._book(running)
        going = [leg for leg in running.legs if not leg.is_over]
        works: list[tuple[Venue, Callable[[], None]]] = []
        for leg in going:
            venue = context.venues.get(leg.order.venue)
            if venue is not None:
                works.append((venue, lambda leg=leg, venue=venue: self._ask(leg, venue)))  # type: ignore[misc]
            else:
                name = leg.order.venue
                level = logging.DEBUG if name in self._missing else logging.ERROR
                self._missing.add(name)
                logger.log(level, "The venue %s of an arbitrage is not there.", name)
        context.queues.together(works)
        for leg in going:
            if not leg.is_over:
                row = context.ledger.find(leg.order.client_order_id)
                if row is not None and row.state in ENDED:
                    leg.believe(row)
        self._book(running)
        return self._finished(running) if running.is_over else None

    def _was_never_reserved(self, running: RunningArbitrage) -> bool:
        if running.record.state is not ArbitrageState.PLANNED:
            return False
        return all(self._context.ledger.find(one) is None for one in running.ids)

    def _ask(self, leg: LegRun, venue: Venue) -> None:
        answer = self._answer(leg, venue)
        crash_point("arbitrage asked")
        if isinstance(answer, Absent):
            leg.absent(self._context.clock.monotonic(), venue.late_seconds, TWICE_WITHIN_SECONDS)
        elif isinstance(answer, Unknown):
            leg.absent_since = None
            logger.debug("No certain answer of %s: %s", venue.name, answer.reason)
        else:
            leg.learn(answer)

    def _answer(self, leg: LegRun, venue: Venue) -> LookUp:
        """The order as it is, after it was cancelled if its time is over. Never raises."""
        order_id = None if leg.reported is None else leg.reported.order_id or None
        age = self._context.clock.monotonic() - leg.sent_at
        if order_id is not None and age >= self._context.settings.leg_timeout:
            try:
                venue.cancel(leg.order, order_id)
            except Exception as error:
                # It may have filled, or be cancelled already: the look-up tells.
                logger.debug("Cancelling on %s: %s", venue.name, error)
        try:
            return venue.look_up(leg.order, order_id)
        except Exception as error:
            return Unknown(f"{type(error).__name__}: {error}")

    # Booking

    def _book(self, running: RunningArbitrage) -> None:
        """Store the fills, then tell the ledger, both legs in one step where both have news."""
        news = [(leg, step) for leg in running.legs if (step := leg.step()) is not None]
        if not news:
            return
        self._context.store.learn(running.record, running.reported())
        crash_point("arbitrage learned")
        results = self._context.ledger.settle(*[step for _, step in news])
        for (leg, step), result in zip(news, results, strict=True):
            leg.booked = step
            _check(step, result)
        crash_point("arbitrage booked")

    def _dropped(self, running: RunningArbitrage, why: str) -> ArbitrageEnded:
        """Nothing has left this process: both are released, once."""
        self._context.ledger.settle(*[Step(Move.RELEASE, one, why=why) for one in running.ids])
        return self._end(running, ArbitrageMove.DROP, running.record.note or why)

    def _finished(self, running: RunningArbitrage) -> ArbitrageEnded:
        if running.record.kind is not ArbitrageKind.TWO_LEGS:
            return self._repaired(running)
        first, second = running.legs
        if not first.filled and not second.filled:
            why = "; ".join(
                f"{leg.order.venue}: {leg.rejected or 'no fill'}" for leg in running.legs
            )
            return self._end(running, ArbitrageMove.FAIL, why)
        more = first if first.filled > second.filled else second
        exposure = exposure_of(
            (first.order, second.order),
            (first.filled, second.filled),
            (first.cost, second.cost),
            bot=self._context.bot,
            arbitrage_id=running.record.id,
            rate=self._context.rate(more.order.terms.quote),
            now=self._context.clock.wall(),
        )
        move = ArbitrageMove.BALANCE if exposure is None else ArbitrageMove.DIFFER
        return self._end(running, move, "", exposure)

    def _repaired(self, running: RunningArbitrage) -> ArbitrageEnded:
        (leg,) = running.legs
        if not leg.filled:
            return self._end(running, ArbitrageMove.FAIL, leg.rejected or "no fill")
        found = self._context.store.open_exposures(self._context.bot)
        (exposure,) = [one for one in found if one.id == running.record.exposure]
        how = f"{REPAIRED[running.record.kind]} on {leg.order.venue}"
        left = after_repair(exposure, running.net, self._context.clock.wall(), how)
        return self._end(running, ArbitrageMove.REPAIR, how, left)

    def _end(
        self,
        running: RunningArbitrage,
        move: ArbitrageMove,
        note: str,
        exposure: Exposure | None = None,
    ) -> ArbitrageEnded:
        stored = running.record
        now = self._context.clock.wall()
        left = [] if exposure is None else [exposure]
        stored.state, found = self._context.store.end(stored, move, now, note, left)
        kept = found[0] if found else None
        running.to_report = (kept, note)
        crash_point("arbitrage ended")
        return self._report_end(running)

    def _report_end(self, running: RunningArbitrage) -> ArbitrageEnded:
        """Say once that it has ended; who books it waits for that."""
        if running.to_report is None:
            return self._ended(running)
        (kept, note), running.to_report = running.to_report, None
        stored, hub = running.record, self._context.hub
        ended = self._ended(running, kept, note)
        hub.publish(
            ArbitrageFinished(stored.id, stored.kind, stored.state, ended.bought, ended.sold)
        )
        _log(stored, ended.bought, ended.sold, note)
        if kept is not None and stored.kind is ArbitrageKind.TWO_LEGS:
            logger.error("Unhedged: %s.", kept.sentence())
            hub.publish(UnhedgedOpened(kept))
        elif kept is not None and not kept.is_open:
            logger.log(
                logging.DEBUG if kept.closes else logging.INFO,
                *("Hedged again: exposure %s was %s.", kept.id, kept.closed_how),
            )
            hub.publish(UnhedgedClosed(kept))
        return ended

    def _ended(
        self, running: RunningArbitrage, exposure: Exposure | None = None, note: str = ""
    ) -> ArbitrageEnded:
        stored = running.record
        bought, sold = running.filled("buy"), running.filled("sell")
        return ArbitrageEnded(stored.id, stored.state, bought, sold, exposure, note)


def _check(step: Step, result: MoveResult) -> None:
    """Say what the ledger did not take; it is right then, and an end is never repeated."""
    if isinstance(result, Moved | Unchanged):
        return
    expected = State.COMMITTED if step.move is Move.COMMIT else State.RELEASED
    if isinstance(result, AlreadyEnded) and result.reservation.state is expected:
        return  # an earlier run, or the bot's own recovery, has reported it
    if isinstance(result, NotFound) and step.move is Move.RELEASE:
        return
    logger.error("The ledger does not agree on %s: %s", step.client_order_id, result)


def _log(stored: ArbitrageRecord, bought: Decimal, sold: Decimal, note: str) -> None:
    amounts = f"bought {format_amount(bought)}, sold {format_amount(sold)}"
    shown = amounts if bought + sold > ZERO else note
    logger.info("Arbitrage %s (%s) is %s: %s.", stored.id, stored.kind, stored.state, shown)
