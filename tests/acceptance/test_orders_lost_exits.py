"""The reply to an exit, a stop-loss, an addition or a replacement is lost."""

import pytest

from freqtrade_balance_guard.demo.strategy import Adjustment, StrategyPlan
from tests.support.balances import GUARDED, A, B, figure, rehearsal, side_by_side, usdt
from tests.support.orders import (
    FAR_ABOVE,
    FAR_BELOW,
    FAR_PRICES,
    ORDER_ENDPOINTS,
    WITH_TAG,
    eventually,
    first_sent,
    reservations,
    settled_books,
    wrong_trade,
)


pytestmark = pytest.mark.acceptance

HOWS = ("error", "502", "timeout", "drop")
IMPATIENT = {"timeout": 4000}
# Only exits are limit orders.
LIMIT_EXITS = """

Rehearsal.order_types["exit"] = "limit"
"""
KINDS = {
    "market": {"extra": WITH_TAG},
    "limit": {"extra": WITH_TAG + LIMIT_EXITS + FAR_ABOVE, "config": FAR_PRICES},
}


def closed(rehearsed, pair):
    return [t for t in rehearsed.bot.trades() if t["pair"] == pair and not t["is_open"]]


def wait_closed(rehearsed, *pairs):
    rehearsed.bot.wait_until(
        lambda: all(closed(rehearsed, pair) for pair in pairs), 40, f"the end of {pairs}"
    )


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", HOWS)
def test_a_lost_exit_is_sold_once_and_its_trade_closed_normally(tmp_path, how, kind, way):
    def run(one):
        settings = {"stake_amount": 100, "max_open_trades": 3, "ccxt": IMPATIENT, **KINDS[kind]}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.signal(A, B)
            rehearsed.wait_bought(2)
            rehearsed.bot.wait_loops(2)
            rehearsed.exchange.fault("lost_reply", how=how, side="sell", seconds=15, times=2)
            rehearsed.signal(sell=(A, B))
            rehearsed.wait_orders("sell", 2)
            if kind == "limit":
                rehearsed.bot.wait_loops(2)
                for order in rehearsed.orders("sell"):
                    if order["status"] == "open":
                        rehearsed.exchange.fill(order["id"])
            wait_closed(rehearsed, A, B)
            sold = len(rehearsed.orders("sell"))
            refused = rehearsed.refused_orders().total()
            reasons = {trade["exit_reason"] for trade in rehearsed.bot.trades()}
            if one != "plain":
                settled_books(rehearsed)
                assert not rehearsed.bot.lines("Traceback")
            return sold, refused, sorted(reasons)

    seen = side_by_side(run, "plain", way)
    figure(f"exit, {how}, {kind}: (sold, refused, reasons)", seen)
    assert seen[way] == (2, 0, ["rehearsal"])


@pytest.mark.parametrize("way", GUARDED)
def test_while_nobody_can_say_an_exit_waits_three_seconds_at_most(tmp_path, way):
    with rehearsal(tmp_path, way, stake_amount=100, extra=WITH_TAG) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(2)
        # The first exit's reply is lost and cannot be asked for; the second pair's exit is next.
        rehearsed.exchange.fault("lost_reply", how="drop", side="sell", symbol=A, times=1)
        for endpoint in ORDER_ENDPOINTS:
            rehearsed.exchange.fault("timeout", seconds=20, endpoint=endpoint)
        rehearsed.signal(sell=(A, B))
        rehearsed.wait_orders("sell", 2, timeout=30)
        first, second = (order["created_at"] for order in rehearsed.orders("sell"))
        rehearsed.exchange.clear_faults()
        wait_closed(rehearsed, A, B)
        settled_books(rehearsed)
        figure("the next exit after s", {way: second - first})
        assert len(rehearsed.orders("sell")) == 2


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("how", HOWS)
def test_a_lost_stop_loss_is_placed_once_and_followed(tmp_path, how, way):
    def run(one):
        plan = StrategyPlan(stoploss=-0.1, stoploss_on_exchange=True)
        settings = {"stake_amount": 100, "ccxt": IMPATIENT, "plan": plan, "extra": WITH_TAG}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.bot.wait_loops(1)
            rehearsed.exchange.fault("lost_reply", how=how, side="sell", seconds=15, times=1)
            rehearsed.signal(A)
            rehearsed.wait_bought(1)
            rehearsed.wait_orders("sell", 1)
            rehearsed.bot.wait_loops(3)
            stops = sum(order["trigger"] is not None for order in rehearsed.orders("sell"))
            if one == "plain":
                return stops, rehearsed.refused_orders().total()
            settled_books(rehearsed)
            assert rehearsed.orders("sell")[0]["status"] == "open"
            # It is cancelled for the exit, as it is known.
            rehearsed.signal(sell=(A,))
            wait_closed(rehearsed, A)
            settled_books(rehearsed)
            assert [order["status"] for order in rehearsed.orders("sell")] == ["canceled", "closed"]
            return stops, rehearsed.refused_orders().total()

    seen = side_by_side(run, "plain", way)
    figure(f"stop-loss, {how}: (placed, refused)", seen)
    assert seen[way] == (1, 0)


