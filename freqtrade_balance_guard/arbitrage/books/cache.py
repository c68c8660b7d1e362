"""Keeps the last order book of each market, and says whether it may be used."""

from collections.abc import Callable

from freqtrade_balance_guard.arbitrage.books.stream import ReceivedBook
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.money import to_decimal


Market = tuple[str, str]

# So many levels of both sides are compared with what was read beside the stream.
COMPARED_LEVELS = 3


class BookCache:
    """Holds books by (venue, pair). Written by the engine's thread, read from any.

    :param alive_at: when a venue's stream last proved alive, monotonic; None: it is not open
    """

    def __init__(self, clock: Clock, alive_at: Callable[[str], float | None]) -> None:
        self._clock = clock
        self._alive_at = alive_at
        self._books: dict[Market, ReceivedBook] = {}
        # When what it shows has changed last, monotonic.
        self._changed_at: dict[Market, float] = {}

    def put(self, market: Market, book: ReceivedBook) -> bool:
        """Take up a book; return whether it shows something else than the last one.

        One that is older than the last, by the exchange's own number or time, is left out.
        """
        last = self._books.get(market)
        if last is not None and _is_older(book, last):
            return False
        self._books[market] = book
        has_changed = last is None or (last.bids, last.asks) != (book.bids, book.asks)
        if has_changed:
            self._changed_at[market] = book.at
        return has_changed

    def drop(self, market: Market) -> None:
        """Forget a book: its stream has a gap, and numbers may begin anew."""
        self._books.pop(market, None)
        self._changed_at.pop(market, None)

    def get(self, market: Market) -> ReceivedBook | None:
        """Return the last book, usable or not."""
        return self._books.get(market)

    def seconds_unchanged(self, market: Market) -> float:
        """Return for how long a book has shown the same; 0 where there is none."""
        changed_at = self._changed_at.get(market)
        return 0.0 if changed_at is None else self._clock.monotonic() - changed_at

    def proved_at(self, market: Market) -> float | None:
        """Return the last moment for which the book is known to be the market; None: never.

        A stream sends changes only: while its connection is alive, silence says "no change".
        """
        book = self._books.get(market)
        if book is None:
            return None
        if not book.is_streamed:
            return book.at
        alive_at = self._alive_at(market[0])
        return None if alive_at is None else max(alive_at, book.at)

    def age(self, market: Market) -> float | None:
        """Return how many seconds ago that was; None: never."""
        proved_at = self.proved_at(market)
        return None if proved_at is None else max(self._clock.monotonic() - proved_at, 0.0)

    def why_unusable(self, market: Market, max_age: float) -> str | None:
        """Return why the book must not be acted on, in words; None if it may."""
        book, age = self._books.get(market), self.age(market)
        if book is None:
            return "it is not there yet"
        if age is None:
            return "its connection is broken"
        if age > max_age:
            return f"it is {age:.2f} s old"
        return why_no_market(book)


def why_no_market(book: ReceivedBook) -> str | None:
    """Return why no market looks like that: an empty side, or bids above asks."""
    if not book.bids or not book.asks:
        return "one side of it is empty"
    bid, ask = to_decimal(book.bids[0][0]), to_decimal(book.asks[0][0])
    return f"it is crossed: bid {bid} and ask {ask}" if bid >= ask else None


def shows_the_same(one: ReceivedBook, other: ReceivedBook) -> bool:
    """Return whether two books have the same best levels."""
    return all(
        _levels(mine) == _levels(theirs)
        for mine, theirs in ((one.bids, other.bids), (one.asks, other.asks))
    )


def _levels(side: object) -> list[tuple[float, float]]:
    return [(float(level[0]), float(level[1])) for level in list(side)[:COMPARED_LEVELS]]  # type: ignore[call-overload]


def _is_older(book: ReceivedBook, last: ReceivedBook) -> bool:
    if book.is_streamed != last.is_streamed:
        return False  # their numbers are not of one series
    if book.sequence is not None and last.sequence is not None:
        return book.sequence < last.sequence
    if book.exchange_ms is not None and last.exchange_ms is not None:
        return book.exchange_ms < last.exchange_ms
    return False
