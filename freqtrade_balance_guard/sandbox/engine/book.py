"""A market's book as a caller is shown it, through the faults that meet the call."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from freqtrade_balance_guard.sandbox.core.markets import Level, Market
from freqtrade_balance_guard.sandbox.core.prices import Quote
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.script.faults import BOOK_KINDS, Call


_CROSSED_BY = Decimal("0.001")  # of the price, unless the fault says how far


@dataclass(frozen=True)
class Book:
    """Both sides, best prices first."""

    bids: list[Level]
    asks: list[Level]


def shown_book(exchange: Exchange, market: Market, call: Call, count: int) -> Book:
    """The first `count` levels of both sides: frozen, crossed, or as they are."""
    at = exchange.now()
    active = exchange.faults.take(BOOK_KINDS, call)
    for each in active:
        if each.fault.kind == "book_frozen":
            at = min(at, each.begins)
    quote = market.prices.quote(at)
    for each in active:
        if each.fault.kind == "book_crossed":
            tick = market.rules.tick_size
            above = quote.ask * (1 + (each.fault.amount or _CROSSED_BY)) // tick * tick
            quote = Quote(max(above, quote.ask + tick), quote.ask, quote.last)
    return Book(
        list(islice(market.levels("sell", quote), count)),
        list(islice(market.levels("buy", quote), count)),
    )
