"""One sale of a rebalance on its way through freqtrade.

freqtrade decides by asking its strategy: ``should_exit`` for a whole position,
``_adjust_trade_position_internal`` for a part. While a sale is under way both are answered for it
(``hooks``), for this one trade only. So neither ``use_exit_signal`` nor ``exit_profit_only``
stands in its way, and a strategy's own dormant position adjustment is not woken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from freqtrade.enums import ExitCheckTuple, ExitType

from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.money import exact, to_decimal, to_float
from freqtrade_balance_guard.rebalance.plan import Sale


REASON = "emergency_rebalance"


@dataclass(slots=True)
class Selling:
    """What is to be sold now. ``stake``: freqtrade's word for a part (negative); None: all."""

    trade_id: int
    stake: float | None
    is_vetoed: bool = False


current_sale: ContextVar[Selling | None] = ContextVar("current_sale", default=None)


def exits_with_sale(trade: Any, exits: list[Any]) -> list[Any]:
    """What ``should_exit`` found, and after it the sale if it is of this whole trade."""
    sale = current_sale.get()
    if sale is None or sale.stake is not None or sale.trade_id != trade.id:
        return exits
    return [*exits, ExitCheckTuple(ExitType.CUSTOM_EXIT, REASON)]


def adjustment_for_sale(trade: Any) -> tuple[float, str] | None:
    """What ``adjust_trade_position`` is answered with if a part of this trade is to be sold."""
    sale = current_sale.get()
    if sale is None or sale.stake is None or sale.trade_id != trade.id:
        return None
    return sale.stake, REASON


@exact
def selling_of(sale: Sale, trade: Any, rules: MarketRules) -> Selling:
    """``sale`` as freqtrade takes it: it turns stake into amount, in floats."""
    if sale.is_whole:
        return Selling(sale.trade_id, None)
    amount = rules.precision.nudged(sale.amount)
    stake = -amount * to_decimal(trade.stake_amount) / to_decimal(trade.amount)
    return Selling(sale.trade_id, to_float(stake))


@contextmanager
def under_way(selling: Selling, strategy: Any) -> Iterator[None]:
    """While ``selling`` is what freqtrade is to sell; a veto of the strategy is noted."""
    confirm = strategy.confirm_trade_exit

    @wraps(confirm)
    def confirm_trade_exit(*args: Any, **kwargs: Any) -> Any:
        agreed = confirm(*args, **kwargs)
        # Its own exits are its own business.
        if not agreed and kwargs.get("exit_reason") == REASON:
            selling.is_vetoed = True
        return agreed

    token = current_sale.set(selling)
    own = vars(strategy).get("confirm_trade_exit")
    strategy.confirm_trade_exit = confirm_trade_exit
    try:
        yield
    finally:
        if own is None:
            del strategy.confirm_trade_exit
        else:
            strategy.confirm_trade_exit = own
        current_sale.reset(token)
