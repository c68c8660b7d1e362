"""``min_inventory``: coins and money that must remain on each venue after a planned arbitrage."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.venue import LegOrder
from freqtrade_balance_guard.ledger import Funds
from freqtrade_balance_guard.money import ZERO, exact, format_amount


@exact
def below_inventory(
    orders: Sequence[LegOrder],
    funds: Sequence[Funds | None],
    minimums: Mapping[str, Mapping[str, Decimal]],
) -> ArbitrageDenied | None:
    """Return why these orders would leave too little on a venue.

    :param minimums: by venue, what must remain of each currency
    """
    for order, money in zip(orders, funds, strict=True):
        holds = order.terms.holds
        named = {name.upper(): least for name, least in minimums.get(order.venue, {}).items()}
        least = named.get(holds.currency.upper(), ZERO)
        if money is None or least <= ZERO:
            continue
        left = money.spendable - holds.amount
        if left >= least:
            continue
        return ArbitrageDenied(
            ArbitrageDenialCode.BELOW_INVENTORY,
            f"{format_amount(max(left, ZERO))} {holds.currency} would be left on {order.venue}; "
            f"min_inventory is {format_amount(least)}: move {holds.currency} there",
            order.venue,
            {"left": left, "min_inventory": least},
            holds.currency,
        )
    return None
