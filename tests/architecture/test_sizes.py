"""How long files and functions are."""

import ast
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2] / "freqtrade_balance_guard"
LINES_OF_A_FUNCTION = 60
LINES_OF_A_FILE = 420
# Still to be cut. Nothing may be added.
LEFT = {"arbitrage/store/store.py", "integration/arbitrage/loop.py"}
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("*.py"))
}


def long_functions(source: str) -> list[str]:
    """Functions above the limit, from ``def`` to the last line."""
    return [
        f"{node.name}: {lines} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_OF_A_FUNCTION
    ]


def test_no_function_has_more_than_sixty_lines() -> None:
    assert len(SOURCES) > 250
    found = [f"{path}, {one}" for path, source in SOURCES.items() for one in long_functions(source)]
    assert found == []


def test_no_file_has_more_than_420_lines() -> None:
    lines = {path: source.count("\n") for path, source in SOURCES.items()}
    assert {path for path, count in lines.items() if count > LINES_OF_A_FILE} - LEFT == set()


@pytest.mark.parametrize("head", ["def f():", "class C:\n  async def f(self):", "if x:\n def f():"])
def test_a_function_that_is_too_long_is_found_wherever_it_stands(head: str) -> None:
    body = "\n" + " " * 6 + "x = 1"
    assert long_functions(head + body * (LINES_OF_A_FUNCTION - 1)) == []
    assert long_functions(head + body * LINES_OF_A_FUNCTION) == ["f: 61 lines"]
