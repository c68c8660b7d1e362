"""Compares the books of the two answers to one question, on two venues, with fees.

yes = OutcomeBook("poly", "7132...", bids, asks, fees)
no = OutcomeBook("kalshi", "KXFED-26-T-NO", other_bids, other_asks, other_fees)
opportunity = best_complement(yes, no, max_shares=100, min_profit_percent=1)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Level, Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.fees import OutcomeFees
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.money import HUNDRED, ONE, ZERO, exact, to_decimal


@dataclass(frozen=True, slots=True)
class OutcomeBook:
    """Holds one outcome's order book on one venue, the best level first.

    :param bids: prices between 0 and 1, and shares
    :param rate: what one unit of its collateral is worth, where two venues differ in that
    :param spends_money: a purchase is sized by money there; only the best level is used then, so
        that exactly the shares are bought that were meant
    """

    venue: str
    outcome: str
    bids: Iterable[Level]
    asks: Iterable[Level]
    fees: OutcomeFees
    rate: Decimal | float = ONE
    spends_money: bool = False
    received_at: datetime | None = None
    sequence: int | None = None
    source: str = "rest"


@exact
def best_complement(
    book_yes: OutcomeBook,
    book_no: OutcomeBook,
    max_shares: Decimal | float,
    *,
    min_profit_percent: Decimal | float = ZERO,
    tag: str | None = None,
) -> Opportunity[OutcomeLeg] | None:
    """Buy both answers, as many shares of each as is worth it after fees: together they pay 1.

    Both limit prices are those of the last levels used. The executor checks everything again, with
    the prices of then, the grids and the minimums.

    :param max_shares: of each answer
    :param min_profit_percent: every share must bring more than this part of what both cost
    :return: None where nothing is worth it
    :raises MoneyError: a number that is none
    """
    wanted, least = to_decimal(max_shares), ONE + to_decimal(min_profit_percent) / HUNDRED
    sides = [_Side(book_yes), _Side(book_no)]
    shares = ZERO
    while shares < wanted and all(side.has_offer for side in sides):
        if sum((side.cost for side in sides), ZERO) * least >= ONE:
            break
        taken = min(wanted - shares, *(side.left for side in sides))
        shares += taken
        for side in sides:
            side.take(taken)
    if shares <= ZERO:
        return None
    legs = [
        OutcomeLeg(book.venue, book.outcome, "buy", shares, side.limit)
        for book, side in zip((book_yes, book_no), sides, strict=True)
    ]
    return Opportunity(legs[0], legs[1], tag, payout=ONE)


class _Side:
    """Walks through the asks of one book."""

    def __init__(self, book: OutcomeBook) -> None:
        self._fees, self._rate = book.fees, to_decimal(book.rate)
        levels = [(to_decimal(level[0]), to_decimal(level[1])) for level in book.asks]
        levels = [(price, size) for price, size in levels if size > ZERO and ZERO < price < ONE]
        self._levels = levels[:1] if book.spends_money else levels
        self._index = 0
        self.left = levels[0][1] if levels else ZERO
        self.limit = ZERO

    @property
    def has_offer(self) -> bool:
        return self._index < len(self._levels)

    @property
    def cost(self) -> Decimal:
        """What one more share costs with its fee, in the common unit."""
        price = self._levels[self._index][0]
        return (price + self._fees.margin(price)) * self._rate

    def take(self, shares: Decimal) -> None:
        self.limit = self._levels[self._index][0]
        self.left -= shares
        if self.left <= ZERO:
            self._index += 1
            self.left = self._levels[self._index][1] if self.has_offer else ZERO
