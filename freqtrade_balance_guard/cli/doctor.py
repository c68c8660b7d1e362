"""``balance-guard doctor``: what is wrong around the bots, and what to do about it."""

import argparse

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    Look,
    add_common_arguments,
    answered,
    print_json,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.doctor import examine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_common_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0: healthy; 1: a warning or an error; 2: wrong settings."""

    def work(look: Look) -> int:
        from freqtrade_balance_guard.integration.host.console import (
            freqtrade_differences,
            known_exchanges,
        )

        diagnosis = examine(
            look.books, freqtrade=freqtrade_differences(), exchanges=known_exchanges()
        )
        if args.json:
            print_json(diagnosis.as_json())
        else:
            printing.show_diagnosis(printing.paper(), diagnosis)
        return FINE if diagnosis.is_healthy else FOUND

    return answered(args, work)
