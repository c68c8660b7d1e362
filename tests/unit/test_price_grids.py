"""Prices and amounts on the grids of real exchange classes, in the direction that is no worse."""

from decimal import Decimal as D

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.integration.arbitrage.price_grid import (
    round_amount_down,
    round_to_grid,
)


PAIR = "COIN/USDT"


def exchange(name, price, amount=0.0001, **more):
    api = getattr(ccxt, name)()
    market = {
        "id": "coin",
        "symbol": PAIR,
        "base": "COIN",
        "quote": "USDT",
        "spot": True,
        "type": "spot",
        "precision": {"price": price, "amount": amount},
        "info": {},
    }
    api.set_markets([market | more])
    return api


# Digits that count (Bitfinex), steps (Kraken), digits and decimals together (Hyperliquid).
GRIDS = {
    "bitfinex": exchange("bitfinex", 5, 8),
    "kraken": exchange("kraken", 0.05),
    "hyperliquid": exchange("hyperliquid", 0.001, 0.01, spot=True),
}
prices = st.decimals("0.1", "99999", places=7, allow_nan=False)


@pytest.mark.parametrize("name", GRIDS)
@given(price=prices)
def test_a_rounded_price_is_on_the_grid_and_never_worse(name, price):
    api = GRIDS[name]
    for is_down in (True, False):
        rounded = round_to_grid(api, PAIR, price, is_down=is_down)
        if rounded == price:
            continue
        assert D(api.price_to_precision(PAIR, float(rounded))) == rounded
        assert (rounded < price) == is_down
        assert abs(rounded - price) <= max(price * D("0.0002"), D("0.05"))


@pytest.mark.parametrize("name", GRIDS)
@given(price=prices)
def test_what_is_on_the_grid_stays_as_it_is(name, price):
    api = GRIDS[name]
    on_it = D(api.price_to_precision(PAIR, float(price)))
    if on_it > 0:
        for is_down in (True, False):
            assert round_to_grid(api, PAIR, on_it, is_down=is_down) == on_it


@pytest.mark.parametrize("best", ["143.37", "0.91234", "50123.4", "1234.5", "9.9999"])
def test_one_percent_off_the_best_price_can_be_sent_on_every_grid(best):
    """Without the venue's grid 141 of 143 such prices could not be sent on Bitfinex."""
    for api in GRIDS.values():
        for share, is_down in ((D("1.01"), True), (D("0.99"), False)):
            limit = round_to_grid(api, PAIR, D(best) * share, is_down=is_down)
            assert D(api.price_to_precision(PAIR, float(limit))) == limit


def test_amounts_are_cut_off():
    assert round_amount_down(GRIDS["kraken"], PAIR, D("1.23459")) == D("1.2345")
    assert round_amount_down(GRIDS["kraken"], PAIR, D("0.00001")) == 0
