"""A market with two outcomes while it trades: its rules, its prices, and the market maker's book.

Everything is kept from the first outcome's side: to buy the second at q is to sell the first at
1 - q, so both books are one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from freqtrade_balance_guard.sandbox.core.assets import ONE, ZERO
from freqtrade_balance_guard.sandbox.core.prices import MarketPrices
from freqtrade_balance_guard.sandbox.prediction.market_rules import BinaryMarketScenario
from freqtrade_balance_guard.sandbox.prediction.orders import (
    Bet,
    BetRejected,
    Reason,
    Side,
    complement,
)
from freqtrade_balance_guard.sandbox.script.market import MarketScenario, PricePath


Result = Literal["first", "second", "void"]


@dataclass(frozen=True)
class Level:
    price: Decimal  # of the outcome that is looked at
    shares: Decimal


@dataclass(frozen=True)
class Book:
    """One outcome's book, the best prices first."""

    bids: Sequence[Level]
    asks: Sequence[Level]


class BinaryMarket:
    """One question while the exchange runs."""

    def __init__(self, rules: BinaryMarketScenario, started_at: float) -> None:
        self.rules = rules
        self.closes_at = started_at + rules.closes_after_s
        self.result: Result | None = None
        self.resolved_at: float | None = None
        self.is_halted = False
        self._prices = MarketPrices(_as_pair(rules), started_at)
        self._fixed: Book | None = None

    def is_trading(self, now: float) -> bool:
        return self.result is None and not self.is_halted and now < self.closes_at

    @property
    def closes(self) -> str:
        return iso_time(self.closes_at)

    def price(self, outcome: int, now: float) -> Decimal:
        """The last price, on the tick and between the first tick and the last."""
        if self.result is not None:
            return payout(self.result, outcome)
        tick = self.rules.tick
        first = min(max(self._prices.price(now), tick), ONE - tick)
        return first if outcome == 0 else complement(first)

    def set_price(self, path: PricePath, price: Decimal, now: float) -> None:
        """From now on `path` around `price` of the first outcome; a fixed book ends."""
        self._fixed = None
        self._prices.set_path(path, price, now)

    def fix_book(self, book: Book | None) -> None:
        """The market maker's orders of the first outcome from now on; None: by the price again."""
        self._fixed = book

    def maker_book(self, outcome: int, now: float) -> Book:
        """The market maker's levels; each is there again after a trade."""
        if not self.is_trading(now):
            return Book((), ())
        first = self._fixed or self._quoted(now)
        if outcome == 0:
            return first
        return Book(_mirrored(first.asks), _mirrored(first.bids))

    def _quoted(self, now: float) -> Book:
        rules, middle = self.rules, self.price(0, now)
        half = rules.spread_ticks // 2 * rules.tick
        bid, ask = middle - half, middle - half + rules.spread_ticks * rules.tick
        bids = [bid - number * rules.tick for number in range(rules.levels)]
        asks = [ask + number * rules.tick for number in range(rules.levels)]
        return Book(
            [Level(price, rules.depth) for price in bids if price > ZERO],
            [Level(price, rules.depth) for price in asks if price < ONE],
        )

    def step_at(self, price: Decimal) -> Decimal:
        """The distance of two prices there."""
        for start, end, step in self.rules.price_ranges or ():
            if start <= price <= end:
                return step
        return self.rules.tick

    def check(self, bet: Bet, now: float, amount_step: Decimal) -> None:
        """All rules except the money. Raises BetRejected."""
        rules = self.rules
        if not self.is_trading(now):
            raise BetRejected(Reason.MARKET_CLOSED)
        # The grid belongs to the first outcome; from the other side it is the same mirrored.
        first = bet.limit if bet.outcome == 0 else complement(bet.limit)
        step = self.step_at(first)
        if not step <= first <= ONE - step:
            raise BetRejected(Reason.PRICE_OUT_OF_RANGE)
        if first % step:
            raise BetRejected(Reason.PRICE_OFF_TICK)
        if bet.shares <= ZERO or (bet.budget is None and bet.shares % amount_step):
            raise BetRejected(Reason.AMOUNT_INVALID)
        if bet.rests and bet.budget is None and bet.shares < rules.min_shares:
            raise BetRejected(Reason.AMOUNT_TOO_SMALL)
        cost = bet.budget if bet.budget is not None else bet.shares * bet.limit
        if (bet.budget is not None or not bet.rests) and cost < rules.min_cost:
            raise BetRejected(Reason.COST_TOO_SMALL)
        if bet.expires_at is not None and bet.expires_at <= now:
            raise BetRejected(Reason.EXPIRY_PASSED)


def crosses(side: Side, limit: Decimal, price: Decimal) -> bool:
    """Whether an order of this limit takes what is offered at a price."""
    return price <= limit if side == "buy" else price >= limit


def payout(result: Result, outcome: int) -> Decimal:
    """What a share of an outcome is worth in the end; a void market: half, where it is paid so."""
    if result == "void":
        return Decimal("0.5")
    return ONE if result == ("first", "second")[outcome] else ZERO


def iso_time(at: float) -> str:
    """UTC with microseconds, as all three protocols write it."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cut(amount: Decimal, unit: Decimal) -> Decimal:
    return amount.quantize(unit, rounding=ROUND_DOWN)


def _mirrored(levels: Sequence[Level]) -> list[Level]:
    return [Level(complement(level.price), level.shares) for level in levels]


def _as_pair(rules: BinaryMarketScenario) -> MarketScenario:
    """The path of a price over time is the same thing as on a market of coins."""
    return MarketScenario(
        symbol="EVENT/USD", price=rules.price, tick=rules.tick, price_path=rules.price_path
    )
