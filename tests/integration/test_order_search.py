"""Orders in exchanges' own lists, page by page, and stops that have fired: recorded shapes."""

import json
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known, find_order
from freqtrade_balance_guard.integration.exchange.order_search import MOST_PAGES
from freqtrade_balance_guard.integration.orders.guarded_exchange import guarded_class
from freqtrade_balance_guard.integration.orders.order_tracker import OrderTracker
from freqtrade_balance_guard.ledger import ReservationLedger, State
from freqtrade_balance_guard.orders.client_ids import ClientIds
from freqtrade_balance_guard.orders.lookup_result import Found, NotFound, Uncertain
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.subscribers import BookOrders
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.exchange import Wire, exchange_behind
from tests.support.ledger import MemoryStore


@pytest.fixture
def wire(monkeypatch):
    return Wire(monkeypatch)


def find(wire, name, mode="spot", *, made, clock_ahead=0, amount=1):
    exchange = exchange_behind(wire, name, mode)
    clock = ManualClock()
    wire.sent.clear()
    return find_order(
        GuardClient(exchange, clock),
        made,
        "BTC/USDT" if mode == "spot" else "BTC/USDT:USDT",
        "buy",
        Decimal(amount),
        clock.wall() + timedelta(seconds=clock_ahead),
        deadline=Deadline.after(clock, 5),
        clock=clock,
    )


# krakenfutures: events, and pages with a token


def event(client_id, kind="OrderPlaced", filled="0"):
    order = {
        "uid": f"uid-{client_id}", "clientId": client_id, "tradeable": "BTCUSDT",
        "direction": "Buy", "quantity": "1", "filled": filled, "limitPrice": "100",
        "timestamp": 1, "orderType": "lmt",
    }  # fmt: skip
    if kind == "OrderUpdated":
        return {"event": {kind: {"newOrder": order, "reason": "full_fill"}}}
    return {"event": {kind: {"order": order}}}


def page(*events, token=None):
    body = {"elements": list(events)}
    return json.dumps(body if token is None else {**body, "continuationToken": token})


KRAKENFUTURES = ClientIds.of("krakenfutures", "futures")


@pytest.fixture
def futures(wire):
    wire.answers["openorders"] = '{"result":"success","openOrders":[]}'
    return wire


def test_an_order_on_the_second_page_is_found(futures):
    made = KRAKENFUTURES.make("beef")
    futures.answers["continuationToken=T2"] = page(event(made, "OrderUpdated", "1"))
    futures.answers["history"] = page(event("other"), token="T2")
    answer = find(futures, "krakenfutures", "futures", made=made)
    assert isinstance(answer, Found), answer
    assert answer.order["filled"] == 1


def test_on_no_page_it_is_not_there(futures):
    futures.answers["continuationToken=T2"] = page(event("other"))
    futures.answers["history"] = page(event("another"), token="T2")
    assert find(futures, "krakenfutures", "futures", made=KRAKENFUTURES.make("beef")) == NotFound()


def test_pages_that_are_not_read_prove_nothing(futures):
    for number in range(2, MOST_PAGES + 1):
        futures.answers[f"continuationToken=T{number}"] = page(
            event("other"), token=f"T{number + 1}"
        )
    futures.answers["history"] = page(event("other"), token="T2")
    answer = find(futures, "krakenfutures", "futures", made=KRAKENFUTURES.make("beef"))
    assert isinstance(answer, Uncertain)
    assert "more orders" in answer.reason


def test_a_token_that_leads_nowhere_proves_nothing(futures):
    futures.answers["history"] = page(event("other"), token="T2")
    answer = find(futures, "krakenfutures", "futures", made=KRAKENFUTURES.make("beef"))
    assert isinstance(answer, Uncertain)


def test_an_order_that_was_only_placed_has_not_ended(futures):
    made = KRAKENFUTURES.make("beef")
    futures.answers["history"] = page(event(made))
    answer = find(futures, "krakenfutures", "futures", made=made)
    assert isinstance(answer, Found)
    assert answer.order["status"] == "open"


# Gate: long lists, and a clock that is wrong

GATE = ClientIds.of("gate")


def gate_order(number, text="-", **more):
    return {
        "id": str(number), "text": text, "status": "closed", "currency_pair": "BTCUSDT",
        "type": "limit", "side": "buy", "amount": "1", "price": "100", "left": "0",
        "filled_total": "100", "avg_deal_price": "100", "fee": "0.1", "fee_currency": "BTC",
        "create_time_ms": 1767225600000, "update_time_ms": 1767225600000, **more,
    }  # fmt: skip


@pytest.mark.parametrize("ahead", [-3600, 0, 15, 3600])
def test_with_an_id_no_clock_counts(wire, ahead):
    made = GATE.make("beef")
    wire.answers["spot/orders"] = json.dumps([gate_order(1, made)])
    wire.answers["spot/open_orders"] = "[]"
    answer = find(wire, "gate", made=made, clock_ahead=ahead)
    assert isinstance(answer, Found), answer
    assert answer.order["filled"] == 1
    assert not [request for request in wire.sent if "from=" in request]


@pytest.mark.parametrize(("others", "is_proof"), [(25, True), (99, True), (100, False)])
def test_a_page_that_is_not_full_proves_that_an_order_is_not_there(wire, others, is_proof):
    wire.answers["spot/orders"] = json.dumps([gate_order(number) for number in range(others)])
    wire.answers["spot/open_orders"] = "[]"
    answer = find(wire, "gate", made=GATE.make("beef"))
    assert (answer == NotFound()) is is_proof


