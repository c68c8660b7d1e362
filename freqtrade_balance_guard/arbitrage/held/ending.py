"""Decides what ended orders of outcomes leave: shares and exposures. Pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.ending import Ending
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding, HoldingMove, HoldingState
from freqtrade_balance_guard.arbitrage.states import ArbitrageMove
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, after_repair, exposure_of
from freqtrade_balance_guard.money import ZERO, exact


# Stake currency per unit of a currency.
Rate = Callable[[str], Decimal]
FAILED_MATCH = "its match failed"


@exact
def ending_of_complements(running: RunningArbitrage, bot: str, rate: Rate, now: datetime) -> Ending:
    """Return how two ended purchases end it: without a fill, as pairs, or with shares too many."""
    first, second = running.legs
    if not first.filled and not second.filled:
        why = "; ".join(f"{leg.order.venue}: {leg.rejected or 'no fill'}" for leg in running.legs)
        return Ending(ArbitrageMove.FAIL, why)
    holdings = tuple(
        holding_of(leg, running.record, number)
        for number, leg in enumerate(running.legs, 1)
        if leg.filled
    )
    pairs = min(first.filled, second.filled)
    profit = _flow(running, rate) + pairs * min(rate(leg.order.terms.quote) for leg in running.legs)
    excess = first.filled - second.filled
    if not excess:
        return Ending(ArbitrageMove.BALANCE, "", holdings=holdings, profit=profit)
    more, less = (first, second) if excess > ZERO else (second, first)
    exposure = exposure_of(
        more.order,
        less.order,
        abs(excess),
        price=more.cost / more.filled,
        bot=bot,
        arbitrage_id=running.record.id,
        rate=rate(more.order.terms.quote),
        now=now,
    )
    return Ending(ArbitrageMove.DIFFER, "", (exposure,), holdings=holdings, profit=profit)


def holding_of(leg: LegRun, record: ArbitrageRecord, number: int) -> Holding:
    """Return what one leg has bought. ``number``: which leg of ``record`` it is, or stands for."""
    order, reported = leg.order, leg.reported
    return Holding(
        venue=order.venue,
        account=order.account,
        outcome=order.base,
        shares=leg.filled,
        cost=leg.cost,
        fee=_fee(leg),
        currency=order.terms.quote,
        closes=datetime.fromisoformat(str(record.result["closes"])),
        event=record.event,
        answer=str(record.result.get(f"answer_{number}", "")),
        client_order_id=order.client_order_id,
        order_id="" if reported is None else reported.order_id,
    )


@exact
def with_repair(
    ending: Ending,
    running: RunningArbitrage,
    exposures: Sequence[Exposure],
    root: ArbitrageRecord,
    holdings: Sequence[Holding],
    rate: Rate,
) -> Ending:
    """Return how the order of an exposure ends, with the shares that it has bought or sold.

    :param exposures: it was for these, before it
    :param root: the arbitrage that has left them
    :param holdings: of that arbitrage
    """
    (leg,) = running.legs
    if not leg.filled:
        return ending
    if leg.order.side == "sell":
        return replace(ending, holdings=tuple(_sold(holdings, leg)))
    number = 1 + [order.pair for order in root.orders].index(leg.order.pair)
    bought = replace(holding_of(leg, root, number), arbitrage_id=root.id)
    asked = sum((one.amount for one in exposures), ZERO)
    profit = _flow(running, rate) + min(leg.filled, asked) * rate(leg.order.terms.quote)
    surplus = leg.filled - asked
    left = ending.exposures
    if surplus > ZERO:
        # A purchase that spends money has filled at a better price.
        leader = exposures[0]
        left += (
            replace(
                leader,
                id=0,
                base=leg.order.base,
                net=surplus,
                venue=leg.order.venue,
                account=leg.order.account,
                pair=leg.order.pair,
                price=leg.cost / leg.filled,
                other_venue=leader.venue,
                other_pair=leader.pair,
                other_price=leader.price,
                value=surplus * leg.cost / leg.filled * rate(leg.order.terms.quote),
                opened_at=leader.marked_at,
                is_dust=False,
            ),
        )
    return replace(ending, exposures=left, holdings=(bought,), profit=profit)


@exact
def _sold(holdings: Sequence[Holding], leg: LegRun) -> list[Holding]:
    """Return the holdings that a sale has made smaller, the oldest first."""
    left, changed = leg.filled, list[Holding]()
    for one in holdings:
        part = min(one.shares, left)
        if one.outcome != leg.order.base or not one.may_be_sold or part <= ZERO:
            continue
        left -= part
        brought = (leg.cost - _fee(leg)) * part / leg.filled
        after = replace(one.reduced(part), sold_for=one.sold_for + brought)
        changed.append(after if after.shares else after.moved(HoldingMove.SELL))
    return changed


@exact
def reverted(
    holding: Holding,
    left: Decimal,
    holdings: Sequence[Holding],
    exposures: Sequence[Exposure],
    root: ArbitrageRecord,
    *,
    rate: Rate,
    now: datetime,
) -> tuple[Holding, list[Exposure]]:
    """Return shares after a match of theirs has failed, and the exposures that change by it.

    :param left: shares that the order has by its other matches
    :param holdings: of the same arbitrage
    :param exposures: open ones of the same arbitrage
    """
    lost = holding.shares - left
    after = holding.reduced(lost)
    if not left:
        # As if never bought: the money is back.
        whole = replace(holding, paid=holding.cost + holding.fee)
        after = replace(whole, state=HoldingState.REVERTED)
    changed = []
    for one in exposures:
        part = min(one.amount, lost)
        if one.base == holding.outcome and part > ZERO:
            changed.append(after_repair(one, -part, now, FAILED_MATCH))
            lost -= part
    others = [
        one
        for one in holdings
        if one.outcome != holding.outcome and one.state is not HoldingState.REVERTED
    ]
    alone = min(lost, sum((one.shares for one in others), ZERO))
    if alone > ZERO:
        changed.append(_alone(others[0], holding, alone, root, rate, now))
    return after, changed


def _alone(
    other: Holding, lost: Holding, shares: Decimal, root: ArbitrageRecord, rate: Rate, now: datetime
) -> Exposure:
    """Return the exposure of shares whose other answer was lost."""
    orders = {order.base: order for order in root.orders}
    return exposure_of(
        orders[other.outcome],
        orders[lost.outcome],
        shares,
        price=other.cost / other.shares,
        bot=root.bot,
        arbitrage_id=root.id,
        rate=rate(other.currency),
        now=now,
    )


def _flow(running: RunningArbitrage, rate: Rate) -> Decimal:
    return sum(
        (
            (-leg.order.sign * leg.cost - _fee(leg)) * rate(leg.order.terms.quote)
            for leg in running.legs
        ),
        ZERO,
    )


def _fee(leg: LegRun) -> Decimal:
    """Return the fee in collateral; by the highest rate where the venue does not show it."""
    if leg.reported is None or not leg.filled:
        return ZERO
    fees = leg.reported.fees
    return leg.cost * leg.order.fee_rate if fees is None else fees.get(leg.order.terms.quote, ZERO)
