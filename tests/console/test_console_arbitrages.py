"""The breaker and drifts, as the console shows them, and ``arbitrages resume``."""

import json
from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, BreakerRows
from freqtrade_balance_guard.cli.main import main
from tests.support.console import Desk


WHY = "3 arbitrages ended badly (the last ones: 4, 7, 8)"


@pytest.fixture
def run(registry: Desk, capsys: pytest.CaptureFixture[str]):
    registry.write_config()
    registry.bot()

    def run(*words: str) -> tuple[int, str]:
        config = ["-c", str(registry.folder / "config.json"), "--userdir", str(registry.userdir)]
        with pytest.raises(SystemExit) as end:
            main([*words, *config])
        printed = capsys.readouterr()
        return int(end.value.code or 0), " ".join((printed.out + printed.err).split())

    return run


@pytest.fixture
def rows(registry: Desk) -> BreakerRows:
    return BreakerRows(ArbitrageStore(registry.file, "main"), "main")


def test_a_breaker_that_has_stopped_nothing_is_not_shown_and_resumes_nothing(run, rows):
    assert rows.row().tripped_at is None
    assert "No new arbitrage" not in run("status")[1]
    code, out = run("arbitrages", "resume", "--yes")
    assert code == 1 and "has stopped nothing" in out


def test_status_says_since_when_and_why_and_resume_ends_it(run, rows, registry):
    assert rows.trip(registry.clock.wall(), WHY)
    assert not rows.trip(registry.clock.wall(), "again")
    assert WHY in run("status")[1]
    assert json.loads(run("status", "--json")[1])["breaker"]["state"] == "tripped"
    code, out = run("arbitrages", "resume", "--yes", "--json")
    assert code == 0 and json.loads(out)["state"] == "closed"
    assert json.loads(out)["resumed_at"] is not None
    assert WHY not in run("status")[1]
    assert rows.row().tripped_at is None


def test_resume_asks_before_it_changes_anything(run, rows, registry, monkeypatch):
    rows.trip(registry.clock.wall(), WHY)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    code, out = run("arbitrages", "resume")
    assert code == 1 and "not confirmed" in out
    assert rows.row().tripped_at is not None


def test_the_drift_of_each_coin_is_in_status(run, rows, registry):
    store = ArbitrageStore(registry.file, "main")
    with store.transaction() as db:
        for base, net in (("BTC", "-0.00012"), ("ETH", "0.5"), ("SOL", "0")):
            db.execute("INSERT INTO arbitrage_drifts VALUES ('main', ?, ?)", (base, net))
    text = run("status")[1]
    assert "Drift of BTC: fees and rounding have taken 0.00012" in text
    assert "Drift of ETH: fees and rounding have left 0.5 over" in text and "SOL" not in text
    drifts = json.loads(run("status", "--json")[1])["drifts"]
    assert [(one["currency"], D(one["amount"])) for one in drifts] == [
        ("BTC", D("-0.00012")),
        ("ETH", D("0.5")),
    ]
