"""The commands of README and docs, run as they stand there, in the folder of a user."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import freqtrade.templates
import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.console import Desk
from tests.support.documented import ROOT, lines_of


pytestmark = pytest.mark.acceptance

SAMPLE = Path(freqtrade.templates.__file__).parent / "sample_strategy.py"
GET_STARTED = (ROOT / "docs" / "get-started.md").read_text(encoding="utf-8")
# Shown as if there were one: a store without it says so in one sentence, and ends with 1.
NUMBERED = r"reservations (show|release)|arbitrages show|unhedged resolve"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder: config, strategies, what a bot has stored, and the project's examples."""
    shutil.copytree(ROOT / "user_data", tmp_path / "user_data")
    strategy = SAMPLE.read_text(encoding="utf-8").replace("SampleStrategy", "MyStrategy")
    (tmp_path / "user_data" / "strategies" / "mine.py").write_text(strategy)
    desk = Desk(tmp_path, config={"exchange": sandbox.freqtrade_exchange()})
    desk.write_config()
    shutil.copy(tmp_path / "config.json", tmp_path / "bot-one.json")
    desk.bot()
    desk.believe(USDT="1000")
    desk.close()
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.mark.parametrize("words", lines_of("console"), ids=" ".join)
def test_a_command_of_the_console_does_what_it_says(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "backup").mkdir()
    with pytest.raises(SystemExit) as end:
        main([word.replace("/srv/backup", str(folder / "backup")) for word in words[1:]])
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert said.strip() and "Traceback" not in said
    missing = re.match(NUMBERED, " ".join(words[1:])) or "--from-demo" in words
    assert (end.value.code or 0) == (1 if missing else 0), said


@contextmanager
def serving(words: list[str], folder: Path) -> Iterator[str]:
    """The address of a sandbox that one command starts, on a port that is free."""
    ports = ["--listen-port", "0", "--listen-port-tls", "0"]
    command = [sys.executable, "-m", "freqtrade_balance_guard", *words[1:], *ports]
    output = folder / "sandbox.log"
    with output.open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", output.read_text())):
            assert process.poll() is None, output.read_text()
            time.sleep(0.1)
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode in (0, 130), output.read_text()
    assert "Traceback" not in output.read_text()


@pytest.mark.parametrize("words", lines_of("sandbox"), ids=" ".join)
def test_a_sandbox_starts_and_ends(words: list[str], folder: Path) -> None:
    if "markets.json" in words:
        fetch = ["sandbox", "--fetch-markets", "kraken", "-c", "config.json"]
        done = run("balance-guard", *fetch)
        (folder / "markets.json").write_text(done.stdout)
    with serving(words, folder) as address, urllib.request.urlopen(f"{address}/sandbox/state"):
        pass


def test_the_requests_to_a_sandbox_are_answered(folder: Path) -> None:
    servers = {
        "8099": "balance-guard sandbox",
        "8101": "balance-guard sandbox --dialect polymarket",
        "8102": "balance-guard sandbox --dialect kalshi",
    }
    requests = lines_of("request")
    for port, command in servers.items():
        with serving(command.split(), folder) as address:
            for words in requests:
                if f"http://127.0.0.1:{port}/" not in " ".join(words):
                    continue
                words = [word.replace(f"http://127.0.0.1:{port}", address) for word in words]
                done = run(words[0], "--fail-with-body", *words[1:])
                assert done.stdout.strip(), words
    assert len(requests) >= 9


def run(program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    modules = {"balance-guard": "freqtrade_balance_guard", "freqtrade": "freqtrade"}
    named = [sys.executable, "-m", modules[program]] if program in modules else [program]
    done = subprocess.run([*named, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done


def test_what_clears_old_files_and_sets_the_environment_is_shell(folder: Path) -> None:
    (folder / "user_data" / "trades.sandbox.sqlite").touch()
    for words in lines_of("files"):
        line = " ".join(words) if words[0] == "rm" else " ".join(f"'{word}'" for word in words)
        run("bash", "-ec", line if words[0] in ("rm", "export") else f"export {line}")
    assert not (folder / "user_data" / "trades.sandbox.sqlite").exists()


def test_get_started_ends_with_a_guarded_bot(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the page, but for the exchange: the local one, in dry-run."""
    monkeypatch.chdir(tmp_path)
    (create,) = lines_of("user folder")
    run(*create)
    shutil.copy(SAMPLE, tmp_path / "user_data" / "strategies")
    (whole,) = (
        block
        for block in re.findall(r"^```json\n(.*?)^```", GET_STARTED, re.DOTALL | re.MULTILINE)
        if block.startswith("{")
    )
    config = json.loads(whole)
    pairs = config["exchange"]["pair_whitelist"]
    config["exchange"] = {**sandbox.freqtrade_exchange(), "pair_whitelist": pairs}
    Path("config.json").write_text(json.dumps({**config, "initial_state": "running"}))

    checked = run("balance-guard", "check-config", "-c", "config.json", "-s", "SampleStrategy")
    assert "Healthy" in checked.stdout

    log = tmp_path / "bot.log"
    trade = ["trade", "-c", "config.json", "--strategy", "SampleStrategy"]
    with log.open("w") as output:
        bot = subprocess.Popen(
            [sys.executable, "-m", "freqtrade_balance_guard", *trade],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ,
        )
    try:
        (shown,) = re.findall(r"^Balance guard <version> is on (.*)$", GET_STARTED, re.MULTILINE)
        while shown not in log.read_text() or "Bot heartbeat" not in log.read_text():
            assert bot.poll() is None, log.read_text()[-3000:]
            time.sleep(0.2)
        status = run("balance-guard", "status", "-c", "config.json")
        explained = run("balance-guard", "explain", "BTC/USDT", "-c", "config.json")
    finally:
        bot.send_signal(signal.SIGINT)
        bot.wait(60)
    assert "1000" in status.stdout and "freqtrade" in status.stdout
    assert "BTC/USDT" in explained.stdout
    removed = run("balance-guard", "uninstall", "-c", "config.json", "--yes")
    assert removed.stdout.strip()
