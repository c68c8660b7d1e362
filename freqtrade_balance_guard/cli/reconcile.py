"""``balance-guard reconcile``: reservations against what is stored, and against the exchange."""

import argparse

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    Look,
    add_common_arguments,
    add_exchange_argument,
    answered,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.reconcile import (
    Difference,
    exchange_differences,
    stored_differences,
)
from freqtrade_balance_guard.ledger import NothingStored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_common_arguments(parser)
    add_exchange_argument(parser)


def run(args: argparse.Namespace) -> int:
    """0: no difference; 1: differences, or no answer; 2: wrong settings."""

    def work(look: Look) -> int:
        compared = "the ledger and what is stored"
        try:
            found = stored_differences(look.books)
        except NothingStored as nothing:
            say(str(nothing))
            if args.json:
                print_json({"compared": [], "differences": []})
            return FINE
        if args.exchange:
            compared = "the ledger, what is stored, and the exchange"
            found += _asked(look)
        if args.json:
            names = ["ledger", "stored"] + ["exchange"] * args.exchange
            print_json({"compared": names, "differences": [one.as_json() for one in found]})
        else:
            printing.show_differences(printing.paper(), found, compared)
        return FOUND if found else FINE

    return answered(args, work)


def _asked(look: Look) -> list[Difference]:
    from freqtrade_balance_guard.integration.host.console_exchange import questions_to

    books = look.books
    questions = questions_to(look.config, books, "reconcile --exchange", look.clock)
    here = [row for row in books.unfinished() if row.account == books.source.account]
    pairs = {row.pair for row in here} | {
        str(pair)
        for bot in books.bots
        if bot.account == books.source.account
        for pair in bot.about.get("open_pairs") or ()
    }
    return exchange_differences(books, questions.view(sorted(pairs)))
