"""Every row of the table: what ccxt really sends, through freqtrade's own functions.

Nothing listens here. For exchanges that are not traded with this is as far as a check can go.
"""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.exchange.common import SUPPORTED_EXCHANGES

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.exchanges.names import SAME_AS
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import (
    Found,
    NotFound,
    Uncertain,
    find_order,
)
from freqtrade_balance_guard.orders.client_ids import TABLE, Ask, ClientIds
from tests.support.exchange import Wire, exchange_behind


# binanceusdm trades in futures only, and the others are ccxt's second names.
TWINS = [
    ClientIds.of(name) for name in SAME_AS if name in SUPPORTED_EXCHANGES and name != "binanceusdm"
]
ROWS = [
    pytest.param(
        row,
        id=f"{row.exchange} {row.trading_mode}",
        marks=pytest.mark.shows(row.exchange, row.trading_mode, "requests"),
    )
    for row in (*TABLE.values(), *TWINS)
]
ACCOUNTS = json.dumps({"status": "ok", "data": [{"id": 1, "type": "spot"}]})
TAG = "beef"


@pytest.fixture
def wire(monkeypatch):
    wire = Wire(monkeypatch)
    wire.answers["v1/account/accounts"] = ACCOUNTS  # HTX asks for the account first
    # KuCoin asks which kind of account it is.
    wire.answers["account/mode"] = '{"code":"200000","data":{"selfAccountMode":"CLASSIC"}}'
    return wire


def pair_of(row):
    return "BTC/USDT" if row.trading_mode == "spot" else "BTC/USDT:USDT"


def send(wire, row, *, stop):
    """The id, and the request that carried it."""
    wire.answers |= {
        "okx.com": '{"code":"0","data":[{}]}',
        "bybit.com": '{"retCode":0,"result":{}}',
        "bybit.eu": '{"retCode":0,"result":{}}',
        "kucoin.com/api/v": '{"code":"200000","data":{"orderId":"1"}}',
    }
    exchange = exchange_behind(wire, row.exchange, row.trading_mode)
    made = row.make(TAG)
    exchange._params = row.order_params(made, stop=stop)
    pair = pair_of(row)
    try:
        if stop:
            exchange.create_stoploss(pair, 1.0, 90.0, {"stoploss": "limit"}, "sell", 1.0)
        else:
            exchange.create_order(
                pair=pair, ordertype="limit", side="buy", amount=1.0, rate=100.0, leverage=1.0
            )
    except OperationalException as error:
        if "stoploss is not implemented" in str(error):
            return made, None
        raise
    except (TypeError, AttributeError):
        pass  # "{}" is no answer to an order
    return made, next((request for request in wire.sent if made in request), "")


def names(wire_name, made):
    """The ways in which a request may say name = id."""
    return (f"{wire_name}={made}", f'"{wire_name}":"{made}"', f'"{wire_name}": "{made}"')


@pytest.mark.parametrize("row", ROWS)
def test_an_order_carries_our_id_under_the_exchanges_own_name(wire, row):
    made, request = send(wire, row, stop=False)
    assert any(form in request for form in names(row.wire, made)), wire.sent


@pytest.mark.parametrize("row", ROWS)
def test_a_stop_order_carries_our_id_under_the_exchanges_own_name(wire, row):
    made, request = send(wire, row, stop=True)
    if (row.exchange, row.trading_mode) in NO_STOPS:
        assert request is None
    elif row.sends(stop=True):
        assert any(form in request for form in names(row.stop_wire, made))
    else:
        assert request == ""
        assert any("price_orders" in sent for sent in wire.sent)


# freqtrade has no stops on these exchanges in this mode.
NO_STOPS = {("bybit", "spot"), ("bybiteu", "spot"), ("gateeu", "spot"), ("hyperliquid", "spot")}


# Asking


def find(wire, row, made, *, stop=False, age=timedelta(0)):
    exchange = exchange_behind(wire, row.exchange, row.trading_mode)
    wire.sent.clear()
    clock = ManualClock()
    return find_order(
        GuardClient(exchange, clock),
        made,
        pair_of(row),
        "sell" if stop else "buy",
        Decimal(1),
        clock.wall() - age,
        deadline=Deadline.after(clock, 5),
        clock=clock,
        is_stop=stop,
    )


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("stop", [False, True], ids=["order", "stop"])
def test_the_exchange_is_asked_for_our_id_where_it_can_be(wire, row, stop):
    made = row.make(TAG)
    answer = find(wire, row, made, stop=stop)
    # "{}" says nothing about any order.
    assert isinstance(answer, Uncertain)
    assert wire.sent
    if row.ask in (Ask.ONE, Ask.FILTERED):
        assert made in wire.last()


NO_ANSWERS = ["<html>Just a moment...</html>", "null", '"busy"', ""]


