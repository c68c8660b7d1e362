"""Where we stand in freqtrade's way: each hook wraps one function of a class, once per process.

A hook does nothing for a bot, an exchange or a strategy without a guard. It is found again by a
mark on the wrapper, so that /reload_config, which builds everything anew but keeps the imported
classes, does not wrap it twice.
"""

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import Exchange
from freqtrade.strategy.interface import IStrategy
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import ExitBackedOff, LoopEnded
from freqtrade_balance_guard.integration.host.bot_loop import (
    Entry,
    Loop,
    MinimumQuery,
    current_entry,
    current_loop,
    last_minimum_query,
    must_be_fresh,
)
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.orders.partial_exit import shape_adjustment
from freqtrade_balance_guard.integration.rebalance.selling import (
    adjustment_for_sale,
    exits_with_sale,
)
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.sizing import EntryKind


logger = logging.getLogger(__name__)

_CLOCK = SystemClock()
MARK = "_balance_guard_hook"

ENTRY_KINDS = {
    "initial": EntryKind.NEW,
    "pos_adjust": EntryKind.ADJUSTMENT,
    "replace": EntryKind.REPLACEMENT,
}


def wrap(owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace ``owner.name`` by ``make(original)``, unless that was done before."""
    original = owner.__dict__[name]
    if getattr(original, MARK, False):
        return
    wrapper = functools.wraps(original)(make(original))
    setattr(wrapper, MARK, True)
    setattr(owner, name, wrapper)


def install_strategy_hooks() -> None:
    """Hooks on classes that every freqtrade process has loaded before a strategy is."""
    wrap(IStrategy, "ft_bot_start", _guarded_bot_start)
    wrap(IStrategy, "_adjust_trade_position_internal", _shaped_adjustment)
    wrap(IStrategy, "should_exit", _exits_with_sale)
    wrap(Exchange, "get_min_pair_stake_amount", _noted_minimum_query)


def install_bot_hooks() -> None:
    """Hooks on the live bot; only where its module is loaded (trade, not backtesting)."""
    module: Any = sys.modules.get("freqtrade.freqtradebot")
    if module is None:
        return
    # Imported here: a backtest needs none of it.
    from freqtrade_balance_guard.integration.bot.forced_entry import forced_entry
    from freqtrade_balance_guard.integration.wallets.first_balance import first_wallets

    wrap(module.FreqtradeBot, "execute_entry", _noted_entry)
    wrap(module.FreqtradeBot, "create_trade", _quiet_denial)
    wrap(module.FreqtradeBot, "check_and_call_adjust_trade_position", _quiet_denial)
    wrap(module.FreqtradeBot, "process", _one_loop)
    wrap(module.FreqtradeBot, "exit_positions", _rebalanced)
    wrap(module.FreqtradeBot, "get_free_open_trades", _without_pairs)
    wrap(module.FreqtradeBot, "cleanup", _said_goodbye)
    wrap(module.FreqtradeBot, "_safe_exit_amount", _fresh_balance)
    wrap(module.FreqtradeBot, "apply_fee_conditional", _fresh_balance)
    wrap(module.FreqtradeBot, "execute_trade_exit", _noted_exit)
    wrap(sys.modules["freqtrade.rpc.rpc"].__dict__["RPC"], "_rpc_force_entry", forced_entry)
    if module.Wallets is Wallets:
        # The first balance is read when the bot is built, long before its strategy starts.
        module.Wallets = first_wallets


def install_backtest_hooks() -> None:
    """Hooks on the backtest; only where its module is loaded."""
    module: Any = sys.modules.get("freqtrade.optimize.backtesting")
    if module is None:
        return
    wrap(module.Backtesting, "time_pair_generator", _followed_candles)
    wrap(module.Backtesting, "_check_trade_exit", _rebalanced_candle)
    wrap(module.Backtesting, "_enter_trade", _noted_candle_entry)


def _followed_candles(original: Callable[..., Any]) -> Callable[..., Any]:
    def time_pair_generator(
        self: Any, start_date: Any, end_date: Any, pairs: Any, data: Any
    ) -> Any:
        steps = original(self, start_date, end_date, pairs, data)
        rebalancer = getattr(self.wallets, "rebalancer", None)
        return steps if rebalancer is None else rebalancer.follow(steps, data)

    return time_pair_generator


def _rebalanced_candle(original: Callable[..., Any]) -> Callable[..., Any]:
    def _check_trade_exit(self: Any, trade: Any, row: Any, current_time: Any) -> Any:
        rebalancer = getattr(self.wallets, "rebalancer", None)
        if rebalancer is None or not rebalancer.is_due(trade):
            return original(self, trade, row, current_time)
        check = functools.partial(original, self, trade, row, current_time)
        return rebalancer.sell(self, trade, check, row, current_time)

    return _check_trade_exit


def _noted_candle_entry(original: Callable[..., Any]) -> Callable[..., Any]:
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
        kind = EntryKind.NEW if trade is None else EntryKind.ADJUSTMENT
        if requested_rate:
            kind = EntryKind.REPLACEMENT
        token = current_entry.set(Entry(pair, kind, direction == "short"))
        try:
            return original(
                self, pair, row, direction, stake_amount, trade, requested_rate, *more, **named
            )
        finally:
            current_entry.reset(token)

    return _enter_trade


def _one_loop(original: Callable[..., Any]) -> Callable[..., Any]:
    def process(self: Any) -> Any:
        token = current_loop.set(Loop())
        took = 0.0
        try:
            if isinstance(self.wallets, GuardedWallets) and self.wallets.duties is not None:
                began = _CLOCK.monotonic()
                self.wallets.duties.begin(self)
                took = _CLOCK.monotonic() - began
            return original(self)
        finally:
            current_loop.reset(token)
            if isinstance(self.wallets, GuardedWallets):
                began = _CLOCK.monotonic()
                self.wallets.keep_believed()
                took += _CLOCK.monotonic() - began
                if self.wallets.guard is not None:
                    self.wallets.guard.hub.publish(LoopEnded(took))

    return process


def _rebalanced(original: Callable[..., Any]) -> Callable[..., Any]:
    # After freqtrade's own exits of this loop: none of them waits for us, and what they free
    # counts.
    def exit_positions(self: Any, trades: Any) -> Any:
        closed = original(self, trades)
        wallets = self.wallets
        if isinstance(wallets, GuardedWallets) and wallets.live is not None:
            wallets.live.waits.renew()
        if isinstance(wallets, GuardedWallets) and wallets.rebalancer is not None:
            wallets.rebalancer.step(self)
        if isinstance(wallets, GuardedWallets) and wallets.pairs is not None:
            wallets.pairs.step(self)
        return closed

    return exit_positions


def _without_pairs(original: Callable[..., Any]) -> Callable[..., Any]:
    # A purchase of a pair that is under way needs its slot.
    def get_free_open_trades(self: Any) -> int:
        free: int = original(self)
        wallets = self.wallets
        if isinstance(wallets, GuardedWallets) and wallets.pairs is not None:
            return max(0, free - wallets.pairs.slots_taken())
        return free

    return get_free_open_trades


def _said_goodbye(original: Callable[..., Any]) -> Callable[..., Any]:
    def cleanup(self: Any) -> Any:
        try:
            return original(self)
        finally:
            wallets = getattr(self, "wallets", None)
            if isinstance(wallets, GuardedWallets) and wallets.pairs is not None:
                wallets.pairs.end()
            if isinstance(wallets, GuardedWallets) and wallets.duties is not None:
                wallets.duties.end()

    return cleanup


def _fresh_balance(original: Callable[..., Any]) -> Callable[..., Any]:
    def look(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = must_be_fresh.set(True)
        try:
            return original(self, *args, **kwargs)
        finally:
            must_be_fresh.reset(token)

    return look


def _noted_exit(original: Callable[..., Any]) -> Callable[..., Any]:
    patient = _patient_exit(original)

    def execute_trade_exit(self: Any, *args: Any, **kwargs: Any) -> Any:
        has_left = patient(self, *args, **kwargs)
        if has_left:
            crash_point("order stored")
            wallets = self.wallets
            if isinstance(wallets, GuardedWallets) and wallets.pairs is not None:
                wallets.pairs.exit_left(self)
        return has_left

    return execute_trade_exit


def _patient_exit(original: Callable[..., Any]) -> Callable[..., Any]:
    # freqtrade tries a position under the minimum in every loop, for ever, with a balance refresh
    # and a warning each time.
    from freqtrade_balance_guard.integration.orders.exit_backoff import ExitBackoff

    def execute_trade_exit(
        self: Any, trade: Any, limit: float, exit_check: Any, **kwargs: Any
    ) -> Any:
        patience = ExitBackoff.of(self.wallets, trade, limit, exit_check, kwargs)
        if patience is None:
            return original(self, trade, limit, exit_check, **kwargs)
        if patience.waits():
            self.wallets.guard.hub.publish(ExitBackedOff(trade.pair))
            return False
        try:
            return original(self, trade, limit, exit_check, **kwargs)
        except ExchangeError as error:
            if not patience.learns_from(error):
                raise
            return False

    return execute_trade_exit


def _guarded_bot_start(original: Callable[..., Any]) -> Callable[..., Any]:
    # ft_bot_start is no callback: no strategy overrides it, and it runs in every mode once
    # strategy.wallets and strategy.dp are set.
    def ft_bot_start(self: Any, **kwargs: Any) -> Any:
        from freqtrade_balance_guard.integration.startup.attach import attach

        attach(self)
        return original(self, **kwargs)

    return ft_bot_start


def _shaped_adjustment(original: Callable[..., Any]) -> Callable[..., Any]:
    def _adjust_trade_position_internal(self: Any, **kwargs: Any) -> Any:
        if (sale := adjustment_for_sale(kwargs["trade"])) is not None:
            return sale
        adjustment = original(self, **kwargs)
        stake = adjustment[0]
        if stake is None or not stake < 0:
            # Almost always; a backtest comes here for every open trade and candle.
            return adjustment
        wallets = getattr(self, "wallets", None)
        if isinstance(wallets, GuardedWallets):
            return shape_adjustment(wallets, adjustment, **kwargs)
        return adjustment

    return _adjust_trade_position_internal


def _exits_with_sale(original: Callable[..., Any]) -> Callable[..., Any]:
    def should_exit(self: Any, trade: Any, *args: Any, **kwargs: Any) -> Any:
        return exits_with_sale(trade, original(self, trade, *args, **kwargs))

    return should_exit


def _noted_minimum_query(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_min_pair_stake_amount(
        self: Any, pair: str, price: float, stoploss: float, leverage: float = 1.0
    ) -> Any:
        last_minimum_query.set(MinimumQuery(pair, price, leverage))
        return original(self, pair, price, stoploss, leverage)

    return get_min_pair_stake_amount


def _noted_entry(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute_entry(self: Any, pair: str, *args: Any, **kwargs: Any) -> Any:
        kind = ENTRY_KINDS.get(kwargs.get("mode", "initial"), EntryKind.NEW)
        tag = str(kwargs.get("enter_tag") or "")
        token = current_entry.set(Entry(pair, kind, bool(kwargs.get("is_short", False)), tag))
        try:
            has_entered = original(self, pair, *args, **kwargs)
            if has_entered:
                crash_point("order stored")
            return has_entered
        finally:
            current_entry.reset(token)

    return execute_entry


def _quiet_denial(original: Callable[..., Any]) -> Callable[..., Any]:
    # Without this, freqtrade writes a warning for each refused pair in each loop. The refusal is
    # already said once and counted.
    def attempt(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        except EntryDenied as denial:
            logger.debug("Denied: %s", denial)
            return False

    return attempt
