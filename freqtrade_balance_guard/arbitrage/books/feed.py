"""``BookFeed``: the order books that a strategy asks for, kept in the background.

They are followed in the engine's thread: a venue that allows one book per second delays no other,
and every one of its markets gets its turn. No loop and no order waits for a book.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from freqtrade_balance_guard.arbitrage.books.cache import BookCache, Market
from freqtrade_balance_guard.arbitrage.books.stream import ReceivedBook
from freqtrade_balance_guard.arbitrage.books.venue_books import VenueBooks
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread, LoopClosed
from freqtrade_balance_guard.errors import BalanceGuardError, kind_and_words_of


# A book that is older says nothing about now; it is read once more before an order leaves.
OLDEST_SECONDS = 30.0
FOREVER = float("inf")


class BooksNotReady(BalanceGuardError, TimeoutError):
    """A book has not been read yet, or its venue does not answer; the next loop may have it."""


class BookFeed:
    """Keeps the order books of the markets that are asked for; from any thread.

    ``on_change``: called in the engine's thread with the market whose book shows something new.
    """

    def __init__(self, context: ArbitrageContext, loop: EventLoopThread) -> None:
        self._context = context
        self._loop = loop
        self._venues: dict[str, VenueBooks] = {}
        self._cache = BookCache(context.clock, self._alive_at)
        self._shown: dict[Market, tuple[ReceivedBook, Book]] = {}
        self.on_change: Callable[[Market], None] = lambda market: None

    def want(self, markets: Sequence[Market], *, forever: bool = False) -> None:
        """Follow these from now on, for as long as they are asked for.

        :raises LookupError: no venue has that name, or it cannot be reached
        """
        at = FOREVER if forever else self._context.clock.monotonic()
        for name, pair in markets:
            if self._context.venues.get(name) is None:
                known = name in self._context.venues
                raise LookupError(
                    f"{name} cannot be reached" if known else f'no venue is called "{name}"'
                )
            wanted = self._of_venue(name).wanted
            wanted[pair] = max(at, wanted.get(pair, at))

    def read(self, markets: Sequence[Market]) -> list[Book]:
        """Return the last books, without a request.

        :raises LookupError: no venue has that name, or it cannot be reached
        :raises BooksNotReady: one has not been read yet, or is too old
        """
        self.want(markets)
        found = []
        for market in markets:
            book = self._book(market, OLDEST_SECONDS)
            if isinstance(book, str):
                error = self._venues[market[0]].errors.get(market[1])
                why = f": {kind_and_words_of(error)}" if error else f": {book}"
                raise BooksNotReady(
                    f"the order book of {market[1]} on {market[0]} is not there yet{why}"
                )
            found.append(book)
        return found

    def usable(self, market: Market) -> Book | str:
        """Return the book of a market, or in words why it must not be acted on."""
        return self._book(market, self._context.settings.max_book_age)

    def age(self, market: Market) -> float | None:
        """Return how many seconds ago a book was known to be the market; None: never."""
        return self._cache.age(market)

    # Inside

    def _alive_at(self, name: str) -> float | None:
        venue = self._venues.get(name)
        return None if venue is None else venue.alive_at()

    def _of_venue(self, name: str) -> VenueBooks:
        known = self._venues.get(name)
        if known is None:
            known = VenueBooks(name, self._context, self._cache, lambda one: self.on_change(one))
            self._venues[name] = known
            with contextlib.suppress(LoopClosed):
                self._loop.run(known.run())
        return known

    def _book(self, market: Market, max_age: float) -> Book | str:
        why = self._cache.why_unusable(market, max_age)
        received = self._cache.get(market)
        if why is not None or received is None:
            return why or "it is not there yet"
        shown = self._shown.get(market)
        if shown is None or shown[0] is not received:
            shown = self._shown[market] = (received, self._made(market, received))
        if not received.is_streamed:
            return shown[1]
        # It is as old as the connection's last sign of life.
        proved_at = self._cache.proved_at(market) or received.at
        later = timedelta(seconds=max(proved_at - received.at, 0.0))
        return replace(shown[1], received_at=received.received_at + later)

    def _made(self, market: Market, received: ReceivedBook) -> Book:
        name, pair = market
        return Book(
            name,
            pair,
            received.bids,
            received.asks,
            self._context.venues[name].rules(pair).taker_fee,
            self._context.known_rate(pair.partition("/")[2]),
            received_at=received.received_at,
            sequence=received.sequence,
            source="stream" if received.is_streamed else "rest",
        )
