"""What every command shares: options, the context it works in, errors, exit codes, JSON.

Exit codes: 0 fine; 1 something was found, or the command failed; 2 wrong use or wrong settings.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.console.bot_source import LedgerView
from freqtrade_balance_guard.errors import BalanceGuardError, SettingsError
from freqtrade_balance_guard.ledger import NothingStored


FINE, FOUND, WRONG_USE, STOPPED = 0, 1, 2, 130

# Of every JSON object that a command prints. Raised when a key is removed or changes its meaning.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class CommandContext:
    """Holds what a command works with: its options, freqtrade's merged config, the ledger."""

    args: argparse.Namespace
    config: dict[str, Any]
    ledger: LedgerView
    clock: SystemClock


Work = Callable[[CommandContext], int]


def add_command(parser: argparse.ArgumentParser, work: Work) -> None:
    """Add the options that all commands have, and make ``work`` what the command does."""
    add_config_arguments(parser)
    parser.set_defaults(run=partial(run_command, work))


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """``-c``, ``--userdir``, ``--json``, ``-v`` and ``--logfile``, as freqtrade has them."""
    parser.add_argument(
        "-c",
        "--config",
        action="append",
        metavar="PATH",
        help="configuration file; may be given several times (default: as in freqtrade)",
    )
    parser.add_argument(
        "--user-data-dir", "--userdir", dest="userdir", metavar="PATH", help="user data directory"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, no sentences")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log to standard error")
    parser.add_argument("--logfile", "--log-file", metavar="FILE", help="log to this file instead")


def add_bot_argument(parser: argparse.ArgumentParser) -> None:
    """``--bot``, where several share an account."""
    parser.add_argument("--bot", metavar="NAME", help="which bot, where several share an account")


def add_exchange_argument(parser: argparse._ActionsContainer) -> None:
    """``--exchange``."""
    parser.add_argument(
        "--exchange",
        action="store_true",
        help="also ask the exchange itself; denied while a bot with this API key runs",
    )


def run_command(work: Work, args: argparse.Namespace) -> int:
    """Run ``work`` in its context; an error becomes one sentence and an exit code."""
    # freqtrade's part of it loads what `--help` does not need.
    from freqtrade_balance_guard.integration.console.config import load_config, source_of

    clock = SystemClock()
    try:
        start_logging(args)
        config = load_config(args.config, args.userdir)
        ledger = LedgerView(source_of(config), clock)
        try:
            check_bot(ledger, getattr(args, "bot", None))
            return work(CommandContext(args, config, ledger, clock))
        finally:
            ledger.close()
    except SettingsError as error:
        say(str(error))
        return WRONG_USE
    except (BalanceGuardError, OSError) as error:
        say(str(error))
        return FOUND
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED


def check_bot(ledger: LedgerView, name: str | None) -> None:
    """Check that ``--bot`` names one that has stored something; where nothing is, commands say so.

    :raises NotPossible: there is no bot with this name
    """
    if not name:
        return
    # Loads templates, which a command without --bot does not need.
    from freqtrade_balance_guard.page.report import bots_in

    source = ledger.source
    if name in bots_in(source.local, source.account):
        return
    with suppress(NothingStored):
        ledger.own_bot(name)


def start_logging(args: argparse.Namespace) -> None:
    """Log as freqtrade does where ``-v`` or ``--logfile`` asks for it."""
    if args.logfile:
        handler: logging.Handler = logging.FileHandler(Path(args.logfile), encoding="utf-8")
    elif args.verbose:
        handler = logging.StreamHandler(sys.stderr)
    else:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if args.verbose else logging.INFO)


def say(sentence: str) -> None:
    """Print a sentence beside the answer: standard output may be JSON and nothing else."""
    sys.stderr.write(f"{sentence}\n")


def confirm(question: str, *, yes: bool) -> bool:
    """Return whether the user agrees; ``yes`` (``--yes``) agrees without asking."""
    if yes:
        return True
    say(question)
    try:
        return input("Type yes to go on: ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def print_json(value: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Print an object, or a list of objects, each with its ``schema_version``."""
    if isinstance(value, list):
        versioned: object = [{"schema_version": SCHEMA_VERSION, **one} for one in value]
    else:
        versioned = {"schema_version": SCHEMA_VERSION, **value}
    sys.stdout.write(json.dumps(versioned, indent=2, ensure_ascii=False) + "\n")
