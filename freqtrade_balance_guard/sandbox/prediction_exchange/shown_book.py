"""An outcome's book as a caller is shown it, through the faults that meet the call."""

from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ONE, ZERO
from freqtrade_balance_guard.sandbox.prediction.market import Book, Level, cut
from freqtrade_balance_guard.sandbox.prediction.matching import SHARE_UNIT
from freqtrade_balance_guard.sandbox.prediction.orders import complement
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.script.faults import BOOK_KINDS, Call


def shown_book(exchange: PredictionExchange, name: str, outcome: int, call: Call) -> Book:
    """The market maker's levels and all customers' orders: frozen, crossed, or as they are."""
    now, market = exchange.now(), exchange.market(name)
    active = exchange.faults.take(BOOK_KINDS, call)
    at = min([now, *(each.begins for each in active if each.fault.kind == "book_frozen")])
    book = market.maker_book(outcome, at)
    bids = {level.price: level.shares for level in book.bids}
    asks = {level.price: level.shares for level in book.asks}
    for order in exchange.matching.open_orders(market=name):
        if order.status != "live":
            continue
        bet = order.bet
        same = bet.outcome == outcome
        price = bet.limit if same else complement(bet.limit)
        side = bids if (bet.side == "buy") == same else asks
        side[price] = side.get(price, ZERO) + cut(order.remaining, SHARE_UNIT)
    if any(each.fault.kind == "book_crossed" for each in active) and asks:
        above = min(min(asks) + market.rules.tick, ONE - market.rules.tick)
        bids = {above: Decimal(100), **bids}
    return Book(
        [Level(price, bids[price]) for price in sorted(bids, reverse=True)],
        [Level(price, asks[price]) for price in sorted(asks)],
    )
