"""What the demo shows: table, JSON and picture, from a performance that is made up."""

import io
import json
import sys

import pytest
from rich.console import Console

from freqtrade_balance_guard.demo import picture, table
from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.scenes.catalogue import FLOOR, UNSELLABLE
from freqtrade_balance_guard.demo.stage import Performance, Played


START = 1_700_000_000.0


def _journal():
    order = {"account": "main", "order_id": "O1", "symbol": "ADA/USDT"}
    told = {"event": "balance_told", "account": "main"}
    return [
        {"time": START - 3, **_changed("100")},
        {"time": START + 1, **told, "balances": {"USDT": {"total": "100", "held": "0"}}},
        {"time": START + 2, **order, "event": "order_filled", "side": "buy"},
        {"time": START + 2, **_changed("86")},
        {"time": START + 3, **told, "balances": {}},
        {"time": START + 4, **order, "event": "order_rejected"},
        {"time": START + 4, **_changed("7"), "account": "other"},
        {"time": START + 9, **_changed("1")},
    ]


def _changed(free):
    return {"event": "balance_changed", "account": "main", "currency": "USDT", "free": free}


def _performance(side, measures):
    return Performance(
        side=side,
        way="launcher",
        measures=measures,
        journal=_journal(),
        curtain=START,
        ended=START + 6,
        labels=[(START + 5, "prices fall")],
    )


@pytest.fixture
def played():
    rejected = Measures(
        orders=3,
        rejections={"EGeneral:Invalid arguments:volume minimum not met": 9},
        stuck_trades=["ADA/USDT worth 3.80, 9 sales rejected"],
    )
    kept = Measures(orders=2, refusals={"stake_below_minimum": 1})
    return [
        Played(scene, _performance("plain", rejected), _performance("guarded", kept), [])
        for scene in (UNSELLABLE, FLOOR)
    ]


def _printed(played, width):
    out = io.StringIO()
    Console(file=out, width=width).print(table.as_table(played, dry_run=False, width=width))
    return out.getvalue()


def test_the_table_has_both_sides_of_every_scene_and_of_the_total(played):
    shown = _printed(played, 160)

    assert shown.count("  plain  ") == shown.count("  guarded  ") == 3
    assert "9 x volume minimum not met" in shown
    assert "18 x volume minimum not met" in shown, "the total"
    assert "1 x stake_below_minimum" in shown


def test_a_bot_that_ended_by_itself_is_marked(played):
    played[1].plain.measures.exit_code = 0

    assert _printed(played, 160).count("plain (died)") == 2, "both scenes, not the total"


def test_in_a_narrow_terminal_nothing_is_cut_off_and_the_reasons_stand_below(played):
    shown = _printed(played, 80)

    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "…" not in shown
    assert "Rejected by the exchange, plain: 18 x volume minimum not met" in shown
    assert "Denied by the guard: 2 x stake_below_minimum" in shown


def test_the_results_are_json_and_not_ok_when_one_claim_was_broken(played):
    good = table.as_json(played, dry_run=False, seconds=63.21)
    played[1].broken.append("the exchange rejected 1 orders")
    bad = json.loads(json.dumps(table.as_json(played, dry_run=False, seconds=63.21)))

    assert good["ok"] is True
    assert bad["ok"] is False
    assert bad["scenes"][1]["broken"] == ["the exchange rejected 1 orders"]
    assert bad["total"]["plain"]["rejected"] == 18
    assert bad["scenes"][0]["guarded"]["refusals"] == {"stake_below_minimum": 1}


def test_the_timeline_tells_truth_from_what_was_told_and_ends_with_the_scene(played):
    line = picture.timeline(played[0].plain)

    assert line.true_free == [(0.0, 100.0), (2.0, 86.0)]
    assert line.told_free == [(1.0, 100.0)]
    assert line.unreadable == [3.0]
    assert line.buys == [(2.0, 86.0)], "marked at the balance that the buy left behind"
    assert line.rejected == [(4.0, 86.0)]
    assert line.events == [(5.0, "prices fall")]
    assert line.end == 6.0


def test_what_happens_at_the_same_time_has_one_label():
    events = [(2.0, "lag"), (2.004, "sell"), (7.0, "well again")]

    assert picture.together(events) == [(2.0, "lag, sell"), (7.0, "well again")]


def test_the_picture_is_written_as_svg_and_png(played, tmp_path):
    svg, png = picture.draw(played, tmp_path / "out")

    assert "<svg" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_picture_names_the_package_to_install(played, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(picture.MatplotlibMissing, match=r"pip install matplotlib$"):
        picture.draw(played, tmp_path)
