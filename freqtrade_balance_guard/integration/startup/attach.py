"""Puts a guard on a bot: the one function that builds everything.

Called for every strategy that starts (``IStrategy.ft_bot_start``), in every mode and again after
each /reload_config.
"""

import logging
from collections.abc import Callable
from typing import Any

from freqtrade.enums import TRADE_MODES
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange
from freqtrade.strategy.interface import IStrategy
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.guard import DollarRate, Guard
from freqtrade_balance_guard.integration.exchange.market_rules import MarketReader
from freqtrade_balance_guard.integration.exchange.rates import dollar_rate
from freqtrade_balance_guard.integration.host.config_section import (
    is_news,
    reload_error,
    remember_running,
    settings_of,
    wants_guard,
    warn_of_unknown_floors,
)
from freqtrade_balance_guard.integration.host.entry_gates import (
    close_entry_gates,
    report_denied_entries,
)
from freqtrade_balance_guard.integration.host.plugin_paths import remember_wallets
from freqtrade_balance_guard.integration.host.relied_on import unwrap_all
from freqtrade_balance_guard.integration.rebalance.inputs import is_spot
from freqtrade_balance_guard.integration.startup.first_line import first_line
from freqtrade_balance_guard.integration.startup.self_check import deny_entries, differences
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.controls import ControlName, DeniedUntilReload
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.monitoring.listeners import BacktestCounts, PlainWords
from freqtrade_balance_guard.rebalance.policy import NO_REBALANCE_IN_FUTURES
from freqtrade_balance_guard.settings import GuardSettings, TierLimits


logger = logging.getLogger(__name__)

NO_LEGS = (
    "ReservedArbitrage does nothing here: candles know one exchange and no order books. "
    "find_opportunities and should_close_arbitrage are not asked; entry and exit signals are."
)


def attach(strategy: IStrategy, *, activate: Callable[[GuardedWallets], None]) -> None:
    """Guard the bot that ``strategy`` belongs to, if the user wants it guarded.

    :param activate: called in a process that receives a copy of a backtest's wallets
    :raises OperationalException: the settings are wrong, or need a rate that is not to be had
    """
    config = strategy.config
    wallets = strategy.wallets
    if wallets is None or not isinstance(wallets, Wallets):
        return
    settings = settings_of(config) if wants_guard(strategy) else None
    if settings is None:
        _release(wallets)
        return
    live = config.get("runmode") in TRADE_MODES
    found = differences(live, backtest=wallets._is_backtest)
    if found:
        # Something has changed freqtrade since its config was read: the file of the strategy.
        _release(wallets)
        deny_entries(found)
        return
    try:
        _put_guard(strategy, wallets, settings, activate if not live else None)
    except OperationalException:
        raise
    except Exception as error:
        logger.exception("The guard could not be attached; entries are denied.")
        _take_back(wallets)
        why = f"the guard could not be attached ({type(error).__name__}: {error})"
        denied = Denied(DenialCode.GUARD_ERROR, why)
        close_entry_gates(denied, EventHub(PlainWords(SystemClock())))


def _put_guard(
    strategy: IStrategy,
    wallets: Wallets,
    settings: GuardSettings,
    activate: Callable[[GuardedWallets], None] | None,
) -> None:
    config, live = strategy.config, activate is None
    clock = SystemClock()
    counts = BacktestCounts()
    hub = EventHub(counts)
    if live:
        hub.subscribe(PlainWords(clock))
    exchange: Exchange = wallets._exchange
    stake_currency = config["stake_currency"]
    rate = dollar_rate(exchange, stake_currency, clock, ask_exchange=live)
    _check_rate(settings, stake_currency, rate, live)
    _check_trading_mode(settings, config)
    if live:
        warn_of_unknown_floors(settings, stake_currency, exchange)
    guard = Guard(
        # A backtest is pickled into hyperopt's workers and needs no secret.
        settings if live else settings.without_secrets(),
        stake_currency,
        rate,
        hub,
        stateless=not live,
    )
    wallets.__class__ = GuardedWallets
    assert isinstance(wallets, GuardedWallets)  # noqa: S101 - tells mypy what the line above did
    wallets.activate = activate
    wallets.put_guard(guard, strategy, MarketReader(exchange, config))
    if live:
        _guard_bot(strategy, wallets, settings, hub, clock)
    else:
        _follow_candles(wallets, settings)
        _warn_of_arbitrage(strategy)
    remember_wallets(wallets)
    logger.info("%s", first_line(wallets, guard, config))


