"""The mixin, alone in its file: hyperopt pickles this module by value into its workers, so it must
hold nothing but the class (no state, no logger, no lock)."""

from typing import Any

from freqtrade.strategy.interface import IStrategy


class BalanceGuard(IStrategy):
    """``class MyStrategy(BalanceGuard, IStrategy)``: this strategy's bot is guarded.

    It defines no callback: the strategy's own callbacks need not call ``super()``, and freqtrade
    copies no trade for a callback that is not there. Without a ``balance_guard`` section in the
    config it does nothing.
    """

    balance_guard_mixin = True

    def __init__(self, config: dict[str, Any]) -> None:
        from freqtrade_balance_guard.integration.startup.activation import activate_for_mixin

        activate_for_mixin(config)
        super().__init__(config)
