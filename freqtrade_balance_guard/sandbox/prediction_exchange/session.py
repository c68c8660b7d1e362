"""A connection to a prediction market: its books, and what an account's orders do."""

from freqtrade_balance_guard.sandbox.prediction.market import Book
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, Match
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.shown_book import shown_book
from freqtrade_balance_guard.sandbox.streams.wire_session import WireSession


class PredictionSession(WireSession):
    """A client's connection, which watches the exchange until it is closed."""

    def __init__(self, exchange: PredictionExchange) -> None:
        super().__init__(exchange)
        self.exchange = exchange
        self._shown: dict[tuple[str, int], Book] = {}
        exchange.watchers.append(self)

    def close(self) -> None:
        if self in self.exchange.watchers:
            self.exchange.watchers.remove(self)

    def watch_book(self, market: str, outcome: int) -> None:
        """From now on `book_changed` is called for an outcome, the first time at once."""
        self._shown[(market, outcome)] = Book((), ())
        book = self._read(market, outcome)
        self._shown[(market, outcome)] = book
        self.book_changed(market, outcome, None, book)

    def due(self) -> None:
        for (market, outcome), before in list(self._shown.items()):
            book = self._read(market, outcome)
            if book != before:
                self._shown[(market, outcome)] = book
                self.book_changed(market, outcome, before, book)

    def _read(self, market: str, outcome: int) -> Book:
        return shown_book(self.exchange, market, outcome, self.call("book", market))

    # For the protocols

    def book_changed(self, market: str, outcome: int, before: Book | None, book: Book) -> None:
        """Sends a book; `before` is None when it is the first one."""

    def order_changed(self, event: str, order: BetOrder, match: Match | None) -> None:
        """An order was placed, filled, ended."""

    def match_changed(self, match: Match) -> None:
        """A match is final, or has failed."""
