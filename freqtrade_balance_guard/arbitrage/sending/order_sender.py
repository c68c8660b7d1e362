"""``OrderSender``: lets the orders of an arbitrage go, both keys at the same time."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.events import LegsSent
from freqtrade_balance_guard.arbitrage.venue import (
    OrderRejected,
    SendsInLoop,
    Venue,
    VenueOrder,
    sends_in_loop,
)
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.orders import events as order_events


logger = logging.getLogger(__name__)

# How long the replies to both orders are waited for before they are looked up one by one.
PLACE_SECONDS = 3.0
# After this the reply to an order that was sent in the engine's loop is taken as lost.
SEND_SECONDS = 15.0
# The purpose of a leg in events about orders.
LEG = "leg"


class OrderSender:
    """Sends each order once, and notes when it left and what came back."""

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context

    def check(self, running: RunningArbitrage) -> None:
        """Have a last look at the orders, and make what can be made of their requests.

        :raises OrderRejected: one cannot be sent
        """
        for leg in running.legs:
            venue = self._context.venues[leg.order.venue]
            venue.check(leg.order)
            if isinstance(venue, SendsInLoop) and sends_in_loop(venue):
                leg.prepared = venue.prepare(leg.order)

    def send(self, running: RunningArbitrage) -> None:
        """Let the orders go, each key's in order: from the engine's loop, or its own thread."""
        context = self._context
        crash_point("arbitrage sent")
        running.has_left = True
        by_key: dict[str, list[tuple[LegRun, Venue]]] = {}
        for leg in running.legs:
            venue = context.venues[leg.order.venue]
            by_key.setdefault(venue.queue, []).append((leg, venue))
        for legs in by_key.values():
            try:
                future = self._handed_over(legs)
            except RuntimeError as error:  # the threads have ended
                for leg, _ in legs:
                    leg.answer = f"not sent: {error}"
                    leg.placed_at = context.clock.monotonic()
            else:
                running.placing.append(future)

    def _handed_over(self, legs: Sequence[tuple[LegRun, Venue]]) -> "Future[None]":
        """:raises RuntimeError: the threads have ended"""
        queues, venue = self._context.queues, legs[0][1]
        if all(sends_in_loop(one) for _, one in legs):
            return queues.send(venue, partial(self._from_loop, legs))
        return queues.submit(venue, partial(self._from_thread, legs))

    def await_replies(self, running: RunningArbitrage) -> None:
        """Wait for the replies to both orders, for as long as they usually take.

        What hangs is taken up when it comes back; the other leg is followed meanwhile.
        """
        futures, running.placing = running.placing, []
        wait(futures, PLACE_SECONDS)
        sent = [leg.sent_at for leg in running.legs]
        began_at = min(sent) if running.began_at is None else running.began_at
        self._context.hub.publish(
            LegsSent(running.record.id, min(sent) - began_at, max(sent) - min(sent))
        )
        for future in futures:
            if future.done():
                future.result()

    # In the thread of a key, or in the engine's loop

    def _from_thread(self, legs: Sequence[tuple[LegRun, Venue]]) -> None:
        """Send legs of one key in order, in its thread."""
        for leg, venue in self._as_long_as_taken(legs):
            with self._placing(leg, venue):
                crash_point("arbitrage leaving")
                leg.answer = venue.place(leg.order)

    async def _from_loop(self, legs: Sequence[tuple[LegRun, Venue]]) -> None:
        """Send legs of one key in order, in the engine's loop."""
        for leg, venue in self._as_long_as_taken(legs):
            with self._placing(leg, venue):
                crash_point("arbitrage leaving")
                async with asyncio.timeout(SEND_SECONDS):
                    leg.answer = await _sent_by(venue, leg)

    def _as_long_as_taken(
        self, legs: Sequence[tuple[LegRun, Venue]]
    ) -> Iterator[tuple[LegRun, Venue]]:
        """Yield legs of one key until one was certainly rejected: the next would stand alone."""
        is_first_rejected = False
        for leg, venue in legs:
            if is_first_rejected:
                leg.answer = "not sent: the other leg was rejected"
                leg.placed_at = self._context.clock.monotonic()
                continue
            yield leg, venue
            is_first_rejected = isinstance(leg.answer, str)

    @contextmanager
    def _placing(self, leg: LegRun, venue: Venue) -> Iterator[None]:
        """Note when an order left, what its outcome is, and when that was known."""
        clock, hub = self._context.clock, self._context.hub
        leg.sent_at = clock.monotonic()
        try:
            yield
        except OrderRejected as rejection:
            leg.answer = why = str(rejection) or "rejected"
            reason = order_events.rejection_reason(why)
            hub.publish(order_events.OrderRejected(leg.order.pair, LEG, reason, why[:200]))
        except Exception as error:
            logger.warning(
                "The reply to an order of %s on %s is lost (%s: %s); it will be looked up.",
                leg.order.pair,
                venue.name,
                type(error).__name__,
                words_of(error),
            )
            hub.publish(order_events.OrderReplyLost(leg.order.pair, LEG))
        else:
            hub.publish(order_events.OrderAccepted(leg.order.pair, LEG))
        finally:
            leg.placed_at = clock.monotonic()
        crash_point("arbitrage answered")


def _sent_by(venue: Venue, leg: LegRun) -> Coroutine[Any, Any, VenueOrder]:
    if not isinstance(venue, SendsInLoop):
        raise TypeError(f"{venue.name} does not send in the loop")
    prepared = venue.prepare(leg.order) if leg.prepared is None else leg.prepared
    return venue.send(leg.order, prepared)
