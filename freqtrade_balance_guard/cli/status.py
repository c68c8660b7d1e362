"""``balance-guard status``: balances, promises and bots, as they are stored."""

import argparse

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    Look,
    add_bot_argument,
    add_common_arguments,
    answered,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.status import status_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_common_arguments(parser)
    add_bot_argument(parser)


def run(args: argparse.Namespace) -> int:
    """0: shown; 1: the ledger cannot be read; 2: wrong settings."""

    def work(look: Look) -> int:
        status = status_of(look.books, bot=args.bot)
        if args.json:
            print_json(status.as_json())
        elif status.is_empty and status.notes and not status.trouble:
            say(status.notes[0])
        else:
            printing.show_status(printing.paper(), status)
        if status.trouble:
            say(status.trouble)
        return FOUND if status.trouble else FINE

    return answered(args, work)
