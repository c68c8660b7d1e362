"""The prediction market itself: matching, settlement, resolution; its books are always right."""

import random
from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.script.market import ConstantPath
from tests.support.prediction import EVENT


D = Decimal
TWO = [{"name": "main"}, {"name": "other"}]
FREE = {"name": EVENT, "price": "0.4", "min_cost": "1"}


def without_maker(**rules):
    """A market where only customers trade."""
    return {"accounts": TWO, "markets": [{**FREE, "levels": 0, **rules}]}


def test_an_order_gets_the_offers_price_not_its_own(bench_of):
    bench = bench_of("polymarket")
    order = bench.place(0, "buy", "100", "0.45")
    assert (order.filled, order.average) == (D(100), D("0.41"))
    bench.wait(1)
    bench.assert_books_right()


def test_an_order_that_spends_money_gets_more_shares_at_a_better_price(bench_of):
    bench = bench_of("polymarket")
    bench.book(bids=[("0.39", "1000")], asks=[("0.40", "1000")])
    order = bench.spend(0, "45", "0.45", time_in_force="FOK")
    assert (order.filled, order.cost, order.status) == (D("112.5"), D(45), "filled")


def test_who_buys_the_second_outcome_takes_what_is_bid_for_the_first(bench_of):
    bench = bench_of("polymarket")
    bench.book(bids=[("0.39", "50")], asks=[])
    order = bench.place(1, "buy", "80", "0.62")
    assert (order.filled, order.average, order.status) == (D(50), D("0.61"), "live")


def test_two_who_buy_both_outcomes_make_new_shares(bench_of):
    bench = bench_of("polymarket", **without_maker())
    resting = bench.place(0, "buy", "100", "0.45")
    taker = bench.place(1, "buy", "60", "0.60", account="other")
    bench.wait(1)
    assert (resting.filled, taker.filled, taker.average) == (D(60), D(60), D("0.55"))
    assert (bench.shares(0), bench.shares(1, "other")) == (D(60), D(60))
    assert bench.exchange.purses.pools[EVENT] == D(60)
    bench.assert_books_right()


def test_two_who_sell_both_outcomes_end_shares_and_a_seller_and_a_buyer_hand_them_over(bench_of):
    bench = bench_of("polymarket", **without_maker())
    bench.place(0, "buy", "100", "0.45")
    bench.place(1, "buy", "100", "0.55", account="other")
    bench.wait(1)
    bench.place(0, "sell", "40", "0.50")
    bench.place(1, "sell", "40", "0.50", account="other")
    bench.wait(1)
    assert bench.exchange.purses.pools[EVENT] == D(60)
    bench.place(0, "sell", "10", "0.50")
    bench.place(0, "buy", "10", "0.50", account="other")
    bench.wait(1)
    assert (bench.shares(0), bench.shares(0, "other")) == (D(50), D(10))
    bench.assert_books_right()


def test_a_customer_never_trades_with_itself(bench_of):
    bench = bench_of("polymarket", **without_maker())
    first = bench.place(0, "buy", "10", "0.50")
    second = bench.place(1, "buy", "10", "0.60")
    assert (first.filled, second.filled) == (0, 0)


def test_fill_or_kill_is_whole_or_nothing(bench_of):
    bench = bench_of("polymarket")
    bench.book(bids=[], asks=[("0.40", "50")])
    with pytest.raises(BetRejected) as killed:
        bench.spend(0, "40", "0.40", time_in_force="FOK")
    assert killed.value.reason == Reason.NOT_FILLABLE
    assert bench.money().held == 0
    partly = bench.spend(0, "40", "0.40")
    assert (partly.filled, partly.status, partly.held) == (D(50), "canceled", 0)
    bench.book(bids=[], asks=[])
    with pytest.raises(BetRejected) as none:
        bench.spend(0, "40", "0.40")
    assert none.value.reason == Reason.NO_MATCH


