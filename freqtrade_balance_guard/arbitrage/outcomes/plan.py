"""Plans two complements: equal shares on both grids, and worth it in the worst case.

Pure functions. Equal shares, never equal money: for the same money a pair has more of one answer
than of the other, and loses when the other one happens.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap, MappedOutcome
from freqtrade_balance_guard.arbitrage.outcomes.fees import OutcomeFees
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.outcomes.rules import OutcomeRules, common_shares
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.money import HUNDRED, ONE, ZERO, Money, exact, format_amount


@dataclass(frozen=True, slots=True)
class OutcomeMarket:
    """Holds what was learned about one leg's market just now.

    ``offered``: the best price that shares are offered at, None where nothing is offered; ``rate``:
    what one unit of its currency is worth in the stake currency, None where that is unknown.
    """

    rules: OutcomeRules
    fees: OutcomeFees
    offered: Decimal | None
    rate: Decimal | None
    is_open: bool = True
    neg_risk_augmented: bool = False


@dataclass(frozen=True, slots=True)
class PlannedOutcome:
    """Describes a purchase as it will be sent. ``reserved``: what it may cost at most, with fee."""

    leg: OutcomeLeg
    shares: Decimal
    limit: Decimal
    cost: Decimal
    worst_fee: Decimal
    reserved: Money
    spends_money: bool


@dataclass(frozen=True, slots=True)
class ComplementPlan:
    """Holds two purchases of equal shares. ``profit``: in the worst case, in stake currency."""

    legs: tuple[PlannedOutcome, PlannedOutcome]
    event: MappedOutcome
    shares: Decimal
    profit: Decimal
    value: Decimal


@exact
def plan_complement(
    opportunity: Opportunity[OutcomeLeg],
    markets: tuple[OutcomeMarket, OutcomeMarket],
    events: EventMap,
    now: datetime,
    *,
    min_profit: Decimal = ZERO,
    haircut_percent: Decimal = ZERO,
) -> ComplementPlan | ArbitrageDenied:
    """Return the two orders, or why there are none.

    :param min_profit: stake currency, that must be left in the worst case
    :param haircut_percent: taken off what a pair pays, where the venues pay in two currencies
    """
    event = events.check(opportunity.first, opportunity.second, now)
    if isinstance(event, ArbitrageDenied):
        return event
    limits = []
    for leg, market in zip(opportunity.legs, markets, strict=True):
        limit = _limit_of(leg, market)
        if isinstance(limit, ArbitrageDenied):
            return limit
        limits.append(limit)
    shares = common_shares(
        min(leg.shares for leg in opportunity.legs),
        [m.rules.shares_unit(limit) for m, limit in zip(markets, limits, strict=True)],
    )
    planned = []
    for leg, market, limit in zip(opportunity.legs, markets, limits, strict=True):
        denied = _too_small(leg, market.rules, shares, limit)
        if denied is not None:
            return denied
        planned.append(_planned(leg, market, shares, limit))
    return _worth_it((planned[0], planned[1]), markets, event, min_profit, haircut_percent)


def _limit_of(leg: OutcomeLeg, market: OutcomeMarket) -> Decimal | ArbitrageDenied:
    """Return the leg's limit on the market's grid, never worse than what the strategy wrote."""
    if leg.side != "buy":
        return ArbitrageDenied(
            ArbitrageDenialCode.NO_COMPLEMENT,
            f"the leg on {leg.venue} sells; complements are two purchases",
            leg.venue,
        )
    if not market.is_open:
        return ArbitrageDenied(
            ArbitrageDenialCode.EVENT_CLOSED,
            f"{leg.venue} does not trade {leg.outcome} now",
            leg.venue,
        )
    if market.neg_risk_augmented:
        return ArbitrageDenied(
            ArbitrageDenialCode.NO_COMPLEMENT,
            f"outcomes may be added to the event of {leg.outcome} on {leg.venue}: what its answers "
            "stand for may change",
            leg.venue,
        )
    limit = market.rules.round_price("buy", leg.limit_price)
    if limit is None or market.offered is None or market.offered > limit:
        return ArbitrageDenied(
            ArbitrageDenialCode.PRICE_MOVED,
            f"{leg.outcome} on {leg.venue} is not offered at {format_amount(leg.limit_price)}",
            leg.venue,
            {"limit": leg.limit_price, "price": market.offered or ONE},
        )
    return limit


def _too_small(
    leg: OutcomeLeg, rules: OutcomeRules, shares: Decimal, limit: Decimal
) -> ArbitrageDenied | None:
    cost = shares * limit
    if shares > ZERO and shares >= rules.shares_min and cost >= rules.cost_min:
        return None
    return ArbitrageDenied(
        ArbitrageDenialCode.BELOW_MINIMUM,
        f"{format_amount(shares)} shares for {format_amount(cost)} {rules.currency} is below what "
        f"{leg.venue} takes",
        leg.venue,
        {"shares": shares, "shares_min": rules.shares_min, "cost_min": rules.cost_min},
        rules.currency,
    )


def _planned(
    leg: OutcomeLeg, market: OutcomeMarket, shares: Decimal, limit: Decimal
) -> PlannedOutcome:
    rules, cost = market.rules, shares * limit
    fee = market.fees.worst("buy", shares, limit)
    held = fee
    if rules.spends_money:
        # At better prices the same money buys more shares, and each of them has its fee.
        held = market.fees.worst_of_budget(cost, limit, rules.first_price)
    return PlannedOutcome(
        leg=leg,
        shares=shares,
        limit=limit,
        cost=cost,
        worst_fee=fee,
        reserved=Money(cost + held, rules.currency),
        spends_money=rules.spends_money,
    )


def _worth_it(
    legs: tuple[PlannedOutcome, PlannedOutcome],
    markets: tuple[OutcomeMarket, OutcomeMarket],
    event: MappedOutcome,
    min_profit: Decimal,
    haircut_percent: Decimal,
) -> ComplementPlan | ArbitrageDenied:
    rates = [market.rate for market in markets]
    for market, rate in zip(markets, rates, strict=True):
        if rate is None:
            return ArbitrageDenied(
                ArbitrageDenialCode.NO_RATE,
                f"what {market.rules.currency} is worth in stake currency is unknown",
            )
    known = [rate for rate in rates if rate is not None]
    shares = legs[0].shares
    # Which of the two pays is unknown: the one whose currency is worth less.
    paid = shares * min(known)
    if markets[0].rules.currency != markets[1].rules.currency:
        paid *= ONE - haircut_percent / HUNDRED
    spent = sum(
        ((leg.cost + leg.worst_fee) * rate for leg, rate in zip(legs, known, strict=True)), ZERO
    )
    profit = paid - spent
    if profit <= min_profit:
        return ArbitrageDenied(
            ArbitrageDenialCode.NOT_WORTH_IT,
            f"in the worst case {format_amount(profit)} would be left of it, in stake currency",
            numbers={"profit": profit, "value": spent},
        )
    return ComplementPlan(legs, event, shares, profit, spent)
