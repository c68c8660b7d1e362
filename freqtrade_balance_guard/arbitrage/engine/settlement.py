"""Follows orders from "sent" to the end: the same code after a send, in every loop, and later."""

import logging
from collections.abc import Sequence
from concurrent.futures import wait
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.booked.result import result_of
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.ending import (
    Ending,
    ending_of_repair,
    ending_of_two_legs,
)
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.events import (
    ArbitrageFinished,
    UnhedgedClosed,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.held.ending import ending_of_complements, with_repair
from freqtrade_balance_guard.arbitrage.results import ArbitrageEnded
from freqtrade_balance_guard.arbitrage.states import ENDED as ENDED_STATES
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import (
    LookUp,
    Venue,
    expiry_of,
)
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import kind_and_words_of, words_of
from freqtrade_balance_guard.ledger import ENDED, AlreadyEnded, Move, NotFound, State, Step
from freqtrade_balance_guard.ledger.results import Moved, MoveResult, Unchanged
from freqtrade_balance_guard.money import ZERO, format_amount
from freqtrade_balance_guard.orders.lookup_result import NotFound as OrderNotFound
from freqtrade_balance_guard.orders.lookup_result import Uncertain


logger = logging.getLogger(__name__)

# How long one round waits for look-ups; what has not come back is taken up by a later round.
ROUND_SECONDS = 3.0


class Settlement:
    """Looks orders up until they have ended, books them, and ends the arbitrage."""

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self._missing: set[str] = set()

    def resumed(self, record: ArbitrageRecord) -> RunningArbitrage:
        """Return an arbitrage that an earlier run has left, ready to be followed."""
        clock = self._context.clock
        now = clock.monotonic()
        age = max(0.0, (clock.wall() - record.made_at).total_seconds())
        # When its requests left is not known: the latest moment is that of the other run's end.
        legs = [LegRun(order, sent_at=now - age, placed_at=now) for order in record.orders]
        for leg in legs:
            reported = record.reported.get(leg.order.client_order_id)
            if reported is not None:
                leg.learn(reported)
        return RunningArbitrage(record, legs, has_left=True, key=record.id)

    # Looking up

    def advance(self, running: RunningArbitrage) -> ArbitrageEnded | None:
        """Do one round: look up what is not over, book what is new, end what is over.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        context = self._context
        if running.record.state in ENDED_STATES:
            return self._report_end(running)  # something failed after its end was written
        if not running.has_left:
            if running.is_doubtful and context.ledger.find(running.ids[0]) is None:
                # Its intent was to be written with the reservations: there is neither.
                note = running.record.note
                return ArbitrageEnded(0, ArbitrageState.ABANDONED, note=note)
            running.is_doubtful = False
            return self._dropped(running, "it was not sent")
        if self._was_never_reserved(running):
            return self._end(running, Ending(ArbitrageMove.DROP, "nothing was reserved"))
        for leg in running.legs:
            leg.take_answer()
        self._book(running)
        unknown = [leg for leg in running.legs if not leg.is_over and leg.placed_at is not None]
        self._look_up([leg for leg in unknown if leg.ask_after <= context.clock.monotonic()])
        for leg in unknown:
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

    def _look_up(self, legs: list[LegRun]) -> None:
        """Ask for all of them at the same time; take up what has come back."""
        queues = self._context.queues
        asked: list[tuple[LegRun, Venue]] = []
        for leg in legs:
            venue = self._context.venues.get(leg.order.venue)
            if venue is None:
                self._log_missing(leg.order.venue)
                continue
            if leg.look_up is None:
                if queues.is_stuck(venue):
                    continue
                leg.look_up = queues.submit(
                    venue,
                    lambda leg=leg, venue=venue: self._answer(leg, venue),  # type: ignore[misc]
                )
            asked.append((leg, venue))
        wait([leg.look_up for leg, _ in asked if leg.look_up is not None], ROUND_SECONDS)
        for leg, venue in asked:
            look_up = leg.look_up
            if look_up is not None and look_up.done():
                leg.look_up = None
                self._take(leg, venue, look_up.result())

    def _take(self, leg: LegRun, venue: Venue, answer: LookUp) -> None:
        if isinstance(answer, OrderNotFound):
            now = self._context.clock.monotonic()
            was_lost = leg.is_lost
            leg.not_found(now, venue.late_seconds, expiry_of(venue))
            if leg.is_lost and not was_lost:
                logger.error(
                    "%s does not show the %s of %s, and may still get it: it is looked up for "
                    "hours, and cancelled when it appears.",
                    venue.name,
                    leg.order.side,
                    leg.order.pair,
                )
        elif isinstance(answer, Uncertain):
            leg.absence.begin_anew()
            logger.debug("No certain answer of %s: %s", venue.name, answer.reason)
        else:
            leg.learn(answer)

    def _answer(self, leg: LegRun, venue: Venue) -> LookUp:
        """Return the order as it is, after it was cancelled if its time is over."""
        order_id = None if leg.reported is None else leg.reported.order_id or None
        age = self._context.clock.monotonic() - leg.sent_at
        if order_id is not None and age >= self._context.settings.leg_timeout:
            try:
                venue.cancel(leg.order, order_id)
            except Exception as error:
                # It may have filled, or be cancelled already: the look-up tells.
                logger.debug("Cancelling on %s: %s", venue.name, words_of(error))
        try:
            answer = venue.look_up(leg.order, order_id)
        except Exception as error:
            answer = Uncertain(kind_and_words_of(error))
        crash_point("arbitrage asked")
        return answer

    def _log_missing(self, name: str) -> None:
        level = logging.DEBUG if name in self._missing else logging.ERROR
        self._missing.add(name)
        logger.log(level, "The venue %s of an arbitrage is not there.", name)

    # Booking

    def _book(self, running: RunningArbitrage) -> None:
        """Store the fills, then give them to the ledger: both legs in one step if both are new."""
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
        """Release both, once: nothing has left this process."""
        self._context.ledger.settle(*[Step(Move.RELEASE, one, why=why) for one in running.ids])
        return self._end(running, Ending(ArbitrageMove.DROP, running.record.note or why))

    def _finished(self, running: RunningArbitrage) -> ArbitrageEnded:
        context, record = self._context, running.record
        now = context.clock.wall()
        record.result |= result_of(running, context.known_rate, now)
        if record.kind is ArbitrageKind.TWO_LEGS and record.event:
            ending = ending_of_complements(running, context.bot, context.rate, now)
        elif record.kind is ArbitrageKind.TWO_LEGS:
            ending = ending_of_two_legs(running, context.bot, context.rate, now)
        else:
            numbers = record.shares or {record.exposure or 0: ZERO}
            found = context.store.open_exposures(context.bot)
            exposures = [one for one in found if one.id in numbers]
            ending = ending_of_repair(running, exposures, now)
            if any(one.is_outcome for one in exposures):
                ending = self._with_shares(ending, running, exposures)
        if ending.profit is not None:
            record.result["profit"] = f"{ending.profit:f}"
        return self._end(running, ending)

    def _with_shares(
        self, ending: Ending, running: RunningArbitrage, exposures: Sequence[Exposure]
    ) -> Ending:
        store = self._context.store
        root = store.record(exposures[0].arbitrage_id)
        if root is None:
            return ending
        holdings = store.holdings_of(root.id)
        return with_repair(ending, running, exposures, root, holdings, self._context.rate)

    def _end(self, running: RunningArbitrage, ending: Ending) -> ArbitrageEnded:
        record = running.record
        record.state, kept = self._context.store.end(
            record,
            ending.move,
            self._context.clock.wall(),
            ending.note,
            ending.exposures,
            drift=ending.drift,
            holdings=ending.holdings,
        )
        running.to_report = (kept, ending.note)
        crash_point("arbitrage ended")
        return self._report_end(running)

    def _report_end(self, running: RunningArbitrage) -> ArbitrageEnded:
        """Publish once that it has ended; the booking waits for that."""
        if running.to_report is None:
            return self._ended(running)
        (kept, note), running.to_report = running.to_report, None
        record, hub = running.record, self._context.hub
        ended = self._ended(running, kept, note)
        hub.publish(
            ArbitrageFinished(record.id, record.kind, record.state, ended.bought, ended.sold)
        )
        _log(record, ended.bought, ended.sold, note)
        for exposure in kept:
            if record.kind is ArbitrageKind.TWO_LEGS:
                logger.error("Unhedged: %s.", exposure.sentence())
                hub.publish(UnhedgedOpened(exposure))
            elif not exposure.is_open:
                level = logging.DEBUG if exposure.closes else logging.INFO
                logger.log(
                    level, "Hedged again: exposure %s was %s.", exposure.id, exposure.closed_how
                )
                hub.publish(UnhedgedClosed(exposure))
        return ended

    def _ended(
        self, running: RunningArbitrage, exposures: Sequence[object] = (), note: str = ""
    ) -> ArbitrageEnded:
        record = running.record
        bought, sold = running.filled("buy"), running.filled("sell")
        exposure = exposures[0] if exposures else None
        return ArbitrageEnded(record.id, record.state, bought, sold, exposure, note)  # type: ignore[arg-type]


def _check(step: Step, result: MoveResult) -> None:
    """Log what the ledger did not take; it is right then, and an end is never repeated."""
    if isinstance(result, Moved | Unchanged):
        return
    expected = State.COMMITTED if step.move is Move.COMMIT else State.RELEASED
    if isinstance(result, AlreadyEnded) and result.reservation.state is expected:
        return  # an earlier run, or the bot's own recovery, has written it
    if isinstance(result, NotFound) and step.move is Move.RELEASE:
        return
    logger.error("The ledger does not agree on %s: %s", step.client_order_id, result)


def _log(record: ArbitrageRecord, bought: Decimal, sold: Decimal, note: str) -> None:
    amounts = f"bought {format_amount(bought)}, sold {format_amount(sold)}"
    shown = amounts if bought + sold > ZERO else note
    logger.info("Arbitrage %s (%s) is %s: %s.", record.id, record.kind, record.state, shown)
