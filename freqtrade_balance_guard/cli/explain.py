"""``balance-guard explain PAIR``: why did, or didn't, the bot buy it?"""

import argparse

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    Look,
    add_bot_argument,
    add_common_arguments,
    answered,
    print_json,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.explain import explain, full_pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("pair", metavar="PAIR", help="such as BTC/USDT, or BTC for the stake's")
    add_common_arguments(parser)
    add_bot_argument(parser)


def run(args: argparse.Namespace) -> int:
    """0: explained; 1: the ledger cannot be read; 2: wrong settings."""

    def work(look: Look) -> int:
        from freqtrade_balance_guard.integration.host.console import locks_on

        source = look.books.source
        pair = full_pair(args.pair, source.stake_currency)
        locks = locks_on(source.database_url, pair, look.clock.wall())
        explanation = explain(look.books, pair, locks, bot=args.bot)
        if args.json:
            print_json(explanation.as_json())
        else:
            printing.show_explanation(printing.paper(), explanation)
        return FOUND if explanation.status.trouble else FINE

    return answered(args, work)
