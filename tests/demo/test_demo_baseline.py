"""The baseline script's own manners; its rows are run by `make baseline`."""

import subprocess
import sys
from pathlib import Path


SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "baseline.py"


def _run(*options):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False
    )


def test_the_baseline_lists_its_rows_each_under_a_name_of_its_own():
    listed = _run("--list")
    names = [line.split()[0] for line in listed.stdout.splitlines()]

    assert listed.returncode == 0
    assert len(names) == len(set(names)) >= 30


def test_an_unknown_row_is_refused_before_anything_is_started():
    refused = _run("--only", "moon")

    assert refused.returncode == 2
    assert "No such row: moon." in refused.stderr
