"""Which tier an account is in, and when it changes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.limits.tiers import choose_tier


D = Decimal
BORDERS = [D(100), D(1000)]


@pytest.mark.parametrize(
    ("equity", "tier"),
    [
        ("-5", 0),
        ("0", 0),
        ("99.99", 0),
        ("100", 0),  # the border belongs to the tier below it
        ("100.00000001", 1),
        ("1000", 1),
        ("1000.01", 2),
        ("1e9", 2),
    ],
)
def test_the_first_tier_that_holds_the_equity_is_chosen_and_borders_are_inclusive(
    equity: str, tier: int
) -> None:
    assert choose_tier(D(equity), BORDERS) == tier


def test_a_last_tier_without_a_border_has_no_end() -> None:
    assert choose_tier(D("1e12"), [D(100), None]) == 1
    assert choose_tier(D("1e12"), [None]) == 0


@pytest.mark.parametrize(
    ("equity", "current", "tier"),
    [
        # Up: only when the border is left behind by more than 5 %.
        ("100.01", 0, 0),
        ("105", 0, 0),
        ("105.01", 0, 1),
        # Down: only when the border is missed by 5 % or more.
        ("99.99", 1, 1),
        ("95.01", 1, 1),
        ("95", 1, 0),
        ("94", 1, 0),
        # At the second border the same, and from one end to the other.
        ("1050", 1, 1),
        ("1050.01", 1, 2),
        ("951", 2, 2),
        ("950", 2, 1),
        ("5000", 0, 2),
        ("1", 2, 0),
        # Where it is, it stays.
        ("500", 1, 1),
    ],
)
def test_around_a_border_the_present_tier_stays_within_five_percent(
    equity: str, current: int, tier: int
) -> None:
    assert choose_tier(D(equity), BORDERS, current) == tier


def test_a_tier_without_a_border_is_left_downward_only() -> None:
    assert choose_tier(D(96), [D(100), None], 1) == 1
    assert choose_tier(D(95), [D(100), None], 1) == 0


equities = st.decimals("0", "10000", places=2)


@given(equities, st.integers(0, 2))
def test_a_choice_made_twice_stays(equity: Decimal, current: int) -> None:
    once = choose_tier(equity, BORDERS, current)
    assert choose_tier(equity, BORDERS, once) == once


@given(equities, equities, st.integers(0, 2))
def test_more_equity_never_means_a_smaller_tier(a: Decimal, b: Decimal, current: int) -> None:
    less, more = sorted((a, b))
    assert choose_tier(less, BORDERS) <= choose_tier(more, BORDERS)
    assert choose_tier(less, BORDERS, current) <= choose_tier(more, BORDERS, current)


@given(equities, st.integers(0, 2))
def test_hysteresis_matters_only_near_the_border_that_was_crossed(
    equity: Decimal, current: int
) -> None:
    plain, kept = choose_tier(equity, BORDERS), choose_tier(equity, BORDERS, current)
    if plain != kept:
        assert kept == current
        border = BORDERS[current] if plain > current else BORDERS[current - 1]
        assert border * D("0.95") < equity <= border * D("1.05")
