"""Put the results of a real demo into its page: the picture, the table, and the list of scenes.

    balance-guard demo && python scripts/copy_demo_results.py demo-output

Nothing is measured here and nothing is rounded up: what the demo wrote is what is shown.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo.scenes.catalogue import SCENES


ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DEMO_PAGE = ROOT / "docs" / "demo.md"
PICTURE = ROOT / "docs" / "images" / "demo-timeline.svg"
# The scene that README shows.
SHOWN_SCENE = "lag-after-buy"
SCENE_PICTURE = ROOT / "docs" / "images" / "demo-scene.svg"

COLUMNS = (
    "scene", "bot", "orders", "rejected by the exchange", "private calls", "slowest loop",
    "wrong size", "unknown orders", "stuck trades", "legs alone", "warnings",
    "denied by the guard",
)  # fmt: skip
COUNTED = ("wrong_sizes", "unknown_orders", "stuck_trades", "legs_alone")


def table(results: Mapping[str, Any]) -> str:
    """All scenes and the total, two rows each, as Markdown."""
    lines = [_row(COLUMNS), _row(["---"] * len(COLUMNS))]
    for scene in [*results["scenes"], {"name": "**total**", **results["total"]}]:
        for side in ("plain", "guarded"):
            name = scene["name"] if side == "plain" else ""
            died = " (died)" if scene[side]["exit_code"] is not None else ""
            lines.append(_row([name, side + died, *_cells(scene[side])]))
    freqtrade, day = version("freqtrade"), date.today().isoformat()
    lines += ["", f"freqtrade {freqtrade}, {results['seconds']:.0f} seconds, {day}."]
    return "\n".join(lines)


def _cells(measures: Mapping[str, Any]) -> list[str]:
    return [
        str(measures["orders"]),
        _listed({error.rpartition(":")[2]: n for error, n in measures["rejections"].items()}),
        str(measures["private_calls"]),
        f"{measures['slowest_loop']:.1f} s",
        *(str(len(measures[key])) for key in COUNTED),
        str(measures["warnings"]),
        _listed({f"`{code}`": count for code, count in measures["refusals"].items()}),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return "<br>".join(f"{count} x {what}" for what, count in sorted(counts.items())) or "0"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def totals(results: Mapping[str, Any]) -> str:
    """What README says of all scenes together, as Markdown."""
    plain, guarded = results["total"]["plain"], results["total"]["guarded"]
    rows = [
        ("orders that the exchange rejected", "rejected"),
        ("entries of a wrong size", "wrong_sizes"),
        ("trades that could not be sold any more", "stuck_trades"),
        ("orders that the bot did not know", "unknown_orders"),
        ("legs of an arbitrage left alone", "legs_alone"),
        ("private calls to the exchange", "private_calls"),
    ]
    lines = [
        _row([f"All {len(results['scenes'])} scenes", "plain freqtrade", "guarded"]),
        _row(["---"] * 3),
        *(_row([words, _number(plain[key]), _number(guarded[key])]) for words, key in rows),
    ]
    freqtrade, day = version("freqtrade"), date.today().isoformat()
    where = "[scene by scene](docs/demo.md#the-last-run)"
    return "\n".join([*lines, "", f"freqtrade {freqtrade}, {day}: {where}."])


def _number(found: Any) -> str:
    return str(found if isinstance(found, int) else len(found))


def scenes() -> str:
    """Name and title of every scene, as Markdown."""
    rows = [_row([f"`{scene.name}`", scene.title]) for scene in SCENES]
    return "\n".join([_row(["Scene", "Trouble"]), _row(["---"] * 2), *rows])


def put(page: Path, name: str, content: str) -> None:
    """Replace what stands between the two markers ``name`` of ``page``."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{page.name} has lost its markers {name!r}.")
    fresh = pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", text)
    page.write_text(fresh, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", type=Path, help="the demo's --output folder")
    output: Path = parser.parse_args().output
    results = json.loads((output / "results.json").read_text(encoding="utf-8"))
    if not results["ok"]:
        raise SystemExit("The guarded bot broke a claim in this run; it is not shown.")
    put(DEMO_PAGE, "demo table", table(results))
    put(DEMO_PAGE, "scenes", scenes())
    put(README, "demo totals", totals(results))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(output / "timeline.svg", PICTURE)
    shutil.copyfile(output / f"{SHOWN_SCENE}.svg", SCENE_PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