# bingx: lists that lack the id

BINGX = ClientIds.of("bingx")


def bingx_order(**more):
    return {
        "symbol": "BTCUSDT", "orderId": 5, "price": "100", "origQty": "1", "executedQty": "1",
        "cummulativeQuoteQty": "100", "status": "FILLED", "type": "LIMIT", "side": "BUY",
        "time": 1767225600000, "updateTime": 1767225600000, **more,
    }  # fmt: skip


def bingx_lists(wire, *orders):
    wire.answers["openOrders"] = '{"code":0,"data":{"orders":[]}}'
    wire.answers["historyOrders"] = json.dumps({"code": 0, "data": {"orders": list(orders)}})


@pytest.mark.parametrize(
    ("more", "is_proof"),
    [
        ({}, False),
        ({"side": "SELL"}, True),
        ({"origQty": "2"}, True),
        ({"clientOrderID": "x"}, True),
    ],
)
def test_a_like_order_without_an_id_might_be_the_one(wire, more, is_proof):
    bingx_lists(wire, bingx_order(**more))
    answer = find(wire, "bingx", made=BINGX.make("beef"))
    assert (answer == NotFound()) is is_proof, answer


# Exchanges that have one list of all orders


def test_where_ended_orders_have_no_list_that_of_all_orders_is_read(wire):
    wire.answers["order"] = "[]"
    assert find(wire, "bitvavo", made=None) == NotFound()
    assert [request for request in wire.sent if "/orders" in request]


# A stop that has fired, on Gate


@pytest.fixture
def gate(wire):
    """A guarded bot's way to Gate, with a stop 7 for 1 BTC that has placed order 99."""
    wire.answers["spot/price_orders/7"] = json.dumps(
        {
            "market": "BTCUSDT", "user": 1, "id": 7, "ctime": 1, "ftime": 2, "reason": "",
            "trigger": {"price": "90", "rule": "<=", "expiration": 86400},
            "put": {"type": "limit", "side": "sell", "price": "89", "amount": "1",
                    "account": "normal", "time_in_force": "gtc"},
            "fired_order_id": "99", "status": "finish",
        }
    )  # fmt: skip
    sold = {"side": "sell", "filled_total": "89.5", "avg_deal_price": "89.5", "price": "89"}
    sold |= {"fee": "0.5", "fee_currency": "USDT"}
    wire.answers["spot/orders/99"] = json.dumps(gate_order(99, **sold))
    wire.answers["my_trades"] = "[]"
    exchange = exchange_behind(wire, "gate")
    clock = ManualClock()
    ledger = ReservationLedger(
        MemoryStore(), bot="one", account="gate", process="one-1", clock=clock
    )
    registry = OrderRegistry(
        ledger, hub=EventHub(), new_id=lambda: GATE.make("beef"), ask=None, clock=clock,
        wait=clock.advance,
    )  # fmt: skip
    book = BalanceBook(window=30.0)
    held = {"BTC": Holding(Decimal(1)), "USDT": Holding(Decimal(0))}
    book.accept(Snapshot(held, clock.monotonic(), clock.wall()))
    registry.book = BookOrders(book, lambda pair: Decimal(0), clock, lambda: None)
    exchange.__class__ = guarded_class(type(exchange))
    wallets = SimpleNamespace(live=None, rejections=None)
    exchange.put_guard(wallets, OrderTracker(wallets, registry), None)
    terms = spot_terms(
        "BTC/USDT", "sell", Purpose.STOP, Decimal(1), Decimal(90), is_market=False,
        fee_rate=Decimal(0),
    )  # fmt: skip
    tracked = registry.open_exit(terms)
    registry.report(tracked, {"id": "7", "status": "open", "filled": 0})
    clock.advance(1)
    row = lambda: ledger.find(tracked.client_order_id)  # noqa: E731
    return SimpleNamespace(exchange=exchange, clock=clock, book=book, row=row, registry=registry)


def test_a_fired_stop_is_booked_with_the_fill_of_the_order_that_it_placed(gate):
    assert gate.book.expected("BTC").free == 0
    order = gate.exchange.fetch_stoploss_order("7", "BTC/USDT")
    assert (order["id"], order["filled"]) == ("7", 1)
    assert (gate.row().state, gate.row().committed) == (State.COMMITTED, 1)
    assert gate.book.expected("BTC").total == 0
    assert gate.book.expected("USDT").free == 89


def test_it_is_booked_once_whichever_way_freqtrade_asks(gate):
    gate.exchange.fetch_stoploss_order("7", "BTC/USDT")
    gate.exchange.fetch_order("99", "BTC/USDT")
    gate.exchange.fetch_stoploss_order("7", "BTC/USDT")
    gate.exchange.get_trades_for_order("99", "BTC/USDT", gate.clock.wall())
    assert gate.row().committed == 1
    assert gate.book.expected("USDT").free == 89


def test_the_guards_own_look_up_follows_the_stop_to_the_placed_order(gate):
    client = GuardClient(gate.exchange, gate.clock)
    answer = fetch_known(
        client, "7", "BTC/USDT", deadline=Deadline.after(gate.clock, 5), is_stop=True
    )
    assert isinstance(answer, Found), answer
    assert (answer.order["id"], answer.order["filled"]) == ("7", 1)
    gate.registry.answered("BTC/USDT", "7", answer.order)
    assert gate.row().committed == 1
