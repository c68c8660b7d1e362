"""A market as it is traded: its rules, which may change, its prices, and its book."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import PairNames, pair_names, rounded, rounded_down
from freqtrade_balance_guard.sandbox.core.orders import (
    TRIGGERED_TYPES,
    OrderRequest,
    Reason,
    Rejected,
    Side,
)
from freqtrade_balance_guard.sandbox.core.prices import MarketPrices, Quote
from freqtrade_balance_guard.sandbox.script.market import MarketScenario


BOOK_LEVELS = 100
_LEVEL_DISTANCE = Decimal("0.0001")  # of the price, at least one tick


@dataclass(frozen=True)
class Level:
    price: Decimal
    amount: Decimal  # base


class Market:
    """One pair while the exchange runs."""

    def __init__(self, scenario: MarketScenario, started_at: float) -> None:
        self.rules = scenario
        self.names: PairNames = pair_names(scenario.symbol)
        self.prices = MarketPrices(scenario, started_at)

    def mark_price(self, at: float) -> Decimal:
        """The price by which positions are valued: the last price and the market's premium."""
        last = self.prices.price(at)
        return rounded(last * (1 + self.rules.mark_premium), 8)

    def change_rules(self, rules: MarketScenario) -> None:
        """New rules from now on, also for the book's tick and spread."""
        self.rules = self.prices.rules = rules

    def levels(self, taker: Side, quote: Quote) -> Iterator[Level]:
        """The side of the book that a taker meets, best price first."""
        tick = self.rules.tick_size
        distance = max(tick, (quote.last * _LEVEL_DISTANCE) // tick * tick)
        best = quote.ask if taker == "buy" else quote.bid
        for number in range(BOOK_LEVELS):
            price = best + distance * number if taker == "buy" else best - distance * number
            if price <= 0:
                return
            amount = rounded_down(self.rules.depth / price, self.rules.amount_decimals)
            yield Level(price, max(amount, Decimal(1).scaleb(-self.rules.amount_decimals)))

    def walk(
        self, taker: Side, amount: Decimal, limit: Decimal | None, quote: Quote
    ) -> list[Level]:
        """What a taker of `amount` gets at once, level by level, never beyond its limit price.

        Without a limit everything is filled: what goes beyond the last level fills there.
        """
        fills: list[Level] = []
        left = amount
        for level in self.levels(taker, quote):
            if limit is not None and (level.price - limit) * (1 if taker == "buy" else -1) > 0:
                return fills
            taken = min(left, level.amount)
            fills.append(Level(level.price, taken))
            left -= taken
            if not left:
                return fills
        if limit is None and fills:
            fills[-1] = Level(fills[-1].price, fills[-1].amount + left)
        return fills

    def check(self, request: OrderRequest, quote: Quote) -> None:
        """The rules for an order on this market. Raises Rejected."""
        rules = self.rules
        if request.price is not None:
            self._check_price(request.price)
        if request.trigger is not None:
            self._check_price(request.trigger)
        amount = self.base_amount(request, quote)
        if amount <= 0 or rounded_down(amount, rules.amount_decimals) != amount:
            raise Rejected(Reason.AMOUNT_INVALID)
        if amount < rules.amount_min:
            raise Rejected(Reason.AMOUNT_TOO_SMALL)
        # Only an order that reduces a position may be of any worth.
        if request.reduce_only:
            return
        if amount * self.reference_price(request, quote) < rules.cost_min:
            raise Rejected(Reason.COST_TOO_SMALL, rules.symbol)

    def base_amount(self, request: OrderRequest, quote: Quote) -> Decimal:
        """The order's amount in base currency, also when it was given in the quote (viqc)."""
        if not request.in_quote:
            return request.amount
        return rounded_down(
            request.amount / self.reference_price(request, quote), self.rules.amount_decimals
        )

    def reference_price(self, request: OrderRequest, quote: Quote) -> Decimal:
        """The price by which an order is valued: its limit, its trigger, or the book's best."""
        if request.price is not None:
            return request.price
        if request.trigger is not None:
            return request.trigger
        return quote.ask if request.side == "buy" else quote.bid

    def _check_price(self, price: Decimal) -> None:
        if price <= 0:
            raise Rejected(Reason.PRICE_NOT_POSITIVE)
        decimals = self.rules.price_decimals
        if rounded_down(price, decimals) != price:
            raise Rejected(Reason.PRICE_TOO_PRECISE, self.rules.symbol, decimals)
        if price % self.rules.tick_size:
            raise Rejected(Reason.PRICE_OFF_TICK)


def is_triggered(request: OrderRequest, low: Decimal, high: Decimal) -> bool:
    """Whether a stop or take-profit order's trigger lies within the last prices seen.

    A stop-loss to sell waits below the market, a take-profit to sell above; to buy the reverse.
    """
    if request.order_type not in TRIGGERED_TYPES or request.trigger is None:
        return False
    waits_below = request.order_type.startswith("stop-loss") == (request.side == "sell")
    return low <= request.trigger if waits_below else high >= request.trigger
