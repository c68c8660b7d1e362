"""From "sent" to the end: the same code after a send, in every loop, and after a restart."""

import logging
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.context import Parts
from freqtrade_balance_guard.arbitrage.events import (
    ArbitrageFinished,
    UnhedgedClosed,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.results import ArbitrageEnded
from freqtrade_balance_guard.arbitrage.states import ENDED as PAIR_ENDED
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
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
from freqtrade_balance_guard.orders import events as order_events
from freqtrade_balance_guard.orders.lookup_result import NotFound as OrderNotFound
from freqtrade_balance_guard.orders.lookup_result import Uncertain


logger = logging.getLogger(__name__)

# "Not found" counts when it is said twice with this pause.
TWICE_WITHIN_SECONDS = 1.0
# The purpose of a leg in events about orders.
LEG = "leg"

REPAIRED = {
    ArbitrageKind.UNWIND: "unwound",
    ArbitrageKind.COMPLETE: "completed",
    ArbitrageKind.CLOSE: "closed with its trade",
}


class Follower:
    """Asks for orders until they have ended, books them, and ends the pair."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._missing: set[str] = set()

    def taken_up(self, stored: ArbitrageRecord) -> RunningArbitrage:
        """A pair that an earlier run has left."""
        clock = self._parts.clock
        age = max(0.0, (clock.wall() - stored.made_at).total_seconds())
        legs = [LegRun(order, clock.monotonic() - age) for order in stored.orders]
        for leg in legs:
            told = stored.told.get(leg.order.client_order_id)
            if told is not None:
                leg.learn(told)
        return RunningArbitrage(stored, legs, has_left=True)

    # Sending

    def place(self, leg: LegRun, venue: Venue) -> None:
        """Send it, in the thread of its key. Whatever comes back is an answer, or none."""
        hub = self._parts.hub
        crash_point("arbitrage leaving")
        leg.sent_at = self._parts.clock.monotonic()
        try:
            told = venue.place(leg.order)
        except OrderRejected as refusal:
            leg.refused = str(refusal) or "refused"
            reason = order_events.rejection_reason(leg.refused)
            hub.publish(order_events.OrderRejected(leg.order.pair, LEG, reason, leg.refused[:200]))
        except Exception as error:
            logger.warning(
                "The reply to an order of %s on %s is lost (%s: %s); it will be asked for.",
                *(leg.order.pair, venue.name, type(error).__name__, str(error)[:200]),
            )
            hub.publish(order_events.OrderReplyLost(leg.order.pair, LEG))
        else:
            hub.publish(order_events.OrderAccepted(leg.order.pair, LEG))
            leg.learn(told)
        crash_point("arbitrage answered")

    # Asking

    def advance(self, pair: RunningArbitrage) -> ArbitrageEnded | None:
        """One round: ask for what is not over, book what is new, end what is over.

        :raises LedgerUnavailable, ArbitragesUnavailable: it could not be written; to be tried again
        """
        parts = self._parts
        if pair.stored.state in PAIR_ENDED:
            return self._told(pair)  # something failed after its end was written
        if not pair.has_left:
            return self._dropped(pair, "it was not sent")
        if self._was_never_reserved(pair):
            return self._end(pair, ArbitrageMove.DROP, "nothing was reserved")
        self._book(pair)
        going = [leg for leg in pair.legs if not leg.is_over]
        works: list[tuple[Venue, Callable[[], None]]] = []
        for leg in going:
            venue = parts.venues.get(leg.order.venue)
            if venue is not None:
                works.append((venue, lambda leg=leg, venue=venue: self._ask(leg, venue)))  # type: ignore[misc]
            else:
                name = leg.order.venue
                level = logging.DEBUG if name in self._missing else logging.ERROR
                self._missing.add(name)
                logger.log(level, "The venue %s of a pair is not there.", name)
        parts.queues.together(works)
        for leg in going:
            if not leg.is_over:
                row = parts.ledger.find(leg.order.client_order_id)
                if row is not None and row.state in ENDED:
                    leg.believe(row)
        self._book(pair)
        return self._finished(pair) if pair.is_over else None

    def _was_never_reserved(self, pair: RunningArbitrage) -> bool:
        if pair.stored.state is not ArbitrageState.PLANNED:
            return False
        return all(self._parts.ledger.find(one) is None for one in pair.ids)

    def _ask(self, leg: LegRun, venue: Venue) -> None:
        answer = self._answer(leg, venue)
        crash_point("arbitrage asked")
        if isinstance(answer, OrderNotFound):
            leg.absent(self._parts.clock.monotonic(), venue.late_seconds, TWICE_WITHIN_SECONDS)
        elif isinstance(answer, Uncertain):
            leg.absent_since = None
            logger.debug("No certain answer of %s: %s", venue.name, answer.reason)
        else:
            leg.learn(answer)

    def _answer(self, leg: LegRun, venue: Venue) -> LookUp:
        """The order as it is, after it was cancelled if its time is over. Never raises."""
        order_id = None if leg.told is None else leg.told.order_id or None
        age = self._parts.clock.monotonic() - leg.sent_at
        if order_id is not None and age >= self._parts.settings.leg_timeout:
            try:
                venue.cancel(leg.order, order_id)
            except Exception as error:
                # It may have filled, or be cancelled already: the look-up tells.
                logger.debug("Cancelling on %s: %s", venue.name, error)
        try:
            return venue.look_up(leg.order, order_id)
        except Exception as error:
            return Uncertain(f"{type(error).__name__}: {error}")

    # Booking

    def _book(self, pair: RunningArbitrage) -> None:
        """Store the fills, then tell the ledger, both legs in one step where both have news."""
        news = [(leg, step) for leg in pair.legs if (step := leg.step()) is not None]
        if not news:
            return
        self._parts.store.learn(pair.stored, pair.told())
        crash_point("arbitrage learned")
        results = self._parts.ledger.settle(*[step for _, step in news])
        for (leg, step), result in zip(news, results, strict=True):
            leg.booked = step
            _check(step, result)
        crash_point("arbitrage booked")

    def _dropped(self, pair: RunningArbitrage, why: str) -> ArbitrageEnded:
        """Nothing has left this process: both are released, once."""
        self._parts.ledger.settle(*[Step(Move.RELEASE, one, why=why) for one in pair.ids])
        return self._end(pair, ArbitrageMove.DROP, pair.stored.note or why)

    def _finished(self, pair: RunningArbitrage) -> ArbitrageEnded:
        if pair.stored.kind is not ArbitrageKind.PAIR:
            return self._repaired(pair)
        first, second = pair.legs
        if not first.filled and not second.filled:
            why = "; ".join(f"{leg.order.venue}: {leg.refused or 'no fill'}" for leg in pair.legs)
            return self._end(pair, ArbitrageMove.FAIL, why)
        more = first if first.filled > second.filled else second
        exposure = exposure_of(
            (first.order, second.order),
            (first.filled, second.filled),
            (first.cost, second.cost),
            bot=self._parts.bot,
            pair_number=pair.stored.id,
            rate=self._parts.rate(more.order.terms.quote),
            now=self._parts.clock.wall(),
        )
        move = ArbitrageMove.BALANCE if exposure is None else ArbitrageMove.DIFFER
        return self._end(pair, move, "", exposure)

    def _repaired(self, pair: RunningArbitrage) -> ArbitrageEnded:
        (leg,) = pair.legs
        if not leg.filled:
            return self._end(pair, ArbitrageMove.FAIL, leg.refused or "no fill")
        found = self._parts.store.open_exposures(self._parts.bot)
        (exposure,) = [one for one in found if one.id == pair.stored.exposure]
        how = f"{REPAIRED[pair.stored.kind]} on {leg.order.venue}"
        left = after_repair(exposure, pair.net, self._parts.clock.wall(), how)
        return self._end(pair, ArbitrageMove.REPAIR, how, left)

    def _end(
        self,
        pair: RunningArbitrage,
        move: ArbitrageMove,
        note: str,
        exposure: Exposure | None = None,
    ) -> ArbitrageEnded:
        stored = pair.stored
        now = self._parts.clock.wall()
        stored.state, kept = self._parts.store.end(stored, move, now, note, exposure)
        pair.to_tell = (kept, note)
        crash_point("arbitrage ended")
        return self._told(pair)

    def _told(self, pair: RunningArbitrage) -> ArbitrageEnded:
        """Say once that it has ended; who books it waits for that."""
        if pair.to_tell is None:
            return self._ended(pair)
        (kept, note), pair.to_tell = pair.to_tell, None
        stored, hub = pair.stored, self._parts.hub
        ended = self._ended(pair, kept, note)
        hub.publish(
            ArbitrageFinished(stored.id, stored.kind, stored.state, ended.bought, ended.sold)
        )
        _tell(stored, ended.bought, ended.sold, note)
        if kept is not None and stored.kind is ArbitrageKind.PAIR:
            logger.error("Unhedged: %s.", kept.told())
            hub.publish(UnhedgedOpened(kept))
        elif kept is not None and not kept.is_open:
            logger.log(
                logging.DEBUG if kept.closes else logging.INFO,
                *("Hedged again: exposure %s was %s.", kept.id, kept.closed_how),
            )
            hub.publish(UnhedgedClosed(kept))
        return ended

    def _ended(
        self, pair: RunningArbitrage, exposure: Exposure | None = None, note: str = ""
    ) -> ArbitrageEnded:
        stored = pair.stored
        bought, sold = pair.filled("buy"), pair.filled("sell")
        return ArbitrageEnded(stored.id, stored.state, bought, sold, exposure, note)


def _check(step: Step, result: MoveResult) -> None:
    """Say what the ledger did not take; it is right then, and an end is never repeated."""
    if isinstance(result, Moved | Unchanged):
        return
    expected = State.COMMITTED if step.move is Move.COMMIT else State.RELEASED
    if isinstance(result, AlreadyEnded) and result.reservation.state is expected:
        return  # an earlier run, or the bot's own recovery, has told it
    if isinstance(result, NotFound) and step.move is Move.RELEASE:
        return
    logger.error("The ledger does not agree on %s: %s", step.client_order_id, result)


def _tell(stored: ArbitrageRecord, bought: Decimal, sold: Decimal, note: str) -> None:
    amounts = f"bought {format_amount(bought)}, sold {format_amount(sold)}"
    shown = amounts if bought + sold > ZERO else note
    logger.info("Pair %s (%s) is %s: %s.", stored.id, stored.kind, stored.state, shown)
