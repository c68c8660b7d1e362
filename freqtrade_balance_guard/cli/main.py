"""``balance-guard``: our own subcommands, and all of freqtrade's with the guard attached."""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from freqtrade_balance_guard.version import __version__


class Command(NamedTuple):
    """Names the function that adds a command's options and its ``run``, and one line of help."""

    add: str
    summary: str


# The function ("module:function" below the package) is loaded when its command is used.
COMMANDS = {
    "demo": Command(
        "cli.rehearse:add_demo",
        "Watch freqtrade trade on a local exchange, plain and guarded side by side.",
    ),
    "rehearse": Command(
        "cli.rehearse:add_rehearse",
        "Run your own strategy live on a local exchange with troubles, plain and guarded.",
    ),
    "sandbox": Command(
        "cli.sandbox:add_sandbox",
        "Start the local exchange to rehearse a strategy live without an account.",
    ),
    "status": Command(
        "cli.reports:add_status",
        "Show balances, what of them is reserved, and which bots are alive.",
    ),
    "explain": Command(
        "cli.reports:add_explain",
        "Say why the bot did, or did not, buy a pair.",
    ),
    "check-config": Command(
        "cli.reports:add_check_config",
        "List every mistake and doubt in a configuration and its strategy, starting nothing.",
    ),
    "doctor": Command(
        "cli.reports:add_doctor",
        "Say what is wrong around the bots, and what to do about it.",
    ),
    "pause": Command(
        "cli.actions:add_pause",
        "Let no entry of a bot out, until you resume; exits go on.",
    ),
    "resume": Command(
        "cli.actions:add_resume",
        "Let entries of a bot out again.",
    ),
    "reconcile": Command(
        "cli.reports:add_reconcile",
        "Compare reservations with what is stored, and with the exchange.",
    ),
    "reservations": Command(
        "cli.actions:add_reservations",
        "List reservations, show one with its history, or release one by hand.",
    ),
    "ledger": Command(
        "cli.ledger:add_ledger",
        "Check the ledger, copy it, or move what ended long ago to its archive.",
    ),
    "arbitrages": Command(
        "cli.actions:add_arbitrages",
        "List the last arbitrages, show both legs of one, or let the breaker go.",
    ),
    "unhedged": Command(
        "cli.actions:add_unhedged",
        "List what one leg of an arbitrage did and the other did not, or close it by hand.",
    ),
    "rebalance": Command(
        "cli.actions:add_rebalance",
        "Show what would be sold to free stake and why or why not, or ask the bot for it.",
    ),
    "uninstall": Command(
        "cli.actions:add_uninstall",
        "Name everything that the guard has left, and remove it once nothing is open.",
    ),
    "history": Command(
        "cli.monitoring:add_history",
        "Show every change of the balances with its cause, as a table, CSV or JSON.",
    ),
    "denials": Command(
        "cli.monitoring:add_denials",
        "Show denied entries by day and code, or let the bot send those of today.",
    ),
    "report": Command(
        "cli.monitoring:add_report",
        "Write one HTML file that shows what the guard did, to be sent around.",
    ),
    "show-schema": Command(
        "cli.reports:add_show_schema",
        "Print the JSON schema of the balance_guard section, for editors.",
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a subcommand of ours, or freqtrade with the guard activated. Ends the process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS:
        args = parser_of(name).parse_args(arguments[1:])
        run: Callable[[argparse.Namespace], int] = args.run
        sys.exit(run(args))
    if name in ("-h", "--help"):
        _own_parser().print_help()
        sys.exit(0)
    if name in ("-V", "--version"):
        print(f"balance-guard {__version__}")  # noqa: T201 - the answer to a question on the console
    elif not name.startswith("-"):
        _end_if_unknown(name)
    # Loads freqtrade, which our own subcommands do not need.
    from freqtrade_balance_guard.integration.startup.launcher import run_freqtrade

    run_freqtrade(arguments)


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one of our commands, with its options."""
    module, _, function = COMMANDS[name].add.partition(":")
    parser = argparse.ArgumentParser(
        prog=f"balance-guard {name}", description=COMMANDS[name].summary
    )
    add: Callable[[argparse.ArgumentParser], None] = getattr(
        import_module(f"freqtrade_balance_guard.{module}"), function
    )
    add(parser)
    return parser


def _end_if_unknown(name: str) -> None:
    """End with a suggestion where neither we nor freqtrade have the command ``name``."""
    from freqtrade_balance_guard.integration.startup.launcher import freqtrade_commands

    known = freqtrade_commands()
    if not known or name in known:
        return
    near = difflib.get_close_matches(name, [*COMMANDS, *known], n=1)
    hint = f'did you mean "{near[0]}"?' if near else "see balance-guard --help and freqtrade --help"
    # Loads the ledger, which a backtest through this launcher does not need.
    from freqtrade_balance_guard.cli.context import WRONG_USE, say

    say(f'"{name}" is neither a command of balance-guard nor of freqtrade; {hint}')
    sys.exit(WRONG_USE)


def _own_parser() -> argparse.ArgumentParser:
    own = "\n".join(f"  {name:<14}{command.summary}" for name, command in COMMANDS.items())
    return argparse.ArgumentParser(
        prog="balance-guard",
        usage="balance-guard <command> [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Balance Guard for freqtrade.\n\n"
            f"own commands:\n{own}\n\n"
            "Every other command is freqtrade's, run with the guard attached to the strategy that\n"
            "the config names:\n"
            "  balance-guard trade -c config.json --strategy MyStrategy\n"
            "  balance-guard backtesting -c config.json --strategy MyStrategy"
        ),
        epilog="freqtrade's own commands and options: freqtrade --help",
    )
