"""The report of a demo, in a browser without a network: its figures are those of its JSON.

With BALANCE_GUARD_PICTURES=docs/images the picture of the documentation is taken on the way.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import DESKTOP, PHONE, browser


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

SCENES = "between,lag-after-buy"
TILES = """
Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) =>
  [tile.querySelector('span').textContent, tile.querySelector('b').textContent]))
"""


def balance_guard(*arguments):
    answer = subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_figures_of_a_demos_report_are_those_of_its_json(tmp_path):
    output, file = tmp_path / "demo", tmp_path / "report.html"
    balance_guard("demo", "--scenes", SCENES, "--output", str(output))
    report = json.loads(
        balance_guard("report", "--html", str(file), "--from-demo", str(output), "--json")
    )
    assert file.stat().st_size == report["bytes"] <= 300_000
    denied = sum(sum(bot["denials"].values()) for bot in report["bots"])
    orders = [bot["counters"].get("orders", {}) for bot in report["bots"]]
    accepted = sum(
        number
        for counted in orders
        for name, number in counted.items()
        if name.endswith(("accepted", "found"))
    )
    assert denied > 0 and accepted > 0
    results = json.loads((output / "results.json").read_text())
    with browser(tmp_path) as page:
        page.size(*DESKTOP)
        page.open(file.as_uri())
        page.wait_for("document.body && document.body.dataset.ready == 'yes'")
        tiles = page.run(TILES)
        assert tiles["entries denied"] == f"{denied:,}"
        assert tiles["orders accepted"] == f"{accepted:,}"
        text = page.text()
        for scene in results["scenes"]:
            assert scene["title"] in text
            calls = f"{scene['plain']['private_calls']} → {scene['guarded']['private_calls']}"
            assert calls in text
        assert page.errors == []
        assert {one for one in page.requests if not one.startswith("data:")} == {file.as_uri()}
        for size in (PHONE, DESKTOP):
            page.size(*size)
            page.wait_for(f"document.documentElement.scrollWidth <= {size[0]}")
        if folder := os.environ.get("BALANCE_GUARD_PICTURES"):
            page.prefers("dark")
            page.picture(Path(folder) / "report.png")
