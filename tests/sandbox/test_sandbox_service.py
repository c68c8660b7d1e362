"""Kraken's answers without HTTP: keys, nonces, meters, and balances that were."""

import json
from dataclasses import replace

import pytest

from freqtrade_balance_guard.sandbox.engine.wire import Request
from freqtrade_balance_guard.sandbox.script.faults import Fault
from freqtrade_balance_guard.sandbox.service import Service


BUY = {"pair": "ETHUSDT", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "2400"}


def told(bench, endpoint="BalanceEx", **more):
    return json.loads(bench.ask(endpoint, **more).text)["result"]


def error(answer):
    return json.loads(answer.text)["error"]


def test_the_private_call_meter_refuses_the_sixteenth_call_and_forgives_with_time(bench_of):
    bench = bench_of(meter_enforced=True)
    answers = [error(bench.ask("BalanceEx")) for _ in range(16)]
    assert answers == [[]] * 15 + [["EAPI:Rate limit exceeded"]]

    bench.wait(3)
    assert error(bench.ask("BalanceEx")) == ["EAPI:Rate limit exceeded"]
    bench.wait(0.04)  # 0.33 per second: one call fits again after 3.03 s
    assert error(bench.ask("BalanceEx")) == []


def test_the_meter_belongs_to_a_key_and_trade_history_costs_two(bench_of):
    bench = bench_of(meter_enforced=True)
    answers = [error(bench.ask("TradesHistory")) for _ in range(8)]
    assert answers[7] == ["EAPI:Rate limit exceeded"]
    assert error(bench.ask("BalanceEx", key_index=1)) == []


def test_orders_do_not_count_on_the_call_meter(bench_of):
    bench = bench_of(meter_enforced=True)
    for _ in range(20):
        assert error(bench.ask("AddOrder", **{**BUY, "volume": "0.001"})) == []


def test_cancelling_young_orders_fills_the_order_meter(bench_of):
    bench = bench_of(meter_enforced=True)
    seen = []
    for _ in range(8):
        result = json.loads(bench.ask("AddOrder", **BUY).text)
        if result["error"]:
            seen.append(result["error"])
            break
        seen.append(error(bench.ask("CancelOrder", txid=result["result"]["txid"][0])))
    # Each pair of calls adds 1 + 8 to a meter of 60; the cancel itself is never refused.
    assert seen == [[]] * 7 + [["EOrder:Rate limit exceeded"]]
    bench.wait(5)
    assert error(bench.ask("AddOrder", **BUY)) == []


def test_without_enforcement_nothing_is_refused(bench):
    assert all(error(bench.ask("BalanceEx")) == [] for _ in range(100))


def test_a_nonce_must_rise(bench):
    bench.ask("BalanceEx")
    bench._nonce = 0
    assert error(bench.ask("BalanceEx")) == ["EAPI:Invalid nonce"]
    assert error(bench.ask("BalanceEx")) == []


def test_an_unknown_endpoint_is_unknown(bench):
    assert error(bench.ask("MintMoney")) == ["EGeneral:Unknown method"]
    answer = Service(bench.exchange).answer(Request("GET", "/0/public/Weather"))
    assert error(answer) == ["EGeneral:Unknown method"]


def test_an_unknown_pair_is_named_as_such(bench):
    assert error(bench.ask("AddOrder", **{**BUY, "pair": "ABCXYZ"})) == [
        "EQuery:Unknown asset pair"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"ordertype": "iceberg"}, "EGeneral:Invalid arguments:ordertype"),
        ({"volume": "NaN"}, "EGeneral:Invalid arguments:volume"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"oflags": "magic"}, "EGeneral:Invalid arguments:oflags"),
        ({"timeinforce": "FOK"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"timeinforce": "GTD"}, "EGeneral:Invalid arguments:expiretm"),
        ({"cl_ord_id": "nineteen-characters"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"cl_ord_id": "a", "userref": "1"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"userref": "abc"}, "EGeneral:Invalid arguments:userref"),
    ],
)
def test_wrong_arguments_are_refused_by_name(bench, change, expected):
    assert error(bench.ask("AddOrder", **{**BUY, **change})) == [expected]


@pytest.mark.parametrize(
    "cl_ord_id",
    ["x", "eighteen-charactrs", "6d1b345e-2821-40e2-ad83-4ecb18a06876", "0" * 32],
)
def test_kraken_takes_short_texts_and_uuids_as_client_order_ids(bench, cl_ord_id):
    assert error(bench.ask("AddOrder", **BUY, cl_ord_id=cl_ord_id)) == []


def test_validate_checks_and_places_nothing(bench):
    result = json.loads(bench.ask("AddOrder", **BUY, validate="true").text)
    assert result == {
        "error": [],
        "result": {"descr": {"order": "buy 0.10000000 ETHUSDT @ limit 2400.00"}},
    }
    assert bench.exchange.matching.orders == {}
    refused = bench.ask("AddOrder", **{**BUY, "volume": "0.0001"}, validate="true")
    assert error(refused) == ["EGeneral:Invalid arguments:volume minimum not met"]


