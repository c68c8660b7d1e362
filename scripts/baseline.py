"""`make baseline`: what plain freqtrade does in trouble, measured with real bots on the sandbox.

The control of every claim of this project: each row names what is known of plain freqtrade, runs
it, and says what it did. Exit code 1 when a row does not show its kind of failure.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import baseline_cases
import baseline_faults
from baseline_rig import CLOCK, Row, Seen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


PAGE = Path(__file__).resolve().parent.parent / "docs" / "baseline.md"
ROWS: list[Row] = [*baseline_cases.ROWS, *baseline_faults.ROWS]
BOTS_AT_ONCE = 2


@dataclass(frozen=True)
class Result:
    row: Row
    seen: Seen
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description="What plain freqtrade does in trouble.")
    parser.add_argument("--list", action="store_true", help="say which rows there are, and end")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this row (repeat)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON only")
    parser.add_argument("--write", action="store_true", help="write the table to docs/baseline.md")
    args = parser.parse_args()

    if args.list:
        for row in ROWS:
            print(f"{row.name:22} {row.case}")
        return 0
    unknown = set(args.only or []) - {row.name for row in ROWS}
    if unknown:
        print(f"No such row: {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    rows = [row for row in ROWS if not args.only or row.name in args.only]

    started = CLOCK.monotonic()
    results = run_all(rows)
    took = CLOCK.monotonic() - started
    if args.json:
        print(json.dumps(as_json(results, took), indent=2))
    else:
        console = Console()
        if not console.is_terminal:
            console = Console(width=180)
        console.print(as_table(results))
        console.print(f"{len(results)} rows in {took:.0f} s.")
    if args.write:
        PAGE.write_text(as_page(results), encoding="utf-8")
    return 0 if all(result.seen.same_kind for result in results) else 1


def run_all(rows: Sequence[Row]) -> list[Result]:
    """Rows with one bot two at a time, then those with two bots; in the table's order."""
    results: dict[str, Result] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("baseline", total=len(rows))

        def run(row: Row) -> None:
            results[row.name] = run_one(row)
            mark = "as known" if results[row.name].seen.same_kind else "DIFFERENT"
            progress.console.print(f"{row.name}: {results[row.name].seen.measured} ({mark})")
            progress.advance(task)

        for bots in range(1, BOTS_AT_ONCE + 1):
            with ThreadPoolExecutor(max_workers=BOTS_AT_ONCE // bots) as pool:
                list(pool.map(run, [row for row in rows if row.bots == bots]))
    return [results[row.name] for row in rows]


def run_one(row: Row) -> Result:
    """A row that breaks down is a row that did not show its failure; the others go on."""
    started = CLOCK.monotonic()
    try:
        seen = row.run()
    except Exception as error:
        seen = Seen(f"could not be measured: {error}", same_kind=False)
    return Result(row, seen, CLOCK.monotonic() - started)


def as_table(results: Sequence[Result]) -> Table:
    table = Table(title="Plain freqtrade, live on the sandbox", show_lines=True)
    for heading in ("case", "known of plain freqtrade", "measured", "same kind?"):
        table.add_column(heading)
    for result in results:
        row, seen = result.row, result.seen
        mark = "[green]yes[/]" if seen.same_kind else "[bold red]no[/]"
        table.add_row(row.case, row.expected, seen.measured, mark)
    return table


def as_json(results: Sequence[Result], took: float) -> dict[str, object]:
    return {
        "freqtrade": version("freqtrade"),
        "ccxt": version("ccxt"),
        "ok": all(result.seen.same_kind for result in results),
        "seconds": round(took, 1),
        "rows": [
            {
                "name": result.row.name,
                "case": result.row.case,
                "expected": result.row.expected,
                "measured": result.seen.measured,
                "same_kind": result.seen.same_kind,
                "numbers": dict(result.seen.numbers),
                "seconds": round(result.seconds, 1),
            }
            for result in results
        ],
    }


def as_page(results: Sequence[Result]) -> str:
    lines = [
        "# Baseline: plain freqtrade in trouble",
        "",
        "What an unmodified freqtrade does on the sandbox, live mode, loops of one second, without",
        "the guard. Every claim of the guard is measured against this. Absolute times depend on",
        "the machine; the kind of failure does not.",
        "",
        f"Measured with freqtrade {version('freqtrade')} and ccxt {version('ccxt')} by",
        "`make baseline`; this table is written by `python scripts/baseline.py --write`.",
        "",
        "| row | case | known of plain freqtrade | measured | same kind |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        row, seen = result.row, result.seen
        cells = (row.case, row.expected, seen.measured, "yes" if seen.same_kind else "**no**")
        lines.append(f"| `{row.name}` | " + " | ".join(_cell(cell) for cell in cells) + " |")
    lines += [
        "",
        '"Known" is what was measured once, at length (60-70 s per case), against another local',
        "server with the same protocol; the rows here watch for a shorter time.",
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
