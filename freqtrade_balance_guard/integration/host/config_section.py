"""Whom this process guards: the ``balance_guard`` section of a config, the launcher, the mixin.

The section is read once, then without its secrets.

freqtrade keeps a copy of everything that it loaded (``original_config``) and writes it into
exports, so secrets are taken out of both as soon as we have read them. The readable settings stay
here, in the process, and never in anything that is pickled or exported.
"""

import copy
import logging
from typing import Any

import ccxt
from freqtrade.enums import TRADE_MODES
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.console.config_check import unknown_floors
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import GuardSettings, load_settings, misspelt_section, scrub
from freqtrade_balance_guard.settings.messages import closest


logger = logging.getLogger(__name__)

SECTION = "balance_guard"
SIDES = ("base", "quote")

# The last section that was read in this process, as it stands in the config now (scrubbed), and
# what it said. freqtrade copies configs, hence equality and not identity finds it again.
_last_read: tuple[object, GuardSettings] | None = None
# The same of the live bot that runs in this process: what holds if a reload brings wrong settings.
_running: tuple[object, GuardSettings] | None = None
# In a config whose own section was wrong when it was reloaded: the sentence about it.
RELOAD_ERROR = "balance_guard_reload_error"


def settings_of(config: dict[str, Any]) -> GuardSettings | None:
    """The guard's settings of a loaded config; None where the guard is to stay inert.

    A bot that runs keeps its settings where /reload_config brings wrong ones, which leaves a
    sentence in the config (``reload_error``).

    :raises OperationalException: the section is wrong; freqtrade then ends with exit code 2 (a
        ConfigurationError would end it with 0)
    """
    try:
        return _settings_of(config)
    except SettingsError as error:
        if not _keep_running_settings(config, error):
            raise OperationalException(str(error)) from error
        return _settings_of(config)


def _settings_of(config: dict[str, Any]) -> GuardSettings | None:
    """:raises SettingsError: the section is wrong, or has another name"""
    global _last_read
    if SECTION not in config:
        _refuse_misspelt(config)
        return None
    section = config[SECTION]
    if _last_read is not None and _last_read[0] == section:
        settings = _last_read[1]
    else:
        settings = load_settings(section)
        _check_venues(settings)
        _take_secrets_out(config)
        _last_read = (config[SECTION], settings)
    return settings if settings.enabled else None


def remember_running(config: dict[str, Any]) -> None:
    """The live bot of this process is guarded with the settings of ``config``."""
    global _running
    if _last_read is not None and _last_read[0] == config.get(SECTION):
        _running = _last_read


def reload_error(config: dict[str, Any]) -> str | None:
    """What was wrong with the section that /reload_config brought; None: it is the bot's own."""
    found = config.get(RELOAD_ERROR)
    return None if found is None else str(found)


def _keep_running_settings(config: dict[str, Any], error: SettingsError) -> bool:
    """Put the running bot's section in place of a wrong one; False where no bot has run yet."""
    global _last_read
    if _running is None or config.get("runmode") not in TRADE_MODES:
        return False
    config[SECTION] = copy.deepcopy(_running[0])
    config[RELOAD_ERROR] = str(error)
    original = config.get("original_config")
    if isinstance(original, dict):
        original[SECTION] = copy.deepcopy(_running[0])
    _last_read = _running
    return True


def _check_venues(settings: GuardSettings) -> None:
    """Compare the exchanges of venues with those that ccxt knows.

    :raises SettingsError: ccxt does not know one
    """
    for name, venue in settings.venues.items():
        if getattr(venue, "kind", "exchange") != "exchange" or venue.name.lower() in ccxt.exchanges:
            continue
        near = closest(venue.name, ccxt.exchanges)
        hint = f'; did you mean "{near}"?' if near else "."
        raise SettingsError(
            f'balance_guard.venues.{name}.name is "{venue.name}"; it must be an exchange that ccxt '
            f"knows{hint}"
        )


def warn_of_unknown_floors(settings: GuardSettings, stake: str, exchange: Exchange) -> None:
    """Log each floor in a currency that is neither the stake nor one of the exchange's."""
    traded = {str(market.get(side)) for market in exchange.markets.values() for side in SIDES}
    for finding in unknown_floors(settings, stake, traded | set(exchange._api.currencies or {})):
        logger.warning("%s What to do: %s", finding.sentence, finding.remedy)


def _take_secrets_out(config: dict[str, Any]) -> None:
    config[SECTION] = scrub(config[SECTION])
    original = config.get("original_config")
    if isinstance(original, dict) and SECTION in original:
        original[SECTION] = scrub(original[SECTION])


def _refuse_misspelt(config: dict[str, Any]) -> None:
    written = misspelt_section(config)
    if written is not None:
        raise SettingsError(
            f'"{written}" is not a known section of the configuration; did you mean "{SECTION}"?'
        )


# Who is guarded, where the config has a section

_guards_every_strategy = False
_expects_guard = False
_reported: set[str] = set()


def guard_every_strategy() -> None:
    """From now on any strategy is guarded: the launcher was asked to."""
    global _guards_every_strategy
    _guards_every_strategy = True


def expect_guard(strategy_is_guarded: bool) -> None:
    """A strategy with the mixin was just constructed; its wallets come next."""
    global _expects_guard
    _expects_guard = strategy_is_guarded


def expects_guard() -> bool:
    """The bot that is being built will be guarded."""
    return _guards_every_strategy or _expects_guard


def wants_guard(strategy: Any) -> bool:
    """``strategy`` is one to guard: any under the launcher, else those with the mixin."""
    return _guards_every_strategy or getattr(strategy, "balance_guard_mixin", False)


def is_news(text: str) -> bool:
    """This process has not reported ``text`` before: it may run many backtests."""
    if text in _reported:
        return False
    _reported.add(text)
    return True
