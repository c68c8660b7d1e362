"""Hooks on freqtrade's strategy: where a bot starts, and where it sells a part of a position.

The user's class itself is never promoted: hyperopt pickles it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from freqtrade.strategy.interface import IStrategy

from freqtrade_balance_guard.integration.host.relied_on import relies_on, wrap
from freqtrade_balance_guard.integration.orders.partial_exit import shape_adjustment
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


def install_strategy_hooks(attach: Callable[[IStrategy], None]) -> None:
    """:param attach: guards the bot of a strategy that starts"""
    wrap(IStrategy, "ft_bot_start", partial(_guarded_bot_start, attach=attach))
    wrap(IStrategy, "_adjust_trade_position_internal", _shaped_adjustment)


@relies_on(
    "IStrategy.ft_bot_start(self, **kwargs)",
    "the guard is put on once wallets and data provider are there",
)
def _guarded_bot_start(
    original: Callable[..., Any], *, attach: Callable[[IStrategy], None]
) -> Callable[..., Any]:
    # ft_bot_start is no callback: no strategy overrides it, and it runs in every mode once
    # strategy.wallets and strategy.dp are set. API threads run already, and FreqAI may take long
    # inside: the bot is promoted first.
    def ft_bot_start(self: Any, **kwargs: Any) -> Any:
        attach(self)
        return original(self, **kwargs)

    return ft_bot_start


@relies_on(
    "IStrategy._adjust_trade_position_internal(self, trade, current_time, current_rate, "
    "current_profit, min_stake, max_stake, current_entry_rate, current_exit_rate, "
    "current_entry_profit, current_exit_profit, **kwargs)",
    "partial exits are made smaller so that the rest stays sellable",
)
def _shaped_adjustment(original: Callable[..., Any]) -> Callable[..., Any]:
    def _adjust_trade_position_internal(self: Any, *args: Any, **kwargs: Any) -> Any:
        adjustment = original(self, *args, **kwargs)
        stake = adjustment[0]
        if stake is None or not stake < 0:
            # Almost always; a backtest comes here for every open trade and candle.
            return adjustment
        wallets = getattr(self, "wallets", None)
        if isinstance(wallets, GuardedWallets):
            return shape_adjustment(wallets, adjustment, **kwargs)
        return adjustment

    return _adjust_trade_position_internal
