"""Commands that show what the guard did over time: history, report."""

import argparse
import csv
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable
from freqtrade_balance_guard.cli.context import (
    FINE,
    FOUND,
    CommandContext,
    add_bot_argument,
    add_command,
    add_config_arguments,
    print_json,
    run_command,
    say,
)
from freqtrade_balance_guard.cli.monitoring_tables import show_denials, show_history
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.bot_command import named_bot, send_denials
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.ledger import NothingStored
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.denials import denials_by_day
from freqtrade_balance_guard.monitoring.history import HistoryPoint, read_history
from freqtrade_balance_guard.monitoring.metrics.totals import KEEP_DAYS
from freqtrade_balance_guard.page.report import (
    ReportSource,
    TooLarge,
    accounts_in,
    bots_in,
    render,
    report_of,
)
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable


PERIOD = re.compile(r"(\d+)([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
COLUMNS = (
    "at",
    "account",
    "bot",
    "currency",
    "total",
    "change",
    "expected",
    "available",
    "used",
    "cause",
    "detail",
)


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
        show_history(printing.console(), points)
    return FINE


def write_csv(points: list[HistoryPoint]) -> None:
    """All points with a line of names."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for point in points:
        writer.writerow(point.as_json())


# denials


def add_denials(parser: argparse.ArgumentParser) -> None:
    """Denied entries by day and code."""
    parser.add_argument(
        "--days",
        type=_days,
        default=1,
        metavar="N",
        help="number of days, including today (default: 1)",
    )
    parser.add_argument(
        "--send",
        action="store_true",
        help="let the running bot send those of today to its Telegram, Discord or webhook",
    )
    add_bot_argument(parser)
    add_command(parser, _denials)


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= KEEP_DAYS:
        raise ValueError(f"must be 1 to {KEEP_DAYS}")
    return number


def _denials(context: CommandContext) -> int:
    """0: shown, and taken by the bot where it is to send; 1: it did not take the command."""
    args, ledger, today = context.args, context.ledger, context.clock.wall().date()
    try:
        name = named_bot(ledger, args.bot)
    except NothingStored as nothing:
        if args.json:
            print_json({"bot": None, "days": []})
        say(str(nothing))
        return FINE
    source = ledger.source
    first = today - timedelta(days=args.days - 1)
    found = denials_by_day(source.local, source.account, name, first, today)
    answer = send_denials(ledger, name, context.clock, time.sleep) if args.send else None
    if args.json:
        sent = {} if answer is None else {"sent": answer.done, "sentence": answer.text}
        print_json({"bot": name, "days": [one.as_json() for one in found], **sent})
    else:
        if found:
            show_denials(printing.console(), found)
        else:
            say("No entry was denied in this time.")
        if answer is not None:
            say(answer.text)
    return FINE if answer is None or answer.done else FOUND


# report


def add_report(parser: argparse.ArgumentParser) -> None:
    """One HTML file that shows what the guard did, to be sent around."""
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        required=True,
        help="where to write it; it needs no network and no other file",
    )
    parser.add_argument("--since", type=when, metavar="WHEN", help="as in balance-guard history")
    parser.add_argument(
        "--from-demo",
        type=Path,
        nargs="?",
        const=Path("demo-output"),
        metavar="DIR",
        help="write it about a demo that has run (default: demo-output); needs no configuration",
    )
    add_bot_argument(parser)
    add_config_arguments(parser)
    parser.set_defaults(run=_report)


def _report(args: argparse.Namespace) -> int:
    """0: written; 1: there is nothing to report, or it cannot be written."""
    if args.from_demo is None:
        return run_command(_report_of_bot, args)
    try:
        return _report_of_demo(args)
    except (LocalFileError, ArbitragesUnavailable, AttemptsUnavailable, TooLarge, OSError) as error:
        say(str(error))
        return FOUND


def _report_of_bot(context: CommandContext) -> int:
    args, source, now = context.args, context.ledger.source, context.clock.wall()
    since = now - args.since if isinstance(args.since, timedelta) else args.since
    known = bots_in(source.local, source.account)
    name = args.bot or source.bot
    wanted = [bot for bot in known if name in (None, bot)]
    if not wanted:
        raise NotPossible("No bot has stored anything for a report yet: start it first.")
    reports = [
        report_of(
            ReportSource(source.local, source.account, bot, bot, source.stake_currency), since, now
        )
        for bot in wanted
    ]
    return _write_report(args, render(reports, now), reports)


def _report_of_demo(args: argparse.Namespace) -> int:
    results = args.from_demo / "results.json"
    if not results.exists():
        say(f"{results} is not there: play the demo first (balance-guard demo).")
        return FOUND
    html, reports = demo_report(args.from_demo)
    return _write_report(args, html, reports)


def demo_report(folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """The HTML of a demo or a rehearsal that was played, and the data in it, one for each bot.

    :raises LocalFileError: what a bot stored cannot be read (likewise the stores' own errors)
    :raises TooLarge: it would be larger than a report may be
    """
    now = SystemClock().wall()
    demo = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    reports = []
    for scene in demo["scenes"]:
        path = folder / f"{scene['name']}-guarded.sqlite"
        for account, bot in accounts_in(path):
            source = ReportSource(
                path.absolute(), account, bot, scene["title"], demo.get("stake_currency", "USDT")
            )
            reports.append(report_of(source, None, now))
    return render(reports, now, demo), reports


def _write_report(args: argparse.Namespace, html: str, reports: list[dict[str, Any]]) -> int:
    args.html.parent.mkdir(parents=True, exist_ok=True)
    args.html.write_text(html, encoding="utf-8")
    if args.json:
        print_json({"file": str(args.html), "bytes": len(html.encode()), "bots": reports})
    else:
        say(f"{args.html} ({len(html.encode()) // 1000} kB)")
    return FINE
