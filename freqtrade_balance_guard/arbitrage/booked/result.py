"""Works out what an arbitrage has earned and how well it went, from its ended legs."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.money import ZERO, exact


HUNDRED = Decimal(100)


@exact
def result_of(
    running: RunningArbitrage, rate: Callable[[str], Decimal], now: datetime
) -> dict[str, str]:
    """Return the result row: amounts in stake currency as text, times in seconds.

    ``start_seconds``: from the change of the order book (or the plan, where it was searched for) to
    the first order; ``skew_seconds``: between both orders;
    ``profit``: sales less purchases less fees, of what both legs have filled; ``slippage_1`` and
    ``_2``: how much worse than its limit (below 0: better) each leg has filled, in percent.

    :param rate: stake currency per unit of a currency
    """
    fees = sum((_fee(leg) * rate(leg.order.terms.quote) for leg in running.legs), ZERO)
    flow = sum(
        (-leg.order.sign * leg.cost * rate(leg.order.terms.quote) for leg in running.legs), ZERO
    )
    sent = [leg.sent_at for leg in running.legs]
    result = {
        "profit": f"{flow - fees:f}",
        "fees": f"{fees:f}",
        "skew_seconds": f"{max(sent) - min(sent):.6f}",
        "start_seconds": f"{min(sent) - (running.began_at or min(sent)):.6f}",
        "duration_seconds": f"{(now - running.record.made_at).total_seconds():.3f}",
    }
    for number, leg in enumerate(running.legs, 1):
        if leg.filled:
            price = leg.cost / leg.filled
            worse = leg.order.sign * (price - leg.order.price) / leg.order.price
            result[f"slippage_{number}"] = f"{worse * HUNDRED:.6f}"
    return result


def _fee(leg: LegRun) -> Decimal:
    """Return the fee in quote currency; one in the coin at the price of the fill."""
    reported, order = leg.reported, leg.order
    if reported is None or not reported.filled:
        return ZERO
    if reported.fees is None:
        return reported.cost * order.fee_rate
    price = reported.cost / reported.filled
    base, quote = order.base, order.terms.quote
    return reported.fees.get(quote, ZERO) + reported.fees.get(base, ZERO) * price
