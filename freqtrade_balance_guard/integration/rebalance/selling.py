"""One sale of a rebalance, as freqtrade's exit functions take it.

The rebalancer calls them itself, so neither ``use_exit_signal`` nor ``exit_profit_only`` stands in
its way, and a strategy's own dormant position adjustment is not woken.
"""

from dataclasses import dataclass

from freqtrade.enums import ExitCheckTuple, ExitType

from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.money import to_float
from freqtrade_balance_guard.rebalance.plan import Sale


REASON = "emergency_rebalance"


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """The exit of a sale. ``amount``: in base currency; None: the whole position."""

    check: ExitCheckTuple
    amount: float | None


def exit_of(sale: Sale, rules: MarketRules) -> ExitOrder:
    """``sale`` for ``execute_trade_exit`` and for its counterpart in a backtest."""
    if sale.is_whole:
        return ExitOrder(ExitCheckTuple(ExitType.CUSTOM_EXIT, REASON), None)
    # freqtrade rounds down, in floats.
    amount = to_float(rules.precision.nudged(sale.amount))
    return ExitOrder(ExitCheckTuple(ExitType.PARTIAL_EXIT, REASON), amount)
