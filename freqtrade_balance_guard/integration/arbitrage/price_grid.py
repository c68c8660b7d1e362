"""Rounds prices and amounts to what an exchange takes, in a direction, on any kind of grid.

ccxt rounds to the nearest value of the exchange's grid, with its own rules for each: steps,
decimals, or digits that count. The direction is added here.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ccxt

from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float


# No exchange has a finer grid.
FINEST_EXPONENT = -18


@exact
def round_to_grid(api: Any, pair: str, price: Decimal, *, is_down: bool) -> Decimal:
    """Return the nearest price on the grid that is not above (or not below) ``price``.

    :param api: a ccxt object with its markets loaded
    :return: ``price`` itself where nothing on the grid is to be found
    """
    try:
        nearest = _nearest(api.price_to_precision, pair, price)
    except ccxt.InvalidOrder:
        return price  # less than the smallest one: no plan gets past its check
    if nearest == price or (nearest < price) == is_down:
        return nearest
    sign = -ONE if is_down else ONE
    for step in _steps(api, pair, nearest):
        other = nearest + sign * step
        if other > ZERO and _nearest(api.price_to_precision, pair, other) == other:
            return other
    return price


@exact
def round_amount_down(api: Any, pair: str, amount: Decimal) -> Decimal:
    """Return the largest amount that ccxt leaves as it is and that is not above ``amount``."""
    try:
        # ccxt cuts amounts off.
        return min(_nearest(api.amount_to_precision, pair, amount), amount)
    except ccxt.InvalidOrder:
        return ZERO  # less than the smallest one


def _nearest(to_precision: Callable[[str, float], str], pair: str, value: Decimal) -> Decimal:
    return to_decimal(to_precision(pair, to_float(value)))


def _steps(api: Any, pair: str, price: Decimal) -> Iterator[Decimal]:
    """Yield how far the next price on the grid may be: first what the market says."""
    precision = (api.markets[pair].get("precision") or {}).get("price")
    if precision is not None:
        if api.precisionMode == ccxt.TICK_SIZE:
            yield to_decimal(precision)
        elif api.precisionMode == ccxt.DECIMAL_PLACES:
            yield ONE.scaleb(-int(precision))
        elif api.precisionMode == ccxt.SIGNIFICANT_DIGITS:
            yield ONE.scaleb(price.adjusted() - int(precision) + 1)
    # Some classes have rules of their own besides: the finest step that they leave as it is.
    for exponent in range(FINEST_EXPONENT, price.adjusted() + 1):
        yield ONE.scaleb(exponent)
