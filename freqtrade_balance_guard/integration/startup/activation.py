"""Activation: what has to be in place before freqtrade loads a strategy."""

import functools
from typing import TYPE_CHECKING, Any

from freqtrade.configuration import Configuration

from freqtrade_balance_guard.integration.host import process_state
from freqtrade_balance_guard.integration.host.config_section import settings_of
from freqtrade_balance_guard.integration.host.plugin_paths import register_names


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


def activate() -> None:
    """Guard whatever strategy this process runs, if its config has a ``balance_guard`` section.

    The launcher calls it before it hands over to freqtrade. Idempotent, safe on /reload_config.
    The settings are checked as soon as freqtrade has read the config, before any request.
    """
    process_state.guard_every_strategy()
    register_names()
    _check_settings_early()


def activate_for_mixin(config: dict[str, Any]) -> None:
    """What the mixin needs when a strategy is constructed: names, settings, hooks.

    :raises OperationalException: the settings are wrong
    """
    register_names()
    process_state.expect_guard(True)
    if settings_of(config) is not None:
        _install_hooks()


def activate_in_worker(wallets: "GuardedWallets") -> None:
    """The same in a process that received a guarded backtest ready-made (hyperopt)."""
    register_names()
    _install_hooks()
    process_state.remember(wallets)


def _install_hooks() -> None:
    # Imported late: the strategy interface brings pandas, which `list-exchanges` does not need.
    from freqtrade_balance_guard.integration.backtest.hooks import install_backtest_hooks
    from freqtrade_balance_guard.integration.startup.strategy_hooks import install_strategy_hooks
    from freqtrade_balance_guard.integration.wallets.first_balance import install_first_wallets

    install_strategy_hooks()
    install_first_wallets()
    install_backtest_hooks()


def _check_settings_early() -> None:
    original = Configuration.load_config
    if hasattr(original, "_balance_guard_hook"):
        return

    @functools.wraps(original)
    def load_config(self: Configuration) -> dict[str, Any]:
        config: dict[str, Any] = original(self)
        if settings_of(config) is not None:
            _install_hooks()
        return config

    load_config._balance_guard_hook = True  # type: ignore[attr-defined]
    Configuration.load_config = load_config