@pytest.mark.parametrize("way", GUARDED)
def test_a_stop_loss_whose_reply_was_lost_sells_once_when_it_triggers(tmp_path, way):
    plan = StrategyPlan(stoploss=-0.1, stoploss_on_exchange=True)
    with rehearsal(tmp_path, way, stake_amount=100, plan=plan, extra=WITH_TAG) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault("lost_reply", how="drop", side="sell", times=1)
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        rehearsed.wait_orders("sell", 1)
        rehearsed.signal()
        rehearsed.exchange.price(A, price="44000")
        wait_closed(rehearsed, A)
        settled_books(rehearsed)
        assert len(rehearsed.orders("sell")) == 1
        assert closed(rehearsed, A)[0]["exit_reason"] == "stoploss_on_exchange"


@pytest.mark.parametrize("dialect", ["kraken", "binance"])
@pytest.mark.parametrize("lag", [2.5, 8])
def test_row_15_a_lost_stop_that_is_listed_late_does_not_stand_in_the_way_of_the_exit(
    tmp_path, dialect, lag
):
    """On spot the stop holds the coins: an exit beside it is rejected for want of them."""
    plan = StrategyPlan(stoploss=-0.1, stoploss_on_exchange=True)
    settings = {"stake_amount": 100, "plan": plan, "extra": WITH_TAG}
    with rehearsal(tmp_path, "mixin", on=usdt("1000", dialect=dialect), **settings) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.exchange.fault("orders_lag", seconds=lag)
        rehearsed.exchange.fault("lost_reply", how="drop", side="sell", times=1)
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        rehearsed.wait_orders("sell", 1)
        rehearsed.signal(sell=(A,))
        wait_closed(rehearsed, A)
        stops = [order for order in rehearsed.orders("sell") if order["trigger"] is not None]
        sold = [order for order in rehearsed.orders("sell") if float(order["filled"])]
        assert len(sold) == 1
        assert all(order["status"] == "canceled" for order in stops)


MORE = StrategyPlan(adjustments=(Adjustment(A, stake=60.0, after_s=2),))


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("how", HOWS)
def test_a_lost_addition_to_a_position_is_bought_once(tmp_path, how, way):
    def run(one):
        settings = {"stake_amount": 100, "ccxt": IMPATIENT, "plan": MORE, "extra": WITH_TAG}
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.signal(A)
            rehearsed.wait_bought(1)
            rehearsed.exchange.fault("lost_reply", how=how, side="buy", seconds=15, times=2)
            rehearsed.wait_orders("buy", 2)
            rehearsed.bot.wait_until(
                lambda: sum(o["filled"] or 0 for o in rehearsed.bot.orders()) > 0.003, 40, "more"
            )
            rehearsed.bot.wait_loops(2)
            bought = len(rehearsed.orders("buy"))
            if one != "plain":
                settled_books(rehearsed)
                eventually(rehearsed, lambda: wrong_trade(rehearsed, A))
            return bought

    seen = side_by_side(run, "plain", way)
    figure(f"addition, {how}: buys in all", seen)
    assert seen["plain"] >= 3
    assert seen[way] == 2


# A limit entry is replaced once by a nearer one; freqtrade asks with each new candle.
REPLACED_ONCE = (
    FAR_BELOW
    + """

def nearer(self, trade, order, current_order_rate, **kwargs):
    is_first = len(trade.orders) == 1
    return current_order_rate * 1.05 if is_first and self.age(trade) > 2 else current_order_rate


Rehearsal.adjust_entry_price = nearer
"""
)


@pytest.mark.parametrize("way", GUARDED)
@pytest.mark.parametrize("how", HOWS)
def test_a_lost_replacement_is_on_the_exchange_once_and_keeps_its_trade(tmp_path, how, way):
    def run(one):
        settings = {
            "stake_amount": 100,
            "ccxt": IMPATIENT,
            "plan": StrategyPlan(order_type="limit"),
            "extra": WITH_TAG + REPLACED_ONCE,
            "config": FAR_PRICES,
        }
        with rehearsal(tmp_path, one, **settings) as rehearsed:
            rehearsed.bot.wait_loops(1)
            rehearsed.signal(A)
            first_sent(rehearsed, A)
            rehearsed.exchange.fault(
                "lost_reply", how=how, side="buy", seconds=15, times=1, after_calls=0
            )
            rehearsed.wait_orders("buy", 2, timeout=130)
            rehearsed.bot.wait_loops(3)
            resting = sum(order["status"] == "open" for order in rehearsed.orders())
            if one == "plain":
                return resting
            settled_books(rehearsed)
            first, second = reservations(rehearsed)
            assert (first.state, second.state) == ("released", "open")
            rehearsed.exchange.fill(rehearsed.orders()[-1]["id"])
            rehearsed.wait_bought(1)
            settled_books(rehearsed)
            eventually(rehearsed, lambda: wrong_trade(rehearsed, A))
            return resting

    seen = side_by_side(run, "plain", way)
    figure(f"replacement, {how}: resting orders", seen)
    assert seen["plain"] == 2
    assert seen[way] == 1
