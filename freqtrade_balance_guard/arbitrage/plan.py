"""An opportunity against two markets: prices, one size that both take, and whether it is worth it.

Pure functions. A leg with a limit price keeps it; one without takes what the order book asks for
the amount now, as far as that is within the slippage that is allowed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount, round_down, round_up


HUNDRED = Decimal(100)

# Stake currency per unit of a currency; None: nobody knows.
Rates = Callable[[str], Decimal | None]


@dataclass(frozen=True, slots=True)
class Market:
    """What was learned about one leg's market just now."""

    rules: MarketRules
    price: Price


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """A leg as it will be sent. Amount in base, prices in quote currency.

    ``expected``: what the order book says that it fills at; ``limit``: the worst it may; ``best``:
    its first level.
    """

    leg: Leg
    amount: Decimal
    limit: Decimal
    best: Decimal
    expected: Decimal
    fee_rate: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Two legs of one size. ``profit``: expected, after fees, in stake currency."""

    legs: tuple[PlannedLeg, PlannedLeg]
    profit: Decimal
    value: Decimal


@exact
def common_amount(amounts: Sequence[Decimal], rules: Sequence[MarketRules]) -> Decimal:
    """The largest amount that is not above any of ``amounts`` and a multiple of all steps."""
    steps = [each.amount_step for each in rules if each.amount_step > ZERO]
    wanted = min(amounts)
    if not steps:
        return wanted
    digits = max(max(0, -int(step.normalize().as_tuple().exponent)) for step in steps)
    unit = ONE.scaleb(-digits)
    step = unit * math.lcm(*(int(step / unit) for step in steps))
    return round_down(wanted, step)


@exact
def limit_of(leg: Leg, market: Market) -> Decimal:
    """The leg's limit price on the market's grid.

    Never worse than what the strategy wrote; without one, far enough for the last level needed.
    """
    is_buy = leg.side == "buy"
    if leg.limit_price is not None:
        rounded = round_down if is_buy else round_up
        return rounded(leg.limit_price, market.rules.price_step)
    rounded = round_up if is_buy else round_down
    return rounded(market.price.worst, market.rules.price_step)


@exact
def make_plan(
    opportunity: Opportunity,
    markets: tuple[Market, Market],
    rates: Rates,
    max_slippage_percent: Decimal,
) -> Plan | ArbitrageDenied:
    """The two orders, or why there are none."""
    rules = [market.rules for market in markets]
    amount = common_amount([leg.amount for leg in opportunity.legs], rules)
    legs = []
    for leg, market in zip(opportunity.legs, markets, strict=True):
        limit = limit_of(leg, market)
        denied = _too_small(leg, market.rules, amount, limit) or moved(
            leg, market.price, limit, max_slippage_percent
        )
        if denied is not None:
            return denied
        price = market.price
        legs.append(
            PlannedLeg(leg, amount, limit, price.best, price.average, market.rules.taker_fee)
        )
    return _worth_it((legs[0], legs[1]), rates)


def _too_small(
    leg: Leg, rules: MarketRules, amount: Decimal, limit: Decimal
) -> ArbitrageDenied | None:
    cost = amount * limit
    if amount > ZERO and limit > ZERO and amount >= rules.amount_min and cost >= rules.cost_min:
        return None
    return ArbitrageDenied(
        ArbitrageDenialCode.BELOW_MINIMUM,
        f"{format_amount(amount)} {leg.base} for {format_amount(cost)} {leg.quote} is below what "
        f"{leg.venue} takes on {leg.pair}",
        leg.venue,
        {"amount": amount, "amount_min": rules.amount_min, "cost_min": rules.cost_min},
    )


def moved(leg: Leg, price: Price, limit: Decimal, max_slippage: Decimal) -> ArbitrageDenied | None:
    """Why not: the order book is beyond the limit, or too thin to take it without moving far."""
    sign = ONE if leg.side == "buy" else -ONE
    beyond = sign * (price.worst - limit) > ZERO
    slipped = sign * (price.worst - price.best) * HUNDRED > max_slippage * price.best
    if not beyond and not (slipped and leg.limit_price is None):
        return None
    why = f"beyond the limit {format_amount(limit)}" if beyond else "too far from the best price"
    return ArbitrageDenied(
        ArbitrageDenialCode.PRICE_MOVED,
        f"to {leg.side} {leg.pair} on {leg.venue} goes to {format_amount(price.worst)}, {why}",
        leg.venue,
        {"price": price.worst, "best": price.best, "limit": limit},
    )


def _worth_it(legs: tuple[PlannedLeg, PlannedLeg], rates: Rates) -> Plan | ArbitrageDenied:
    profit = value = ZERO
    for each in legs:
        rate = rates(each.leg.quote)
        if rate is None:
            return ArbitrageDenied(
                ArbitrageDenialCode.NO_RATE,
                f"what {each.leg.quote} is worth in stake currency is unknown",
            )
        cost = each.amount * each.expected * rate
        value = max(value, cost)
        if each.leg.side == "buy":
            profit -= cost * (ONE + each.fee_rate)
        else:
            profit += cost * (ONE - each.fee_rate)
    if profit <= ZERO:
        return ArbitrageDenied(
            ArbitrageDenialCode.NOT_WORTH_IT,
            f"after fees {format_amount(profit)} would be left of it, in stake currency",
            numbers={"profit": profit, "value": value},
        )
    return Plan(legs, profit, value)
