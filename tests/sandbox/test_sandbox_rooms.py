"""The sandbox's rooms: who may import whom, and how many files fit into one."""

import ast
from pathlib import Path


ROOT = Path(__file__).parents[2] / "freqtrade_balance_guard" / "sandbox"
PACKAGE = "freqtrade_balance_guard.sandbox"
# Each room and the rooms below it; the front door ("") may import all of them.
BELOW = {
    "script": set(),
    "core": {"script"},
    "futures": {"script", "core"},
    "engine": {"script", "core", "futures"},
    "kraken": {"script", "core", "futures", "engine"},
    "binance": {"script", "core", "futures", "engine"},
    "binance_futures": {"script", "core", "futures", "engine", "binance"},
    "streams": {"script", "core", "futures", "engine", "binance"},
    "signatures": set(),
    "prediction": {"script", "core"},
}
BELOW["prediction_exchange"] = {"script", "core", "engine", "streams", "signatures", "prediction"}
for _dialect in ("polymarket", "kalshi", "sxbet"):
    BELOW[_dialect] = BELOW["prediction_exchange"] | {"prediction_exchange"}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def test_every_room_has_a_line_and_at_most_twelve_files():
    files = list(ROOT.rglob("*.py"))
    rooms = {room_of(path) for path in files}
    assert rooms == {"", *BELOW}
    for room in rooms:
        assert sum(room_of(path) == room for path in files) <= 12, room


def test_rooms_import_downwards_only():
    wrong, seen = [], 0
    for path in ROOT.rglob("*.py"):
        room = room_of(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module is None or not f"{module}.".startswith(f"{PACKAGE}."):
                continue
            seen += 1
            first = module.removeprefix(PACKAGE).lstrip(".").split(".")[0]
            target = first if (ROOT / first).is_dir() and first else ""
            if room and target != room and target not in BELOW[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert seen > 100
    assert wrong == []
