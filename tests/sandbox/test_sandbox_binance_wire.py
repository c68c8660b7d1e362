"""Binance's spot protocol without HTTP: who may ask, how orders are named, what errors say."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from freqtrade_balance_guard.sandbox.script.faults import Fault


ORDER = "POST /api/v3/order"
BUY = {
    "symbol": "ETHUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "2400",
}
TAKE = BUY | {"price": "2600"}


@pytest.fixture
def spot(bench_of):
    """1000 USDT on Binance's default markets; ETH costs 2500 with 0.5 spread."""
    return bench_of(dialect="binance")


def code(spot, key, text):
    answer = spot.send("GET /api/v3/account", text, key)
    return answer.status, json.loads(answer.text)["code"]


def test_key_signature_and_time_are_checked_in_this_order(spot):
    key = spot.exchange.scenario.api_key("main", 0).key
    now = int(spot.clock.now() * 1000)
    assert code(spot, "", f"timestamp={now}") == (400, -2014)
    assert code(spot, "unknown", f"timestamp={now}") == (401, -2015)
    assert code(spot, key, f"timestamp={now}") == (400, -1102)
    assert code(spot, key, f"timestamp={now}&signature=0") == (400, -1022)
    assert code(spot, key, "signature=0") == (400, -1102)


@pytest.mark.parametrize(
    ("behind_ms", "window", "expected"),
    [(0, "5000", None), (5000, "5000", None), (5001, "5000", -1021), (-999, "5000", None)],
)
def test_a_request_outside_of_its_window_is_rejected(spot, behind_ms, window, expected):
    stamp = str(int(spot.clock.now() * 1000) - behind_ms)
    answer = spot.ask("GET /api/v3/account", timestamp=stamp, recvWindow=window)
    assert json.loads(answer.text).get("code") == expected


def test_a_clock_that_is_ahead_and_a_window_that_is_too_wide_are_rejected(spot):
    ahead = str(int(spot.clock.now() * 1000) + 1000)
    account = "GET /api/v3/account"
    assert spot.error(account, timestamp=ahead)[1:] == (
        -1021,
        "Timestamp for this request was 1000ms ahead of the server's time.",
    )
    assert spot.error(account, recvWindow="60001")[1] == -1131


def test_order_ids_are_unique_per_symbol_only(spot):
    eth = spot.json(ORDER, **BUY)
    btc = spot.json(ORDER, **BUY | {"symbol": "BTCUSDT", "quantity": "0.001", "price": "40000"})
    assert eth["orderId"] == btc["orderId"] == 1
    assert spot.json(ORDER, **BUY)["orderId"] == 2
    found = spot.json("GET /api/v3/order", symbol="BTCUSDT", orderId="1")
    assert (found["symbol"], found["price"]) == ("BTCUSDT", "40000.00000000")


def test_an_order_is_found_by_its_client_id_on_its_symbol_alone(spot):
    spot.json(ORDER, **BUY, newClientOrderId="mine")
    found = spot.json("GET /api/v3/order", symbol="ETHUSDT", origClientOrderId="mine")
    assert (found["orderId"], found["clientOrderId"], found["status"]) == (1, "mine", "NEW")
    assert spot.error("GET /api/v3/order", symbol="BTCUSDT", origClientOrderId="mine")[1] == -2013
    assert spot.error("GET /api/v3/order", symbol="ETHUSDT")[1] == -1102


