"""The rows on ids, look-ups and orders of what exchanges do, each with ccxt's own class.

Row by row where no other file shows it; the answers are in the exchanges' own words.
"""

import json
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.exceptions import TemporaryError

from freqtrade_balance_guard.balances.snapshot import Unreadable
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_error import (
    Outcome,
    classify,
    is_insufficient_funds,
    reason_of,
)
from freqtrade_balance_guard.integration.exchange.order_lookup import find_order
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.orders.client_ids import ClientIds
from freqtrade_balance_guard.orders.lookup_result import Found, NotFound, Uncertain
from tests.support.exchange import Wire, exchange_behind


SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


@pytest.fixture
def wire(monkeypatch):
    return Wire(monkeypatch)


def find(wire, name, mode="spot", *, made, old=timedelta(0), is_stop=False, side="buy"):
    exchange = exchange_behind(wire, name, mode)
    exchange.contract_size = 1
    clock = ManualClock()
    return find_order(
        GuardClient(exchange, clock), made, SPOT if mode == "spot" else SWAP, side, Decimal(1),
        clock.wall() - old, deadline=Deadline.after(clock, 10), clock=clock, is_stop=is_stop,
    )  # fmt: skip


# Row 8: pages

BITGET_CLASSIC = (400, '{"code":"40084","msg":"You are in Classic Account mode"}')


def bitget_order(number, client_id="-"):
    return {
        "userId": "1", "symbol": "BTCUSDT", "orderId": str(number), "clientOid": client_id,
        "price": "100", "size": "1", "orderType": "limit", "side": "buy", "status": "filled",
        "priceAvg": "100", "baseVolume": "1", "quoteVolume": "100", "cTime": "1767225600000",
        "uTime": "1767225600000",
    }  # fmt: skip


@pytest.mark.parametrize("is_on_second_page", [True, False])
def test_row_8_bitget_an_order_behind_the_first_page_is_found(wire, is_on_second_page):
    made = ClientIds.of("bitget").make("beef")
    wire.answers["account/settings"] = BITGET_CLASSIC
    hidden = [bitget_order(7, made)] if is_on_second_page else []
    full = [bitget_order(number) for number in range(1000, 900, -1)]
    wire.answers["idLessThan"] = json.dumps({"code": "00000", "data": hidden})
    wire.answers["history-orders"] = json.dumps({"code": "00000", "data": full})
    wire.answers["unfilled-orders"] = '{"code":"00000","data":[]}'
    answer = find(wire, "bitget", made=made)
    if is_on_second_page:
        assert isinstance(answer, Found) and answer.order["filled"] == 1, answer
    else:
        assert answer == NotFound()
    assert any("idLessThan=901" in request for request in wire.sent), wire.sent


def bitget_uta_order(number, client_id="-"):
    return {
        "orderId": str(number), "clientOid": client_id, "category": "spot", "symbol": "BTCUSDT",
        "orderType": "limit", "side": "buy", "price": "100", "qty": "1", "cumExecQty": "1",
        "cumExecValue": "100", "avgPrice": "100", "orderStatus": "filled",
        "createdTime": "1767225600000", "updatedTime": "1767225600000",
    }  # fmt: skip


def uta_page(*orders, cursor=""):
    return json.dumps({"code": "00000", "data": {"list": list(orders), "cursor": cursor}})


def test_row_8_bitget_a_unified_account_names_its_next_page(wire):
    made = ClientIds.of("bitget").make("beef")
    wire.answers["cursor=NEXT"] = uta_page(bitget_uta_order(7, made))
    wire.answers["history-orders"] = uta_page(bitget_uta_order(9), cursor="NEXT")
    wire.answers["unfilled-orders"] = uta_page()
    assert isinstance(find(wire, "bitget", made=made), Found)


def test_row_8_bitget_full_pages_without_end_prove_nothing(wire):
    wire.answers["account/settings"] = BITGET_CLASSIC
    full = [bitget_order(number) for number in range(1000, 900, -1)]
    wire.answers["history-orders"] = json.dumps({"code": "00000", "data": full})
    wire.answers["unfilled-orders"] = '{"code":"00000","data":[]}'
    answer = find(wire, "bitget", made=ClientIds.of("bitget").make("beef"))
    assert isinstance(answer, Uncertain) and "more orders" in answer.reason


# Row 10: exchanges that forget, or have one list


def okx_order(client_id, **more):
    return {
        "instType": "SPOT", "instId": "BTCUSDT", "ordId": "5", "clOrdId": client_id, "px": "100",
        "sz": "1", "ordType": "limit", "side": "buy", "state": "filled", "accFillSz": "1",
        "avgPx": "100", "fee": "-0.001", "feeCcy": "BTC", "cTime": "1767225600000",
        "uTime": "1767225600000", "tgtCcy": "", "reduceOnly": "false", **more,
    }  # fmt: skip


