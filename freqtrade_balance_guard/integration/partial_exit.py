"""Partial exits: made smaller so that the rest stays sellable, never in the way of a whole exit."""

import logging
from typing import Any

from freqtrade_balance_guard.integration.wallets import GuardedWallets
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.limits.last_look import PartialExit
from freqtrade_balance_guard.limits.sizing import FLOAT_HAIR
from freqtrade_balance_guard.money import ZERO, to_decimal, to_float


logger = logging.getLogger(__name__)


def shape_adjustment(
    wallets: GuardedWallets, adjustment: tuple[float | None, str], **call: Any
) -> tuple[float | None, str]:
    """Shape what ``adjust_trade_position`` asked for.

    :param adjustment: freqtrade's (stake, tag); a negative stake sells that part of the position
    :param call: the arguments of ``IStrategy._adjust_trade_position_internal``
    :return: the same, or a smaller sale, or (None, tag) where nothing sellable would be left
    """
    stake, tag = adjustment
    guard = wallets.guard
    if guard is None or guard.settings.is_neutral or stake is None or not stake < 0:
        return adjustment
    trade = call["trade"]
    try:
        position = to_decimal(trade.amount)
        position_stake = to_decimal(trade.stake_amount)
        # freqtrade turns stake into amount in the same way.
        amount = -to_decimal(stake) * position / position_stake
        exit_ = PartialExit(
            pair=trade.pair,
            amount=amount,
            position_amount=position,
            price=to_decimal(call["current_exit_rate"]),
            stoploss=wallets.stoploss(),
            is_short=bool(trade.is_short),
            freqtrade_rest_min=_freqtrade_rest_min(wallets, trade, call["current_exit_rate"]),
        )
        shaped = guard.shape_partial_exit(exit_, wallets.market_rules(trade.pair))
    except Exception:
        # An exit is never lost through our fault: freqtrade goes on with what it wanted.
        logger.exception("Could not look at the partial exit of %s; it goes out as it is.", trade)
        return adjustment
    if isinstance(shaped, Denied):
        return None, tag
    if shaped == amount:
        return adjustment
    return -to_float(shaped * position_stake / position * FLOAT_HAIR), tag


def _freqtrade_rest_min(wallets: GuardedWallets, trade: Any, rate: float) -> Any:
    """What freqtrade itself wants the rest to be worth (it compares amount times rate with it)."""
    minimum = wallets.exchange_minimum_stake(trade.pair, rate, trade.leverage)
    return to_decimal(minimum) if minimum else ZERO
