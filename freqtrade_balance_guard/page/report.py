"""Makes the report: one HTML file with everything in it, to be opened without a network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.store import read_arbitrages, read_exposures, read_profit
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.console.rebalance import attempt_as_json
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.local_file import read_rows
from freqtrade_balance_guard.monitoring.decisions import read_decisions
from freqtrade_balance_guard.monitoring.history import HistoryPoint, read_history
from freqtrade_balance_guard.monitoring.metrics.totals import read_daily_totals, read_totals
from freqtrade_balance_guard.monitoring.outbox import read_messages
from freqtrade_balance_guard.page.shell import environment, static_text
from freqtrade_balance_guard.rebalance.attempt_store import read_attempts
from freqtrade_balance_guard.version import __version__


# What keeps the file below 300 kB, whatever a bot has stored.
MOST_POINTS = 900
MOST_MESSAGES = 60
MOST_DECISIONS = 25
MOST_REBALANCES = 30
MOST_ARBITRAGES = 30
MOST_STORED = 500
MOST_BOTS = 20
MOST_BYTES = 300_000


class TooLarge(BalanceGuardError):
    """The report would be larger than it may be."""


@dataclass(frozen=True)
class ReportSource:
    """Whose report it is: a bot's account and where it stores. ``title``: a name for people."""

    path: Path
    account: str
    bot: str
    title: str
    stake_currency: str


def accounts_in(path: Path) -> list[tuple[str, str]]:
    """(account, bot) of all that have counted or changed something in a file.

    :raises LocalFileError: it cannot be read
    """
    found: set[tuple[str, str]] = set()
    for table in ("metric_totals", "balance_history"):
        rows = read_rows(path, f"SELECT DISTINCT account, bot FROM {table}")  # noqa: S608
        found |= {(str(account), str(bot)) for account, bot in rows}
    return sorted(found)


def bots_in(path: Path, account: str) -> list[str]:
    """The same for one account.

    :raises LocalFileError: it cannot be read
    """
    return [bot for one, bot in accounts_in(path) if one == account]


def report_of(source: ReportSource, since: datetime | None, now: datetime) -> dict[str, Any]:
    """Everything about one bot that a report shows; money as text.

    :raises LocalFileError: the file cannot be read
    :raises ArbitragesUnavailable: likewise
    """
    path, account, bot = source.path, source.account, source.bot
    points = read_history(path, account, since=since, bot=bot)
    totals = [one for one in read_totals(path, account) if one.bot == bot]
    daily = [one for one in read_daily_totals(path, account) if one.bot == bot]
    counters: dict[str, dict[str, int]] = {}
    for one in totals:
        name = " ".join(filter(None, one.labels))
        counters.setdefault(one.metric, {})[name] = one.total
    denials: dict[str, int] = {}
    for one in totals:
        if one.metric == "entries" and one.labels[0] == "denied":
            denials[one.labels[1]] = denials.get(one.labels[1], 0) + one.total
    attempts = read_attempts(path, account, bot, limit=MOST_REBALANCES)
    return {
        "title": source.title,
        "bot": bot,
        "account": account,
        "stake_currency": source.stake_currency,
        "since": None if since is None else since.isoformat(),
        "history": [_point(point) for point in thinned(points, source.stake_currency)],
        "counters": counters,
        "denials": denials,
        "daily_denials": [
            {"day": one.day.isoformat(), "code": one.labels[1], "total": one.total}
            for one in daily
            if one.day is not None and one.metric == "entries" and one.labels[0] == "denied"
        ],
        "decisions": [one.as_json() for one in read_decisions(path, account) if one.bot == bot][
            :MOST_DECISIONS
        ],
        "messages": [one.as_json() for one in read_messages(path, account) if one.bot == bot][
            :MOST_MESSAGES
        ],
        "rebalances": [attempt_as_json(one) for one in attempts],
        "unhedged": [
            one.as_json(now) for one in read_exposures(path, also_closed=True) if one.bot == bot
        ][:MOST_MESSAGES],
        "arbitrages": [
            _arbitrage(one) for one in read_arbitrages(path, at_most=MOST_STORED) if one.bot == bot
        ][:MOST_ARBITRAGES],
        "arbitrage_profit": f"{read_profit(path, bot):f}",
    }


def thinned(points: Sequence[HistoryPoint], stake_currency: str) -> list[HistoryPoint]:
    """At most ``MOST_POINTS``, evenly over time, most of them of the stake currency."""
    own = [point for point in points if point.currency == stake_currency]
    others = [point for point in points if point.currency != stake_currency]
    kept = _evenly(own, MOST_POINTS * 2 // 3)
    kept += _evenly(others, MOST_POINTS - len(kept))
    return sorted(kept, key=lambda point: point.at)


def _evenly(points: Sequence[HistoryPoint], most: int) -> list[HistoryPoint]:
    if len(points) <= most:
        return list(points)
    step = len(points) / most
    chosen = {len(points) - 1 - int(number * step) for number in range(most)}
    return [points[index] for index in sorted(chosen)]


def _point(point: HistoryPoint) -> dict[str, Any]:
    stored = point.as_json()
    names = ("currency", "at", "total", "change", "expected", "available", "cause", "detail")
    return {name: stored[name] for name in names}


def _arbitrage(record: ArbitrageRecord) -> dict[str, Any]:
    """What was quoted when it was planned, and what its fills came to; in stake currency."""
    return {
        "id": record.id,
        "made_at": record.made_at.isoformat(),
        "state": str(record.state),
        "legs": [f"{leg.side} {leg.pair} on {leg.venue}" for leg in record.orders],
        "quoted_profit": record.result.get("quoted_profit"),
        "profit": record.result.get("profit"),
        "fees": record.result.get("fees"),
        "skew_seconds": record.result.get("skew_seconds"),
    }


def render(
    bots: Sequence[dict[str, Any]], made_at: datetime, demo: dict[str, Any] | None = None
) -> str:
    """The file's text.

    :param demo: the results of a demo, both sides, where the report is about one
    :raises TooLarge: it would be more than 300 kB
    """
    data = {
        "schema_version": 1,
        "made_at": made_at.isoformat(),
        "version": __version__,
        "bots": list(bots)[:MOST_BOTS],
        "demo": demo,
    }
    # "</script>" in a name must not end the script that holds it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    html = (
        environment()
        .get_template("report.html")
        .render(
            version=__version__,
            data=text,
            styles=[static_text(name) for name in ("uplot.css", "guard.css")],
            scripts=[static_text(name) for name in ("uplot.js", "show.js", "report.js")],
            licence=static_text("uplot.LICENSE.txt"),
        )
    )
    size = len(html.encode())
    if size > MOST_BYTES:
        raise TooLarge(f"The report would have {size // 1000} kB; choose fewer days with --since.")
    return html
