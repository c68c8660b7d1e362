"""The early warning on recorded runs of real bots: the figures that its page states."""

import json
import re
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest

from freqtrade_balance_guard.rebalance.early_warning import Sample
from tests.support.early_warning import measure


ROOT = Path(__file__).resolve().parents[2]
RUNS = json.loads((ROOT / "tests" / "data" / "stake_runs.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "rebalance.md").read_text(encoding="utf-8")

# An hour of the warning is ten seconds of a run.
WINDOW, HORIZON, MINUTES_PER_SECOND = 20.0, 10.0, 6
# The default, and half of the larger account: no bot of that one ever came down to the default.
DEFAULT, HALF = Decimal("2.5"), Decimal(50)
TABLE = [(bot, DEFAULT) for bot in RUNS] + [(bot, HALF) for bot in RUNS if bot.startswith("100 ")]


@pytest.mark.parametrize(("bot", "threshold"), TABLE)
def test_the_page_states_what_the_record_says(bot: str, threshold: Decimal) -> None:
    measured = [
        measure([Sample(at, Decimal(free)) for at, free in run], threshold, WINDOW, HORIZON)
        for run in RUNS[bot]
    ]
    errors = [abs(error) for one in measured for error in one.errors]
    wrong_by = f"{median(errors) * MINUTES_PER_SECOND:.0f} min" if errors else "-"
    told = [
        sum(one.falls for one in measured),
        sum(one.foretold for one in measured),
        sum(one.warnings for one in measured),
        sum(one.false_alarms for one in measured),
    ]
    row = f"| {bot} | {threshold} | {' | '.join(map(str, told))} | {wrong_by} |"
    assert row in PAGE


def test_at_the_default_threshold_there_were_falls_to_foretell() -> None:
    falls = [free for runs in RUNS.values() for run in runs for _, free in run]
    assert any(Decimal(free) < DEFAULT for free in falls)


def test_each_run_stands_for_a_day_and_was_really_traded() -> None:
    for runs in RUNS.values():
        for run in runs:
            assert run[-1][0] * MINUTES_PER_SECOND >= 23 * 60
            assert len({free for _, free in run}) > 15
    assert re.search(r"`scripts/record_stake.py`", PAGE)
