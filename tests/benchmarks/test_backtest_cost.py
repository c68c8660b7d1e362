"""What the guard costs in a backtest: CPU to plain in one run with an A/A control, and counts."""

import os
import statistics
import subprocess
import sys

import pytest

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.workspace import Workspace


# Every limit is looked at, none of them binds: the same trades, so that only the looking costs.
GUARD = {"min_order_size": 0.001, "min_balance_threshold": 0, "position_size_percent": 100}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    with Sandbox.start(Scenario.default()) as sandbox:
        workspace = Workspace(tmp_path_factory.mktemp("bench"), sandbox.freqtrade_exchange())
        workspace.write_candles(days=90)
        yield workspace


def cpu_seconds(workspace, *, launcher=False):
    """CPU of one whole backtest in a process of its own."""
    module = "freqtrade_balance_guard" if launcher else "freqtrade"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", module, "backtesting", "--strategy", "Clockwork"),
            *("--config", str(workspace.folder / "config.json")),
            *("--userdir", str(workspace.folder), "--cache", "none", "--export", "none"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=workspace.folder,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.benchmark
def test_a_guarded_backtest_costs_at_most_three_percent_more_cpu(workspace, capsys):
    workspace.write_strategy(adjust=True)
    seconds = {"plain": [], "plain again": [], "launcher": [], "mixin": []}
    for _ in range(7):
        # Interleaved, so that a busy minute meets all of them.
        for way, measured in seconds.items():
            workspace.write_config(GUARD if way in ("launcher", "mixin") else None)
            workspace.write_strategy(adjust=True, mixin=way == "mixin")
            measured.append(cpu_seconds(workspace, launcher=way == "launcher"))
    plain = statistics.median(seconds["plain"])
    ratios = {way: statistics.median(values) / plain for way, values in seconds.items()}
    shown = ", ".join(f"{way} {ratio:.3f}" for way, ratio in ratios.items())
    with capsys.disabled():
        sys.stdout.write(f"\nbacktest CPU: plain {plain:.2f} s; ratios to it: {shown}\n")
    noise = abs(ratios["plain again"] - 1)
    assert ratios["launcher"] <= 1.03 + noise
    assert ratios["mixin"] <= 1.03 + noise
