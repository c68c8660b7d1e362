"""The figures in docs/rebalance.md are what comes out, and the page knows every code."""

import re
from pathlib import Path

import pytest

from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.rebalance.plan import SaleOrder
from freqtrade_balance_guard.rebalance.policy import NotNowCode
from tests.support.rebalance import LIMITS
from tests.support.rebalance_day import LOOPS, SCENES, guarded_day, plain_day, table
from tests.support.stake_records import BOTS, row


PAGE = (Path(__file__).parents[2] / "docs" / "rebalance.md").read_text(encoding="utf-8")
COOLDOWNS_IN_A_DAY = 24 * 3600 / LIMITS.cooldown


@pytest.mark.parametrize("scene", SCENES)
def test_in_a_day_there_is_at_most_one_attempt_per_cooldown(scene: str) -> None:
    day = guarded_day(SCENES[scene]())
    assert day.attempts <= COOLDOWNS_IN_A_DAY
    assert day.refused == 0 or SCENES[scene]().refuses_all


def test_the_plain_logic_of_the_users_document_loops() -> None:
    for scene in list(SCENES)[1:]:
        assert plain_day(SCENES[scene]()).attempts == LOOPS
    first = next(iter(SCENES.values()))
    plain, guarded = plain_day(first()), guarded_day(first())
    assert plain.sold > 2 * guarded.sold
    assert plain.refused > 0
    assert plain.lost > 2 * guarded.lost


def test_the_figures_of_the_day_in_the_docs_are_these() -> None:
    for line in table():
        assert line in PAGE


@pytest.mark.acceptance
@pytest.mark.parametrize("bot", BOTS)
def test_the_figures_of_the_early_warning_in_the_docs_are_these(bot: str) -> None:
    assert row(bot) in PAGE


def test_the_page_lists_all_reasons_in_their_order() -> None:
    listed = re.findall(r"^\| \d+ \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert listed == [str(code) for code in NotNowCode]


@pytest.mark.acceptance
def test_the_page_names_all_orders_and_outcomes() -> None:
    for name in (*SaleOrder, *Outcome):
        assert f"`{name}`" in PAGE or f" {name} " in PAGE
