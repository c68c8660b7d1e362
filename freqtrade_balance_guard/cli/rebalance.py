"""``balance-guard rebalance``: what would be sold now and why or why not, or asking for it."""

import argparse
import time

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
from freqtrade_balance_guard.console.rebalance import (
    ask_for_one,
    attempt_as_json,
    last_attempt,
    preview_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--preview", action="store_true", help="show what would be sold now, and why or why not"
    )
    what.add_argument(
        "--now", action="store_true", help="ask the running bot for one, without the waiting times"
    )
    add_common_arguments(parser)
    add_bot_argument(parser)


def run(args: argparse.Namespace) -> int:
    """0: shown, or done; 1: there is nothing to show, or it was not done; 2: wrong settings."""
    return answered(args, lambda look: _now(args, look) if args.now else _preview(args, look))


def _preview(args: argparse.Namespace, look: Look) -> int:
    preview = preview_of(look.books, bot=args.bot)
    if args.json:
        print_json(preview.as_json())
    else:
        printing.show_sentences(printing.paper(), preview.sentences)
    return FINE


def _now(args: argparse.Namespace, look: Look) -> int:
    answer = ask_for_one(look.books, args.bot, look.clock, time.sleep)
    if args.json:
        last = last_attempt(look.books, look.books.own_bot(args.bot))
        print_json(
            {
                "done": answer.done,
                "sentence": answer.text,
                "last_rebalance": attempt_as_json(last),
            }
        )
    else:
        say(answer.text)
    return FINE if answer.done else FOUND
