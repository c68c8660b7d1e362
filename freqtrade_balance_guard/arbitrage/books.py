"""Order books for a strategy to compare: read at the same time; no order ever waits for them."""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import NamedTuple

from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.context import Parts
from freqtrade_balance_guard.arbitrage.venue import Venue


# The queue beside that of the key.
LANE = "/books"
# What came too late for one loop is good for the next, but not for a later one.
FRESH_SECONDS = 6.0


class _Reading(NamedTuple):
    book: Future[Book]
    begun_at: float


class OrderBooks:
    """Of one bot. One reading of a market at a time: what hangs does not pile up."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._readings: dict[tuple[str, str], _Reading] = {}

    def read(self, markets: Sequence[tuple[str, str]], at_most: float) -> list[Book]:
        """The order books of (venue, pair).

        :param at_most: seconds to wait
        :raises LookupError: no venue has that name, or it cannot be reached
        :raises TimeoutError: they are not all there yet; the next call takes them up
        :raises Exception: what a venue raised
        """
        readings = [self._reading(market) for market in markets]
        wait([one.book for one in readings], at_most)
        if not all(one.book.done() for one in readings):
            raise TimeoutError(f"no answer within {at_most:g} s")
        for market in markets:
            self._readings.pop(market, None)
        return [one.book.result() for one in readings]

    def _reading(self, market: tuple[str, str]) -> _Reading:
        name, pair = market
        now = self._parts.clock.monotonic()
        begun = self._readings.get(market)
        if begun is not None:
            is_stale = begun.book.done() and now - begun.begun_at >= FRESH_SECONDS
            if not is_stale:
                return begun
        venue = self._parts.venues.get(name)
        if venue is None:
            known = name in self._parts.venues
            raise LookupError(
                f"{name} cannot be reached" if known else f'no venue is called "{name}"'
            )
        book = self._parts.queues.submit(venue, lambda: self._book(venue, pair), LANE)
        self._readings[market] = _Reading(book, now)
        return self._readings[market]

    def _book(self, venue: Venue, pair: str) -> Book:
        bids, asks = venue.order_book(pair)
        fee = venue.rules(pair).taker_fee
        return Book(venue.name, pair, bids, asks, fee, self._parts.rate(pair.partition("/")[2]))
