"""Kraken's private endpoints, but the balances, as functions to the `result` of the answer."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import NotANumber, number
from freqtrade_balance_guard.sandbox.core.orders import Order, Trade
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.reported import listed_until
from freqtrade_balance_guard.sandbox.engine.wire import Caller
from freqtrade_balance_guard.sandbox.kraken.orders import (
    description,
    order_entry,
    parse_order,
    trade_entry,
)
from freqtrade_balance_guard.sandbox.kraken.public import find_market
from freqtrade_balance_guard.sandbox.kraken.words import KrakenError
from freqtrade_balance_guard.sandbox.script.faults import Call


Params = Mapping[str, str]

_PAGE = 50


Handler = Callable[[Exchange, Caller, Params], object]


def add_order(exchange: Exchange, caller: Caller, params: Params) -> object:
    request = parse_order(exchange, params)
    market = exchange.markets[request.symbol]
    if _is_true(params.get("validate")):
        exchange.check_order(caller.account, request)
        return {"descr": {"order": description(market, request, request.amount)}}
    order = exchange.place_order(caller.account, caller.key, request)
    return {
        "txid": [order.order_id],
        "descr": {"order": description(market, request, order.amount)},
    }


def cancel_order(exchange: Exchange, caller: Caller, params: Params) -> object:
    """By order id (several, with commas), by userref, or by client order id."""
    found = [order for order in _by_reference(exchange, caller, params) if order.is_open]
    if not found:
        raise KrakenError("EOrder:Unknown order")
    for order in found:
        exchange.cancel_order(order)
    return {"count": len(found)}


def cancel_all(exchange: Exchange, caller: Caller, params: Params) -> object:
    found = exchange.matching.open_orders(caller.account)
    for order in found:
        exchange.cancel_order(order)
    return {"count": len(found)}


def query_orders(exchange: Exchange, caller: Caller, params: Params) -> object:
    """By order id; a client order id stands in the answer only (Kraken's QueryOrders)."""
    if not params.get("txid"):
        raise KrakenError("EGeneral:Invalid arguments")
    found = _by_txid(exchange, caller, params)
    if not found:
        raise KrakenError("EOrder:Unknown order")
    return _entries(exchange, found, params)


def open_orders(exchange: Exchange, caller: Caller, params: Params) -> object:
    found = _filtered(exchange.matching.open_orders(caller.account), params)
    before = _listed_before(exchange, caller, "OpenOrders")
    found = [order for order in found if order.created_at <= before]
    return {"open": _entries(exchange, reversed(found), params)}


def closed_orders(exchange: Exchange, caller: Caller, params: Params) -> object:
    """Newest first, 50 at a time from `ofs`; start and end count both open and close time."""
    start, end = _seconds(params, "start"), _seconds(params, "end")
    before = _listed_before(exchange, caller, "ClosedOrders")
    found = [
        order
        for order in _filtered(_orders_of(exchange, caller), params)
        if not order.is_open
        and (order.closed_at or 0) <= before
        and (start is None or (order.closed_at or 0) >= start)
        and (end is None or order.created_at <= end)
    ]
    found.reverse()
    offset = int(_seconds(params, "ofs") or 0)
    page = found[offset : offset + _PAGE]
    return {"closed": _entries(exchange, page, params), "count": len(found)}


def trades_history(exchange: Exchange, caller: Caller, params: Params) -> object:
    """Newest first, 50 at a time from `ofs`."""
    start, end = _seconds(params, "start"), _seconds(params, "end")
    found = [
        trade
        for trade in exchange.matching.trades
        if trade.account == caller.account
        and (start is None or trade.at >= start)
        and (end is None or trade.at <= end)
    ]
    found.reverse()
    offset = int(_seconds(params, "ofs") or 0)
    page = found[offset : offset + _PAGE]
    return {
        "trades": {trade.trade_id: trade_entry(exchange, trade) for trade in page},
        "count": len(found),
    }


def query_trades(exchange: Exchange, caller: Caller, params: Params) -> object:
    wanted = set(filter(None, params.get("txid", "").split(",")))
    found: list[Trade] = [
        trade
        for trade in exchange.matching.trades
        if trade.account == caller.account and trade.trade_id in wanted
    ]
    return {trade.trade_id: trade_entry(exchange, trade) for trade in found}


def trade_volume(exchange: Exchange, caller: Caller, params: Params) -> object:
    wanted = list(filter(None, params.get("pair", "").split(",")))
    markets = [find_market(exchange, name) for name in wanted]
    answer: dict[str, object] = {"currency": "ZUSD", "volume": "0.0000"}
    if markets:
        answer["fees"] = {m.names.pair_id: _fee_entry(m.rules.fee_taker) for m in markets}
        answer["fees_maker"] = {m.names.pair_id: _fee_entry(m.rules.fee_maker) for m in markets}
    return answer


def stream_token(exchange: Exchange, caller: Caller, params: Params) -> object:
    """What a private stream is opened with."""
    return {"token": exchange.tokens.issue(caller.account, caller.key), "expires": 900}


def _fee_entry(rate: Decimal) -> dict[str, object]:
    percent = f"{rate * 100:.4f}"
    return {
        "fee": percent,
        "minfee": percent,
        "maxfee": percent,
        "nextfee": None,
        "nextvolume": None,
        "tiervolume": "0.0000",
    }


ENDPOINTS: dict[str, Handler] = {
    "AddOrder": add_order,
    "CancelOrder": cancel_order,
    "CancelAll": cancel_all,
    "QueryOrders": query_orders,
    "OpenOrders": open_orders,
    "ClosedOrders": closed_orders,
    "TradesHistory": trades_history,
    "QueryTrades": query_trades,
    "TradeVolume": trade_volume,
    "GetWebSocketsToken": stream_token,
}


def _orders_of(exchange: Exchange, caller: Caller) -> list[Order]:
    return [o for o in exchange.matching.orders.values() if o.account == caller.account]


def _by_reference(exchange: Exchange, caller: Caller, params: Params) -> list[Order]:
    """Orders by client order id, or by txid."""
    cl_ord_id = params.get("cl_ord_id")
    if cl_ord_id:
        mine = _orders_of(exchange, caller)
        return [order for order in mine if order.request.cl_ord_id == cl_ord_id]
    return _by_txid(exchange, caller, params)


def _by_txid(exchange: Exchange, caller: Caller, params: Params) -> list[Order]:
    """Orders by order ids and userrefs, separated by commas."""
    mine = _orders_of(exchange, caller)
    wanted = list(filter(None, params.get("txid", "").split(",")))
    return _filtered(
        [o for o in mine if o.order_id in wanted or str(o.request.userref) in wanted], params
    )


def _filtered(orders: list[Order], params: Params) -> list[Order]:
    cl_ord_id, userref = params.get("cl_ord_id"), params.get("userref")
    if cl_ord_id:
        orders = [order for order in orders if order.request.cl_ord_id == cl_ord_id]
    if userref:
        orders = [order for order in orders if str(order.request.userref) == userref]
    return orders


def _listed_before(exchange: Exchange, caller: Caller, endpoint: str) -> float:
    call = Call(endpoint, True, caller.account, caller.key, role="list")
    return listed_until(exchange, call)


def _entries(
    exchange: Exchange, orders: Iterable[Order], params: Params
) -> dict[str, dict[str, object]]:
    with_trades = _is_true(params.get("trades"))
    return {o.order_id: order_entry(exchange, o, with_trades=with_trades) for o in orders}


def _seconds(params: Params, name: str) -> float | None:
    text = params.get(name)
    if not text:
        return None
    try:
        return float(number(text))
    except NotANumber as error:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}") from error


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")