OKX_UNKNOWN = '{"code":"51603","msg":"Order does not exist","data":[]}'
HOURS_3, DAYS_8 = timedelta(hours=3), timedelta(days=8)


@pytest.mark.parametrize(
    ("old", "is_listed", "expected"),
    [
        (timedelta(hours=1), False, NotFound),
        (HOURS_3, False, NotFound),  # had it been filled, the history of a week would have it
        (HOURS_3, True, Found),
        (DAYS_8, False, Uncertain),
    ],
)
def test_row_10_okx_an_older_order_is_in_its_history_or_has_no_fill(wire, old, is_listed, expected):
    made = ClientIds.of("okx").make("beef")
    listed = [okx_order(made)] if is_listed else []
    wire.answers["trade/orders-history"] = json.dumps({"code": "0", "data": listed})
    wire.answers["trade/orders-pending"] = '{"code":"0","data":[]}'
    wire.answers["trade/order?"] = OKX_UNKNOWN
    answer = find(wire, "okx", made=made, old=old)
    assert isinstance(answer, expected), answer


@pytest.mark.parametrize(("old", "expected"), [(HOURS_3, NotFound), (timedelta(days=3), Uncertain)])
def test_row_10_htx_looks_through_the_list_of_two_days(wire, old, expected):
    wire.answers["v1/account/accounts"] = '{"status":"ok","data":[{"id":1,"type":"spot"}]}'
    wire.answers["getClientOrder"] = (
        '{"status":"error","err-code":"base-record-invalid","err-msg":"record invalid","data":null}'
    )
    wire.answers["v1/order/orders"] = '{"status":"ok","data":[]}'
    answer = find(wire, "htx", made=ClientIds.of("htx").make("beef"), old=old)
    assert isinstance(answer, expected), answer


@pytest.mark.parametrize(
    ("name", "part", "empty"),
    [
        ("bitvavo", "/orders", "[]"),
        ("lbank", "orders_info", '{"result":"true","data":{"orders":[],"total":0}}'),
        ("cryptocom", "get-order-history", '{"id":1,"code":0,"result":{"data":[]}}'),
    ],
)
def test_row_10_exchanges_without_a_list_of_ended_orders_are_asked_for_all(wire, name, part, empty):
    wire.answers["get-open-orders"] = wire.answers[part] = empty
    wire.answers["orders_info_no_deal"] = wire.answers["orders_info_history"] = empty
    wire.answers["ordersOpen"] = "[]"
    answer = find(wire, name, made=None)
    assert answer == NotFound(), (answer, wire.sent)


# Row 11: Gate futures


def test_row_11_gate_futures_stops_are_searched_without_a_moment(wire):
    wire.answers["price_orders"] = wire.answers["futures/usdt"] = "[]"
    find(wire, "gate", "futures", made=None, is_stop=True, side="sell")
    asked = [request for request in wire.sent if "orders" in request]
    assert asked and all("price_orders" in request for request in asked)


# Row 19: the codes of errors, whatever class ccxt makes of them


def error_of(cause):
    """As it comes out of freqtrade's ``create_order``."""
    try:
        raise TemporaryError("Could not place order.") from cause
    except TemporaryError as error:
        return error


REJECTED = [
    ("binance", -2010, "funds"), ("binance", -2019, "margin"), ("binance", -2022, "other"),
    ("binance", -2027, "other"), ("binance", -4061, "other"), ("binance", -4120, "other"),
    ("binance", -4164, "minimum"), ("binance", -1021, "other"),
]  # fmt: skip
WORDS = {
    -2010: "Account has insufficient balance for requested action.",
    -2019: "Margin is insufficient.",
    -2022: "ReduceOnly Order is rejected.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -4061: "Order's position side does not match user's setting.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints.",
    -4164: "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1007: "Timeout waiting for response from backend server. Send status unknown.",
    -1008: "Server is currently overloaded with other requests.",
}


def sent_order(wire, name, mode, status, body):
    """What ccxt's own class raises for this answer to an order."""
    exchange = exchange_behind(wire, name, mode)
    wire.answers["order"] = (status, json.dumps(body))
    with pytest.raises(ccxt.BaseError) as caught:
        exchange._api.create_order(SPOT if mode == "spot" else SWAP, "limit", "buy", 1.0, 100.0)
    return caught.value


@pytest.mark.parametrize(("name", "code", "reason"), REJECTED)
@pytest.mark.parametrize("mode", ["spot", "futures"])
def test_row_19_binance_codes_that_mean_rejected(wire, name, code, reason, mode):
    error = error_of(sent_order(wire, name, mode, 400, {"code": code, "msg": WORDS[code]}))
    assert classify(error) is Outcome.REJECTED
    assert reason_of(error) == reason
    assert is_insufficient_funds(error) is (code in (-2010, -2019))