def test_a_dead_line_in_seconds_from_now_expires_the_order(bench):
    bench.ask("AddOrder", **BUY, timeinforce="GTD", expiretm="%2B30")
    bench.wait(31)
    (order,) = bench.exchange.matching.orders.values()
    assert order.status == "expired"


def test_orders_are_found_and_cancelled_by_client_id_and_by_userref(bench):
    bench.ask("AddOrder", **BUY, cl_ord_id="mine")
    bench.ask("AddOrder", **{**BUY, "price": "2300"}, userref="77")
    first, second = bench.exchange.matching.orders
    assert list(told(bench, "OpenOrders", cl_ord_id="mine")["open"]) == [first]
    assert error(bench.ask("QueryOrders", cl_ord_id="mine")) == ["EGeneral:Invalid arguments"]
    assert told(bench, "QueryOrders", txid=first)[first]["cl_ord_id"] == "mine"
    assert list(told(bench, "OpenOrders", userref="77")["open"]) == [second]
    assert told(bench, "CancelOrder", cl_ord_id="mine") == {"count": 1}
    assert told(bench, "CancelOrder", txid="77") == {"count": 1}
    assert list(told(bench, "ClosedOrders", cl_ord_id="mine")["closed"]) == [first]
    assert error(bench.ask("CancelOrder", cl_ord_id="mine")) == ["EOrder:Unknown order"]
    assert error(bench.ask("QueryOrders", txid="ONONE")) == ["EOrder:Unknown order"]


def test_an_account_sees_neither_orders_nor_trades_of_another(bench_of):
    bench = bench_of(accounts=[{"name": "main"}, {"name": "other"}])
    order = bench.place("buy", "market", "0.1")
    bench.account = "other"
    assert told(bench, "ClosedOrders")["closed"] == {}
    assert told(bench, "TradesHistory")["trades"] == {}
    assert told(bench, "QueryTrades", txid=order.trades[0].trade_id) == {}
    assert error(bench.ask("CancelOrder", txid=order.order_id)) == ["EOrder:Unknown order"]


def test_closed_orders_and_trades_come_in_pages_newest_first(bench):
    for _ in range(55):
        bench.place("buy", "market", "0.001")
        bench.wait(1)
    first, second = told(bench, "ClosedOrders"), told(bench, "ClosedOrders", ofs="50")
    assert (len(first["closed"]), len(second["closed"]), first["count"]) == (50, 5, 55)
    times = [entry["closetm"] for entry in first["closed"].values()]
    assert times == sorted(times, reverse=True)
    assert len(told(bench, "TradesHistory", ofs="50")["trades"]) == 5
    since = str(bench.clock.now() - 10.5)
    assert len(told(bench, "TradesHistory", start=since)["trades"]) == 10
    assert len(told(bench, "ClosedOrders", start=since)["closed"]) == 10


def test_what_is_held_lies_on_spot_first_then_on_rewards(bench_of):
    bench = bench_of(accounts=[{"balances": {"USDT": "100"}, "rewards": {"USDT": "900"}}])
    bench.place("buy", "limit", "0.1", "2400")
    assert told(bench) == {
        "USDT": {"balance": "100.00000000", "hold_trade": "100.00000000"},
        "USDT.F": {"balance": "900.00000000", "hold_trade": "140.96000000"},
    }
    assert told(bench, "Balance") == {"USDT": "100.00000000", "USDT.F": "900.00000000"}


def test_a_lagging_balance_tells_what_was_true_some_seconds_ago(bench):
    bench.exchange.add_fault(Fault(kind="balance_lag", seconds=10))
    bench.wait(5)
    bench.place("buy", "market", "0.1")
    bench.wait(9.9)
    assert told(bench)["USDT"]["balance"] == "1000.00000000"
    bench.wait(0.1)
    assert told(bench)["USDT"]["balance"] == "748.97490000"
    assert told(bench)["XETH"]["balance"] == "0.1000000000"


def test_lists_of_orders_may_be_some_seconds_behind(bench):
    bench.exchange.add_fault(Fault(kind="orders_lag", seconds=3))
    resting = json.loads(bench.ask("AddOrder", **BUY).text)["result"]["txid"][0]
    bench.place("buy", "market", "0.1")
    bench.wait(2.9)
    assert told(bench, "OpenOrders")["open"] == {}
    assert told(bench, "ClosedOrders")["closed"] == {}
    assert set(told(bench, "QueryOrders", txid=resting)) == {resting}
    bench.wait(0.2)
    assert set(told(bench, "OpenOrders")["open"]) == {resting}
    assert told(bench, "ClosedOrders")["count"] == 1


