"""Prices and candles are functions of time: deterministic, and alive before the start."""

from decimal import Decimal
from itertools import pairwise

import pytest

from freqtrade_balance_guard.sandbox.core.prices import MarketPrices
from freqtrade_balance_guard.sandbox.script.market import MarketScenario, ScriptPath


D = Decimal
START = 1_700_000_000.0


def prices_of(path, price="100", **more) -> MarketPrices:
    market = MarketScenario.model_validate(
        {"symbol": "SOL/USDT", "price": price, "price_decimals": 2, "price_path": path, **more}
    )
    return MarketPrices(market, START)


def test_a_constant_price_is_the_same_before_and_after_the_start():
    prices = prices_of("constant")
    assert prices.price(START - 86_400) == prices.price(START + 86_400) == 100


def test_a_script_steps_at_its_points_and_was_the_market_price_before():
    prices = prices_of([{"at": 10, "price": "110"}, {"at": 20, "price": "90"}])
    times = (-5, 0, 9.9, 10, 19.9, 20, 1000)
    assert [prices.price(START + at) for at in times] == [100, 100, 100, 110, 110, 90, 90]


def test_a_linear_script_draws_straight_lines():
    path = {"points": [{"at": 0, "price": "100"}, {"at": 10, "price": "110"}], "linear": True}
    prices = prices_of({"kind": "script", **path})
    assert prices.price(START + 5) == 105
    assert prices.price(START + 50) == 110


@pytest.mark.parametrize("kind", ["wave", "walk"])
def test_a_moving_price_stays_within_its_amplitude_and_on_the_tick(kind):
    prices = prices_of({"kind": kind, "amplitude": "0.1"}, tick="0.05")
    seen = {prices.price(START + step * 37.7) for step in range(-500, 500)}
    assert len(seen) > 50
    assert D(90) <= min(seen) < max(seen) <= D(110)
    assert all(price % D("0.05") == 0 for price in seen)


@pytest.mark.parametrize("kind", ["constant", "wave", "walk"])
def test_two_exchanges_with_one_scenario_have_the_same_prices(kind):
    first, second = prices_of({"kind": kind}), prices_of({"kind": kind})
    times = [START + step * 11.3 for step in range(-50, 50)]
    assert [first.price(at) for at in times] == [second.price(at) for at in times]


def test_the_book_is_never_crossed_and_its_spread_is_at_least_a_tick():
    prices = prices_of("constant", spread="0")
    quote = prices.quote(START)
    assert quote.ask - quote.bid == D("0.01")
    wide = prices_of("constant", spread="0.01").quote(START)
    assert (wide.bid, wide.ask) == (D("99.5"), D("100.5"))


def test_candles_contain_the_price_path_and_join():
    prices = prices_of({"kind": "wave", "amplitude": "0.05", "period": 200})
    candles = prices.candles(60, 30, START)
    assert [b.begins - a.begins for a, b in pairwise(candles)] == [60] * 29
    for candle in candles:
        assert candle.low <= min(candle.open, candle.close)
        assert candle.high >= max(candle.open, candle.close)
        assert candle.open == prices.price(candle.begins)


def test_a_spike_shorter_than_any_sample_is_in_its_candle():
    begins = int(START) // 60 * 60 + 60
    spike = begins + 30 - START
    prices = prices_of([{"at": spike, "price": "150"}, {"at": spike + 0.01, "price": "100"}])
    assert prices.candle(begins, 60, begins + 600).high == 150
    assert prices.extremes(begins, begins + 60).high.last == 150


def test_closed_candles_do_not_change_when_a_new_price_is_set():
    prices = prices_of({"kind": "wave"})
    now = float(int(START) // 60 * 60 + 90)
    before = prices.candles(60, 20, now)
    prices.set_path(ScriptPath.model_validate({"points": [{"at": 0, "price": 500}]}), D(100), now)
    after = prices.candles(60, 20, now + 1)

    assert before[:-1] == after[:-1]
    assert (before[-1].open, after[-1].close) == (after[-1].open, 500)


def test_set_prices_follow_each_other():
    prices = prices_of("constant")
    prices.set_path(ScriptPath.model_validate({"points": [{"at": 5, "price": 200}]}), D(100), START)
    assert [prices.price(START + at) for at in (4, 5)] == [100, 200]
    prices.set_path(
        ScriptPath.model_validate({"points": [{"at": 1, "price": 300}]}), D(200), START + 10
    )
    assert [prices.price(START + at) for at in (5, 10, 11)] == [200, 200, 300]
