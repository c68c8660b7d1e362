"""Hooks on freqtrade's backtest: the price and kind of an entry, and the sales of a rebalance."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.integration.backtest.denials import install_denial_report
from freqtrade_balance_guard.integration.host.relied_on import relies_on, wrap
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.orders.bot_loop import Entry, MinimumQuery


def install_backtest_hooks() -> None:
    """Only where freqtrade has loaded its backtest."""
    module: Any = sys.modules.get("freqtrade.optimize.backtesting")
    if module is None:
        return
    wrap(module.Backtesting, "time_pair_generator", _followed_candles)
    wrap(module.Backtesting, "_check_trade_exit", _rebalanced_candle)
    wrap(module.Backtesting, "_enter_trade", _noted_entry)
    install_denial_report(module)
    # A live bot's exchange is promoted; a backtest's is pickled into hyperopt's workers.
    wrap(Exchange, "get_min_pair_stake_amount", _noted_minimum_query)


@relies_on(
    "Backtesting.time_pair_generator(self, start_date, end_date, pairs, data)",
    "a rebalance is decided once per candle",
)
def _followed_candles(original: Callable[..., Any]) -> Callable[..., Any]:
    def time_pair_generator(
        self: Any, start_date: Any, end_date: Any, pairs: Any, data: Any
    ) -> Any:
        steps = original(self, start_date, end_date, pairs, data)
        rebalancer = getattr(self.wallets, "rebalancer", None)
        return steps if rebalancer is None else rebalancer.follow(steps, data)

    return time_pair_generator


@relies_on(
    "Backtesting._check_trade_exit(self, trade, row, current_time)",
    "a sale of a rebalance goes out when freqtrade comes to its trade",
)
def _rebalanced_candle(original: Callable[..., Any]) -> Callable[..., Any]:
    def _check_trade_exit(self: Any, trade: Any, row: Any, current_time: Any) -> Any:
        rebalancer = getattr(self.wallets, "rebalancer", None)
        if rebalancer is None or not rebalancer.is_due(trade):
            return original(self, trade, row, current_time)
        check = partial(original, self, trade, row, current_time)
        return rebalancer.sell(self, trade, check, row, current_time)

    return _check_trade_exit


@relies_on(
    "Backtesting._enter_trade(self, pair, row, direction, stake_amount, trade, requested_rate, "
    "requested_stake, entry_tag1)",
    "short entries and replaced ones are known as such",
)
def _noted_entry(original: Callable[..., Any]) -> Callable[..., Any]:
    def _enter_trade(
        self: Any,
        pair: str,
        row: Any,
        direction: str,
        stake_amount: float | None = None,
        trade: Any = None,
        requested_rate: float | None = None,
        *more: Any,
        **named: Any,
    ) -> Any:
        arguments = (pair, row, direction, stake_amount, trade, requested_rate)
        wallets = self.wallets
        if not isinstance(wallets, GuardedWallets):
            return original(self, *arguments, *more, **named)
        kind = EntryKind.NEW if trade is None else EntryKind.ADJUSTMENT
        if requested_rate:
            kind = EntryKind.REPLACEMENT
        wallets.entry = Entry(pair, kind, direction == "short")
        try:
            return original(self, *arguments, *more, **named)
        finally:
            wallets.entry = None

    return _enter_trade


def _noted_minimum_query(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_min_pair_stake_amount(
        self: Any, pair: str, price: float, stoploss: float, leverage: float = 1.0
    ) -> Any:
        self.last_minimum_query = MinimumQuery(pair, price, leverage)
        return original(self, pair, price, stoploss, leverage)

    return get_min_pair_stake_amount
