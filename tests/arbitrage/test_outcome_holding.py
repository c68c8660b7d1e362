"""Shares from the match to the money: one table, and nothing besides."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from freqtrade_balance_guard.arbitrage.outcomes.holding import (
    ENDED,
    LOCKED,
    TRANSITIONS,
    Holding,
    HoldingMove,
    HoldingState,
    NotAllowed,
    after,
)


D = Decimal


def holding():
    return Holding(
        "poly",
        "poly-main",
        "7132",
        shares=D(100),
        cost=D(40),
        fee=D("0.96"),
        currency="USDC",
        closes=datetime(2026, 12, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(("state", "move"), list(product(HoldingState, HoldingMove)))
def test_only_what_the_table_has_is_allowed(state, move):
    if (state, move) in TRANSITIONS:
        assert after(state, move) in HoldingState
    else:
        with pytest.raises(NotAllowed):
            after(state, move)


def test_every_state_is_reached_and_what_has_ended_stays_so():
    reached = {state for state, _ in TRANSITIONS.values()} | {HoldingState.SETTLING}
    assert reached == set(HoldingState)
    assert not {state for state, _ in TRANSITIONS} & set(ENDED)
    assert set(LOCKED) | set(ENDED) == set(HoldingState)


def test_shares_may_be_sold_only_when_their_match_is_final():
    fresh = holding()
    assert not fresh.may_be_sold
    held = fresh.moved(HoldingMove.SETTLE)
    assert held.may_be_sold
    assert held.locked == D("40.96")
    assert not held.moved(HoldingMove.RESOLVE).may_be_sold


def test_capital_is_free_again_when_it_was_paid_or_reverted():
    paid = holding().moved(HoldingMove.SETTLE).moved(HoldingMove.PAY, D(100))
    assert (paid.state, paid.paid, paid.locked) == (HoldingState.PAID, D(100), 0)
    assert holding().moved(HoldingMove.REVERT).locked == 0
    redeemable = holding().moved(HoldingMove.SETTLE).moved(HoldingMove.RESOLVE)
    assert redeemable.locked == D("40.96")
    assert redeemable.moved(HoldingMove.PAY, D(100)).state is HoldingState.PAID


def test_a_holding_is_stored_with_all_digits():
    held = holding().moved(HoldingMove.SETTLE)
    assert Holding.from_json(held.as_json()) == held
