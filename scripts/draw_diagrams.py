"""Draw the diagrams of the documentation: docs/diagrams/NAME.toml becomes docs/images/NAME.svg.

python scripts/draw_diagrams.py           draw them all
python scripts/draw_diagrams.py --check   exit code 1 if one is out of date
"""

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from freqtrade_balance_guard.ledger.reservation import TRANSITIONS


DOCS = Path(__file__).resolve().parent.parent / "docs"
# Colours follow the reader's system, dark or light; a picture in a page cannot see the page's.
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2933; }
  .small { font-size: 12px; fill: #52606d; }
  .code { font: 12px ui-monospace, monospace; fill: #b42318; }
  .title { font-weight: 600; }
  .box { fill: #eef4fb; stroke: #3b6fb6; }
  .other { fill: #f2f2f2; stroke: #7b8794; }
  .line { stroke: #3b6fb6; fill: none; stroke-width: 1.5; }
  .no, .lost { stroke: #b42318; fill: none; stroke-width: 1.5; stroke-dasharray: 5 4; }
  .life { stroke: #9aa5b1; stroke-dasharray: 2 4; }
  .head { fill: #3b6fb6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; } .small { fill: #9aa5b1; } .code { fill: #ff9b8f; }
    .box { fill: #1d2b3f; } .other { fill: #2a2f36; }
  }
"""
ARROW_HEAD = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker>'
)
ARROW = ' marker-end="url(#arrow)"'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of text."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{named}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "box") -> str:
    """A rounded rectangle by its upper left corner."""
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
    )


def arrow(points: list[tuple[float, float]], kind: str = "line") -> str:
    """Straight lines from point to point, the last with a head."""
    path = " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path class="{kind}" d="M{path}"{ARROW}/>'


def flow(source: Mapping[str, Any]) -> tuple[float, float, list[str]]:
    """Steps from top to bottom; where a step may end the way, its codes stand at the right."""
    left, top, width, height, gap = 10, 50, 470, 38, 22
    parts = []
    steps = source["step"]
    for index, step in enumerate(steps):
        y = top + index * (height + gap)
        parts.append(box(left, y, width, height, "other" if "by" in step else "box"))
        parts.append(text(left + width / 2, y + height / 2 + 5, step["text"]))
        if index + 1 < len(steps):
            middle = left + width / 2
            parts.append(arrow([(middle, y + height), (middle, y + height + gap)]))
        if denied := step.get("denied"):
            end = left + width + 50
            parts.append(arrow([(left + width, y + height / 2), (end, y + height / 2)], "no"))
            for line, code in enumerate(denied):
                offset = (line - (len(denied) - 1) / 2) * 15
                parts.append(text(end + 8, y + height / 2 + 4 + offset, code, "code", "start"))
    return left + width + 230, top + len(steps) * (height + gap), parts


def states(source: Mapping[str, Any]) -> tuple[float, float, list[str]]:
    """Boxes where the source puts them, and the arrows of the code's own table of moves."""
    left, top, width, height, across, down = 20, 60, 160, 50, 270, 150
    corner = {
        name: (left + column * across, top + row * down)
        for name, (column, row) in source["at"].items()
    }
    moves: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (start, move), (end, _) in TRANSITIONS.items():
        if [start.value, end.value] not in source["hidden"]:
            moves[start.value, end.value].append(move.value)
    parts = []
    for (start, end), names in moves.items():
        (x, y), (to_x, to_y), label = corner[start], corner[end], ", ".join(names)
        if start == end:
            right = x + width
            parts.append(arrow([(right, y + 15), (right + 30, y + 15), (right + 30, y + 35)]))
            parts[-1] = parts[-1].replace(ARROW, "")
            parts.append(arrow([(right + 30, y + 35), (right, y + 35)]))
            parts.append(text(right + 36, y + 29, label, "small", "start"))
        elif y == to_y:
            parts.append(arrow([(x + width, y + 25), (to_x, to_y + 25)]))
            parts.append(text((x + width + to_x) / 2, y + 18, label, "small"))
        elif x == to_x:
            parts.append(arrow([(x + 80, y + height), (to_x + 80, to_y)]))
            parts.append(text(x + 86, (y + height + to_y) / 2 + 4, label, "small", "start"))
        else:
            # Beside the middle, so that arrows in and out of one box stay apart.
            side = 40 if to_x > x else -40
            begin, finish = (x + 80 + side, y + height), (to_x + 80 - side, to_y)
            parts.append(arrow([begin, finish]))
            # Near its start and outside, where no other arrow crosses.
            near, below = begin[0] + (finish[0] - begin[0]) * 0.3, begin[1] + down * 0.2
            anchor = "end" if side > 0 else "start"
            parts.append(text(near - side * 0.4, below, label, "small", anchor))
    for name, (x, y) in corner.items():
        parts.append(box(x, y, width, height))
        parts.append(text(x + width / 2, y + 21, name, "title"))
        parts.append(text(x + width / 2, y + 39, source["note"][name], "small"))
    parts.append(text(left, top + down + height + 35, source["caption"], "small", "start"))
    return left + 2 * across + width + 110, top + down + height + 50, parts


def sequence(source: Mapping[str, Any]) -> tuple[float, float, list[str]]:
    """Who says what to whom, from top to bottom."""
    actors, steps = source["actors"], source["step"]
    first, across, top, gap = 80, 215, 50, 46
    at = {name: first + index * across for index, name in enumerate(actors)}
    bottom = top + 40 + len(steps) * gap
    parts = [
        f'<line class="life" x1="{x}" y1="{top + 30}" x2="{x}" y2="{bottom}"/>' for x in at.values()
    ]
    for name, x in at.items():
        parts.append(box(x - 65, top, 130, 30, "box" if "guard" in name else "other"))
        parts.append(text(x, top + 20, name, "title"))
    for index, step in enumerate(steps):
        y = top + 62 + index * gap
        if "over" in step:
            parts.append(text(at[step["over"]], y - 4, step["text"], "small"))
            continue
        begin, end = at[step["from"]], at[step["to"]]
        parts.append(text((begin + end) / 2, y - 6, step["text"], "small"))
        parts.append(arrow([(begin, y), (end, y)], "lost" if step.get("lost") else "line"))
    return first + (len(actors) - 1) * across + 110, bottom + 10, parts


KINDS = {"flow": flow, "states": states, "sequence": sequence}


def drawn(path: Path) -> str:
    """The picture of one source."""
    source = tomllib.loads(path.read_text(encoding="utf-8"))
    width, height, parts = KINDS[source["kind"]](source)
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(source['title'])}</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{ARROW_HEAD}</defs>",
        text(10, 24, source["title"], "title", "start"),
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def pictures() -> Iterator[tuple[Path, str]]:
    """Every picture and where it belongs."""
    for path in sorted((DOCS / "diagrams").glob("*.toml")):
        yield DOCS / "images" / f"{path.stem}.svg", drawn(path)


def main() -> int:
    """Draws or checks all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare, and draw nothing")
    check = parser.parse_args().check
    stale = [
        (path, svg) for path, svg in pictures() if not path.exists() or path.read_text() != svg
    ]
    if check:
        names = ", ".join(path.name for path, _ in stale)
        print(f"out of date: {names}" if stale else "up to date")
        return int(bool(stale))
    for path, svg in stale:
        path.write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
