"""``AsyncVenue``: a venue whose requests are coroutines, all of them in the engine's loop.

It is the shortest way to write one that is fast. ``LoopVenue`` makes it the ``Venue`` that all else
uses: orders leave from the loop at once, and who asks for something else waits in the thread of the
key, never in the loop.
"""

import inspect
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as StillRunning
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.arbitrage.planning.depth import best_price_in
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    LookUp,
    MarketRules,
    PreparedOrder,
    Price,
    Venue,
    VenueOrder,
)


R = TypeVar("R")

# A request of a user's venue is waited for this long; then its outcome is unknown.
ANSWER_SECONDS = 15.0


class AsyncVenue(Protocol):
    """Trades on one account of one exchange; see ``Venue`` for what each method promises."""

    @property
    def name(self) -> str:
        """Return the name that legs use."""

    @property
    def account(self) -> str:
        """Return the account in the ledger."""

    @property
    def queue(self) -> str:
        """Return a name of the API key."""

    @property
    def late_seconds(self) -> float:
        """Return how long after its end a request may usually still arrive."""

    @property
    def expiry_seconds(self) -> float | None:
        """Return how long after its end the exchange still takes a request; None: no limit."""

    def new_id(self) -> str:
        """Return a client order id that no other order has."""

    def rules(self, pair: str) -> MarketRules:
        """Return what the exchange takes, from memory."""

    def round_price(self, pair: str, side: Side, price: Decimal) -> Decimal:
        """Return the nearest price on the grid that is no worse for ``side``."""

    def round_amount(self, pair: str, amount: Decimal) -> Decimal:
        """Return the largest amount on the grid that is not above ``amount``."""

    def prepare(self, order: LegOrder) -> PreparedOrder:
        """Make all of the request that the moment of sending does not change."""

    async def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        """Return bids and asks, the best first."""

    async def balances(self) -> Mapping[str, Decimal]:
        """Return what is free, by currency."""

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        """Send a limit order, once."""

    async def cancel(self, order: LegOrder, order_id: str) -> None:
        """Ask the exchange to end it."""

    async def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        """Return the order as it is."""


class LoopVenue:
    """An ``AsyncVenue`` as ``Venue``. Further attributes (``book_stream``) are the venue's own."""

    def __init__(self, venue: AsyncVenue, loop: EventLoopThread) -> None:
        self._venue = venue
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def check(self, order: LegOrder) -> None:
        """:raises OrderRejected: it cannot be sent"""
        self._venue.prepare(order)

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        return self._answer(self._venue.order_book(pair))

    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        """:raises LookupError: the order book is empty, or not deep enough"""
        return best_price_in(self.order_book(pair), side, amount, f"{pair} on {self._venue.name}")

    def balances(self) -> Mapping[str, Decimal]:
        return self._answer(self._venue.balances())

    def prepare(self, order: LegOrder) -> PreparedOrder:
        return self._venue.prepare(order)

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        return await self._venue.send(order, prepared)

    def place(self, order: LegOrder) -> VenueOrder:
        """:raises OrderRejected: the exchange certainly does not have it"""
        return self._answer(self._venue.send(order, self._venue.prepare(order)))

    def cancel(self, order: LegOrder, order_id: str) -> None:
        self._answer(self._venue.cancel(order, order_id))

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        return self._answer(self._venue.look_up(order, order_id))

    def _answer(self, work: Coroutine[Any, Any, R]) -> R:
        future = self._loop.run(work)
        try:
            return future.result(ANSWER_SECONDS)
        except StillRunning:
            future.cancel()
            raise


def as_venue(venue: Any, loop: EventLoopThread) -> Venue:
    """Return what all else uses: ``venue`` itself, or an ``AsyncVenue`` in the engine's loop."""
    is_async = inspect.iscoroutinefunction(getattr(venue, "look_up", None))
    made: Venue = LoopVenue(venue, loop) if is_async else venue
    return made
