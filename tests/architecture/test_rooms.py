"""The house: files, rooms and floors, counting every import (in functions and for types too)."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest


PACKAGE = "freqtrade_balance_guard"
ROOT = Path(__file__).parents[2] / PACKAGE
FILES_IN_A_ROOM = 12

# The rooms of ``integration/``, from the top; each imports only rooms below it.
FLOORS = (
    "startup",
    "bot",
    "plugins",
    "monitoring",
    "backtest",
    "arbitrage",
    "prediction",
    "streams",
    "rebalance",
    "orders",
    "wallets",
    "console",
    "futures",
    "exchange",
    "host",
)

TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(ROOT.rglob("*.py"))
}


def file_of(module: str, files: set[str]) -> str | None:
    """The file of a dotted name of ours; None for other packages and for names in a file."""
    names = module.split(".")
    if names[0] != PACKAGE:
        return None
    path = "/".join(names[1:])
    candidates = (f"{path}.py", f"{path}/__init__.py" if path else "__init__.py")
    return next((one for one in candidates if one in files), None)


def imports_in(path: str, tree: ast.Module, files: set[str]) -> Iterator[str]:
    """Each file of ours that ``path`` imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folders = [PACKAGE, *path.split("/")[:-1]]
                base = ".".join([*folders[: len(folders) - node.level + 1], base]).rstrip(".")
            modules = [
                inner if file_of(inner := f"{base}.{alias.name}", files) else base
                for alias in node.names
            ]
        else:
            continue
        for module in modules:
            target = file_of(module, files)
            if target is not None and target != path:
                yield target


def graph_of(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    files = set(trees)
    return {path: set(imports_in(path, tree, files)) for path, tree in trees.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of files that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def floor_of(path: str) -> str | None:
    parts = path.split("/")
    return parts[1] if parts[0] == "integration" and len(parts) > 2 else None


def climbs(graph: dict[str, set[str]]) -> list[str]:
    """Imports inside ``integration/`` that lead upward."""
    return [
        f"{path} imports {target}"
        for path, targets in sorted(graph.items())
        for target in sorted(targets)
        if (here := floor_of(path)) and (there := floor_of(target))
        if FLOORS.index(there) < FLOORS.index(here)
    ]


def crowded(paths: list[str]) -> dict[str, int]:
    rooms = Counter(path.rpartition("/")[0] for path in paths)
    return {room: count for room, count in sorted(rooms.items()) if count > FILES_IN_A_ROOM}


def knows_the_host(tree: ast.Module) -> bool:
    modules = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    ]
    return any(module.partition(".")[0] in ("freqtrade", "ccxt") for module in modules)


GRAPH = graph_of(TREES)


def test_there_is_no_circle_between_files() -> None:
    assert sum(len(targets) for targets in GRAPH.values()) > 500
    assert circles(GRAPH) == []


def test_every_room_of_integration_has_its_floor() -> None:
    assert {floor for path in TREES if (floor := floor_of(path))} <= set(FLOORS)


def test_rooms_of_integration_import_downward_only() -> None:
    assert climbs(GRAPH) == []


def test_no_room_has_more_than_twelve_files() -> None:
    assert crowded(list(TREES)) == {}


def test_what_knows_neither_freqtrade_nor_ccxt_is_not_in_integration() -> None:
    pure = [
        path
        for path, tree in TREES.items()
        if path.startswith("integration/")
        and not path.endswith("__init__.py")
        and not knows_the_host(tree)
    ]
    assert pure == []


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page[page.index("```text") : page.index("## Who may import whom")]
    rooms = {path.split("/")[0] for path in TREES if "/" in path}
    rooms |= {floor for path in TREES if (floor := floor_of(path))}
    assert len(rooms) > 20
    assert [room for room in sorted(rooms) if f" {room}/ " not in tree] == []


# The rules can fail


@pytest.mark.parametrize(
    "source",
    [
        "from freqtrade_balance_guard.a.second import name",
        "def f():\n    from freqtrade_balance_guard.a import second",
        "if TYPE_CHECKING:\n    import freqtrade_balance_guard.a.second",
        "from .second import name",
    ],
)
def test_a_planted_circle_is_found(source: str) -> None:
    back = "from freqtrade_balance_guard.a.first import other"
    trees = {"a/first.py": ast.parse(source), "a/second.py": ast.parse(back)}
    assert circles(graph_of(trees)) == [["a/first.py", "a/second.py"]]


def test_a_planted_import_upward_is_found() -> None:
    low, high = "integration/wallets/low.py", "integration/bot/high.py"
    module = "from freqtrade_balance_guard.integration.bot.high import name"
    assert climbs(graph_of({low: ast.parse(module), high: ast.parse("")})) != []
    assert climbs(graph_of({high: ast.parse(""), low: ast.parse("")})) == []


def test_a_thirteenth_file_is_found() -> None:
    assert crowded([f"a/{number}.py" for number in range(13)]) == {"a": 13}
    assert crowded([f"a/{number}.py" for number in range(12)]) == {}
