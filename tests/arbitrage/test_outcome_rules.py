"""Rounding never worsens a limit, and equal shares are on both grids: for anything."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from freqtrade_balance_guard.arbitrage.outcomes.rules import (
    OutcomeRules,
    PriceRange,
    common_shares,
)
from tests.support.effort import examples


D = Decimal


def polymarket(tick="0.01"):
    return OutcomeRules(
        "USDC",
        (PriceRange(D(0), D(1), D(tick)),),
        D("0.01"),
        D("0.01"),
        cost_min=D(1),
        spends_money=True,
    )


KALSHI = OutcomeRules("USD", (PriceRange(D(0), D(1), D("0.01")),), D(1), shares_min=D(1))
TAPERED = OutcomeRules(
    "USD",
    (
        PriceRange(D(0), D("0.1"), D("0.001")),
        PriceRange(D("0.1"), D("0.9"), D("0.01")),
        PriceRange(D("0.9"), D(1), D("0.001")),
    ),
    D(1),
)
SX = OutcomeRules(
    "USDC",
    (PriceRange(D(0), D(1), D("0.00125")),),
    D("0.000001"),
    D("0.000001"),
    cost_min=D(1),
    spends_money=True,
)
ALL = st.sampled_from(
    [
        polymarket("0.1"),
        polymarket(),
        polymarket("0.001"),
        polymarket("0.0001"),
        KALSHI,
        TAPERED,
        SX,
    ]
)


PRICES = st.floats(0.0001, 0.9999) | st.decimals(D("0.0001"), D("0.9999"), places=5)


@settings(max_examples=examples(200), deadline=None)
@given(rules=ALL, side=st.sampled_from(["buy", "sell"]), price=PRICES)
def test_a_float_or_a_rounding_never_worsens_a_limit(rules, side, price):
    from freqtrade_balance_guard.money import to_decimal

    asked = to_decimal(price)
    rounded = rules.round_price(side, asked)
    if rounded is None:
        return
    assert rounded <= asked if side == "buy" else rounded >= asked
    assert D(0) < rounded < D(1)
    assert any(
        each.start <= rounded <= each.end and rounded % each.step == 0 for each in rules.ranges
    )
    # The next price on the grid is beyond what was asked, or the same.
    assert abs(rounded - asked) < max(each.step for each in rules.ranges)


@settings(max_examples=examples(200), deadline=None)
@given(
    one=ALL,
    other=ALL,
    wanted=st.decimals(D("0.5"), D(5000), places=3),
    prices=st.tuples(st.integers(1, 99), st.integers(1, 99)),
)
def test_equal_shares_are_on_both_grids_of_shares_and_of_money(one, other, wanted, prices):
    limits = [
        rules.round_price("buy", D(cents) / 100)
        for rules, cents in zip((one, other), prices, strict=True)
    ]
    if None in limits:
        return
    units = [r.shares_unit(limit) for r, limit in zip((one, other), limits, strict=True)]
    shares = common_shares(wanted, units)
    assert D(0) <= shares <= wanted
    for rules, limit in zip((one, other), limits, strict=True):
        assert shares % rules.share_step == 0
        if rules.money_step:
            assert shares * limit % rules.money_step == 0


def test_a_price_off_polymarkets_grid_of_money_needs_other_shares():
    rules = polymarket()
    assert rules.shares_unit(D("0.41")) == D(1)
    assert rules.shares_unit(D("0.45")) == D("0.2")
    assert rules.shares_unit(D("0.50")) == D("0.02")
    assert common_shares(D("100.5"), [D("0.2"), D(1)]) == D(100)


def test_sx_rounds_down_where_ccxt_rounds_to_the_nearest():
    assert SX.round_price("buy", D("0.371")) == D("0.37")
    assert SX.round_price("sell", D("0.371")) == D("0.37125")


def test_kalshis_tails_are_finer_than_its_middle():
    assert TAPERED.round_price("buy", D("0.0557")) == D("0.055")
    assert TAPERED.round_price("buy", D("0.5557")) == D("0.55")
    assert TAPERED.round_price("sell", D("0.9557")) == D("0.956")
    assert TAPERED.round_price("buy", D("0.0004")) is None
