"""Decides how ended orders end an arbitrage: pure functions of their fills."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, after_repair, exposure_of
from freqtrade_balance_guard.money import ZERO, exact


# Amounts that are the result of a division are kept with so many digits.
SMALLEST = Decimal("1E-12")
REPAIRED = {
    ArbitrageKind.UNWIND: "unwound",
    ArbitrageKind.COMPLETE: "completed",
    ArbitrageKind.CLOSE: "closed with its trade",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Says what is written at the end of an arbitrage.

    ``exposures``: what it leaves unhedged, or what is left of those that it was for; ``drift``: the
    coin, and what fees in the coin and rounding did to it besides; ``holdings``: shares of outcomes
    that it has bought, or what is left of them; ``profit``: stake currency, where its fills do not
    say it.
    """

    move: ArbitrageMove
    note: str
    exposures: tuple[Exposure, ...] = ()
    drift: tuple[str, Decimal] | None = None
    holdings: tuple[Holding, ...] = ()
    profit: Decimal | None = None


@exact
def ending_of_two_legs(
    running: RunningArbitrage, bot: str, rate: Callable[[str], Decimal], now: datetime
) -> Ending:
    """Return how two ended legs end it: without a fill, hedged, or with an exposure.

    :param rate: stake currency per unit of a currency
    """
    first, second = running.legs
    if not first.filled and not second.filled:
        why = "; ".join(f"{leg.order.venue}: {leg.rejected or 'no fill'}" for leg in running.legs)
        return Ending(ArbitrageMove.FAIL, why)
    base = first.order.base
    more, net = _difference(first, second)
    if not net:
        return Ending(ArbitrageMove.BALANCE, "", drift=(base, running.coin))
    exposure = exposure_of(
        more.order,
        (second if more is first else first).order,
        net,
        price=more.cost / more.filled if more.cost else more.order.price,
        bot=bot,
        arbitrage_id=running.record.id,
        rate=rate(more.order.terms.quote),
        now=now,
    )
    return Ending(ArbitrageMove.DIFFER, "", (exposure,), (base, running.coin - net))


def _difference(one: LegRun, other: LegRun) -> tuple[LegRun, Decimal]:
    """Return the leg that has done more of its order, and what that did to the coin.

    A purchase may have been planned larger than the sale, by its fee in the coin: so it is not the
    amounts that are compared but the shares of both orders that have filled.
    """
    ahead = one.filled * other.order.amount - other.filled * one.order.amount
    if not ahead:
        return one, ZERO
    more, less = (one, other) if ahead > ZERO else (other, one)
    excess = abs(ahead) / less.order.amount
    return more, (more.coin * excess / more.filled).quantize(SMALLEST).normalize()


@exact
def ending_of_repair(
    running: RunningArbitrage, exposures: Sequence[Exposure], now: datetime
) -> Ending:
    """Return how the ended order of exposures ends: they become smaller, the oldest first."""
    (leg,) = running.legs
    if not leg.filled:
        return Ending(ArbitrageMove.FAIL, leg.rejected or "no fill")
    how = f"{REPAIRED[running.record.kind]} on {leg.order.venue}"
    # An outcome's missing part is another outcome: its purchase makes the exposure smaller.
    is_missing = leg.order.sign > 0 and any(one.is_outcome for one in exposures)
    sign = -1 if is_missing else leg.order.sign
    # An order that has filled covers what it was for; what rounding and its fee leave is drift.
    is_whole = leg.filled >= leg.order.amount
    covered = sum(running.record.shares.values(), ZERO) if is_whole else ZERO
    left = covered or abs(leg.coin)
    changed, closed = [], ZERO
    for exposure in exposures:
        part = min(exposure.amount, left - closed)
        if part > ZERO:
            changed.append(after_repair(exposure, sign * part, now, how))
            closed += part
    if any(one.is_outcome for one in exposures):
        return Ending(ArbitrageMove.REPAIR, how, tuple(changed))
    drift = leg.coin - sign * closed
    return Ending(ArbitrageMove.REPAIR, how, tuple(changed), (leg.order.base, drift))


def set_off(exposures: Sequence[Exposure], now: datetime) -> list[Exposure]:
    """Return those that change when what is held too much covers what was sold too much."""
    long = [one for one in exposures if one.net > ZERO]
    short = [one for one in exposures if one.net < ZERO]
    changed: dict[int, Exposure] = {}
    while long and short:
        one, other = long[0], short[0]
        part = min(one.amount, other.amount)
        for side, each, net in ((long, one, -part), (short, other, part)):
            partner = other.id if each is one else one.id
            after = after_repair(each, net, now, f"set off against exposure {partner}")
            changed[after.id] = after
            side[0] = after
            if not after.is_open:
                side.pop(0)
    return [replace(one) for one in changed.values()]
