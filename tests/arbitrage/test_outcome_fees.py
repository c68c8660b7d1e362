"""Fees of prediction markets are booked as the sandboxes charge them, to the last digit."""

import random
from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.outcomes.fees import (
    Fill,
    KalshiFees,
    PolymarketFees,
    SxFees,
)
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected
from tests.support.prediction import EVENT, PredictionBench


D = Decimal
RUNS = 1000


def market(**rules):
    return {"name": EVENT, "price": "0.5", "depth": "1000000", **rules}


def rich(dialect, **rules):
    accounts = [{"name": "main", "balance": "100000000", "profit_fee": "0.03"}]
    return PredictionBench(
        dialect, accounts=accounts, markets=[market(**rules)], settle_after_s=0, journal_limit=10
    )


def fills_of(order):
    return [
        Fill(part.shares, part.price, part.is_maker)
        for match in order.matches
        for part in match.parts
        if part.order_id == order.order_id
    ]


def random_book(bench, chance, step):
    """Several levels, so that an order has several fills."""
    first = chance.randrange(5, 90) * step
    asks = [
        (str(first + level * step), str(D(chance.randrange(1, 4000)) / chance.choice((1, 100))))
        for level in range(4)
    ]
    bench.book(bids=[], asks=[ask for ask in asks if D(ask[0]) < 1])
    return first


def test_a_thousand_fills_on_polymarket_cost_what_was_booked():
    chance, done = random.Random(1), 0
    while done < RUNS:
        exponent, rate = chance.choice((1, 2)), D(chance.randrange(1, 80)) / 1000
        fees = PolymarketFees(rate, exponent)
        bench = rich("polymarket", fee_rate=str(rate), fee_exponent=exponent)
        for _ in range(20):
            random_book(bench, chance, D("0.01"))
            money = D(chance.randrange(100, 200_000)) / 100
            try:
                order = bench.spend(0, str(money), "0.99")
            except BetRejected:
                continue
            fills = fills_of(order)
            assert fees.of_fills("buy", fills) == order.fee
            assert order.fee <= fees.worst_of_budget(money, D("0.99"), D("0.01"))
            done += len(fills)


@pytest.mark.parametrize("maker_rate", ["0", "0.0175"])
def test_a_thousand_fills_on_kalshi_cost_what_was_booked(maker_rate):
    chance, done = random.Random(2), 0
    fees = KalshiFees(D("0.07"), D(maker_rate))
    steps = {"price_ranges": [["0", "1", "0.001"]], "tick": "0.001"}
    bench = rich("kalshi", fee_rate="0.07", maker_fee_rate=maker_rate, **steps)
    while done < RUNS:
        step = chance.choice((D("0.01"), D("0.001")))
        first = random_book(bench, chance, step)
        outcome = chance.randrange(2)
        size = str(chance.randrange(1, 5000))
        in_force = chance.choice(("IOC", "GTC"))
        limit = "0.999" if outcome == 0 else str(1 - first)
        order = bench.place(outcome, "buy", size, limit, time_in_force=in_force)
        if order.is_open:  # the rest fills as a maker's, and the rounding goes on
            bench.exchange.fill_order(order.order_id, D(1))
            if order.is_open:
                bench.exchange.cancel_order(order)
        fills = [Fill(fill.shares, fill.price, fill.is_maker) for fill in fills_of(order)]
        assert fees.of_fills("buy", fills) == order.fee
        assert order.fee <= fees.worst("buy", order.filled, D(limit))
        done += len(fills)


def test_a_thousand_bets_on_sx_cost_what_was_booked_when_they_are_paid():
    chance, done = random.Random(3), 0
    fees = SxFees(D("0.03"))
    while done < RUNS:
        bench = rich("sxbet", tick="0.00125")
        booked = D(0)
        for _ in range(50):
            random_book(bench, chance, D("0.00125") * 4)
            order = bench.spend(0, str(D(chance.randrange(100, 100_000)) / 100), "0.99")
            for fill in fills_of(order):
                cost = (fill.shares * fill.price).quantize(D("0.000001"))
                booked += fees.of_payout(cost, fill.shares)
                done += 1
        before = bench.money().total
        shares = bench.shares(0)
        bench.exchange.resolve(EVENT, "first")
        assert bench.money().total - before == shares - booked


@pytest.mark.parametrize("fees", [PolymarketFees(D("0.04")), KalshiFees(), SxFees(D("0.03"))])
def test_no_fill_up_to_the_limit_costs_more_than_the_worst_fee(fees):
    chance = random.Random(4)
    for _ in range(500):
        limit = D(chance.randrange(2, 99)) / 100
        fills = [
            Fill(D(chance.randrange(1, 500)), D(chance.randrange(1, int(limit * 100) + 1)) / 100)
            for _ in range(chance.randrange(1, 6))
        ]
        shares = sum(fill.shares for fill in fills)
        assert fees.of_fills("buy", fills) <= fees.worst("buy", shares, limit)


def test_one_hundred_contracts_at_half_cost_what_kalshis_table_says():
    fees = KalshiFees()
    assert fees.of_fills("buy", [Fill(D(100), D("0.5"))]) == D("1.75")
    assert fees.of_fills("buy", [Fill(D(1), D("0.5"))]) == D("0.02")
    # Three contracts one by one cost no more than two cents above the three at once.
    single = fees.of_fills("buy", [Fill(D(1), D("0.055"))] * 3)
    whole = fees.of_fills("buy", [Fill(D(3), D("0.055"))])
    assert whole <= single <= whole + D("0.02")


def test_makers_pay_nothing_on_polymarket():
    assert PolymarketFees(D("0.04")).of_fills("buy", [Fill(D(100), D("0.5"), True)]) == 0
