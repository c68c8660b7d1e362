"""What an amount costs in an order book: pure functions of its levels."""

from collections.abc import Iterable
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Level
from freqtrade_balance_guard.arbitrage.venue import Price
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


@exact
def price_of(levels: Iterable[Level], amount: Decimal) -> Price:
    """Return what ``amount`` can be had for on one side of a book, the best level first.

    :raises LookupError: it is empty, or not deep enough
    """
    left, cost = amount, ZERO
    best: Decimal | None = None
    for level in levels:
        price, there = to_decimal(level[0]), to_decimal(level[1])
        best = price if best is None else best
        taken = min(left, there)
        left -= taken
        cost += taken * price
        if not left:
            return Price(best, cost / amount, price)
    raise LookupError("it is not deep enough")