@pytest.mark.parametrize("code", [-1007, -1008])
@pytest.mark.parametrize("mode", ["spot", "futures"])
def test_row_19_binance_codes_that_mean_unknown(wire, code, mode):
    error = error_of(sent_order(wire, "binance", mode, 408, {"code": code, "msg": WORDS[code]}))
    assert classify(error) is Outcome.UNKNOWN


OTHERS = [
    ("okx", 200, {"code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient balance"}]}, True),
    ("okx", 200, {"code": "1", "data": [{"sCode": "51004", "sMsg": "exceeds the limit"}]}, False),
    ("okx", 200, {"code": "1", "data": [{"sCode": "51010", "sMsg": "account mode"}]}, False),
    ("okx", 200, {"code": "50061", "msg": "sub-account rate limit", "data": []}, False),
    ("bybit", 200, {"retCode": 110007, "retMsg": "ab not enough for new order"}, True),
    ("bitget", 400, {"code": "43008", "msg": "the current price of the order"}, False),
]


@pytest.mark.parametrize(("name", "status", "body", "is_funds"), OTHERS)
def test_row_19_other_exchanges_codes_that_mean_rejected(wire, name, status, body, is_funds):
    wire.answers["account/info"] = '{"retCode":0,"result":{"unifiedMarginStatus":4}}'
    wire.answers["query-api"] = '{"retCode":0,"result":{"uta":1}}'
    error = error_of(sent_order(wire, name, "spot", status, body))
    assert classify(error) is Outcome.REJECTED
    assert is_insufficient_funds(error) is is_funds


def test_row_19_bingx_without_service_is_no_want_of_funds(wire):
    body = {"code": 80012, "msg": "Service Unavailable"}
    error = error_of(sent_order(wire, "bingx", "spot", 200, body))
    assert classify(error) is Outcome.UNKNOWN
    assert not is_insufficient_funds(error)


# Row 20: nothing secret in a sentence


@pytest.mark.parametrize("name", ["htx", "binance", "okx", "bybit"])
def test_row_20_no_key_and_no_signature_gets_into_a_sentence(wire, name):
    exchange = exchange_behind(wire, name)
    clock = ManualClock()
    wire.answers[""] = (403, "denied")
    read = BalanceReader(GuardClient(exchange, clock), clock, lambda: {"USDT"}).read()
    looked_up = find(wire, name, made=ClientIds.of(name).make("beef"))
    assert isinstance(read, Unreadable) and isinstance(looked_up, Uncertain)
    for sentence in (read.reason, looked_up.reason):
        assert exchange._api.apiKey not in sentence
        assert "ignature=" not in sentence.replace("ignature=***", "")


# Request expiry


@pytest.mark.parametrize("is_measured", [True, False])
@pytest.mark.parametrize("is_stop", [True, False])
def test_a_kraken_order_carries_a_deadline_once_the_exchanges_clock_is_known(
    wire, is_measured, is_stop
):
    exchange, clock = exchange_behind(wire, "kraken"), ManualClock()
    expiry = RequestExpiry("kraken", exchange._api, clock)
    server = SimpleNamespace(fetch_time=lambda: 1_767_225_600_000)  # 2026-01-01
    if is_measured:
        assert expiry.measure(server)
    clock.advance(5)
    exchange._params = expiry.deadline_params()
    with suppress(TypeError, AttributeError, KeyError):  # "{}" is no answer to an order
        if is_stop:
            exchange.create_stoploss(SPOT, 1.0, 90.0, {"stoploss": "limit"}, "sell", 1.0)
        else:
            exchange.create_order(
                pair=SPOT, ordertype="limit", side="buy", amount=1.0, rate=100.0, leverage=1.0
            )
    (request,) = [one for one in wire.sent if "AddOrder" in one]
    assert ("deadline=2026-01-01T00%3A00%3A15.000Z" in request) is is_measured


def test_after_a_complaint_about_a_deadline_none_is_sent_until_the_clock_is_measured_again():
    clock = ManualClock()
    expiry = RequestExpiry("kraken", None, clock)
    server = SimpleNamespace(fetch_time=lambda: 1_767_225_600_000)
    expiry.measure(server)
    assert (expiry.seconds, bool(expiry.deadline_params())) == (13.0, True)
    expiry.distrust()
    assert (expiry.seconds, expiry.deadline_params()) == (None, {})
    expiry.measure(server)
    assert expiry.deadline_params()


def test_a_window_is_left_as_the_user_has_it():
    expiry = RequestExpiry("binance", None, ManualClock())
    assert expiry.deadline_params() == {}
    assert expiry.params() == {"recvWindow": 10_000}
