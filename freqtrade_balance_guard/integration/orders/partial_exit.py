"""Partial exits: made smaller so that the rest stays sellable, never in the way of a whole exit."""

import logging
from decimal import Decimal
from typing import Any

from freqtrade.persistence import LocalTrade

from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.limits.market import STOPLOSS_MEANS_NONE
from freqtrade_balance_guard.limits.order_check import PartialExit
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float


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
        return _shape(wallets, guard, trade, stake, tag, call["current_exit_rate"])
    except Exception:
        # An exit is never lost through our fault: freqtrade goes on with what it wanted.
        logger.exception("Could not look at the partial exit of %s; it goes out as it is.", trade)
        return adjustment


@exact
def _shape(
    wallets: GuardedWallets, guard: Guard, trade: LocalTrade, stake: float, tag: str, rate: float
) -> tuple[float | None, str]:
    position = to_decimal(trade.amount)
    position_stake = to_decimal(trade.stake_amount)
    rules = wallets.market_rules(trade.pair)
    # freqtrade turns stake into amount in the same way.
    amount = -to_decimal(stake) * position / position_stake
    exit_ = PartialExit(
        pair=trade.pair,
        amount=amount,
        position_amount=position,
        price=to_decimal(rate),
        stoploss=way_to_the_stop(wallets, trade, to_decimal(rate)),
        is_short=bool(trade.is_short),
        leverage=to_decimal(trade.leverage or 1),
        freqtrade_rest_min=_freqtrade_rest_min(wallets, trade, rate),
    )
    shaped = guard.shape_partial_exit(exit_, rules)
    if isinstance(shaped, Denied):
        return None, tag
    if shaped == amount:
        return stake, tag
    return -to_float(rules.precision.nudged(shaped) * position_stake / position), tag


def way_to_the_stop(wallets: GuardedWallets, trade: LocalTrade, price: Decimal) -> Decimal:
    """How much may be lost from here on, as a negative ratio of the margin.

    After a rise the trade's own stop is further away than the strategy's stop-loss says.
    """
    stoploss = wallets.stoploss()
    stop = to_decimal(trade.stop_loss or 0)
    if trade.is_short or not ZERO < stop < price or -stoploss >= STOPLOSS_MEANS_NONE:
        return stoploss
    return min(stoploss, (stop / price - ONE) * to_decimal(trade.leverage or 1))


def _freqtrade_rest_min(wallets: GuardedWallets, trade: LocalTrade, rate: float) -> Any:
    """What freqtrade itself wants the rest to be worth (it compares amount times rate with it)."""
    minimum = wallets.exchange_minimum_stake(trade.pair, rate, trade.leverage)
    return to_decimal(minimum) if minimum else ZERO
