"""Hands over to freqtrade with the guard activated."""

import logging

from freqtrade.main import main as freqtrade_main
from freqtrade.system import gc_set_threshold


logger = logging.getLogger(__name__)


def run_freqtrade(arguments: list[str]) -> None:
    """Run one freqtrade command as ``freqtrade`` itself would. Ends the process."""
    # freqtrade does this before it loads anything heavy; activating loads some of that earlier.
    gc_set_threshold()
    from freqtrade_balance_guard.integration.startup.activation import activate

    activate()
    freqtrade_main(arguments)


def freqtrade_commands() -> list[str]:
    """The names of freqtrade's own subcommands; empty where its parser is not as expected."""
    from freqtrade.commands.arguments import Arguments

    try:
        arguments = Arguments(None)
        arguments._build_subcommands()
        groups = [group for group in arguments.parser._actions if group.choices]
        return sorted(name for group in groups for name in group.choices or ())
    except Exception as error:
        logger.debug("freqtrade's commands cannot be listed: %s", error)
        return []