def _guard_bot(
    strategy: IStrategy,
    wallets: GuardedWallets,
    settings: GuardSettings,
    hub: EventHub,
    clock: SystemClock,
) -> None:
    # Imported here: a backtest needs none of it.
    from freqtrade_balance_guard.integration.bot.guarded_bot import (
        ForcedEntryDenials,
        find_bot,
        promote,
    )
    from freqtrade_balance_guard.integration.bot.parts import build_live_bot
    from freqtrade_balance_guard.integration.wallets.first_balance import live_balances
    from freqtrade_balance_guard.limits.rejections import Rejections

    if settings.is_neutral:
        wallets.rejections = None
        wallets.set_live(None)
    else:
        wallets.rejections = Rejections(clock)
        if wallets.live is None:
            # Promoted late: the wallets were built before we were asked.
            wallets.set_live(live_balances(wallets._config, wallets._exchange, settings))
        if wallets.live is not None:
            wallets.live.hub = hub
    bot = find_bot(strategy)
    if bot is None:
        raise LookupError("the bot of this strategy was not found")
    denials = ForcedEntryDenials()
    hub.subscribe(denials)
    parts = build_live_bot(wallets, wallets._exchange, settings, hub, clock)
    promote(bot, parts, denials)
    _deny_after_wrong_reload(wallets, bot)
    remember_running(wallets._config)
    if parts.arbitrage is not None:
        strategy._guard_arbitrage = parts.arbitrage
        # It may send orders by itself: only under a guard that stands.
        parts.arbitrage.begin()


def _deny_after_wrong_reload(wallets: GuardedWallets, bot: Any) -> None:
    """Deny entries where /reload_config brought settings that are wrong; exits go on."""
    error = reload_error(wallets._config)
    if error is None:
        return
    sentence = (
        f"the reloaded settings are wrong and the settings before hold; correct them and send "
        f"/reload_config: {error.rstrip('.')}"
    )
    denied = Denied(DenialCode.SETTINGS_WRONG, sentence)
    wallets.controls.register(ControlName.SETTINGS, DeniedUntilReload(denied))
    logger.error("No entries, exits go on: %s. [%s]", sentence, denied.code)
    report_denied_entries(bot.rpc, denied)


def _follow_candles(wallets: GuardedWallets, settings: GuardSettings) -> None:
    from freqtrade_balance_guard.integration.backtest.hooks import install_backtest_hooks

    install_backtest_hooks()
    chosen = _all_tiers(settings)
    config = wallets._config
    with_protections = bool(config.get("enable_protections"))
    if settings.is_neutral or not (with_protections or any(c.rebalance.enabled for c in chosen)):
        wallets.rebalancer = None
        return
    from freqtrade_balance_guard.integration.backtest.candle_rebalance import CandleRebalancer

    wallets.rebalancer = CandleRebalancer(wallets, config, with_protections=with_protections)
    wallets.controls.register(ControlName.SOLD_LATELY, wallets.rebalancer)


def _warn_of_arbitrage(strategy: IStrategy) -> None:
    if getattr(strategy, "reserved_arbitrage_mixin", False) and is_news(NO_LEGS):
        logger.warning(NO_LEGS)


def _take_back(wallets: Wallets) -> None:
    """Give everything that may have been promoted back to freqtrade."""
    _release(wallets)
    unwrap_all()
    exchange = wallets._exchange
    for promoted in type(exchange).__mro__:
        if promoted.__module__.startswith("freqtrade.exchange") and not hasattr(
            promoted, "put_guard"
        ):
            exchange.__class__ = promoted
            break


def _release(wallets: Wallets) -> None:
    """Give wallets back that another strategy of the same backtest had guarded."""
    if isinstance(wallets, GuardedWallets):
        wallets.__class__ = Wallets
        remember_wallets(None)


def _check_trading_mode(settings: GuardSettings, config: dict[str, Any]) -> None:
    """Say at start that a rebalance which the user wants will not come."""
    if not is_spot(config) and any(one.rebalance.enabled for one in _all_tiers(settings)):
        logger.warning("balance_guard.rebalance does nothing: %s.", NO_REBALANCE_IN_FUTURES)


def _all_tiers(settings: GuardSettings) -> list[TierLimits]:
    chosen = [settings.limits_for_tier(None)]
    return chosen + [settings.limits_for_tier(index) for index in range(len(settings.tiers))]


def _check_rate(settings: GuardSettings, stake_currency: str, rate: DollarRate, live: bool) -> None:
    """Say at start what happens to limits in dollars where there is no rate.

    :raises OperationalException: live, the user wrote a dollar amount that cannot be converted
    """
    chosen = _all_tiers(settings)
    order_size_in_dollars = [limits for limits in chosen if limits.min_order_size is None]
    if not order_size_in_dollars and all(c.is_written("min_balance_threshold") for c in chosen):
        return
    if rate() is not None:
        return
    for limits in order_size_in_dollars:
        if live and limits.is_written("min_order_size_usdt"):
            raise OperationalException(
                f"balance_guard.min_order_size_usdt {limits.min_order_size_usdt} needs a rate from "
                f"US dollars to {stake_currency}, and the exchange has none; set "
                f"balance_guard.min_order_size in {stake_currency} instead."
            )
    logger.warning(
        "No rate from US dollars to %s: limits in dollars (defaults, min_order_size_usdt) do not "
        "apply; limits in %s do.",
        stake_currency,
        stake_currency,
    )
