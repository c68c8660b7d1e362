"""Compares two order books with fees, so that a strategy of two legs is a few lines.

here = Book("bot", "BTC/USDT", bids, asks, taker_fee)
there = Book("second", "BTC/USDT", other_bids, other_asks, other_fee)
opportunity = best_opportunity(here, there, max_amount=0.1, min_profit_percent=0.2)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Leg, Level, Opportunity
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal


HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Book:
    """Holds one pair's order book on one venue, the best level first, as ccxt and freqtrade do.

    :param taker_fee: a share of the cost (0.004 is 0.4 %)
    :param rate: what one unit of its quote currency is worth, where two books differ in that
    :param received_at: UTC, when it was read or last proved alive
    :param source: "rest", or "stream" where the exchange sends changes
    """

    venue: str
    pair: str
    bids: Iterable[Level]
    asks: Iterable[Level]
    taker_fee: Decimal | float
    rate: Decimal | float = ONE
    received_at: datetime | None = None
    sequence: int | None = None
    source: str = "rest"


@exact
def best_opportunity(
    one: Book,
    other: Book,
    max_amount: Decimal | float,
    *,
    min_profit_percent: Decimal | float = ZERO,
    tag: str | None = None,
) -> Opportunity | None:
    """Buy where it is cheaper and sell where it is dearer, as much as is worth it after fees.

    Both limit prices are those of the last levels used. The executor checks everything again with
    the prices of then.

    :param max_amount: base currency
    :param min_profit_percent: every part of it must bring more than this share of what it costs
    :return: None where nothing is worth it
    :raises MoneyError: a number that is none
    """
    least = ONE + to_decimal(min_profit_percent) / HUNDRED
    for buy, sell in ((one, other), (other, one)):
        amount, highest, lowest = _overlap(buy, sell, to_decimal(max_amount), least)
        if amount > ZERO:
            return Opportunity(
                Leg(buy.venue, buy.pair, "buy", amount, highest),
                Leg(sell.venue, sell.pair, "sell", amount, lowest),
                tag,
            )
    return None


def _overlap(
    buy: Book, sell: Book, most: Decimal, least: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """How much is worth it, and the last prices of both books for it."""
    pay, get = to_decimal(buy.rate), to_decimal(sell.rate)
    pay *= (ONE + to_decimal(buy.taker_fee)) * least
    get *= ONE - to_decimal(sell.taker_fee)
    asks, bids = _Reader(buy.asks), _Reader(sell.bids)
    amount = highest = lowest = ZERO
    while amount < most and not asks.is_empty and not bids.is_empty:
        if asks.price * pay >= bids.price * get:
            break
        taken = min(asks.left, bids.left, most - amount)
        amount += taken
        highest, lowest = asks.price, bids.price
        asks.take(taken)
        bids.take(taken)
    return amount, highest, lowest


class _Reader:
    """Walks through one side of a book."""

    def __init__(self, levels: Iterable[Level]) -> None:
        self._levels = ((to_decimal(level[0]), to_decimal(level[1])) for level in levels)
        self.is_empty = False
        self.price = self.left = ZERO
        self.take(ZERO)

    def take(self, amount: Decimal) -> None:
        """Use up so much; goes on to the next level that has anything."""
        self.left -= amount
        while self.left <= ZERO and not self.is_empty:
            level = next(self._levels, None)
            if level is None:
                self.is_empty = True
            else:
                self.price, self.left = level
