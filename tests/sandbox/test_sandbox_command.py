"""`balance-guard sandbox` as a user meets it."""

import json
import signal
import subprocess
import sys

import ccxt
import pytest


COMMAND = [sys.executable, "-m", "freqtrade_balance_guard.sandbox"]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_it_prints_its_url_and_a_section_that_ccxt_can_trade_with():
    process = subprocess.Popen(
        [*COMMAND, "--listen-port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        announced = json.loads(process.stdout.readline())
        section = announced["exchange"]
        config = {"apiKey": section["key"], "secret": section["secret"]}
        client = ccxt.kraken(config | section["ccxt_config"])
        assert client.fetch_balance()["USDT"]["total"] == 1000
        assert section["ccxt_config"]["urls"]["api"]["public"] == announced["url"]
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(5)
        process.stdout.close()
    assert code == 130


def test_without_json_it_explains_itself():
    process = subprocess.Popen([*COMMAND, "--listen-port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()
    text = "".join(lines)
    assert "listening on http://127.0.0.1:" in text
    assert "owns 1000 USDT" in text
    assert '"dry_run": false' in text
    printed = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert printed["exchange"]["name"] == "kraken"


def test_the_configuration_can_be_printed_for_a_port_and_an_account(tmp_path):
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"accounts": [{"name": "a"}, {"name": "b"}]}))
    printed = run(
        "--print-config", "--scenario", str(scenario), "--account", "b", "--listen-port", "9000"
    )
    section = json.loads(printed.stdout)["exchange"]
    assert section["ccxt_config"]["urls"]["api"]["private"] == "http://127.0.0.1:9000"
    first = run("--print-config", "--scenario", str(scenario), "--listen-port", "9000")
    assert json.loads(first.stdout)["exchange"]["key"] != section["key"]


def test_the_printed_scenario_can_be_used_again(tmp_path):
    scenario = tmp_path / "scenario.json"
    scenario.write_text(run("--print-scenario").stdout)
    assert run("--print-scenario", "--scenario", str(scenario)).stdout == scenario.read_text()


@pytest.mark.parametrize(
    ("dialect", "pair"), [("binance", "ETH/USDT"), ("binance-futures", "ETH/USDT:USDT")]
)
def test_it_speaks_binance_when_asked_to(dialect, pair):
    arguments = ["--dialect", dialect, "--listen-port", "0", "--json"]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        announced = json.loads(process.stdout.readline())
        section = announced["exchange"]
        config = {"apiKey": section["key"], "secret": section["secret"]}
        client = ccxt.binance(config | section["ccxt_config"])
        assert client.fetch_ticker(pair)["last"] == 2500
        assert announced["tls_url"].startswith("https://127.0.0.1:")
        assert (section["name"], pair in section["pair_whitelist"]) == ("binance", True)
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()


def test_a_scenario_without_markets_can_be_used_in_every_protocol(tmp_path):
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"accounts": [{"name": "a"}]}))
    ports = ["--listen-port", "9000", "--listen-port-tls", "9001"]
    printed = run("--print-config", "--scenario", str(scenario), "--dialect", "binance", *ports)
    section = json.loads(printed.stdout)["exchange"]
    private = section["ccxt_config"]["urls"]["api"]["private"]
    assert private == "https://demo-api@127.0.0.1:9001/api/v3"
    usual = run("--print-config", "--dialect", "binance-futures", "--listen-port", "9000")
    urls = json.loads(usual.stdout)["exchange"]["ccxt_config"]["urls"]["api"]
    assert urls["fapiPrivateV3"] == "https://demo-fapi@127.0.0.1:10000/fapi/v3"


def test_spot_markets_are_no_contracts(tmp_path):
    scenario = tmp_path / "scenario.json"
    markets = [{"symbol": "BTC/USDT", "price": "1"}]
    scenario.write_text(json.dumps({"accounts": [{"name": "a"}], "markets": markets}))
    ended = run("--scenario", str(scenario), "--dialect", "binance-futures")
    assert (ended.returncode, "trades contracts" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"acounts": []}', "acounts"),
        ('{"markets": [{"symbol": "BTC/USDT", "price": "-1"}]}', "markets.0.price"),
        (None, "cannot read"),
    ],
)
def test_a_wrong_scenario_file_ends_it_with_code_2_and_one_sentence(tmp_path, content, message):
    scenario = tmp_path / "scenario.json"
    if content is not None:
        scenario.write_text(content)
    ended = run("--scenario", str(scenario))
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_an_unknown_account_or_a_taken_port_is_said():
    assert "no account 'x'" in run("--account", "x", "--print-config").stderr
    ended = run("--listen-ip-address", "203.0.113.7", "--listen-port", "1")
    assert ended.returncode == 1
    assert "cannot listen on 203.0.113.7:1" in ended.stderr
