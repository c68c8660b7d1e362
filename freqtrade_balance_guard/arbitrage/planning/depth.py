"""What an amount costs in an order book: pure functions of its levels."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.arbitrage.venue import Price
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


def best_price_in(
    order_book: tuple[Sequence[Level], Sequence[Level]], side: Side, amount: Decimal, where: str
) -> Price:
    """Return what ``amount`` can be had for in a book of bids and asks.

    :param where: names the book in the error
    :raises LookupError: that side is empty, or not deep enough
    """
    bids, asks = order_book
    try:
        return price_of(asks if side == "buy" else bids, amount)
    except LookupError as error:
        raise LookupError(f"the order book of {where}: {error}") from error


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