@pytest.mark.parametrize("row", ROWS)
def test_an_answer_that_is_none_never_means_absent(wire, row):
    no_result = ['{"error":[],"result":null}'] if row.ask is Ask.FILTERED else []
    for body in NO_ANSWERS + no_result:
        wire.answers[""] = body
        assert isinstance(find(wire, row, row.make(TAG)), Uncertain), body


NOT_FOUND = {
    "binance": (400, '{"code":-2013,"msg":"Order does not exist."}'),
    "okx": '{"code":"51603","data":[],"msg":"Order does not exist"}',
    "htx": '{"status":"error","err-code":"base-record-invalid","err-msg":"record invalid"}',
    "hyperliquid": '{"status":"unknownOid"}',
    "kraken": '{"error":[],"result":{"open":{},"closed":{},"count":0}}',
    "bybit": '{"retCode":0,"retMsg":"OK","result":{"list":[]},"time":1}',
    "gate": "[]",
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_the_exchanges_own_words_for_not_found_mean_absent_while_it_remembers(wire, name):
    row = TABLE[name, "spot"]
    wire.answers[""] = NOT_FOUND[name]
    made = row.make(TAG)
    assert find(wire, row, made) == NotFound()
    if row.memory is not None:
        old = find(wire, row, made, age=row.memory + timedelta(seconds=1))
        assert isinstance(old, Uncertain)
        assert "forgotten" in old.reason


def test_binance_tells_the_order(wire):
    row = TABLE["binance", "spot"]
    made = row.make(TAG)
    told = {
        **{"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": made, "status": "FILLED"},
        **{"price": "100", "origQty": "1", "executedQty": "1", "cummulativeQuoteQty": "99.5"},
        **{"type": "LIMIT", "side": "BUY", "timeInForce": "GTC", "time": 1767225600000},
    }
    wire.answers["/order"] = json.dumps(told)
    answer = find(wire, row, made)
    assert isinstance(answer, Found)
    assert (answer.order["id"], answer.order["status"]) == ("7", "closed")
    assert (answer.order["average"], answer.order["filled"]) == (99.5, 1.0)
    assert f"origClientOrderId={made}" in wire.last()
    assert "&orderId=" not in wire.last()


def test_okx_tells_a_stop_by_its_own_kind_of_id(wire):
    row = TABLE["okx", "spot"]
    made = row.make(TAG)
    told = {
        **{"algoId": "9", "algoClOrdId": made, "clOrdId": "", "instId": "BTCUSDT"},
        **{"state": "effective", "side": "sell", "sz": "1", "slTriggerPx": "90", "ordId": "5"},
        **{"ordType": "conditional", "cTime": "1767225600000", "instType": "SPOT"},
    }
    wire.answers["/order-algo"] = json.dumps({"code": "0", "data": [told]})
    answer = find(wire, row, made, stop=True)
    assert isinstance(answer, Found)
    # freqtrade looks at it itself, and then follows the order that the stop has placed.
    assert (answer.order["id"], answer.order["status"]) == ("9", "open")
    assert f"algoClOrdId={made}" in wire.last()


def test_bybit_is_asked_with_our_id_alone_and_tells_the_order(wire):
    row = TABLE["bybit", "futures"]
    made = row.make(TAG)
    told = {
        **{"symbol": "BTCUSDT", "orderId": "7", "orderLinkId": made, "orderStatus": "New"},
        **{"orderType": "Limit", "side": "Buy", "price": "100", "qty": "1", "cumExecQty": "0"},
        **{"cumExecValue": "0", "leavesQty": "1", "createdTime": "1767225600000"},
    }
    body = {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [told]}}
    wire.answers["order/realtime"] = json.dumps(body)
    answer = find(wire, row, made)
    assert isinstance(answer, Found)
    assert (answer.order["id"], answer.order["status"], answer.order["amount"]) == ("7", "open", 1)
    assert f"orderLinkId={made}" in wire.last()
    assert "orderId" not in wire.last()


def test_gate_is_searched_through_and_tells_the_order(wire):
    row = TABLE["gate", "spot"]
    made = row.make(TAG)
    told = {
        **{"id": "7", "text": made, "status": "open", "currency_pair": "BTCUSDT", "left": "1"},
        **{"type": "limit", "account": "spot", "side": "buy", "amount": "1", "price": "100"},
        **{"create_time_ms": 1767225600000, "filled_total": "0", "fee": "0"},
    }
    other = {**told, "id": "6", "text": "t-mine"}
    wire.answers["spot/open_orders"] = json.dumps([{"orders": [other, told], "total": 2}])
    wire.answers["spot/orders"] = json.dumps([other, told])
    answer = find(wire, row, made)
    assert isinstance(answer, Found)
    assert answer.order["id"] == "7"


def test_an_answer_with_another_order_is_not_believed(wire):
    row = TABLE["binance", "spot"]
    told = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "x-other", "status": "NEW"}
    wire.answers["/order"] = json.dumps({**told, "origQty": "1", "executedQty": "0"})
    answer = find(wire, row, row.make(TAG))
    assert answer == Uncertain("binance answered with another order")
