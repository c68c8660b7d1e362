"""What the commands that look at stored things share: options, errors, exit codes.

0: fine; 1: something was found, or it cannot be done now; 2: wrong use or wrong settings.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.console.bot_source import Books, NotPossible
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.monitoring.local_file import LocalFileError


FINE, FOUND, WRONG_USE, STOPPED = 0, 1, 2, 130


@dataclass(frozen=True)
class Look:
    """What a command works with: the config as freqtrade merges it, and the books."""

    config: dict[str, Any]
    books: Books
    clock: SystemClock


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """``-c``, ``--userdir`` and ``--json``, as freqtrade has them."""
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


def add_bot_argument(parser: argparse.ArgumentParser) -> None:
    """``--bot``, where several share an account."""
    parser.add_argument(
        "--bot", metavar="NAME", help="the bot that is meant, where several share an account"
    )


def add_exchange_argument(parser: argparse._ActionsContainer) -> None:
    """``--exchange``."""
    parser.add_argument(
        "--exchange",
        action="store_true",
        help="also ask the exchange itself; refused while a bot with this API key runs",
    )


def answered(args: argparse.Namespace, work: Callable[[Look], int]) -> int:
    """Run ``work``; whatever goes wrong is one sentence and an exit code."""
    # freqtrade's part of it loads what `--help` does not need.
    from freqtrade_balance_guard.integration.host.console import load_config, source_of

    clock = SystemClock()
    try:
        config = load_config(args.config, args.userdir)
        books = Books(source_of(config), clock)
        try:
            return work(Look(config, books, clock))
        finally:
            books.close()
    except SettingsError as error:
        say(str(error))
        return WRONG_USE
    except (LedgerUnavailable, LocalFileError, NotPossible, OSError) as error:
        say(str(error))
        return FOUND
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED


def say(sentence: str) -> None:
    """A sentence beside the answer: standard output may be JSON and nothing else."""
    sys.stderr.write(f"{sentence}\n")


def print_json(value: object) -> None:
    """The answer for scripts."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
