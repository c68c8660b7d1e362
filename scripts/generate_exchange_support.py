"""Write the exchange support table from the marks of the tests.

A test that proves something about an exchange carries ``@pytest.mark.shows(exchange, trading_mode,
evidence)``. This script collects the marks, without running the tests, and writes
support.json of the package, docs/reference/exchanges.md and the table of the README.

python scripts/generate_exchange_support.py           rewrite all three
python scripts/generate_exchange_support.py --check   exit code 1 if one is out of date
"""

import argparse
import contextlib
import io
import json
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from generated import between

from freqtrade_balance_guard.exchanges.names import SAME_AS
from freqtrade_balance_guard.exchanges.support import IN_WORDS, Evidence
from freqtrade_balance_guard.orders.client_ids import TABLE


ROOT = Path(__file__).resolve().parent.parent
TABLE_FILE = ROOT / "freqtrade_balance_guard" / "exchanges" / "support.json"
PAGE = ROOT / "docs" / "reference" / "exchanges.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- support: begin -->\n", "<!-- support: end -->\n"
FOLDERS = ("tests/integration", "tests/acceptance")
MARK = "mark.shows"
MODES = ("spot", "futures")
# Twins of ccxt that freqtrade does not name.
HIDDEN = {"gateio", "huobi"}

Shown = dict[tuple[str, str], set[Evidence]]


class Collector:
    """A plugin of pytest that keeps the marks."""

    def __init__(self) -> None:
        self.shown: Shown = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Reads the marks of every test, whatever would be selected."""
        for item in items:
            for mark in item.iter_markers("shows"):
                exchange, trading_mode, evidence = mark.args
                self.shown[exchange, trading_mode].add(Evidence(evidence))


def collected() -> Shown:
    """What the marks say. Ends the script if a test file cannot be read."""
    collector, output = Collector(), io.StringIO()
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("test_*.py"))]
    # Collecting all others would only take time.
    marked = [str(file) for file in files if MARK in file.read_text(encoding="utf-8")]
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    with contextlib.redirect_stdout(output):
        code = pytest.main([*options, *marked], plugins=[collector])
    if code != pytest.ExitCode.OK:
        raise SystemExit(f"The tests cannot be collected:\n{output.getvalue()[-2000:]}")
    return collector.shown


def as_json(shown: Shown) -> str:
    """The package's file; the strongest evidence first."""
    rows = {
        f"{exchange} {mode}": [kind.value for kind in Evidence if kind in shown[exchange, mode]]
        for exchange, mode in sorted(shown)
    }
    return json.dumps(rows, indent=2) + "\n"


def table(shown: Shown) -> str:
    """One line an exchange, in markdown."""
    names = {name for name, _ in TABLE} | set(SAME_AS) - HIDDEN
    lines = ["| Exchange (ccxt) | Spot | Futures |", "| --- | --- | --- |"]
    # The most is shown of those that come first.
    ordered = sorted(names, key=lambda name: (-_weight(shown, name), name))
    for name in ordered:
        cells = [_cell(shown.get((name, mode), set())) for mode in MODES]
        lines.append(f"| `{name}` | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, "| all others | untested | untested |"]) + "\n"


def _weight(shown: Shown, name: str) -> int:
    weights = {Evidence.TRADED: 100, Evidence.RECORDED: 10, Evidence.REQUESTS: 1}
    return sum(weights[kind] for mode in MODES for kind in shown.get((name, mode), ()))


def _cell(kinds: set[Evidence]) -> str:
    ordered = [kind.value for kind in Evidence if kind in kinds]
    if Evidence.TRADED in kinds:
        ordered[0] = f"**{ordered[0]}**"
    return ", ".join(ordered) or "untested"


def page(shown: Shown) -> str:
    """The page of the reference."""
    meaning = "\n".join(f"- *{kind.value}*: {IN_WORDS[kind]}" for kind in Evidence)
    return (
        "# Exchanges\n\nFor everybody who wants to know what was tried with their exchange before "
        "they trust the guard there. The table is written\nfrom the tests themselves; nothing is "
        "in it that no test checks.\n\n"
        f"{meaning}\n- *untested*: nothing; the first line of the log says so\n\n"
        "No live exchange was asked. Where your exchange is not *traded*, begin in dry-run, then "
        "with a small amount.\nWhat the guard knows of each exchange's order ids: "
        "[Client order ids](../client-order-ids.md).\n\n"
        f"{table(shown)}"
    )


def main() -> int:
    """Writes or checks all three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare, and write nothing")
    check = parser.parse_args().check
    shown = collected()
    readme = README.read_text(encoding="utf-8")
    fresh = {
        TABLE_FILE: as_json(shown),
        PAGE: page(shown),
        README: between(README, readme, BEGIN, END, f"\n{table(shown)}\n"),
    }
    stale = [
        path for path, text in fresh.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if check:
        print(f"out of date: {', '.join(path.name for path in stale)}" if stale else "up to date")
        return int(bool(stale))
    for path in stale:
        path.write_text(fresh[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
