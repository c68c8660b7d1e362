"""What each venue charges for a fill, to its last digit."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from freqtrade_balance_guard.sandbox.core.assets import ONE, ZERO
from freqtrade_balance_guard.sandbox.prediction.market_rules import (
    BinaryMarketScenario,
    PredictionDialect,
)


CENT = Decimal("0.01")
CENTICENT = Decimal("0.0001")
POLYMARKET_UNIT = Decimal("0.00001")
USDC_UNIT = Decimal("0.000001")
_HALF = Decimal("0.5")


def curve(price: Decimal, exponent: int) -> Decimal:
    """(p (1 - p)) to a power: highest in the middle."""
    return (price * (ONE - price)) ** exponent


def polymarket_fee(
    rules: BinaryMarketScenario, shares: Decimal, price: Decimal, *, is_maker: bool
) -> Decimal:
    """Takers only; what is below 0.00001 is cut off."""
    if is_maker:
        return ZERO
    fee = shares * rules.fee_rate * curve(price, rules.fee_exponent)
    return fee.quantize(POLYMARKET_UNIT, rounding=ROUND_DOWN)


def kalshi_fee(
    rate: Decimal, shares: Decimal, price: Decimal, revenue: Decimal, rounding: Decimal
) -> tuple[Decimal, Decimal]:
    """The fee of one fill, and what the order has overpaid by rounding after it.

    `revenue` is what the fill changes the balance by before the fee (a purchase: negative). The
    balance stays in whole cents; whole cents that rounding has overpaid are paid back.
    """
    trade_fee = (shares * rate * curve(price, 1)).quantize(CENTICENT, rounding=ROUND_CEILING)
    change = revenue - trade_fee
    rounding_fee = change - change.quantize(CENT, rounding=ROUND_FLOOR)
    overpaid = rounding + rounding_fee
    # More than a cent: exactly one stays for the next fill.
    rebate = CENT if overpaid > CENT else ZERO
    rebate = min(rebate, trade_fee + rounding_fee)
    return trade_fee + rounding_fee - rebate, overpaid - rebate


def sx_fee(rate: Decimal, profit: Decimal) -> Decimal:
    """Of what a settled bet has won."""
    return (max(profit, ZERO) * rate).quantize(USDC_UNIT, rounding=ROUND_DOWN)


def highest_fee(
    dialect: PredictionDialect,
    rules: BinaryMarketScenario,
    shares: Decimal,
    limit: Decimal,
    budget: Decimal | None = None,
) -> Decimal:
    """No fills of a purchase up to its limit cost more; what is held for the fee.

    An order that spends a budget gets more shares at lower prices, down to the first tick.
    """
    if dialect == "sxbet":
        return ZERO
    rate = max(rules.fee_rate, rules.maker_fee_rate)
    exponent = 1 if dialect == "kalshi" else rules.fee_exponent
    exact = shares * rate * curve(min(limit, _HALF), exponent)
    if budget is not None:
        # (1 / p) (p (1 - p)) ** e is highest at (e - 1) / (2 e - 1), which may be out of reach.
        highest = Decimal(max(exponent - 1, 0)) / Decimal(max(2 * exponent - 1, 1))
        price = min(max(highest, rules.tick), limit)
        exact = budget / price * rate * curve(price, exponent)
    if dialect == "polymarket":
        return exact.quantize(POLYMARKET_UNIT, rounding=ROUND_CEILING)
    return exact.quantize(CENT, rounding=ROUND_CEILING) + 2 * CENT