def test_a_lag_of_sells_alone_hides_neither_the_buy_nor_its_hold(bench):
    bench.exchange.add_fault(Fault(kind="balance_lag", seconds=10, side="sell"))
    bench.place("buy", "market", "0.1")
    assert told(bench)["USDT"]["balance"] == "748.97490000"
    bench.place("sell", "market", "0.1")
    assert told(bench)["USDT"]["balance"] == "748.97490000"
    assert told(bench)["XETH"]["balance"] == "0.1000000000"
    bench.wait(10)
    assert float(told(bench)["USDT"]["balance"]) > 990


def test_a_lag_of_buys_hides_the_hold_of_an_open_buy(bench):
    bench.exchange.add_fault(Fault(kind="balance_lag", seconds=10, side="buy"))
    bench.place("buy", "limit", "0.1", "2400")
    assert told(bench)["USDT"] == {"balance": "1000.00000000", "hold_trade": "0.00000000"}
    bench.wait(10)
    assert told(bench)["USDT"]["hold_trade"] == "240.96000000"


def test_a_lag_never_tells_a_negative_balance(bench):
    bench.exchange.add_fault(Fault(kind="balance_lag", seconds=60, side="sell"))
    bench.place("buy", "market", "0.39")
    bench.place("sell", "market", "0.39")
    bench.place("buy", "market", "0.39")
    assert all(float(entry["balance"]) >= 0 for entry in told(bench).values())


def test_the_journal_keeps_what_was_told_and_which_faults_made_it_so(bench):
    bench.ask("BalanceEx")
    fault = bench.exchange.add_fault(Fault(kind="balance_factor", factor=10, times=1))
    bench.ask("BalanceEx")
    bench.ask("BalanceEx")
    answers = bench.events("balance_told")
    assert [entry["balances"]["USDT"]["total"] for entry in answers] == ["1000", "10000", "1000"]
    assert answers[1]["faults"] == [{"id": fault.fault_id, "kind": "balance_factor"}]


def test_a_fault_begins_ends_and_is_journalled(bench):
    bench.exchange.add_fault(Fault(kind="balance_zero", start_after_s=5, duration_s=10))
    seen = []
    for _ in range(4):
        seen.append(float(told(bench)["USDT"]["balance"]))
        bench.wait(5)
    assert seen == [1000, 0, 0, 1000]
    begun, ended = bench.events("fault_begun", "fault_ended")
    assert ended["time"] - begun["time"] == 10


def test_a_fault_skips_its_first_calls_and_then_affects_so_many(bench):
    bench.exchange.add_fault(Fault(kind="balance_empty", after_calls=2, times=3))
    assert [told(bench) == {} for _ in range(7)] == [False] * 2 + [True] * 3 + [False] * 2
    (shown,) = bench.exchange.faults.all()
    assert (shown.as_dict()["state"], shown.applied) == ("used_up", 3)


def test_a_fault_meets_only_what_it_names(bench_of):
    bench = bench_of(accounts=[{"name": "main"}, {"name": "other"}])
    bench.exchange.add_fault(Fault(kind="refuse", symbol="ETH/USDT", side="buy", account="main"))
    assert error(bench.ask("AddOrder", **BUY)) == ["EOrder:Insufficient funds"]
    assert error(bench.ask("AddOrder", **{**BUY, "pair": "SOLUSDT", "price": "90"})) == []
    bench.account = "other"
    assert error(bench.ask("AddOrder", **BUY)) == []


def test_of_two_faults_that_replace_an_answer_only_the_first_is_used(bench):
    first = bench.exchange.add_fault(Fault(kind="error", message="EService:Busy", times=1))
    second = bench.exchange.add_fault(Fault(kind="error", message="EService:Unavailable", times=1))
    assert error(bench.ask("BalanceEx")) == ["EService:Busy"]
    assert (first.applied, second.applied) == (1, 0)
    assert error(bench.ask("BalanceEx")) == ["EService:Unavailable"]
    assert error(bench.ask("BalanceEx")) == []


def test_unreadable_requests_are_refused_not_fatal(bench):
    bench.ask("BalanceEx")
    request = Request("POST", "/0/private/BalanceEx", body=b"\xff\xfe{")
    service = Service(bench.exchange)
    assert error(service.answer(request)) == ["EAPI:Invalid key"]
    as_json = replace(request, content_type="application/json", headers={"api-key": "no"})
    assert error(service.answer(as_json)) == ["EAPI:Invalid key"]
    a_list = replace(as_json, body=b"[1]")
    assert error(service.answer(a_list)) == ["EAPI:Invalid key"]


def test_rejections_name_key_endpoint_error_and_arguments_but_no_nonce(bench):
    bench.ask("AddOrder", **{**BUY, "volume": "9"})
    (rejection,) = bench.exchange.rejections
    assert rejection["error"] == "EOrder:Insufficient funds"
    assert rejection["endpoint"] == "AddOrder"
    assert rejection["key"] == bench.exchange.scenario.api_key("main", 0).key
    assert rejection["args"] == {**BUY, "volume": "9"}
    assert rejection["fault"] is None
