"""Takes the noise of freqtrade's floats off what it says that it could spend.

freqtrade adds what its trades cost to what is free and subtracts it again, in floats: of exactly
5 USDT beside three positions of 10 it makes 4.999999999999996 in one case of five. Limits are
compared with the number that was meant.
"""

from decimal import Decimal

from freqtrade_balance_guard.money import exact, to_decimal


# Of the whole: some hundred times what a sum, a product and a difference in floats can lose.
NOISE = Decimal("1e-13")


@exact
def capacity_without_rounding_noise(
    total: float, tied_up: float, free: float, ratio: float
) -> Decimal:
    """What freqtrade has room for beyond what its open trades cost, in stake currency.

    :param total: ``Wallets.get_total_stake_amount``
    :param tied_up: what the open trades cost
    :param ratio: ``tradable_balance_ratio``; with ``available_capital`` freqtrade does not use it
        and ``total`` is something else: then it is taken as it is
    """
    told, tied = to_decimal(total), to_decimal(tied_up)
    meant = (tied + to_decimal(free)) * to_decimal(ratio)
    return (meant if abs(meant - told) <= NOISE * abs(meant) else told) - tied


@exact
def available_without_rounding_noise(
    available: float, tied_up: float, free: float, ratio: float
) -> Decimal:
    """``Wallets.get_available_stake_amount``; the other parameters as above."""
    told, tied, at_hand = to_decimal(available), to_decimal(tied_up), to_decimal(free)
    whole = tied + at_hand
    meant = min(whole * to_decimal(ratio) - tied, at_hand)
    return meant if abs(meant - told) <= NOISE * abs(whole) else told
