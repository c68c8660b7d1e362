"""What must remain on a venue is looked at before anything is reserved, on both ways."""

import pytest

from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from tests.support.arbitrages import D


@pytest.mark.parametrize("is_at_once", [False, True], ids=["search", "engine"])
@pytest.mark.parametrize(
    ("kept", "venue"),
    [
        ({"there": {"COIN": 9.01}}, "there"),  # 10 are there, 1 is to be sold
        ({"Here": {"usdt": 900}}, "here"),  # 1000 are there, 100.1 are to be spent
    ],
)
@pytest.mark.parametrize("make", ["memory"], indirect=True)
def test_an_arbitrage_that_would_leave_too_little_is_denied(make, is_at_once, kept, venue):
    world = make(min_inventory=kept, is_at_once=is_at_once)
    denied = world.go()
    assert denied.code is ArbitrageDenialCode.BELOW_INVENTORY
    assert denied.venue == venue and f"would be left on {venue}" in denied.sentence
    assert world.rows() == []


@pytest.mark.parametrize("make", ["memory"], indirect=True)
def test_what_leaves_exactly_enough_goes_on(make):
    world = make(min_inventory={"there": {"COIN": 9}, "here": {"USDT": D("899.9")}})
    assert world.go().state is ArbitrageState.HEDGED
