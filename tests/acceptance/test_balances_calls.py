"""How often the exchange is asked for the balance; plain freqtrade in the same run."""

import statistics

import pytest

from freqtrade_balance_guard.demo.strategy import Adjustment, StrategyPlan
from tests.support.balances import GUARDED, PAIRS, WHOLE, A, figure, rehearsal, side_by_side, usdt


pytestmark = pytest.mark.acceptance

EVERY_PAIR_FOR_EVER = StrategyPlan(signals=dict.fromkeys(PAIRS))
TEN_SLOTS = {"plan": EVERY_PAIR_FOR_EVER, "max_open_trades": 10}


def private_calls_per_loop(rehearsed, loops):
    rehearsed.bot.wait_loops(2)
    rehearsed.exchange.reset_counters()
    rehearsed.bot.wait_loops(loops)
    return rehearsed.private_calls() / loops


@pytest.mark.parametrize("way", GUARDED)
def test_ten_signals_without_funds_cost_no_call_while_the_cache_is_young(tmp_path, way):
    def run(one):
        with rehearsal(tmp_path, one, on=usdt("1"), **TEN_SLOTS) as rehearsed:
            return private_calls_per_loop(rehearsed, 5)

    calls = side_by_side(run, "plain", way)
    figure("no funds, private calls per loop", calls)
    assert calls["plain"] >= 15
    assert calls[way] == 0


@pytest.mark.parametrize("way", GUARDED)
def test_ten_signals_without_funds_cost_one_refresh_per_loop_with_an_old_cache(tmp_path, way):
    guard = {**WHOLE, "balance_cache_duration": 0}
    with rehearsal(tmp_path, way, on=usdt("1"), guard=guard, **TEN_SLOTS) as rehearsed:
        rehearsed.bot.wait_loops(2)
        rehearsed.exchange.reset_counters()
        # Counted per read and per loop: a loop that has just begun is counted as a whole.
        rehearsed.bot.wait_loops(5)
        reads, calls = rehearsed.balance_reads(), rehearsed.private_calls()
    figure("no funds, cache of 0 s, reads in 5 loops", {way: reads})
    # While all pairs are locked for want of stake it is looked for new money now and then.
    assert 1 <= reads <= 6
    assert calls == 2 * reads


@pytest.mark.parametrize("way", GUARDED)
def test_with_the_limiter_of_ccxt_a_loop_takes_a_tenth_of_plain(tmp_path, way):
    limiter = {"enableRateLimit": True}

    def run(one):
        with rehearsal(tmp_path, one, on=usdt("1"), ccxt=limiter, **TEN_SLOTS) as rehearsed:
            if one == "plain":
                rehearsed.bot.wait_loops(2, timeout=280)
                return max(rehearsed.bot.loops()[:-1])
            # The first loop fetches all candles, as plain's does.
            rehearsed.bot.wait_loops(5, timeout=280)
            return statistics.median(rehearsed.bot.loops()[1:-1])

    seconds = side_by_side(run, "plain", way)
    figure("no funds with ccxt's limiter, seconds per loop", seconds)
    assert seconds[way] <= seconds["plain"] / 10


# Loops that trade. Counted: reads of the balance, from the signal until things have settled.


def entry(rehearsed):
    rehearsed.signal(A)
    rehearsed.wait_bought(1)


def five_entries(rehearsed):
    rehearsed.signal(*PAIRS[:5])
    rehearsed.wait_bought(5)


def exit_(rehearsed):
    entry(rehearsed)
    rehearsed.bot.wait_loops(3)
    rehearsed.exchange.reset_counters()
    rehearsed.signal(sell=(A,))
    rehearsed.wait_orders("sell", 1)


def bought_more(rehearsed):
    entry(rehearsed)
    rehearsed.bot.wait_loops(1)
    rehearsed.exchange.reset_counters()
    rehearsed.wait_orders("buy", 2)


def denied(rehearsed):
    rehearsed.signal(*PAIRS[:5], times=None)
    rehearsed.bot.wait_loops(2)
    rehearsed.signal()


MORE = StrategyPlan(adjustments=(Adjustment(A, stake=100.0, after_s=5),))
TRADING = {
    "entry": (entry, {"stake_amount": 200}),
    "entry, fee in base": (entry, {"stake_amount": 200, "on": "fee in base"}),
    "five entries": (five_entries, {"stake_amount": 100, "max_open_trades": 5}),
    "five denied signals": (denied, {"stake_amount": 200, "on": "no funds"}),
    "exit": (exit_, {"stake_amount": 200}),
    "position adjustment": (bought_more, {"stake_amount": 200, "plan": MORE}),
}


def market(symbol):
    for row in usdt("1").markets:
        if row.symbol == symbol:
            return row


def exchange_for(name):
    if name == "no funds":
        return usdt("1")
    if name == "fee in base":
        return usdt(
            "1000",
            markets=[
                {**row.model_dump(mode="json"), "fee_currency": "base"} for row in usdt("1").markets
            ],
        )
    return usdt("1000")


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("scene", TRADING)
def test_a_loop_that_traded_asks_at_most_half_as_often_as_plain(tmp_path, scene, way):
    act, settings = TRADING[scene]
    settings = dict(settings)
    on = settings.pop("on", None)

    def run(one):
        with rehearsal(tmp_path, one, on=exchange_for(on), **settings) as rehearsed:
            rehearsed.bot.wait_loops(1)
            rehearsed.exchange.reset_counters()
            act(rehearsed)
            rehearsed.bot.wait_loops(3)
            assert not rehearsed.refused_orders()
            return rehearsed.balance_reads()

    reads = side_by_side(run, "plain", way)
    figure(f"{scene}, reads of the balance", reads)
    assert reads[way] <= reads["plain"] / 2
