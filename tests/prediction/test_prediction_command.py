"""`balance-guard sandbox --dialect` for prediction markets, and the process that serves one."""

import json
import urllib.request

import pytest

from freqtrade_balance_guard.cli import main as cli
from freqtrade_balance_guard.sandbox import PredictionScenario, Sandbox, SandboxError
from tests.support.prediction import DIALECTS, EVENT


def main(arguments):
    """Runs a command and returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return ended.value.code


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_command_prints_the_section_for_a_bots_venues(capsys, dialect):
    assert main(["sandbox", "--dialect", dialect, "--print-config"]) == 0
    venues = json.loads(capsys.readouterr().out)["venues"]
    section = venues[dialect]
    assert (section["name"], section["kind"]) == (dialect, "prediction")
    assert "private_key" in section
    assert section["ccxt_config"]["urls"]["api"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_command_prints_a_scenario_that_it_reads_again(capsys, tmp_path, dialect):
    assert main(["sandbox", "--dialect", dialect, "--print-scenario"]) == 0
    text = capsys.readouterr().out
    path = tmp_path / "scenario.json"
    path.write_text(text)
    assert main(["sandbox", "--scenario", str(path), "--print-scenario"]) == 0
    assert capsys.readouterr().out == text


def test_a_scenario_that_is_wrong_is_said_in_one_line(capsys, tmp_path):
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps({"dialect": "kalshi", "markets": [{"name": "a", "price": "1.5"}]}))
    assert main(["sandbox", "--scenario", str(path), "--print-scenario"]) == 2
    assert "markets.0.price" in capsys.readouterr().err


def test_a_price_off_the_tick_is_no_scenario():
    with pytest.raises(ValueError, match="no multiple of its tick"):
        PredictionScenario.model_validate(
            {"dialect": "kalshi", "markets": [{"name": "a", "price": "0.405"}]}
        )


def test_a_process_serves_and_is_controlled():
    with Sandbox.start(dialect="polymarket") as sandbox:
        token = sandbox.venue_section()
        assert token["name"] == "polymarket"
        with urllib.request.urlopen(f"{sandbox.url}/gamma/markets", timeout=10) as answer:
            markets = json.loads(answer.read())
        assert EVENT in [market["slug"] for market in markets]
        with pytest.raises(TypeError):
            sandbox.freqtrade_exchange()
        with pytest.raises(SandboxError, match="between 0 and 1"):
            sandbox.control.event_price(EVENT, "1.5")
        with pytest.raises(SandboxError, match="unknown"):
            sandbox.control.event_price("unknown", "0.5")
        sandbox.control.resolve(EVENT, "void")
        state = sandbox.control.state()
        assert state["markets"][EVENT]["result"] == "void"
        assert sandbox.control.audit()["ok"]
