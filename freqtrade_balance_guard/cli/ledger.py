"""``balance-guard ledger prune|backup|check``."""

import argparse
from datetime import timedelta
from pathlib import Path

from freqtrade_balance_guard.cli.common import (
    FINE,
    FOUND,
    WRONG_USE,
    Look,
    add_common_arguments,
    answered,
    print_json,
    say,
)
from freqtrade_balance_guard.ledger import BackupImpossible, NothingStored
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.upkeep.archive import prune
from freqtrade_balance_guard.ledger.upkeep.audit import Violation, check_store


SCHEMA_VERSION = 1
SHOWN = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    commands = parser.add_subparsers(dest="what", metavar="prune|backup|check", required=True)
    move = commands.add_parser("prune", help="archive, or delete, what ended long ago")
    move.add_argument(
        "--days",
        type=_days,
        metavar="N",
        help="what ended more than so many days ago (default: ledger.keep_days)",
    )
    move.add_argument(
        "--delete",
        action="store_true",
        help="delete it from the archive too; it cannot be had back (needs --days)",
    )
    copy = commands.add_parser("backup", help="write a consistent copy while bots run")
    copy.add_argument("file", type=Path, metavar="FILE", help="a new file")
    check = commands.add_parser("check", help="check every stored row against the ledger's rules")
    for one in (move, copy, check):
        add_common_arguments(one)


def run(args: argparse.Namespace) -> int:
    """0: done, nothing is wrong; 1: something is wrong, or it failed; 2: wrong use."""
    command = {"prune": _prune, "backup": _backup, "check": _check}[args.what]

    def work(look: Look) -> int:
        try:
            look.books.store.mark()
        except NothingStored as nothing:
            say(str(nothing))
            if args.json:
                print_json({"schema_version": SCHEMA_VERSION})
            return FINE
        return command(args, look)

    return answered(args, work)


def _prune(args: argparse.Namespace, look: Look) -> int:
    if args.delete and args.days is None:
        say("--delete needs --days N: what is deleted cannot be had back.")
        return WRONG_USE
    source = look.books.source
    days = args.days or source.settings.ledger.keep_days
    before = look.clock.wall() - timedelta(days=days)
    store = open_store(source.ledger_url)
    try:
        done = prune(store, before, delete=args.delete)
    finally:
        store.close()
    if args.json:
        answer = {"archived": done.archived, "deleted": done.deleted, "before": before.isoformat()}
        print_json({"schema_version": SCHEMA_VERSION, **answer})
    else:
        gone = f", {done.deleted} were deleted from it" if args.delete else ""
        say(
            f"{done.archived} reservations that ended more than {days:g} days ago were moved to "
            f"the archive{gone}."
        )
    return FINE


def _backup(args: argparse.Namespace, look: Look) -> int:
    file: Path = args.file
    try:
        look.books.store.backup(file)
    except BackupImpossible as error:
        say(str(error))
        return WRONG_USE
    size = file.stat().st_size
    if args.json:
        print_json({"schema_version": SCHEMA_VERSION, "file": str(file), "bytes": size})
    else:
        say(f"The ledger was copied to {file} ({size / 1e6:.1f} MB).")
    return FINE


def _check(args: argparse.Namespace, look: Look) -> int:
    checked: list[str] = []
    found = list(check_store(look.books.store, checked=checked))
    if args.json:
        violations = [_as_json(one) for one in found]
        answer = {"checked": len(checked), "violations": violations}
        print_json({"schema_version": SCHEMA_VERSION, **answer})
        return FOUND if found else FINE
    for one in found[:SHOWN]:
        say(str(one))
    more = f" (the first {SHOWN} are shown)" if len(found) > SHOWN else ""
    say(f"{len(checked)} stored rows were checked; {len(found) or 'no'} rules are broken{more}.")
    return FOUND if found else FINE


def _as_json(one: Violation) -> dict[str, str]:
    return {"rule": one.rule, "client_order_id": one.client_order_id, "sentence": one.sentence}


def _days(text: str) -> float:
    days = float(text)
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError(f"{text}: a number of days from 1 to 36500 is needed")
    return days
