"""Commands that show what the guard did over time: history."""

import argparse
import csv
import re
import sys
from datetime import UTC, datetime, timedelta

from freqtrade_balance_guard.cli.context import (
    FINE,
    CommandContext,
    add_bot_argument,
    add_command,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.monitoring.history import HistoryPoint, read_history


PERIOD = re.compile(r"(\d+)([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
COLUMNS = ("at", "account", "bot", "currency", "total", "change", "expected", "available", "used",
           "cause", "detail")  # fmt: skip


# history


def add_history(parser: argparse.ArgumentParser) -> None:
    """Every believed change of the balances, with its cause."""
    parser.add_argument(
        "currency", nargs="?", metavar="CURRENCY", help="such as USDT (default: all)"
    )
    parser.add_argument(
        "--since",
        type=when,
        metavar="WHEN",
        help="a period (30m, 24h, 7d, 4w) or a moment in UTC (2026-11-30, 2026-11-30T18:00)",
    )
    parser.add_argument("--csv", action="store_true", help="print comma-separated values")
    add_bot_argument(parser)
    add_command(parser, _history)


def when(text: str) -> datetime | timedelta:
    """What ``--since`` names: a moment, or a period before now.

    :raises ValueError: neither
    """
    period = PERIOD.fullmatch(text.strip())
    if period is not None:
        return timedelta(**{UNITS[period[2]]: int(period[1])})
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _history(context: CommandContext) -> int:
    """0: shown, also where there is nothing yet."""
    args, source = context.args, context.ledger.source
    currency = args.currency.upper() if args.currency else None
    since = context.clock.wall() - args.since if isinstance(args.since, timedelta) else args.since
    points = read_history(
        source.local, source.account, currency=currency, since=since, bot=args.bot
    )
    if args.json:
        print_json([point.as_json() for point in points])
    elif args.csv:
        write_csv(points)
    elif not points:
        say("No change of a balance is stored for this.")
    else:
        printing.show_history(printing.console(), points)
    return FINE


def write_csv(points: list[HistoryPoint]) -> None:
    """All points with a line of names."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for point in points:
        writer.writerow(point.as_json())
