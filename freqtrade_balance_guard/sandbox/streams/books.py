"""Books as streams: a snapshot, and afterwards only the levels that have changed."""

from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.markets import Level, Market
from freqtrade_balance_guard.sandbox.engine.book import Book, shown_book
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.script.faults import Call


class BookFeed:
    """Follows one book for one connection."""

    def __init__(self, exchange: Exchange, market: Market, depth: int, call: Call) -> None:
        self._exchange = exchange
        self.market = market
        self._depth = depth
        self._call = call
        self.book = self._shown()

    def changes(self) -> Book | None:
        """The levels that differ from the last call, with amount 0 for those that have gone."""
        before, self.book = self.book, self._shown()
        bids = _changed(before.bids, self.book.bids)
        asks = _changed(before.asks, self.book.asks)
        return Book(bids, asks) if bids or asks else None

    def _shown(self) -> Book:
        return shown_book(self._exchange, self.market, self._call, self._depth)


def _changed(before: list[Level], after: list[Level]) -> list[Level]:
    old: dict[Decimal, Decimal] = {level.price: level.amount for level in before}
    new = {level.price: level.amount for level in after}
    gone = [Level(price, ZERO) for price in old if price not in new]
    return gone + [level for level in after if old.get(level.price) != level.amount]
