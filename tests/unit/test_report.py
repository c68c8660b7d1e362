"""The report: everything in one file, small, harmless, and with the figures that are stored."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import BalanceServedFromCache, OrderDenied
from freqtrade_balance_guard.monitoring.decisions import LastDecisions
from freqtrade_balance_guard.monitoring.history import Cause, HistoryPoint, HistoryRecorder
from freqtrade_balance_guard.monitoring.messages import Kind, Message
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures
from freqtrade_balance_guard.monitoring.metrics.totals import Totals
from freqtrade_balance_guard.monitoring.outbox import Outbox
from freqtrade_balance_guard.page.report import (
    MOST_BYTES,
    MOST_POINTS,
    ReportSource,
    TooLarge,
    accounts_in,
    render,
    report_of,
    thinned,
)
from tests.support.browser import browser


D = Decimal
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def source(tmp_path: Path) -> ReportSource:
    """A file with one of everything that a bot stores."""
    path, clock = tmp_path / "between-guarded.sqlite", ManualClock()
    totals = Totals(path, "kraken", "bot", clock)
    decisions = LastDecisions(path, "kraken", "bot", clock)
    denied = OrderDenied(
        "</script><b>A/B", "below_threshold", "only 1 & <i>no more</i>", {"x": D(1)}
    )
    for _ in range(3):
        totals(denied)
        decisions(denied)
    totals(BalanceServedFromCache(1.0))
    totals.close()
    decisions.close()
    balance = BalanceFigures("kraken", "USDT", total=D(1000), available=D(900), expected=D(1000))
    history = HistoryRecorder(path, "kraken", "bot", clock, lambda: [balance])
    history.write()
    history.close()
    outbox = Outbox(path, "kraken", "bot", clock, lambda message: None)
    outbox.put(Message(Kind.INCIDENT, "order_unresolved", "The reply was lost."))
    outbox.close()
    return ReportSource(path, "kraken", "bot", "a title", "USDT")


def data_in(html: str) -> dict:
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', html, re.S)
    return json.loads(text)


def test_the_figures_are_those_that_are_stored(source) -> None:
    assert accounts_in(source.path) == [("kraken", "bot")]
    bot = data_in(render([report_of(source, None, NOW)], NOW))["bots"][0]
    assert bot["denials"] == {"below_threshold": 3}
    assert bot["daily_denials"] == [{"day": "2026-01-01", "code": "below_threshold", "total": 3}]
    assert bot["counters"]["cache_lookups"] == {"hit": 1}
    assert [(one["total"], one["cause"]) for one in bot["history"]] == [("1000", "start")]
    assert bot["decisions"][0]["count"] == 3
    assert [one["text"] for one in bot["messages"]] == ["The reply was lost."]


def test_the_file_refers_to_nothing_outside_and_no_text_of_a_user_becomes_html(source) -> None:
    html = render([report_of(source, None, NOW)], NOW)
    assert "</script><b>" not in html and "<i>no more" not in html
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", html)
    assert not re.findall(r"https?://(?!github.com/leeoniya|www.w3.org)", html)


def test_it_is_below_300_kb_with_years_of_history_or_says_so(source) -> None:
    points = [
        HistoryPoint(
            *("kraken", "bot", "USDT", NOW + timedelta(hours=number), D(number), D(1)),
            *(D(number), D(number), D(0), Cause.ORDER, "BTC/USDT, ETH/USDT, SOL/USDT"),
        )
        for number in range(20_000)
    ]
    few = thinned(points, "USDT")
    assert len(few) <= MOST_POINTS and few[-1] is points[-1]
    bot = report_of(source, None, NOW)
    names = ("currency", "at", "total", "change", "expected", "available", "cause", "detail")
    bot["history"] = [{name: one.as_json()[name] for name in names} for one in few]
    html = render([bot], NOW)
    assert 100_000 < len(html.encode()) <= MOST_BYTES
    with pytest.raises(TooLarge, match="fewer days"):
        render([bot] * 15, NOW)


def test_the_command_writes_the_demos_report_and_says_what_is_missing(
    source, tmp_path, capsys
) -> None:
    sides = {"stuck_trades": [], "unknown_orders": [], "legs_alone": [], "wrong_sizes": [],
             "rejected": 2, "private_calls": 9}  # fmt: skip
    scene = {"name": "between", "title": "In between", "plain": sides, "guarded": sides}
    (tmp_path / "results.json").write_text(json.dumps({"scenes": [scene]}))
    file = tmp_path / "out" / "report.html"
    command = ["report", "--html", str(file), "--from-demo", str(tmp_path), "--json"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == file.stat().st_size
    data = data_in(file.read_text())
    assert data["bots"] == printed["bots"] and data["demo"]["scenes"][0]["title"] == "In between"
    with pytest.raises(SystemExit) as ended:
        main(["report", "--html", str(file), "--from-demo", str(tmp_path / "no")])
    assert ended.value.code == 1
    assert "play the demo first" in capsys.readouterr().err


@pytest.mark.acceptance
def test_it_opens_in_a_browser_without_a_network(source, tmp_path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render([report_of(source, None, NOW)], NOW))
    with browser(tmp_path) as page:
        page.open(file.as_uri())
        page.wait_for("document.body && document.body.dataset.ready == 'yes'")
        text = page.text()
        assert "</script><b>A/B" in text and "only 1 & <i>no more</i>" in text
        assert "entries below the user's limits" in text and "The reply was lost." in text
        assert page.run("document.querySelectorAll('canvas').length") == 1
        assert page.errors == []
        assert {one for one in page.requests if not one.startswith("data:")} == {file.as_uri()}
