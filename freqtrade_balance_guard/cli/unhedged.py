"""``balance-guard unhedged list|resolve``."""

import argparse

from freqtrade_balance_guard.arbitrage.store import (
    ArbitrageStore,
    ArbitragesUnavailable,
    NotOpen,
    read_exposures,
)
from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    Look,
    add_common_arguments,
    answered,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    commands = parser.add_subparsers(dest="what", metavar="list|resolve", required=True)
    list_ = commands.add_parser("list", help="what one leg did and the other did not")
    list_.add_argument("--all", action="store_true", help="also what is closed")
    resolve = commands.add_parser("resolve", help="say that you have taken care of it")
    resolve.add_argument("number", metavar="NUMBER", type=int, help="as the list shows it")
    resolve.add_argument("--why", metavar="TEXT", default="resolved by hand", help="what you did")
    resolve.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    for one in (list_, resolve):
        add_common_arguments(one)


def run(args: argparse.Namespace) -> int:
    """0: done; 1: there is none, it cannot be done, or nobody confirmed; 2: wrong use."""
    command = {"list": _list, "resolve": _resolve}[args.what]
    return answered(args, lambda look: command(args, look))


def _list(args: argparse.Namespace, look: Look) -> int:
    try:
        exposures = read_exposures(look.books.source.local, also_closed=args.all)
    except ArbitragesUnavailable as error:
        say(str(error))
        return FOUND
    now = look.clock.wall()
    if args.json:
        print_json([one.as_json(now) for one in exposures])
    else:
        printing.show_unhedged(printing.paper(), exposures, now)
    return FINE


def _resolve(args: argparse.Namespace, look: Look) -> int:
    file, now = look.books.source.local, look.clock.wall()
    try:
        found = [one for one in read_exposures(file) if one.id == args.number]
        if not found:
            say(f"There is no open exposure with the number {args.number}.")
            return FOUND
        if not args.yes and not _confirmed(found[0].sentence()):
            say("Nothing was resolved: nobody confirmed.")
            return FOUND
        # The bot reads what is open from the same table before every pair.
        closed = ArbitrageStore(file).resolve(args.number, now, args.why)
    except (ArbitragesUnavailable, NotOpen) as error:
        say(str(error))
        return FOUND
    if args.json:
        print_json(closed.as_json(now))
    else:
        say(f"Exposure {closed.id} is closed: {closed.closed_how}. It counts no more.")
    return FINE


def _confirmed(told: str) -> bool:
    say(f"{told}.\nNothing is sent: this only says that you have taken care of it.")
    try:
        return input("Type yes to close it: ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
