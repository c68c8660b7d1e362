"""Activation: what has to be in place before freqtrade loads a strategy.

Every way in comes here: the launcher, the mixin, a backtest, and hyperopt's workers. The
self-check comes before every change to freqtrade; where it finds a difference, only the entry gates
are closed.
"""

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from freqtrade.enums import OPTIMIZE_MODES, TRADE_MODES, RunMode

from freqtrade_balance_guard.integration.host.config_section import (
    SECTION,
    expect_guard,
    guard_every_strategy,
    is_news,
    settings_of,
)
from freqtrade_balance_guard.integration.host.relied_on import (
    START,
    differences_in,
    differences_in_names,
    unwrap_all,
    wrap,
)
from freqtrade_balance_guard.integration.startup.self_check import deny_entries, differences


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

NO_STRATEGY = (RunMode.UTIL_EXCHANGE, RunMode.UTIL_NO_EXCHANGE, RunMode.OTHER)
NOT_GUARDED = "NOT guarded: no balance_guard section in the configuration."


def activate() -> None:
    """Guard whatever strategy this process runs, if its config has a ``balance_guard`` section.

    The launcher calls it before it hands over to freqtrade. Idempotent, safe on /reload_config.
    The settings are checked as soon as freqtrade has read the config, before any request.
    """
    guard_every_strategy()
    _register_names()
    found = differences_in(START)
    if found:
        # The config cannot be waited for: each gate looks into its own bot's.
        deny_entries(found)
        return
    from freqtrade.configuration import Configuration

    wrap(Configuration, "load_config", _checked_config, keep=True)


def activate_for_mixin(config: dict[str, Any]) -> None:
    """What the mixin needs when a strategy is constructed.

    :raises OperationalException: the settings are wrong
    """
    _register_names()
    expect_guard(True)
    _prepare(config)


def activate_in_worker(wallets: "GuardedWallets") -> None:
    """The same in a process that received a guarded backtest ready-made (hyperopt)."""
    from freqtrade_balance_guard.integration.host.plugin_paths import remember_wallets

    _register_names()
    _install_hooks(live=False)
    remember_wallets(wallets)


def _checked_config(original: Any) -> Any:
    def load_config(self: Any, *args: Any, **kwargs: Any) -> Any:
        config: dict[str, Any] = original(self, *args, **kwargs)
        _prepare(config)
        return config

    return load_config


def _prepare(config: dict[str, Any]) -> None:
    """Check freqtrade and install what the guard needs of it, or take it away.

    :raises OperationalException: the settings are wrong
    """
    mode = config.get("runmode")
    live = mode in TRADE_MODES
    settings = settings_of(config)
    if settings is None:
        unwrap_all()
        if SECTION not in config and (live or mode in OPTIMIZE_MODES):
            if is_news(NOT_GUARDED) or live:
                logger.warning(NOT_GUARDED)
        return
    if mode not in NO_STRATEGY:
        _install_hooks(live=live)


def _install_hooks(*, live: bool) -> None:
    # Imported late: the strategy interface brings pandas, which `list-exchanges` does not need.
    found = differences(live)
    if found:
        deny_entries(found)
        return
    from freqtrade_balance_guard.integration.backtest.hooks import install_backtest_hooks
    from freqtrade_balance_guard.integration.startup.attach import attach
    from freqtrade_balance_guard.integration.startup.strategy_hooks import install_strategy_hooks
    from freqtrade_balance_guard.integration.wallets.first_balance import install_first_wallets

    unwrap_all()  # gates of a bot before
    install_strategy_hooks(partial(attach, activate=activate_in_worker))
    install_first_wallets()
    install_backtest_hooks()


def _register_names() -> None:
    """Independent of the rest: a bot whose config names our pairlist has to start in any case."""
    if not differences_in_names():
        from freqtrade_balance_guard.integration.host.plugin_paths import register_names

        register_names()


def warn_of_old_name(owner: str, old: str, new: str) -> None:
    """A strategy uses a name of before; logged once per process."""
    text = f"{owner}.{old} is called {new} now; the old name stops working in the next release."
    if is_news(text):
        logger.warning("%s", text)
