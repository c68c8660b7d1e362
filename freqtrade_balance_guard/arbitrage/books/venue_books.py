"""Keeps the order books of one venue: by its stream where it has one, else by reading in turn.

A stream that has a gap, is broken or shows something else than what is read beside it loses its
book at once; reading goes on until the stream has begun anew.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from freqtrade_balance_guard.arbitrage.books.cache import (
    BookCache,
    Market,
    shows_the_same,
    why_no_market,
)
from freqtrade_balance_guard.arbitrage.books.stream import BookStream, ReceivedBook
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.threads.queues import PUBLIC
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.errors import kind_and_words_of, words_of


logger = logging.getLogger(__name__)

# A market that the strategy has not asked for meanwhile is not read any more.
WANTED_SECONDS = 60.0
# Between two rounds over the markets of one venue, whose books come faster than that.
PAUSE_SECONDS = 0.2
# A streamed book that has not changed for so long is compared with what is read.
COMPARE_SECONDS = 10.0
# What is read may be older than what was sent: the stream has so long to show the same.
CONFIRM_SECONDS = 1.0
# Before a broken stream is begun anew; doubled each time up to the second.
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
# Connections are looked at several times within the age that a book may have.
LOOKS_PER_AGE = 5


class VenueBooks:
    """Follows the books of one venue in the engine's loop.

    :param has_changed: called in the loop with the market whose book shows something new
    """

    def __init__(
        self,
        name: str,
        context: ArbitrageContext,
        cache: BookCache,
        has_changed: Callable[[Market], None],
    ) -> None:
        self._name = name
        self._context = context
        self._cache = cache
        self._has_changed = has_changed
        # Pair -> when it was asked for last (monotonic); infinite: for as long as the bot runs.
        self.wanted: dict[str, float] = {}
        self.errors: dict[str, Exception] = {}
        self._read_at: dict[str, float] = {}
        self._followed: dict[str, asyncio.Task[None]] = {}
        self._stream: BookStream | None = None

    def alive_at(self) -> float | None:
        """Return when the stream last proved alive; None: it is not open."""
        return None if self._stream is None else self._stream.alive_at()

    async def run(self) -> None:
        """Follow the wanted markets until cancelled."""
        try:
            while True:
                venue = self._context.venues.get(self._name)
                if venue is not None:
                    self._open_stream(venue)
                    await self._read_in_turn(venue)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for task in self._followed.values():
                task.cancel()
            if self._stream is not None:
                await self._stream.close()

    # By stream

    def _open_stream(self, venue: Venue) -> None:
        if self._stream is None and self._context.settings.stream:
            self._stream = getattr(venue, "book_stream", None)
            if self._stream is not None:
                self._followed[""] = asyncio.create_task(self._keep_alive(self._stream))
        if self._stream is None:
            return
        for pair in list(self.wanted):
            task = self._followed.get(pair)
            if task is None or task.done():
                self._followed[pair] = asyncio.create_task(self._follow(self._stream, pair))

    async def _keep_alive(self, stream: BookStream) -> None:
        max_age = self._context.settings.max_book_age
        while True:
            await asyncio.sleep(max_age / LOOKS_PER_AGE)
            try:
                await stream.keep_alive(max_age)
            except Exception as error:
                logger.debug(
                    "A connection of %s is not kept alive: %s", self._name, words_of(error)
                )

    async def _follow(self, stream: BookStream, pair: str) -> None:
        market, pause = (self._name, pair), FIRST_PAUSE_SECONDS
        while pair in self.wanted:
            try:
                book = await stream.next_book(pair)
            except Exception as error:
                self.errors[pair] = error
                self._lose(market, kind_and_words_of(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            self._take(pair, book)
        self._cache.drop(market)

    def _lose(self, market: Market, why: str) -> None:
        last = self._cache.get(market)
        if last is not None and last.is_streamed:
            logger.warning("The stream of %s on %s has a gap (%s).", market[1], market[0], why)
            self._cache.drop(market)

    def _take(self, pair: str, book: ReceivedBook) -> None:
        self.errors.pop(pair, None)
        market = (self._name, pair)
        if self._cache.put(market, book):
            self._has_changed(market)

    # By reading

    async def _read_in_turn(self, venue: Venue) -> None:
        for pair in self._due():
            before = self._cache.get((self._name, pair))
            self._read_at[pair] = self._context.clock.monotonic()
            try:
                book = await self._read(venue, pair)
            except Exception as error:
                if not self._is_streaming(pair):
                    self.errors[pair] = error
                continue
            if not self._is_streaming(pair):
                self._take(pair, book)
            elif before is not None and before.is_streamed:
                await self._compare(pair, before, book)

    def _due(self) -> list[str]:
        """Return the markets to be read, those that have waited longest first."""
        now = self._context.clock.monotonic()
        for pair in [one for one, at in list(self.wanted.items()) if now - at > WANTED_SECONDS]:
            del self.wanted[pair]
        due = [
            one for one in list(self.wanted) if not self._is_streaming(one) or self._may_lag(one)
        ]
        return sorted(due, key=lambda pair: self._read_at.get(pair, float("-inf")))

    def _is_streaming(self, pair: str) -> bool:
        """Return whether the stream shows a market now."""
        market = (self._name, pair)
        book, max_age = self._cache.get(market), self._context.settings.max_book_age
        if book is None or not book.is_streamed or why_no_market(book) is not None:
            return False
        age = self._cache.age(market)
        return age is not None and age <= max_age

    def _may_lag(self, pair: str) -> bool:
        now = self._context.clock.monotonic()
        unchanged = self._cache.seconds_unchanged((self._name, pair))
        compared_at = self._read_at.get(pair, float("-inf"))
        return unchanged >= COMPARE_SECONDS and now - compared_at >= COMPARE_SECONDS

    async def _read(self, venue: Venue, pair: str) -> ReceivedBook:
        future = self._context.queues.submit(venue, partial(self._book, venue, pair), PUBLIC)
        return await asyncio.wrap_future(future)

    def _book(self, venue: Venue, pair: str) -> ReceivedBook:
        # The rate of its quote currency is asked for here: the engine's thread makes no request.
        self._context.rate(pair.partition("/")[2])
        bids, asks = venue.order_book(pair)
        clock = self._context.clock
        return ReceivedBook(tuple(bids), tuple(asks), clock.monotonic(), clock.wall())

    async def _compare(self, pair: str, before: ReceivedBook, read: ReceivedBook) -> None:
        """Give the stream a moment to show what was read; else it is not the market."""
        market = (self._name, pair)
        if self._cache.get(market) is not before or shows_the_same(before, read):
            return
        await asyncio.sleep(CONFIRM_SECONDS)
        if self._cache.get(market) is not before or self._stream is None:
            return
        self._lose(market, "it has not changed, and the exchange shows another book")
        await self._stream.restart(pair)
        self._take(pair, read)
