"""One table of points at which a bot may die; every point is on the way that its name says."""

import ast
from pathlib import Path

import pytest

from freqtrade_balance_guard import crash_points


ROOT = Path(crash_points.__file__).parent
TABLES = {
    "order": crash_points.ORDER_POINTS,
    "arbitrage": crash_points.ARBITRAGE_POINTS | crash_points.ARBITRAGE_BOT_POINTS,
}


def reported():
    """(point, file) of every ``crash_point("...")`` in the package."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.func if isinstance(node, ast.Call) else None
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called == "crash_point":
                (point,) = node.args
                yield point.value, path.relative_to(ROOT).as_posix()


def test_every_point_is_reported_somewhere_and_no_other_is():
    assert {point for point, _ in reported()} == set(crash_points.CRASH_POINTS)


@pytest.mark.parametrize("way", TABLES)
def test_the_first_word_of_a_point_says_whose_way_it_is_on(way):
    assert {point.partition(" ")[0] for point in TABLES[way]} == {way}
    of_arbitrages = {point for point, file in reported() if "arbitrage/" in file}
    assert (way == "arbitrage") == bool(of_arbitrages & set(TABLES[way]))


def test_one_watcher_sees_the_points_of_both_ways(monkeypatch):
    seen = []
    monkeypatch.setattr(crash_points, "watcher", seen.append)
    crash_points.crash_point("order sent")
    crash_points.crash_point("arbitrage sent")
    assert seen == ["order sent", "arbitrage sent"]
