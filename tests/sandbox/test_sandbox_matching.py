"""The core without HTTP: orders, holds, fees, minimums, triggers."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected
from freqtrade_balance_guard.sandbox.script.faults import Fault


D = Decimal


def test_a_limit_buy_holds_its_cost_and_the_taker_fee_in_the_quote(bench):
    order = bench.place("buy", "limit", "0.1", "2400")

    assert order.status == "open"
    assert bench.held("USDT") == D("240") * D("1.004")
    assert bench.free("USDT") == D("1000") - D("240.96")
    assert bench.total("USDT") == 1000


def test_a_limit_sell_holds_its_base_amount(bench):
    bench.place("buy", "market", "0.1")
    bench.place("sell", "limit", "0.04", "3000")

    assert bench.held("ETH") == D("0.04")
    assert bench.held("USDT") == 0


def test_cancelling_gives_the_whole_hold_back(bench):
    order = bench.place("buy", "limit", "0.1", "2400")
    bench.exchange.cancel_order(order)

    assert order.status == "canceled"
    assert bench.free("USDT") == 1000
    with pytest.raises(Rejected, match=Reason.ORDER_NOT_OPEN):
        bench.exchange.cancel_order(order)


def test_a_market_buy_pays_the_ask_and_the_taker_fee_in_the_quote(bench):
    order = bench.place("buy", "market", "0.1")

    assert order.status == "closed"
    assert order.average == D("2500.25")
    assert order.fee == D("1.0001")
    assert (order.fee_currency, order.trades[0].maker) == ("USDT", False)
    assert bench.total("ETH") == D("0.1")
    assert bench.total("USDT") == 1000 - D("250.025") - D("1.0001")
    assert bench.held("USDT") == 0


def test_a_market_sell_receives_the_bid_less_the_fee(bench):
    bench.place("buy", "market", "0.1")
    before = bench.total("USDT")
    order = bench.place("sell", "market", "0.1")

    assert order.average == D("2499.75")
    assert bench.total("USDT") == before + D("249.975") * (1 - D("0.004"))
    assert bench.total("ETH") == 0


def test_a_market_that_charges_in_base_credits_a_buy_less_the_fee(bench_of):
    bench = bench_of(
        markets=[{"symbol": "ETH/USDT", "price": "2500", "fee_currency": "base", "spread": "0"}]
    )
    order = bench.place("buy", "market", "0.1")

    assert order.fee_currency == "ETH"
    assert bench.total("ETH") == D("0.1") * (1 - D("0.004"))
    assert bench.total("USDT") == 1000 - order.cost
    sale = bench.place("sell", "market", "0.05")
    assert sale.fee_currency == "USDT"
    assert bench.audit()["ok"]


def test_the_fee_flag_of_an_order_wins_over_the_market(bench):
    assert bench.place("buy", "market", "0.1", fee_flag="fcib").fee_currency == "ETH"
    assert bench.place("buy", "market", "0.1", fee_flag="fciq").fee_currency == "USDT"


def test_a_resting_buy_fills_at_its_limit_as_maker_when_the_ask_comes_down(bench):
    order = bench.place("buy", "limit", "0.1", "2400")
    bench.exchange.set_price("ETH/USDT", D("2390"))

    assert order.status == "closed"
    assert order.average == D("2400")
    assert order.fee == D("240") * D("0.0025")
    assert order.trades[0].maker


def test_a_resting_order_is_not_filled_by_a_price_that_only_comes_near(bench):
    order = bench.place("buy", "limit", "0.1", "2400")
    bench.exchange.set_price("ETH/USDT", D("2400"))  # the ask is half a spread above

    assert order.status == "open"


def test_a_dip_between_two_looks_fills_a_resting_order(bench_of):
    bench = bench_of(
        markets=[
            {
                "symbol": "ETH/USDT",
                "price": "2500",
                "price_path": [{"at": 10, "price": "2300"}, {"at": 11, "price": "2500"}],
            }
        ]
    )
    order = bench.place("buy", "limit", "0.1", "2400")
    bench.wait(600)

    assert order.status == "closed"


def test_a_marketable_limit_order_gets_the_better_price_of_the_book(bench):
    order = bench.place("buy", "limit", "0.1", "2600")

    assert order.status == "closed"
    assert order.average == D("2500.25")
    assert bench.held("USDT") == 0


def test_a_market_order_beyond_the_first_level_pays_more_for_the_rest(bench_of):
    bench = bench_of(markets=[{"symbol": "ETH/USDT", "price": "2500", "depth": "100"}])
    order = bench.place("buy", "market", "0.1")

    assert len(order.trades) > 1
    prices = [trade.price for trade in order.trades]
    assert prices == sorted(prices)
    assert order.status == "closed"


def test_a_limit_order_larger_than_the_book_fills_partly_and_rests(bench_of):
    bench = bench_of(markets=[{"symbol": "ETH/USDT", "price": "2500", "depth": "100"}])
    order = bench.place("buy", "limit", "0.1", "2500.25")

    assert order.status == "open"
    assert 0 < order.filled < D("0.1")
    assert bench.held("USDT") <= order.remaining * D("2500.25") * D("1.004") + D("0.00000001")


@pytest.mark.parametrize(
    ("side", "order_type", "amount", "price", "error"),
    [
        ("buy", "limit", "0.4", "2500", Reason.INSUFFICIENT_FUNDS),
        ("buy", "market", "0.4", None, Reason.INSUFFICIENT_FUNDS),
        ("sell", "limit", "0.01", "3000", Reason.INSUFFICIENT_FUNDS),
        ("sell", "market", "0.01", None, Reason.INSUFFICIENT_FUNDS),
        ("buy", "limit", "0.0009", "2500", Reason.AMOUNT_TOO_SMALL),
        ("buy", "limit", "0.001", "400", Reason.COST_TOO_SMALL),
        ("buy", "limit", "0", "400", Reason.AMOUNT_INVALID),
        ("buy", "limit", "-1", "400", Reason.AMOUNT_INVALID),
        ("buy", "limit", "0.123456789", "400", Reason.AMOUNT_INVALID),
        ("buy", "limit", "0.1", "-5", Reason.PRICE_NOT_POSITIVE),
        (
            "buy",
            "limit",
            "0.1",
            "2400.001",
            Reason.PRICE_TOO_PRECISE,
        ),
    ],
)
def test_a_refused_order_names_its_reason_and_changes_nothing(
    bench, side, order_type, amount, price, error
):
    with pytest.raises(Rejected) as refused:
        bench.place(side, order_type, amount, price)

    assert refused.value.reason == error
    assert bench.free("USDT") == bench.total("USDT") == 1000
    assert bench.exchange.matching.orders == {}


def test_the_whole_balance_can_be_spent_but_not_more(bench):
    affordable = (D(1000) / D("2400") / D("1.004")).quantize(D("0.00000001"), "ROUND_DOWN")
    with pytest.raises(Rejected, match=Reason.INSUFFICIENT_FUNDS):
        bench.place("buy", "limit", str(affordable + D("0.00000001")), "2400")
    bench.place("buy", "limit", str(affordable), "2400")

    assert 0 <= bench.free("USDT") < D("0.0001")


def test_money_held_by_one_order_is_not_there_for_another(bench):
    bench.place("buy", "limit", "0.3", "2400")
    with pytest.raises(Rejected, match=Reason.INSUFFICIENT_FUNDS):
        bench.place("buy", "limit", "0.3", "2400")


def test_a_raised_minimum_holds_from_now_on(bench):
    bench.exchange.change_market("ETH/USDT", {"amount_min": "0.5"})

    with pytest.raises(Rejected, match=Reason.AMOUNT_TOO_SMALL):
        bench.place("buy", "limit", "0.1", "2400")


def test_a_price_off_the_tick_is_refused(bench_of):
    bench = bench_of(markets=[{"symbol": "ETH/USDT", "price": "2500", "tick": "0.5"}])
    with pytest.raises(Rejected, match=Reason.PRICE_OFF_TICK):
        bench.place("buy", "limit", "0.1", "2400.3")


def test_a_stop_loss_sells_at_the_bid_once_the_price_has_touched_it(bench):
    bench.place("buy", "market", "0.1")
    stop = bench.place("sell", "stop-loss", "0.1", trigger=D("2400"))
    assert (stop.status, bench.held("ETH")) == ("open", D("0.1"))

    bench.exchange.set_price("ETH/USDT", D("2401"))
    assert stop.status == "open"
    bench.exchange.set_price("ETH/USDT", D("2390"))

    assert stop.status == "closed"
    assert stop.average < D("2390")
    assert bench.held("ETH") == 0


def test_a_stop_loss_limit_rests_at_its_limit_when_the_price_fell_past_it(bench):
    bench.place("buy", "market", "0.1")
    stop = bench.place("sell", "stop-loss-limit", "0.1", "2395", trigger=D("2400"))
    bench.exchange.set_price("ETH/USDT", D("2380"))
    assert (stop.triggered, stop.status) == (True, "open")

    bench.exchange.set_price("ETH/USDT", D("2396"))
    assert stop.status == "closed"
    assert stop.average == D("2395")


def test_a_take_profit_waits_for_a_rise(bench):
    bench.place("buy", "market", "0.1")
    order = bench.place("sell", "take-profit", "0.1", trigger=D("2600"))
    bench.exchange.set_price("ETH/USDT", D("2590"))
    assert order.status == "open"
    bench.exchange.set_price("ETH/USDT", D("2610"))
    assert order.status == "closed"


def test_a_stop_to_buy_that_a_gap_made_too_dear_is_cancelled_by_the_exchange(bench):
    order = bench.place("buy", "stop-loss", "0.38", trigger=D("2600"))
    bench.exchange.set_price("ETH/USDT", D("5000"))

    assert (order.status, order.reason) == ("canceled", "Insufficient funds")
    assert bench.free("USDT") == 1000


def test_a_stop_to_buy_that_fills_partly_after_a_gap_holds_no_more_than_before(bench):
    bench.exchange.add_fault(Fault(kind="partial_fill", fraction=D("0.5")))
    order = bench.place("buy", "stop-loss", "0.2", trigger=D("2600"))
    held = bench.held("USDT")
    bench.exchange.set_price("ETH/USDT", D("4000"))

    assert (order.status, order.filled) == ("open", D("0.1"))
    assert bench.held("USDT") == held - order.cost - order.fee
    assert bench.audit()["ok"]


def test_a_post_only_order_that_would_take_is_refused(bench):
    with pytest.raises(Rejected, match=Reason.WOULD_TAKE):
        bench.place("buy", "limit", "0.1", "2600", post_only=True)
    assert bench.place("buy", "limit", "0.1", "2400", post_only=True).status == "open"


def test_an_immediate_or_cancel_order_leaves_nothing_resting(bench_of):
    bench = bench_of(markets=[{"symbol": "ETH/USDT", "price": "2500", "depth": "100"}])
    order = bench.place("buy", "limit", "0.1", "2500.25", time_in_force="IOC")

    assert order.status == "canceled"
    assert order.filled > 0
    assert bench.held("USDT") == 0


def test_an_order_good_till_a_date_expires(bench):
    until = bench.clock.now() + 60
    order = bench.place("buy", "limit", "0.1", "2400", time_in_force="GTD", expires_at=until)
    bench.wait(59)
    assert order.is_open
    bench.wait(1)

    assert order.status == "expired"
    assert bench.free("USDT") == 1000


def test_a_buy_by_quote_amount_buys_what_the_amount_pays_for(bench):
    order = bench.place("buy", "market", "100", in_quote=True)

    assert order.amount == (D(100) / D("2500.25")).quantize(D("0.00000001"), "ROUND_DOWN")


def test_a_client_order_id_is_unique_among_open_orders_only(bench):
    first = bench.place("buy", "limit", "0.1", "2400", cl_ord_id="once")
    with pytest.raises(Rejected, match=Reason.CLIENT_ID_TAKEN):
        bench.place("buy", "limit", "0.1", "2300", cl_ord_id="once")
    bench.exchange.cancel_order(first)

    assert bench.place("buy", "limit", "0.1", "2400", cl_ord_id="once").is_open


def test_an_order_can_be_filled_by_decree_in_parts(bench):
    order = bench.place("buy", "limit", "0.1", "2400")
    bench.exchange.fill_order(order.order_id, D("0.04"))
    assert (order.status, order.filled) == ("open", D("0.04"))
    assert bench.held("USDT") == D("0.06") * 2400 * D("1.004")
    with pytest.raises(Rejected):
        bench.exchange.fill_order(order.order_id, D("0.07"))

    bench.exchange.fill_order(order.order_id, None)
    assert order.status == "closed"
    assert bench.total("ETH") == D("0.1")


def test_rewards_are_spent_after_spot(bench_of):
    bench = bench_of(accounts=[{"balances": {"USDT": "100"}, "rewards": {"USDT": "900"}}])
    bench.place("buy", "market", "0.2")

    holding = bench.exchange.account("main").holding("USDT")
    assert holding.spot == 0
    assert 0 < holding.rewards < 900
    assert bench.audit()["ok"]


def test_deposits_and_withdrawals_change_what_is_issued(bench):
    bench.exchange.deposit("main", "USDT", D(50))
    bench.exchange.withdraw("main", "USDT", D(1050))
    with pytest.raises(Rejected):
        bench.exchange.withdraw("main", "USDT", D(1))

    assert bench.total("USDT") == 0
    assert bench.audit()["ok"]


def test_money_in_an_open_order_cannot_be_withdrawn(bench):
    bench.place("buy", "limit", "0.1", "2400")
    with pytest.raises(Rejected):
        bench.exchange.withdraw("main", "USDT", D(1000))


def test_the_same_requests_give_the_same_order_ids(bench_of):
    ids = [bench_of(seed=7).place("buy", "limit", "0.1", "2400").order_id for _ in range(2)]
    assert ids[0] == ids[1]
    assert ids[0] != bench_of(seed=8).place("buy", "limit", "0.1", "2400").order_id


def test_the_journal_tells_the_story_of_an_order_in_order(bench):
    bench.place("buy", "limit", "0.1", "2400")
    bench.exchange.set_price("ETH/USDT", D("2390"))

    story = [entry["event"] for entry in bench.exchange.journal.entries()]
    assert story.index("order_placed") < story.index("price_set") < story.index("order_filled")
    assert story.index("order_filled") < story.index("order_closed")
    changed = bench.events("balance_changed")
    assert changed[-1]["currency"] == "ETH" or changed[-1]["currency"] == "USDT"
    seqs = [entry["seq"] for entry in bench.exchange.journal.entries()]
    assert seqs == list(range(1, len(seqs) + 1))
