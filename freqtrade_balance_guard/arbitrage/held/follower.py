"""``HoldingFollower``: asks how shares go on, from the match to the money."""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.events import HoldingChanged, UnhedgedClosed, UnhedgedOpened
from freqtrade_balance_guard.arbitrage.held.ending import reverted
from freqtrade_balance_guard.arbitrage.held.outcome_venue import OutcomeVenue
from freqtrade_balance_guard.arbitrage.outcomes.holding import (
    Holding,
    HoldingMove,
    HoldingState,
)
from freqtrade_balance_guard.arbitrage.store import NotOpen
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.threads.queues import Work
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue, VenueOrder
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import kind_and_words_of


R = TypeVar("R")

logger = logging.getLogger(__name__)

# Between two questions about a match, about an event that should be over, and about one before.
SETTLING_SECONDS = (1.0, 30.0)
DUE_SECONDS = (3.0, 300.0)
EARLY_SECONDS = (300.0, 300.0)


@dataclass(slots=True)
class _Pause:
    state: HoldingState
    is_due: bool
    until: float
    seconds: float


class HoldingFollower:
    """Follows the shares of one bot; whatever fails is tried again later."""

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self._pauses: dict[str, _Pause] = {}
        self._generation: int | None = None
        self._open: list[Holding] = []

    def due(self) -> list[tuple[Hashable, Callable[[], None]]]:
        """Return a task for each purchase that it is time to ask for.

        :raises ArbitragesUnavailable: nothing can be read
        """
        store = self._context.store
        generation = store.generation
        if generation != self._generation:
            self._open = store.open_holdings(self._context.bot)
            self._generation = generation
        return [
            (("shares", one.client_order_id), lambda one=one: self._follow(one))  # type: ignore[misc]
            for one in self._open
            if self._is_time(one)
        ]

    def _is_time(self, holding: Holding) -> bool:
        """Ask soon after a change, then less and less often."""
        context = self._context
        now, is_due = context.clock.monotonic(), context.clock.wall() >= holding.closes
        pause = self._pauses.get(holding.client_order_id)
        if pause is None or (pause.state, pause.is_due) != (holding.state, is_due):
            return True
        return now >= pause.until

    def _pause(self, holding: Holding) -> None:
        context = self._context
        now, is_due = context.clock.monotonic(), context.clock.wall() >= holding.closes
        first, longest = DUE_SECONDS if is_due else EARLY_SECONDS
        if holding.state is HoldingState.SETTLING:
            first, longest = SETTLING_SECONDS
        before = self._pauses.get(holding.client_order_id)
        seconds = first
        if before is not None and (before.state, before.is_due) == (holding.state, is_due):
            seconds = min(2 * before.seconds, longest)
        self._pauses[holding.client_order_id] = _Pause(
            holding.state, is_due, now + seconds, seconds
        )

    def _follow(self, holding: Holding) -> None:
        """:raises ArbitragesUnavailable: nothing can be read or written"""
        self._pause(holding)
        venue = self._context.venues.get(holding.venue)
        if not isinstance(venue, OutcomeVenue):
            logger.warning("Shares on %s wait: the venue is not there.", holding.venue)
            return
        root = self._context.store.record(holding.arbitrage_id)
        order = None if root is None else self._order(root, holding)
        if root is None or order is None:
            logger.error("The arbitrage %s of shares is not stored.", holding.arbitrage_id)
            return
        try:
            self._ask(holding, venue, order, root)
        except NotOpen as error:
            logger.debug("Shares on %s wait: %s", holding.venue, error)

    def _order(self, root: ArbitrageRecord, holding: Holding) -> LegOrder | None:
        """Return the order that bought them: a leg, or a repair's."""
        for record in (root, *self._context.store.of_group(root.id)):
            for order in record.orders:
                if order.client_order_id == holding.client_order_id:
                    return order
        return None

    def _ask(
        self, holding: Holding, venue: OutcomeVenue, order: LegOrder, root: ArbitrageRecord
    ) -> None:
        if holding.state is HoldingState.SETTLING:
            move = self._asked(venue, lambda: venue.settlement(order, holding.order_id))
            crash_point("match asked")
            if move is HoldingMove.REVERT:
                self._revert(holding, venue, order, root)
                return
            if move is not None:
                self._write(holding.moved(move))
                return
        found = self._asked(venue, lambda: venue.payout(order, holding.order_id, holding.shares))
        crash_point("payout asked")
        if found is not None and not (
            found.move is HoldingMove.RESOLVE and holding.state is HoldingState.REDEEMABLE
        ):
            amount = holding.cost if found.amount is None else found.amount
            self._write(holding.moved(found.move, amount))

    def _asked(self, venue: OutcomeVenue, call: Callable[[], R]) -> R | None:
        """Ask in the queue of the venue's key; None also where it has no answer."""
        of_key: Venue = venue  # type: ignore[assignment]
        try:
            (answer,) = self._context.queues.together([Work(of_key, call)])
        except Exception as error:
            logger.debug("Shares on %s: %s", of_key.name, kind_and_words_of(error))
            return None
        return answer

    def _revert(
        self, holding: Holding, venue: OutcomeVenue, order: LegOrder, root: ArbitrageRecord
    ) -> None:
        """Take back what a failed match had shown; the other leg is alone then."""
        of_key: Venue = venue  # type: ignore[assignment]
        found = self._asked(venue, lambda: of_key.look_up(order, holding.order_id))
        if not isinstance(found, VenueOrder):
            return
        context, now = self._context, self._context.clock.wall()
        left = min(found.filled, holding.shares)
        after, changed = reverted(
            holding,
            left,
            context.store.holdings_of(root.id),
            context.store.exposures_of(root.id),
            replace(root, bot=context.bot),
            rate=context.rate,
            now=now,
        )
        if after.shares == holding.shares and after.state is holding.state:
            # The rest of it settles by itself; what had failed was taken off before.
            return
        kept = context.store.follow_holding(after, context.bot, now, changed)
        crash_point("match reverted")
        logger.error("A match failed: %s.", after.sentence())
        context.hub.publish(HoldingChanged(after))
        for exposure in kept:
            if exposure.is_open:
                logger.error("Unhedged: %s.", exposure.sentence())
                context.hub.publish(UnhedgedOpened(exposure))
            else:
                context.hub.publish(UnhedgedClosed(exposure))

    def _write(self, holding: Holding) -> None:
        context = self._context
        context.store.follow_holding(holding, context.bot, context.clock.wall())
        crash_point("shares moved")
        level = logging.ERROR if holding.state is HoldingState.VOID else logging.INFO
        logger.log(level, "Shares: %s.", holding.sentence())
        context.hub.publish(HoldingChanged(holding))