def test_shares_cannot_be_sold_before_their_purchase_is_final(bench_of):
    bench = bench_of("polymarket", settle_after_s=5)
    bench.place(0, "buy", "10", "0.45")
    assert (bench.money().total, bench.shares(0)) == (D(1000), D(0))
    with pytest.raises(BetRejected) as early:
        bench.place(0, "sell", "10", "0.30")
    assert early.value.reason == Reason.INSUFFICIENT_FUNDS
    bench.wait(6)
    assert (bench.money().total, bench.shares(0)) == (D("995.80324"), D(10))
    bench.place(0, "sell", "10", "0.30")
    bench.wait(6)
    assert bench.shares(0) == 0
    bench.assert_books_right()


def test_a_match_that_fails_gives_everything_back_and_the_order_still_shows_its_fill(bench_of):
    bench = bench_of("polymarket", faults=[{"kind": "settlement_failed", "times": 1}])
    order = bench.place(0, "buy", "100", "0.45")
    assert bench.money().held > D(41)
    bench.wait(1)
    assert (order.filled, order.matches[0].status) == (D(100), "failed")
    assert (bench.money().total, bench.money().held, bench.shares(0)) == (D(1000), 0, 0)
    bench.assert_books_right()


def test_a_match_may_stay_unsettled_for_longer(bench_of):
    fault = {"kind": "settlement_delayed", "seconds": 60, "times": 1}
    bench = bench_of("sxbet", faults=[fault])
    order = bench.spend(0, "45", "0.45")
    bench.wait(1)
    bench.wait(58)
    assert order.matches[0].status == "matched"
    bench.wait(3)
    assert (order.matches[0].status, bench.shares(0)) == ("final", D("101.123595"))


def test_an_order_may_be_delayed_and_is_matched_with_the_book_of_then(bench_of):
    market = {**FREE, "delay_s": 3}
    bench = bench_of("polymarket", markets=[market])
    order = bench.place(0, "buy", "100", "0.45")
    assert (order.status, order.filled) == ("delayed", 0)
    bench.book(bids=[], asks=[("0.44", "1000")])
    bench.wait(3.1)
    assert (order.status, order.average) == ("filled", D("0.44"))
    killed = bench.spend(0, "45", "0.45", time_in_force="FOK")
    bench.book(bids=[], asks=[])
    bench.wait(3.1)
    assert (killed.status, killed.filled, killed.held) == ("canceled", 0, 0)


@pytest.mark.parametrize(("result", "outcome"), [("first", 0), ("second", 1)])
@pytest.mark.parametrize("dialect", ["kalshi", "sxbet"])
def test_a_pair_pays_exactly_one_whichever_way_it_ends(bench_of, dialect, result, outcome):
    accounts = TWO
    bench = bench_of(dialect, accounts=accounts)
    buy = bench.spend if dialect == "sxbet" else None
    if buy is not None:
        buy(0, "44.5", "0.445")
        buy(1, "56.5", "0.565", account="other")
    else:
        bench.place(0, "buy", "100", "0.48")
        bench.place(1, "buy", "100", "0.54", account="other")
    bench.wait(1)
    before = sum(bench.money(each["name"]).total for each in accounts)
    bench.exchange.resolve(EVENT, result)
    after = sum(bench.money(each["name"]).total for each in accounts)
    assert after - before == D(100)
    assert bench.shares(0) == bench.shares(1, "other") == 0
    bench.assert_books_right()


def test_polymarket_pays_when_the_owner_redeems(bench_of):
    bench = bench_of("polymarket")
    bench.place(0, "buy", "100", "0.45")
    bench.wait(1)
    before = bench.money().total
    bench.exchange.resolve(EVENT, "first")
    assert (bench.money().total, bench.shares(0)) == (before, D(100))
    assert bench.exchange.redeem("main", EVENT) == D(100)
    assert bench.money().total == before + 100
    bench.assert_books_right()


@pytest.mark.parametrize(
    ("dialect", "paid"), [("polymarket", "50"), ("kalshi", "48"), ("sxbet", "48")]
)
def test_a_void_market_pays_by_each_venues_own_rule(bench_of, dialect, paid):
    market = {**FREE, "price": "0.48"}
    bench = bench_of(dialect, markets=[market])
    bench.book(bids=[], asks=[("0.48", "1000")])
    bench.place(0, "buy", "100", "0.48")
    bench.wait(1)
    before = bench.money().total
    bench.exchange.resolve(EVENT, "void")
    if dialect == "polymarket":
        bench.exchange.redeem("main", EVENT)
    assert bench.money().total - before == D(paid)
    bench.assert_books_right()


