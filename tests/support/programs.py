"""Programs of others that checks need: found on this machine, or fetched from Debian's archive."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
# What a script of ours ends with where Debian's archive cannot be reached.
UNREACHABLE = 2
ON_A_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


@cache
def chromium() -> str:
    """The path of a Chromium or Chrome."""
    for name in ("chromium", "chromium-browser", "google-chrome", ON_A_MAC):
        if (found := shutil.which(name)) is not None:
            return found
    return _fetched("fetch_chromium.sh", CACHE / "chromium" / "chromium")


@cache
def prometheus(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``."""
    if (found := shutil.which(name)) is not None:
        return found
    return _fetched("fetch_prometheus.sh", CACHE / "prometheus" / "usr" / "bin" / name)


def _fetched(script: str, program: Path) -> str:
    """Run a script that fetches ``program``.

    The check is skipped, loudly, where Debian's archive cannot be reached; never in CI where there
    is apt.
    """
    answer = subprocess.run(
        [str(ROOT / "scripts" / script)], capture_output=True, text=True, check=False
    )
    if answer.returncode == 0:
        assert program.exists(), f"{script} did not bring {program}"
        return str(program)
    words = f"{program.name.upper()} IS MISSING, ITS CHECKS DID NOT RUN: {answer.stderr[-300:]}"
    must_be_there = os.environ.get("CI") and shutil.which("apt-get")
    if answer.returncode == UNREACHABLE and not must_be_there:
        pytest.skip(words)
    pytest.fail(words)
