"""Writes monitoring/grafana/dashboard.json: Grafana's classic JSON, with the data source as input.

python scripts/generate_dashboard.py [--check]
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated import write_or_check


FILE = Path(__file__).resolve().parents[1] / "monitoring" / "grafana" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
MINE = 'bot=~"$bot", account=~"$account"'
COIN = f'{MINE}, currency=~"$currency"'
HIT = f'{MINE}, result="hit"'
DENIED = f'{MINE}, decision="denied"'
RATE = "$__rate_interval"
GREEN, AMBER, RED, GREY = "green", "orange", "red", "text"


@dataclass(frozen=True)
class Query:
    """One PromQL expression and how its series are called."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel; width in Grafana's 24 columns."""

    title: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    about: str = ""
    steps: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    stack: bool = False
    mappings: tuple[tuple[str, str, str], ...] = ()


def of(name: str, labels: str = MINE) -> str:
    """A selector of one of our metrics."""
    return f"balance_guard_{name}{{{labels}}}"


def stat(title: str, expr: str, **more: Any) -> Panel:
    """A single number per bot."""
    query = Query(expr, more.pop("legend", "{{bot}}"), instant=True)
    return Panel(title, (query,), kind="stat", width=4, height=4, **more)


UP_DOWN = (("1", "up", GREEN), ("0", "away", RED))
ROWS: dict[str, tuple[Panel, ...]] = {
    "Bots": (
        stat("Ledger", of("ledger_up"), steps=((None, RED), (1, GREEN)), mappings=UP_DOWN),
        stat(
            "Entries",
            of("entries_paused"),
            steps=((None, GREEN), (1, AMBER)),
            mappings=(("0", "allowed", GREEN), ("1", "paused", AMBER)),
        ),
        stat(
            "Available",
            of("balance", f'{COIN}, kind="available"'),
            legend="{{bot}} {{currency}}",
            about="What an entry may take now: free, less the floor and what is reserved.",
        ),
        stat(
            "Balance in use",
            of("utilization_ratio", COIN),
            legend="{{bot}} {{currency}}",
            unit="percentunit",
            steps=((None, GREEN), (0.8, AMBER), (0.95, RED)),
        ),
        stat(
            "Unhedged",
            f"sum by (bot) ({of('unhedged_value')})",
            steps=((None, GREEN), (0.000001, RED)),
        ),
        stat(
            "Outcome unknown",
            of("reservations", f'{MINE}, state="in_flight"'),
            steps=((None, GREEN), (1, AMBER)),
            about="Orders that were sent and whose reply has not come yet.",
        ),
        Panel(
            "Running versions",
            (Query(of("info"), instant=True),),
            kind="table",
            width=24,
            height=4,
        ),
    ),
    "Balances": (
        Panel(
            "Total, expected and available",
            tuple(
                Query(
                    of("balance", f'{COIN}, kind="{kind}"'), f"{{{{bot}}}} {{{{currency}}}} {kind}"
                )
                for kind in ("total", "expected", "available")
            ),
            width=12,
        ),
        Panel(
            "Where the balance is",
            tuple(
                Query(
                    of("balance", f'{COIN}, kind="{kind}"'), f"{{{{bot}}}} {{{{currency}}}} {kind}"
                )
                for kind in ("used", "reserved_own", "reserved_others", "floor", "available")
            ),
            width=12,
            stack=True,
        ),
        Panel(
            "Seen against expected",
            (Query(of("balance_discrepancy_ratio", COIN), "{{bot}} {{currency}}"),),
            unit="percentunit",
            about="|seen - expected| / expected: the actual balance against the believed one.",
        ),
        Panel(
            "Age of the belief",
            (Query(of("balance_age_seconds", COIN), "{{bot}} {{currency}}"),),
            unit="s",
        ),
        Panel(
            "Verdict",
            (Query(f"{of('balance_verdict', COIN)} == 1", "{{bot}} {{currency}} {{verdict}}"),),
            about="How far the last answer of the exchange is believed.",
        ),
        Panel(
            "Cache hit rate",
            (
                Query(
                    f"sum by (bot) (rate({of('cache_lookups_total', HIT)}[{RATE}]))"
                    f" / sum by (bot) (rate({of('cache_lookups_total')}[{RATE}]))",
                    "{{bot}}",
                ),
            ),
            unit="percentunit",
        ),
        Panel(
            "Balance reads per minute",
            (
                Query(
                    "60 * sum by (bot, reason, result) "
                    f"(rate({of('balance_reads_total')}[{RATE}]))",
                    "{{bot}} {{reason}} {{result}}",
                ),
            ),
        ),
        Panel(
            "How long a read takes (95th percentile)",
            (
                Query(
                    "histogram_quantile(0.95, sum by (bot, le) "
                    f'(rate(balance_guard_balance_read_seconds_bucket{{bot=~"$bot"}}[{RATE}])))',
                    "{{bot}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Balance in use",
            (Query(of("utilization_ratio", COIN), "{{bot}} {{currency}}"),),
            unit="percentunit",
            steps=((None, GREEN), (0.8, AMBER)),
        ),
        Panel(
            "External changes (per day)",
            (
                Query(
                    "sum by (bot, currency, direction) "
                    f"(increase({of('external_changes_total', COIN)}[1d]))",
                    "{{bot}} {{currency}} {{direction}}",
                ),
            ),
            about="Deposits, withdrawals, rewards and manual trades.",
        ),
    ),
    "Orders": (
        Panel(
            "Entries per hour by decision",
            (
                Query(
                    f"sum by (bot, decision) (increase({of('entries_total')}[1h]))",
                    "{{bot}} {{decision}}",
                ),
            ),
            width=12,
            stack=True,
        ),
        Panel(
            "Denials per hour by code",
            (
                Query(
                    f"sum by (code) (increase({of('entries_total', DENIED)}[1h]))",
                    "{{code}}",
                ),
            ),
            width=12,
            stack=True,
        ),
        Panel(
            "Orders per hour",
            (
                Query(
                    f"sum by (bot, purpose, result) (increase({of('orders_total')}[1h])) > 0",
                    "{{bot}} {{purpose}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Rejected by the exchange (per hour)",
            (
                Query(
                    f"sum by (bot, reason) (increase({of('rejections_total')}[1h]))",
                    "{{bot}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Exits per hour",
            (
                Query(
                    f"sum by (bot, result) (increase({of('exits_total')}[1h]))",
                    "{{bot}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Reservations without an end",
            (Query(of("reservations"), "{{bot}} {{state}}"),),
            stack=True,
        ),
        Panel(
            "Rebalances (per day)",
            (
                Query(
                    f"sum by (bot, result) (increase({of('rebalance_attempts_total')}[1d]))",
                    "{{bot}} {{result}}",
                ),
            ),
        ),
        Panel(
            "The guard's share of a loop (95th percentile)",
            (
                Query(
                    "histogram_quantile(0.95, sum by (bot, le) "
                    f'(rate(balance_guard_loop_seconds_bucket{{bot=~"$bot"}}[{RATE}])))',
                    "{{bot}}",
                ),
            ),
            unit="s",
        ),
    ),
    "Arbitrage": (
        Panel(
            "Arbitrages per hour",
            (
                Query(
                    f"sum by (bot, result) (increase({of('arbitrages_total')}[1h]))",
                    "{{bot}} {{result}}",
                ),
            ),
        ),
        Panel("Realised profit", (Query(of("arbitrage_profit"), "{{bot}}"),)),
        Panel("Unhedged", (Query(of("unhedged_value"), "{{bot}} {{venue}}"),)),
        Panel(
            "Between the legs (95th percentile)",
            (
                Query(
                    "histogram_quantile(0.95, sum by (bot, le) "
                    f'(rate(balance_guard_leg_skew_seconds_bucket{{bot=~"$bot"}}[{RATE}])))',
                    "{{bot}}",
                ),
            ),
            unit="s",
            width=12,
        ),
        Panel(
            "From the plan to the order (95th percentile)",
            (
                Query(
                    "histogram_quantile(0.95, sum by (bot, le) "
                    f'(rate(balance_guard_trigger_to_order_seconds_bucket{{bot=~"$bot"}}[{RATE}])))',
                    "{{bot}}",
                ),
            ),
            unit="s",
            width=12,
        ),
    ),
}


def panel_json(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """A panel as Grafana stores it."""
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {
            "mode": "absolute",
            "steps": [{"color": color, "value": value} for value, color in panel.steps],
        },
        "mappings": [
            {"type": "value", "options": {value: {"text": text, "color": color, "index": index}}}
            for index, (value, text, color) in enumerate(panel.mappings)
        ],
    }
    options: dict[str, Any] = {}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stack else 5,
            "showPoints": "never",
            "spanNulls": True,
            "stacking": {"mode": "normal" if panel.stack else "none", "group": "A"},
        }
        defaults["min"] = 0
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    elif panel.kind == "stat":
        options = {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "range": not query.instant,
                "instant": query.instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def panels() -> list[dict[str, Any]]:
    """Rows and panels, laid out from left to right."""
    made: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        made.append({
            "id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        })  # fmt: skip
        y, x, tallest = y + 1, 0, 0
        for panel in row:
            if x + panel.width > 24:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel_json(panel, len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def variable(name: str, label: str, query: str) -> dict[str, Any]:
    """A choice at the top of the dashboard; all of them at first."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "regex": "",
        "hide": 0,
    }


def dashboard() -> dict[str, Any]:
    """The whole dashboard."""
    return {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "description": "Scrapes the bots",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        "id": None,
        "uid": "balance-guard",
        "title": "Balance guard",
        "description": "What the balance guards of freqtrade bots see and do.",
        "tags": ["freqtrade", "balance-guard"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 38,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                variable("bot", "Bot", "label_values(balance_guard_info, bot)"),
                variable("account", "Account", "label_values(balance_guard_info, account)"),
                variable("currency", "Currency", "label_values(balance_guard_balance, currency)"),
            ]
        },
        "panels": panels(),
    }


if __name__ == "__main__":
    text = json.dumps(dashboard(), indent=2) + "\n"
    sys.exit(write_or_check(__doc__, FILE, lambda present: text))