def test_sx_takes_its_fee_from_what_a_bet_wins(bench_of):
    bench = bench_of("sxbet", accounts=[{"name": "main", "profit_fee": "0.04"}])
    bench.book(bids=[], asks=[("0.4", "1000")])
    bench.spend(0, "40", "0.4")
    bench.wait(1)
    assert bench.money().total == D(960)
    bench.exchange.resolve(EVENT, "first")
    assert bench.money().total == D(960) + 100 - D("2.4")
    bench.assert_books_right()


def test_kalshi_never_holds_both_outcomes_and_closes_without_money(bench_of):
    bench = bench_of("kalshi", accounts=[{"name": "main", "balance": "50"}])
    bench.place(0, "buy", "100", "0.48")
    assert bench.money().total == D("0.25")
    closed = bench.place(1, "buy", "100", "0.54")
    assert (closed.filled, bench.shares(0), bench.shares(1)) == (D(100), 0, 0)
    assert bench.money().total == D("0.25") + 46 - D("1.74")
    bench.assert_books_right()


def test_a_closed_market_takes_nothing_and_ends_what_rests(bench_of):
    bench = bench_of("polymarket", markets=[{**FREE, "closes_after_s": 60}])
    resting = bench.place(0, "buy", "10", "0.10")
    bench.wait(61)
    assert (resting.status, bench.money().held) == ("canceled", 0)
    with pytest.raises(BetRejected) as closed:
        bench.place(0, "buy", "10", "0.10")
    assert closed.value.reason == Reason.MARKET_CLOSED


def test_a_resting_order_fills_at_its_own_price_when_the_market_reaches_it(bench_of):
    bench = bench_of("polymarket")
    resting = bench.place(0, "buy", "10", "0.30")
    bench.book(bids=[], asks=[("0.28", "1000")])
    bench.wait(0.1)
    assert (resting.status, resting.average, resting.fee) == ("filled", D("0.30"), 0)


@pytest.mark.parametrize("dialect", ["polymarket", "kalshi", "sxbet"])
@pytest.mark.parametrize("seed", range(4))
def test_the_books_are_right_after_anything(bench_of, dialect, seed):
    chance = random.Random(seed)
    faults = [{"kind": "settlement_failed", "after_calls": 3, "times": 4}]
    accounts = [{"name": name, "balance": "500"} for name in ("main", "other")]
    bench = bench_of(dialect, accounts=accounts, faults=faults)
    market = bench.exchange.market(EVENT)
    for _ in range(120):
        first = chance.randrange(20, 60) * market.rules.tick * (8 if dialect == "sxbet" else 1)
        outcome = chance.randrange(2)
        limit = first if outcome == 0 else 1 - first
        account = chance.choice(("main", "other"))
        side = chance.choice(("buy", "buy", "sell")) if dialect == "polymarket" else "buy"
        try:
            spends = dialect == "sxbet" or (dialect == "polymarket" and chance.random() < 0.3)
            if spends and side == "buy":
                money = D(chance.randrange(100, 4000)) / 100
                in_force = chance.choice(("IOC", "FOK"))
                bench.spend(
                    outcome, str(money), str(limit), account=account, time_in_force=in_force
                )
            else:
                in_force = chance.choice(("GTC", "IOC", "FOK"))
                size = str(chance.randrange(5, 60))
                bench.place(
                    outcome, side, size, str(limit), account=account, time_in_force=in_force
                )
        except BetRejected:
            pass
        if chance.random() < 0.2:
            for order in bench.exchange.matching.open_orders()[:1]:
                if chance.random() < 0.5:
                    bench.exchange.cancel_order(order)
        if chance.random() < 0.1:
            price = D(chance.randrange(25, 75)) / 100
            market.set_price(ConstantPath(), price, bench.clock.now())
        bench.wait(chance.choice((0.0, 0.2, 1.0)))
        bench.assert_books_right()
    bench.wait(5)
    bench.exchange.resolve(EVENT, chance.choice(("first", "second", "void")))
    for name in ("main", "other"):
        bench.exchange.redeem(name, EVENT)
    bench.assert_books_right()
    assert bench.exchange.purses.pools[EVENT] == 0
