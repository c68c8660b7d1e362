"""Plans an opportunity against two markets: prices, one size for both, and whether it is worth it.

Pure functions. A leg with a limit price keeps it; one without takes what the order book asks for
the amount now, as far as that is within the slippage that is allowed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity, Side
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount, round_down


HUNDRED = Decimal(100)
# Grids that depend on the amount need a second look; more than that none is known to need.
GRID_ROUNDS = 5
# A drift larger than this share of a purchase is not made good by it: it would be another trade.
MOST_DRIFT = Decimal("0.1")

# Stake currency per unit of a currency; None: unknown.
Rates = Callable[[str], Decimal | None]


@dataclass(frozen=True, slots=True)
class Market:
    """Holds what was learned about one leg's market just now, and its grids."""

    rules: MarketRules
    price: Price
    round_price: Callable[[Side, Decimal], Decimal]
    round_amount: Callable[[Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """Describes a leg as it will be sent. Amount in base, prices in quote currency.

    ``expected``: what the order book says that it fills at; ``limit``: the worst it may; ``best``:
    its first level.
    """

    leg: Leg
    amount: Decimal
    limit: Decimal
    best: Decimal
    expected: Decimal
    fee_rate: Decimal
    is_fee_in_base: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Holds two legs of one size. ``profit``: expected, after fees, in stake currency."""

    legs: tuple[PlannedLeg, PlannedLeg]
    profit: Decimal
    value: Decimal


@exact
def common_amount(amounts: Sequence[Decimal], rules: Sequence[MarketRules]) -> Decimal:
    """Return the largest multiple of all steps that is not above any of ``amounts``."""
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
    """Return the leg's limit price on the market's grid.

    Never worse than what the strategy wrote; without one, far enough for the last level needed.
    """
    if leg.limit_price is not None:
        return market.round_price(leg.side, leg.limit_price)
    return market.round_price("sell" if leg.side == "buy" else "buy", market.price.worst)


@exact
def make_plan(
    opportunity: Opportunity,
    markets: tuple[Market, Market],
    rates: Rates,
    max_slippage_percent: Decimal,
    drift: Decimal = ZERO,
) -> Plan | ArbitrageDenied:
    """Return the two orders, or why there are none.

    :param drift: what of the coin earlier fees and rounding have left over (above 0) or taken: this
        purchase makes it good
    """
    amount = _size(opportunity, markets)
    legs = []
    for leg, market in zip(opportunity.legs, markets, strict=True):
        limit, price = limit_of(leg, market), market.price
        own = amount if leg.side == "sell" else purchase_for(amount, market, drift)
        denied = _too_small(leg, market.rules, min(own, amount), limit) or moved(
            leg, price, limit, max_slippage_percent
        )
        if denied is not None:
            return denied
        rules = market.rules
        planned = PlannedLeg(
            leg=leg,
            amount=own,
            limit=limit,
            best=price.best,
            expected=price.average,
            fee_rate=rules.taker_fee,
            is_fee_in_base=rules.is_fee_in_base,
        )
        legs.append(planned)
    return _worth_it((legs[0], legs[1]), rates)


def _size(opportunity: Opportunity, markets: tuple[Market, Market]) -> Decimal:
    """Return the size of the sale: on the grids of both markets."""
    amount = common_amount(
        [leg.amount for leg in opportunity.legs], [market.rules for market in markets]
    )
    for _ in range(GRID_ROUNDS):
        smaller = min(market.round_amount(amount) for market in markets)
        if smaller == amount:
            break
        amount = smaller
    return amount


@exact
def purchase_for(amount: Decimal, market: Market, drift: Decimal = ZERO) -> Decimal:
    """Return how much to buy so that ``amount`` is there after a fee that is taken in the coin.

    On the market's grid, up or down, whichever is nearer: what that leaves is the next drift.
    """
    wanted = amount - (drift if abs(drift) <= amount * MOST_DRIFT else ZERO)
    if market.rules.is_fee_in_base:
        wanted /= ONE - market.rules.taker_fee
    if wanted == amount:
        return amount
    below = market.round_amount(wanted)
    above = below + market.rules.amount_step
    return above if above - wanted <= wanted - below else below


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
    """Return why not: the book is beyond the limit, or too thin to take it without moving far."""
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
            # A fee in the coin is in the amount already.
            profit -= cost if each.is_fee_in_base else cost * (ONE + each.fee_rate)
        else:
            profit += cost * (ONE - each.fee_rate)
    if profit <= ZERO:
        return ArbitrageDenied(
            ArbitrageDenialCode.NOT_WORTH_IT,
            f"after fees {format_amount(profit)} would be left of it, in stake currency",
            numbers={"profit": profit, "value": value},
        )
    return Plan(legs, profit, value)
