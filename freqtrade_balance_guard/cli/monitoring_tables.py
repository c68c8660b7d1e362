"""What history and denials print for people."""

from collections.abc import Sequence

from rich.console import Console

from freqtrade_balance_guard.console.printing import fits, new_table, show_blocks, show_table
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.monitoring.denials import DenialsOfDay
from freqtrade_balance_guard.monitoring.history import HistoryPoint


def show_denials(console: Console, days: Sequence[DenialsOfDay]) -> None:
    """One line for each day and code, the oldest day first."""
    table = new_table("day (UTC)", "code")
    table.add_column("entries denied", justify="right")
    for one in days:
        for code, number in one.by_code.items():
            table.add_row(f"{one.day:%Y-%m-%d}", code, str(number))
    show_table(console, table)


def show_history(console: Console, points: Sequence[HistoryPoint]) -> None:
    """One line for each change, the oldest first; with its bot where there are several."""
    with_bots = len({one.bot for one in points}) > 1
    table = new_table("at (UTC)", *(["bot"] if with_bots else []), "currency")
    for heading in ("change", "total", "available"):
        table.add_column(heading, justify="right")
    table.add_column("cause")
    table.add_column("of", overflow="fold")
    for one in points:
        available = "" if one.available is None else format_amount(one.available)
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            *([one.bot] if with_bots else []),
            one.currency,
            format_amount(one.change),
            format_amount(one.total),
            available,
            str(one.cause),
            one.detail,
        )
    if fits(console, table):
        console.print(table)
    else:
        show_blocks(console, (_history_lines(one, with_bots) for one in points))


def _history_lines(one: HistoryPoint, with_bots: bool) -> list[str]:
    """A change on two lines."""
    why = str(one.cause) + (f" of {one.detail}" if one.detail else "")
    available = "" if one.available is None else f", {format_amount(one.available)} available"
    change = ("+" if one.change > 0 else "") + format_amount(one.change)
    return [
        f"{one.at:%Y-%m-%d %H:%M:%S} {change} {one.currency}: {format_amount(one.total)} in all",
        f"{why}{available}" + (f", {one.bot}" if with_bots else ""),
    ]
