"""``balance-guard``: our own subcommands, and all of freqtrade's with the guard around it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from freqtrade_balance_guard.version import __version__


class Command(NamedTuple):
    """One subcommand: the module that knows its arguments, and one line of help."""

    module: str
    summary: str


COMMANDS = {
    "demo": Command(
        "freqtrade_balance_guard.demo.command",
        "Watch freqtrade trade on a local exchange, plain and guarded side by side.",
    ),
    "sandbox": Command(
        "freqtrade_balance_guard.sandbox.command",
        "Start the local exchange to rehearse a strategy live without an account.",
    ),
    "status": Command(
        "freqtrade_balance_guard.cli.status",
        "Show balances, what of them is promised, and which bots are alive.",
    ),
    "reservations": Command(
        "freqtrade_balance_guard.cli.reservations",
        "List reservations, show one with its history, or release one by hand.",
    ),
    "ledger": Command(
        "freqtrade_balance_guard.cli.ledger",
        "Check the ledger, copy it, or move what ended long ago to its archive.",
    ),
    "unhedged": Command(
        "freqtrade_balance_guard.cli.unhedged",
        "List what one leg of an arbitrage did and the other did not, or close it by hand.",
    ),
    "rebalance": Command(
        "freqtrade_balance_guard.cli.rebalance",
        "Show what would be sold to free stake and why or why not, or ask the bot for it.",
    ),
    "explain": Command(
        "freqtrade_balance_guard.cli.explain",
        "Say why the bot did, or did not, buy a pair.",
    ),
    "reconcile": Command(
        "freqtrade_balance_guard.cli.reconcile",
        "Compare reservations with what is stored, and with the exchange.",
    ),
    "doctor": Command(
        "freqtrade_balance_guard.cli.doctor",
        "Say what is wrong around the bots, and what to do about it.",
    ),
    "show-schema": Command(
        "freqtrade_balance_guard.cli.show_schema",
        "Print the JSON schema of the balance_guard section, for editors.",
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a subcommand of ours, or freqtrade with the guard activated. Ends the process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        sys.exit(_run_own(name, arguments[1:]))
    if name in ("-h", "--help"):
        _own_parser().print_help()
        sys.exit(0)
    if name in ("-V", "--version"):
        print(f"balance-guard {__version__}")  # noqa: T201 - the answer to a question on the console
    # Loads freqtrade, which our own subcommands do not need.
    from freqtrade_balance_guard.integration.launcher import run_freqtrade

    run_freqtrade(arguments)


def _run_own(name: str, arguments: Sequence[str]) -> int:
    # Only the module of the command that was asked for is imported.
    module = import_module(COMMANDS[name].module)
    parser = argparse.ArgumentParser(
        prog=f"balance-guard {name}", description=COMMANDS[name].summary
    )
    module.add_arguments(parser)
    run: Callable[[argparse.Namespace], int] = module.run
    return run(parser.parse_args(arguments))


def _own_parser() -> argparse.ArgumentParser:
    own = "\n".join(f"  {name:<14}{command.summary}" for name, command in COMMANDS.items())
    return argparse.ArgumentParser(
        prog="balance-guard",
        usage="balance-guard <command> [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Balance Guard for freqtrade.\n\n"
            f"own commands:\n{own}\n\n"
            "Every other command is freqtrade's, run with the guard around whatever strategy the\n"
            "config names:\n"
            "  balance-guard trade -c config.json --strategy MyStrategy\n"
            "  balance-guard backtesting -c config.json --strategy MyStrategy"
        ),
        epilog="freqtrade's own commands and options: freqtrade --help",
    )
