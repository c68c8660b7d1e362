"""``balance-guard ledger prune|backup|check``."""

import argparse
from datetime import timedelta
from pathlib import Path

from freqtrade_balance_guard.cli.context import (
    FINE,
    FOUND,
    WRONG_USE,
    CommandContext,
    add_command,
    print_json,
    say,
)
from freqtrade_balance_guard.ledger import BackupImpossible, NothingStored
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.upkeep.archive import prune
from freqtrade_balance_guard.ledger.upkeep.audit import Violation, check_store


SHOWN = 100


def add_ledger(parser: argparse.ArgumentParser) -> None:
    """``ledger prune|backup|check``."""
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
    add_command(move, _prune)
    add_command(copy, _backup)
    add_command(check, _check)


def _prune(context: CommandContext) -> int:
    args = context.args
    if args.delete and args.days is None:
        say("--delete needs --days N: what is deleted cannot be had back.")
        return WRONG_USE
    if _is_empty(context):
        return FINE
    source = context.ledger.source
    days = args.days or source.settings.ledger.keep_days
    before = context.clock.wall() - timedelta(days=days)
    store = open_store(source.ledger_url)
    try:
        done = prune(store, before, delete=args.delete)
    finally:
        store.close()
    if args.json:
        answer = {"archived": done.archived, "deleted": done.deleted, "before": before.isoformat()}
        print_json(answer)
    else:
        gone = f", {done.deleted} were deleted from it" if args.delete else ""
        say(
            f"{done.archived} reservations that ended more than {days:g} days ago were moved to "
            f"the archive{gone}."
        )
    return FINE


def _backup(context: CommandContext) -> int:
    if _is_empty(context):
        return FINE
    args = context.args
    file: Path = args.file
    try:
        context.ledger.store.backup(file)
    except BackupImpossible as error:
        say(str(error))
        return WRONG_USE
    size = file.stat().st_size
    if args.json:
        print_json({"file": str(file), "bytes": size})
    else:
        say(f"The ledger was copied to {file} ({size / 1e6:.1f} MB).")
    return FINE


def _check(context: CommandContext) -> int:
    if _is_empty(context):
        return FINE
    checked: list[str] = []
    found = list(check_store(context.ledger.store, checked=checked))
    if context.args.json:
        violations = [_as_json(one) for one in found]
        answer = {"checked": len(checked), "violations": violations}
        print_json(answer)
        return FOUND if found else FINE
    for one in found[:SHOWN]:
        say(str(one))
    more = f" (the first {SHOWN} are shown)" if len(found) > SHOWN else ""
    say(f"{len(checked)} stored rows were checked; {len(found) or 'no'} rules are broken{more}.")
    return FOUND if found else FINE


def _is_empty(context: CommandContext) -> bool:
    """Say so where no bot has stored anything yet."""
    try:
        context.ledger.store.mark()
    except NothingStored as nothing:
        say(str(nothing))
        if context.args.json:
            print_json({})
        return True
    return False


def _as_json(one: Violation) -> dict[str, str]:
    return {"rule": one.rule, "client_order_id": one.client_order_id, "sentence": one.sentence}


def _days(text: str) -> float:
    days = float(text)
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError(f"{text}: a number of days from 1 to 36500 is needed")
    return days
