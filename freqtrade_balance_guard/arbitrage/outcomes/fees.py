"""What each prediction market charges, as a function of the fills; a fee is never a share.

No venue reports the fee of an order. It is computed here, stored, and compared with the venue's
trades where they show one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Protocol

from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeSide
from freqtrade_balance_guard.money import ONE, ZERO, exact


CENT = Decimal("0.01")
CENTICENT = Decimal("0.0001")
POLYMARKET_UNIT = Decimal("0.00001")
USDC_UNIT = Decimal("0.000001")
HALF = Decimal("0.5")
KALSHI_TAKER_RATE = Decimal("0.07")
# Rounding may take two cents more than the exact fee of an order, however many fills it has.
KALSHI_ROUNDING = 2 * CENT


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution: shares at a price, as taker or maker."""

    shares: Decimal
    price: Decimal
    is_maker: bool = False


class OutcomeFees(Protocol):
    """The fees of one market."""

    def of_fills(self, side: OutcomeSide, fills: Iterable[Fill]) -> Decimal:
        """Return what the fills of one order cost, in their order, to the venue's last digit."""

    def worst(self, side: OutcomeSide, shares: Decimal, limit: Decimal) -> Decimal:
        """Return what no fills of an order up to ``limit`` exceed."""

    def worst_of_budget(self, budget: Decimal, limit: Decimal, tick: Decimal) -> Decimal:
        """Return the same for a purchase that spends ``budget`` at any price up to ``limit``."""

    def of_payout(self, cost: Decimal, paid: Decimal) -> Decimal:
        """Return what is taken from the payout of shares that have cost ``cost``."""

    def margin(self, price: Decimal) -> Decimal:
        """Return the exact fee of one more share of a taker, without rounding."""


@dataclass(frozen=True, slots=True)
class PolymarketFees:
    """Takers pay ``C * rate * (p (1 - p)) ** exponent``, cut to 0.00001; makers nothing."""

    rate: Decimal = ZERO
    exponent: int = 1

    @exact
    def of_fills(self, side: OutcomeSide, fills: Iterable[Fill]) -> Decimal:
        return sum(
            (
                (fill.shares * self.margin(fill.price)).quantize(POLYMARKET_UNIT, ROUND_DOWN)
                for fill in fills
                if not fill.is_maker
            ),
            ZERO,
        )

    @exact
    def worst(self, side: OutcomeSide, shares: Decimal, limit: Decimal) -> Decimal:
        price = _dearest(side, limit)
        return (shares * self.margin(price)).quantize(POLYMARKET_UNIT, ROUND_CEILING)

    @exact
    def worst_of_budget(self, budget: Decimal, limit: Decimal, tick: Decimal) -> Decimal:
        # (1 / p) (p (1 - p)) ** e is highest at (e - 1) / (2 e - 1), which may be out of reach.
        highest = Decimal(max(self.exponent - 1, 0)) / Decimal(max(2 * self.exponent - 1, 1))
        price = min(max(highest, tick), limit)
        most = budget / price * self.margin(price)
        return most.quantize(POLYMARKET_UNIT, ROUND_CEILING)

    def of_payout(self, cost: Decimal, paid: Decimal) -> Decimal:
        return ZERO

    @exact
    def margin(self, price: Decimal) -> Decimal:
        return self.rate * (price * (ONE - price)) ** self.exponent


@dataclass(frozen=True, slots=True)
class KalshiFees:
    """Takers pay ``rate * C * p * (1 - p)``; balances stay in whole cents over an order's fills.

    Each fill is rounded up so that the balance stays whole; what that overpays is paid back in
    whole cents as the order goes on.
    """

    taker_rate: Decimal = KALSHI_TAKER_RATE
    maker_rate: Decimal = ZERO

    @exact
    def of_fills(self, side: OutcomeSide, fills: Iterable[Fill]) -> Decimal:
        total = overpaid = ZERO
        for fill in fills:
            rate = self.maker_rate if fill.is_maker else self.taker_rate
            trade_fee = _curve(fill.shares * rate, fill.price).quantize(CENTICENT, ROUND_CEILING)
            cost = (fill.shares * fill.price).quantize(USDC_UNIT, ROUND_HALF_UP)
            change = (cost if side == "sell" else -cost) - trade_fee
            rounding = change - change.quantize(CENT, ROUND_FLOOR)
            overpaid += rounding
            rebate = min(CENT if overpaid > CENT else ZERO, trade_fee + rounding)
            overpaid -= rebate
            total += trade_fee + rounding - rebate
        return total

    @exact
    def worst(self, side: OutcomeSide, shares: Decimal, limit: Decimal) -> Decimal:
        rate = max(self.taker_rate, self.maker_rate)
        fee = _curve(shares * rate, _dearest(side, limit))
        return fee.quantize(CENT, ROUND_CEILING) + KALSHI_ROUNDING

    def worst_of_budget(self, budget: Decimal, limit: Decimal, tick: Decimal) -> Decimal:
        return self.worst("buy", budget / limit, limit)  # orders count contracts, never money

    def of_payout(self, cost: Decimal, paid: Decimal) -> Decimal:
        return ZERO

    @exact
    def margin(self, price: Decimal) -> Decimal:
        return _curve(self.taker_rate, price)


@dataclass(frozen=True, slots=True)
class SxFees:
    """Nothing when an order fills; a share of what a bet wins, by the account's own schedule."""

    profit_rate: Decimal = ZERO

    def of_fills(self, side: OutcomeSide, fills: Iterable[Fill]) -> Decimal:
        return ZERO

    @exact
    def worst(self, side: OutcomeSide, shares: Decimal, limit: Decimal) -> Decimal:
        """Return what a win costs at most; a loser pays nothing. Bought at a lower price it wins
        more, and the whole gain of the better price is larger than the fee on it."""
        return (shares * (ONE - limit) * self.profit_rate).quantize(USDC_UNIT, ROUND_CEILING)

    @exact
    def worst_of_budget(self, budget: Decimal, limit: Decimal, tick: Decimal) -> Decimal:
        return self.worst("buy", budget / limit, limit)

    @exact
    def of_payout(self, cost: Decimal, paid: Decimal) -> Decimal:
        return (max(paid - cost, ZERO) * self.profit_rate).quantize(USDC_UNIT, ROUND_DOWN)

    @exact
    def margin(self, price: Decimal) -> Decimal:
        return (ONE - price) * self.profit_rate


def _curve(scaled: Decimal, price: Decimal) -> Decimal:
    return scaled * price * (ONE - price)


def _dearest(side: OutcomeSide, limit: Decimal) -> Decimal:
    """Return the price up to the limit at which the curve is highest."""
    return min(limit, HALF) if side == "buy" else max(limit, HALF)