def test_a_client_id_may_come_again_once_its_order_has_ended(spot):
    spot.json(ORDER, **BUY, newClientOrderId="mine")
    assert spot.error(ORDER, **BUY, newClientOrderId="mine") == (
        400,
        -2010,
        "Duplicate order sent.",
    )
    spot.json("DELETE /api/v3/order", symbol="ETHUSDT", origClientOrderId="mine")
    assert spot.json(ORDER, **BUY, newClientOrderId="mine")["orderId"] == 2
    # Two orders have it now; the look-up gives the newer one.
    found = spot.json("GET /api/v3/order", symbol="ETHUSDT", origClientOrderId="mine")
    assert found["orderId"] == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quantity": "10"}, (-2010, "Account has insufficient balance for requested action.")),
        ({"quantity": "0.00005"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "0.12345"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"price": "2400.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"quantity": "0.002"}, (-1013, "Filter failure: NOTIONAL")),
        ({"type": "ICEBERG"}, (-1116, "Invalid orderType.")),
        ({"side": "HOLD"}, (-1117, "Invalid side.")),
        ({"timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
        ({"symbol": "NOPE"}, (-1121, "Invalid symbol.")),
        (
            {"type": "LIMIT_MAKER", "price": "2600"},
            (-2010, "Order would immediately match and take."),
        ),
    ],
)
def test_errors_have_binances_codes_and_words(spot, change, expected):
    assert spot.error(ORDER, **BUY | change) == (400, *expected)
    assert spot.exchange.matching.orders == {}


def test_a_missing_argument_and_an_illegal_client_id_are_named(spot):
    without = {name: text for name, text in BUY.items() if name != "quantity"}
    assert spot.error(ORDER, **without)[1:] == (
        -1102,
        "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
    )
    assert spot.error(ORDER, **BUY, newClientOrderId="no spaces")[1] == -1100


def test_a_stop_that_is_already_reached_is_rejected(spot):
    spot.place("buy", "market", "0.1")
    stop = BUY | {"side": "SELL", "type": "STOP_LOSS_LIMIT", "quantity": "0.05"}
    assert spot.error(ORDER, **stop, stopPrice="2600")[1:] == (
        -2010,
        "Stop price would trigger immediately.",
    )
    resting = spot.json(ORDER, **stop, stopPrice="2450", newOrderRespType="RESULT")
    assert (resting["status"], spot.held("ETH")) == ("NEW", Decimal("0.05"))


def test_the_full_answer_tells_fills_and_their_fees_in_the_bought_coin(spot):
    placed = spot.json(ORDER, **TAKE, newOrderRespType="FULL")
    assert (placed["status"], placed["executedQty"]) == ("FILLED", "0.10000000")
    (fill,) = placed["fills"]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00010000", "ETH")
    assert spot.json(ORDER, **BUY, newOrderRespType="ACK").keys() == {
        "symbol",
        "orderId",
        "orderListId",
        "clientOrderId",
        "transactTime",
    }


def test_ended_orders_show_how_they_ended(spot):
    def status(**more):
        placed = spot.json(ORDER, **BUY | more)
        return spot.json("GET /api/v3/order", symbol="ETHUSDT", orderId=str(placed["orderId"]))

    assert status(timeInForce="IOC")["status"] == "EXPIRED"
    assert status(timeInForce="FOK", price="2600")["status"] == "FILLED"
    assert status(timeInForce="FOK")["status"] == "EXPIRED"
    resting = status()
    spot.json("DELETE /api/v3/order", symbol="ETHUSDT", orderId=str(resting["orderId"]))
    shown = spot.json("GET /api/v3/order", symbol="ETHUSDT", orderId=str(resting["orderId"]))
    assert shown["status"] == "CANCELED"
    spot.exchange.add_fault(Fault(kind="partial_fill"))
    assert status(price="2600")["status"] == "PARTIALLY_FILLED"


def test_a_market_buy_can_spend_an_amount_of_the_quote(spot):
    by_quote = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"}
    placed = spot.json(ORDER, **by_quote, newOrderRespType="FULL")
    assert (placed["executedQty"], placed["cummulativeQuoteQty"]) == ("0.03990000", "99.75997500")
    shown = spot.json("GET /api/v3/order", symbol="ETHUSDT", orderId="1")
    assert shown["origQuoteOrderQty"] == "100.00000000"
    sold = spot.json(ORDER, **by_quote | {"side": "SELL", "quoteOrderQty": "50"})
    assert sold["origQty"] == "0.02000000"


def test_the_account_lists_hundreds_of_coins_at_zero(spot):
    balances = spot.json("GET /api/v3/account")["balances"]
    assert len(balances) == 500
    owned = [each for each in balances if float(each["free"]) or float(each["locked"])]
    assert owned == [{"asset": "USDT", "free": "1000.00000000", "locked": "0.00000000"}]


def test_a_resting_order_locks_its_money(spot):
    spot.json(ORDER, **BUY)
    balances = {each["asset"]: each for each in spot.json("GET /api/v3/account")["balances"]}
    assert (balances["USDT"]["free"], balances["USDT"]["locked"]) == (
        "760.00000000",
        "240.00000000",
    )


def test_fees_can_be_paid_in_bnb_with_a_discount_while_there_is_enough(bench_of):
    balances = {"USDT": "1000", "BNB": "0.0004"}
    spot = bench_of(
        dialect="binance", accounts=[{"name": "main", "balances": balances, "fee_coin": "BNB"}]
    )
    first = spot.json(ORDER, **TAKE, newOrderRespType="FULL")["fills"]
    # 0.1 % of 250.025, less a quarter, at 600 per BNB.
    assert [(each["commission"], each["commissionAsset"]) for each in first] == [
        ("0.00031253", "BNB")
    ]
    second = spot.json(ORDER, **TAKE, newOrderRespType="FULL")["fills"]
    assert [each["commissionAsset"] for each in second] == ["ETH"]
    assert spot.audit()["ok"]


def test_a_cancel_of_what_is_not_open_is_unknown(spot):
    assert spot.error("DELETE /api/v3/order", symbol="ETHUSDT", orderId="7")[1] == -2011
    spot.json(ORDER, **TAKE)
    assert spot.error("DELETE /api/v3/order", symbol="ETHUSDT", orderId="1")[1] == -2011
    assert spot.error("DELETE /api/v3/openOrders", symbol="ETHUSDT")[1] == -2011


def test_orders_and_trades_are_listed_from_a_place_on(spot):
    for _ in range(3):
        spot.json(ORDER, **TAKE)
        spot.wait(10)
    listed = spot.json("GET /api/v3/allOrders", symbol="ETHUSDT", orderId="2")
    assert [each["orderId"] for each in listed] == [2, 3]
    since = str(listed[1]["time"])
    assert len(spot.json("GET /api/v3/allOrders", symbol="ETHUSDT", startTime=since)) == 1
    assert [each["id"] for each in spot.json("GET /api/v3/myTrades", symbol="ETHUSDT")] == [1, 2, 3]
    of_one = spot.json("GET /api/v3/myTrades", symbol="ETHUSDT", orderId="3")
    assert [each["orderId"] for each in of_one] == [3]
    assert spot.json("GET /api/v3/allOrders", symbol="ETHUSDT", limit="1")[0]["orderId"] == 3


def test_candles_come_from_a_time_on_or_up_to_now(spot):
    candles = spot.json("GET /api/v3/klines", symbol="ETHUSDT", interval="5m", limit="3")
    begins = [row[0] for row in candles]
    assert [later - earlier for earlier, later in pairwise(begins)] == [
        300_000,
        300_000,
    ]
    assert begins[-1] <= spot.clock.now() * 1000 < begins[-1] + 300_000
    asked = {"symbol": "ETHUSDT", "interval": "5m", "startTime": str(begins[0] - 1)}
    assert [row[0] for row in spot.json("GET /api/v3/klines", **asked)] == begins
    assert spot.error("GET /api/v3/klines", **asked | {"interval": "7m"})[1] == -1120


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "refuse"}, (400, -2010)),
        ({"kind": "refuse", "message": "-1013 Filter failure: NOTIONAL"}, (400, -1013)),
        ({"kind": "error"}, (500, -1001)),
        ({"kind": "error", "message": "-1008"}, (503, -1008)),
        ({"kind": "error", "message": "-1003"}, (429, -1003)),
        ({"kind": "error", "message": "-1021"}, (400, -1021)),
        ({"kind": "lost_reply", "how": "error"}, (408, -1007)),
    ],
)
def test_scripted_errors_have_the_status_of_their_code(spot, fault, expected):
    spot.exchange.add_fault(Fault.model_validate({**fault, "times": 1}))
    assert spot.error(ORDER, **BUY)[:2] == expected


def test_a_late_order_is_rejected_when_its_window_has_passed_meanwhile(spot):
    spot.exchange.add_fault(Fault(kind="late_arrival", seconds=6, times=1))
    assert spot.ask(ORDER, **BUY, recvWindow="5000").drop
    spot.wait(6.1)
    assert spot.exchange.matching.orders == {}
    assert spot.exchange.rejections[-1]["error"].startswith("-1021")


def test_an_unknown_path_is_not_found(spot):
    assert spot.ask("GET /api/v3/weather").status == 404
