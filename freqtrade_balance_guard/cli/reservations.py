"""``balance-guard reservations list|show|release``."""

import argparse
import time

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    WRONG_USE,
    Look,
    add_common_arguments,
    add_exchange_argument,
    answered,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing, release
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.console.reconcile import describe
from freqtrade_balance_guard.console.reservations import as_json, listed, with_history
from freqtrade_balance_guard.ledger import NothingStored, Reservation


SHOWN_IN_A_TABLE = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    commands = parser.add_subparsers(dest="what", metavar="list|show|release", required=True)
    list_ = commands.add_parser("list", help="all without an end, and the newest that have ended")
    list_.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help="how many that have ended (default: "
        f"{SHOWN_IN_A_TABLE} in the table, all in JSON; 0: none)",
    )
    list_.add_argument("--account", metavar="NAME", help="only of this account")
    list_.add_argument("--bot", metavar="NAME", help="only of this bot")
    list_.add_argument("--pair", metavar="PAIR", help="only of this pair")
    show = commands.add_parser("show", help="one, with its history")
    end = commands.add_parser("release", help="end by hand what nobody ends")
    end.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    way = end.add_mutually_exclusive_group()
    add_exchange_argument(way)
    way.add_argument(
        "--force",
        action="store_true",
        help="release what a dead bot left without asking the exchange",
    )
    for one in (show, end):
        one.add_argument("id", metavar="ID", help="number or client order id")
    for one in (list_, show, end):
        add_common_arguments(one)


def run(args: argparse.Namespace) -> int:
    """0: done; 1: there is none, it cannot be done, or nobody confirmed; 2: wrong use."""
    command = {"list": _list, "show": _show, "release": _release}[args.what]
    return answered(args, lambda look: command(args, look))


def _list(args: argparse.Namespace, look: Look) -> int:
    limit = args.limit
    if limit is None and not args.json:
        limit = SHOWN_IN_A_TABLE
    only = {"account": args.account, "bot": args.bot, "pair": args.pair}
    try:
        rows = listed(look.books, limit=None, **only)
    except NothingStored as nothing:
        if args.json:
            print_json([])
        say(str(nothing))
        return FINE
    ended = sum(not row.unfinished for row in rows)
    more = max(ended - limit, 0) if limit is not None else 0
    rows = rows[: len(rows) - more]
    if args.json:
        print_json([as_json(row) for row in rows])
    else:
        printing.show_reservations(printing.paper(), rows, more)
    return FINE


def _show(args: argparse.Namespace, look: Look) -> int:
    books = look.books
    row = books.find(args.id)
    if row is None:
        raise NotPossible(f"No reservation has the number or client order id {args.id}.")
    history = books.store.history(row.client_order_id)
    if args.json:
        print_json(with_history(row, history))
    else:
        alive = books.is_owner_alive(row)
        printing.show_reservation(printing.paper(), row, history, owner_alive=alive)
    return FINE


def _release(args: argparse.Namespace, look: Look) -> int:
    books = look.books
    row = release.check(books, args.id)
    alive = books.is_owner_alive(row)
    if not alive and not (args.exchange or args.force):
        say(
            f"{row.bot} is not running, so nobody knows what became of the order: use --exchange "
            "to look it up first, or --force if you have looked yourself."
        )
        return WRONG_USE
    if not alive and args.force:
        say(release.FORCED)
    if not args.yes and not _confirmed(row):
        say("Nothing was released: nobody confirmed.")
        return FOUND
    outcome = _released(args, look, row, alive=alive)
    if args.json:
        print_json({"id": row.id, "released": outcome.released, "sentence": outcome.sentence})
    else:
        say(outcome.sentence)
    return FINE if outcome.released else FOUND


def _released(
    args: argparse.Namespace, look: Look, row: Reservation, *, alive: bool
) -> release.Outcome:
    books, clock = look.books, look.clock
    if alive:
        return release.by_its_bot(books, row, clock, time.sleep)
    if args.force:
        return release.without_asking(books, row, clock)
    from freqtrade_balance_guard.integration.host.console_exchange import questions_to

    if row.account != books.source.account:
        raise NotPossible(
            f"It belongs to the account {row.account}, this configuration to "
            f"{books.source.account}: use the configuration of {row.bot}."
        )
    questions = questions_to(look.config, books, "reservations release", clock)
    return release.after_asking(books, row, questions, clock)


def _confirmed(row: Reservation) -> bool:
    say(f"Release {describe(row)}?")
    try:
        return input("Type yes to release it: ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
