"""The check that freqtrade is the one that this version knows.

It comes before every change to freqtrade. If a row differs, the bot runs as plain freqtrade with
entries denied, and one sentence says why. The contract test runs the rows against the oldest and
the newest supported release.
"""

import importlib
import logging

from packaging.version import InvalidVersion, Version

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.host.entry_gates import close_entry_gates
from freqtrade_balance_guard.integration.host.relied_on import (
    CALLED,
    CALLED_BACKTEST,
    CALLED_LIVE,
    NAMES,
    START,
    Relied,
    collected,
    differences_in,
    unwrap_all,
)
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.monitoring.listeners import PlainWords
from freqtrade_balance_guard.version import __version__


logger = logging.getLogger(__name__)

OLDEST_SUPPORTED = Version("2026.3")

ROOMS = "freqtrade_balance_guard.integration"
# The modules whose overrides and hooks carry rows.
COMMON = ("wallets.guarded_wallets", "startup.strategy_hooks")
LIVE = ("bot.guarded_bot", "orders.guarded_exchange")
BACKTEST = ("backtest.hooks",)


class CannotLoad(Exception):
    """A module of ours needs a name that freqtrade does not have any more."""


def rows(live: bool, *, backtest: bool = False) -> list[Relied]:
    """What the guard relies on.

    :param live: also what only a live or dry-run bot needs
    :param backtest: also what only a backtest needs
    :raises CannotLoad: see there
    """
    found = [*START, *NAMES, *CALLED, *_collected(COMMON)]
    if live:
        found += [*CALLED_LIVE, *_collected(LIVE)]
    if backtest:
        found += [*CALLED_BACKTEST, *_collected(BACKTEST)]
    return found


def differences(live: bool, *, backtest: bool = False) -> list[str]:
    """One short text for each row that is not as we know it; empty if all is well."""
    found = [] if (text := _version_difference()) is None else [text]
    try:
        return found + differences_in(rows(live, backtest=backtest))
    except CannotLoad as error:
        return [*found, str(error)]


def deny_entries(found: list[str]) -> None:
    """freqtrade is not the one that this version knows: nothing of it stays wrapped but gates."""
    denied = Denied(
        DenialCode.SELF_CHECK_FAILED,
        f"freqtrade differs from what balance guard {__version__} relies on: {'; '.join(found)}",
    )
    unwrap_all()
    close_entry_gates(denied, EventHub(PlainWords(SystemClock())))
    logger.error("Entries are denied, exits go on: %s.", denied.sentence)


def freqtrade_differences() -> list[str]:
    """What differs in the installed freqtrade from what the guard relies on, as sentences."""
    return [
        f"freqtrade differs from what this version relies on: {one}" for one in differences(True)
    ]


def _collected(modules: tuple[str, ...]) -> list[Relied]:
    found: list[Relied] = []
    for module in modules:
        name = f"{ROOMS}.{module}"
        try:
            importlib.import_module(name)
        except (ImportError, AttributeError) as error:
            raise CannotLoad(f"{module} cannot be loaded ({error})") from error
        found += collected(name)
    return found


def _version_difference() -> str | None:
    import freqtrade

    try:
        version = Version(freqtrade.__version__)
    except InvalidVersion:
        # A development checkout ("2026.10-dev-abc"): only the signatures can tell.
        return None
    if version < OLDEST_SUPPORTED:
        return f"freqtrade {freqtrade.__version__} is older than {OLDEST_SUPPORTED}"
    return None
