"""Reads order books in the background: no loop and no order waits for one."""

import threading
from collections.abc import Sequence

from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.threads.queues import PUBLIC
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.errors import BalanceGuardError, kind_and_words_of


Market = tuple[str, str]

# A book that was read longer ago says nothing about now.
OLDEST_SECONDS = 30.0
# A market that the strategy has not asked for meanwhile is not read any more.
WANTED_SECONDS = 60.0
# Between two rounds over the markets of one venue, whose books come faster than that.
PAUSE_SECONDS = 0.2


class BooksNotReady(BalanceGuardError, TimeoutError):
    """A book has not been read yet, or its venue does not answer; the next loop may have it."""


class BookFeed:
    """Keeps the order books of the markets that the strategy asks for.

    Each venue has a thread of its own that reads its markets in turn: a venue that allows one book
    per second delays no other, and every one of its markets gets its turn.
    """

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self._books: dict[Market, Book] = {}
        self._errors: dict[Market, Exception] = {}
        self._wanted: dict[str, dict[str, float]] = {}
        self._read_at: dict[Market, float] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def want(self, markets: Sequence[Market]) -> None:
        """Read these from now on, for as long as they are asked for.

        :raises LookupError: no venue has that name, or it cannot be reached
        """
        now = self._context.clock.monotonic()
        for name, pair in markets:
            if self._context.venues.get(name) is None:
                known = name in self._context.venues
                raise LookupError(
                    f"{name} cannot be reached" if known else f'no venue is called "{name}"'
                )
            with self._lock:
                self._wanted.setdefault(name, {})[pair] = now
                thread = self._threads.get(name)
                if thread is None or not thread.is_alive():
                    self._threads[name] = threading.Thread(
                        target=self._run, args=(name,), name=f"books-{name}", daemon=True
                    )
                    self._threads[name].start()

    def read(self, markets: Sequence[Market]) -> list[Book]:
        """Return the last books, without a request.

        :raises LookupError: no venue has that name, or it cannot be reached
        :raises BooksNotReady: one has not been read yet, or is too old
        """
        self.want(markets)
        now = self._context.clock.monotonic()
        found = []
        for market in markets:
            book = self._books.get(market)
            if book is None or now - self._read_at[market] > OLDEST_SECONDS:
                error = self._errors.get(market)
                why = f": {kind_and_words_of(error)}" if error else ""
                raise BooksNotReady(
                    f"the order book of {market[1]} on {market[0]} is not there yet{why}"
                )
            found.append(book)
        return found

    def age(self, market: Market) -> float | None:
        """Return how many seconds ago a book was read; None: never."""
        read_at = self._read_at.get(market)
        return None if read_at is None else self._context.clock.monotonic() - read_at

    def close(self) -> None:
        """Read no more."""
        self._stopping.set()

    # In the thread of a venue

    def _run(self, name: str) -> None:
        while not self._stopping.is_set():
            for pair in self._due(name):
                self._read_one(name, pair)
                if self._stopping.is_set():
                    return
            self._stopping.wait(PAUSE_SECONDS)

    def _due(self, name: str) -> list[str]:
        """Return the markets of a venue, those that have waited longest first."""
        now = self._context.clock.monotonic()
        with self._lock:
            wanted = self._wanted.get(name, {})
            for pair in [one for one, at in wanted.items() if now - at > WANTED_SECONDS]:
                del wanted[pair]
            never = float("-inf")
            return sorted(wanted, key=lambda pair: self._read_at.get((name, pair), never))

    def _read_one(self, name: str, pair: str) -> None:
        market = (name, pair)
        venue = self._context.venues.get(name)
        if venue is None:
            return
        try:
            future = self._context.queues.submit(venue, lambda: self._book(venue, pair), PUBLIC)
            book = future.result()
        except Exception as error:
            self._errors[market] = error
            return
        self._errors.pop(market, None)
        self._books[market] = book
        self._read_at[market] = self._context.clock.monotonic()

    def _book(self, venue: Venue, pair: str) -> Book:
        bids, asks = venue.order_book(pair)
        return Book(
            venue.name,
            pair,
            bids,
            asks,
            venue.rules(pair).taker_fee,
            self._context.rate(pair.partition("/")[2]),
            received_at=self._context.clock.wall(),
        )
