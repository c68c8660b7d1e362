"""The algo endpoints: conditional orders, which live apart from the orders that they place."""

from dataclasses import replace
from typing import cast

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError, missing
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.binance.spot_orders import parse_client_id, parse_side
from freqtrade_balance_guard.sandbox.binance_futures.info import futures_of
from freqtrade_balance_guard.sandbox.binance_futures.orders import (
    parse_position_side,
    parse_reduce_only,
)
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.orders import OrderRequest, OrderType
from freqtrade_balance_guard.sandbox.engine.reported import listed_until
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder, StopOrders, WorkingType


_TYPES: dict[str, OrderType] = {
    "STOP": "stop-loss-limit",
    "STOP_MARKET": "stop-loss",
    "TAKE_PROFIT": "take-profit-limit",
    "TAKE_PROFIT_MARKET": "take-profit",
}
_NAMES = {order_type: name for name, order_type in _TYPES.items()}


def new_stop(query: Query) -> object:
    if query.text("algoType") != "CONDITIONAL":
        raise BinanceError(-4120, "Invalid algoType.")
    request, closing = _parse(query)
    market = query.market()
    if not closing:
        market.check(request, market.prices.quote(query.exchange.now()))
    stop = _stops(query).add(
        query.account,
        query.caller.key,
        request,
        _working_type(query),
        close_position=closing,
        now=query.exchange.now(),
    )
    return _entry(stop)


def _parse(query: Query) -> tuple[OrderRequest, bool]:
    """The order that the stop will place, and whether it closes the whole position."""
    order_type = _TYPES.get(query.text("type"))
    if order_type is None:
        raise BinanceError(-1116)
    closing = query.is_true("closePosition")
    if closing and query.params.get("quantity"):
        raise BinanceError(-1106, "Parameter 'quantity' sent when not required.")
    request = OrderRequest(
        symbol=query.market().rules.symbol,
        side=parse_side(query),
        order_type=order_type,
        amount=ZERO if closing else query.decimal("quantity"),
        price=query.decimal("price") if order_type.endswith("limit") else None,
        trigger=query.decimal("triggerPrice"),
        cl_ord_id=parse_client_id(query, "clientAlgoId"),
        reduce_only=False if closing else parse_reduce_only(query),
        position_side=parse_position_side(query),
    )
    if closing and request.position_side == "BOTH":
        return replace(request, reduce_only=True), True
    return request, closing


def _working_type(query: Query) -> WorkingType:
    text = query.params.get("workingType") or "CONTRACT_PRICE"
    if text not in ("CONTRACT_PRICE", "MARK_PRICE"):
        raise BinanceError(-1130, "Data sent for parameter 'workingType' is not valid.")
    return cast(WorkingType, text)


def get_stop(query: Query) -> object:
    return _entry(_find(query, -2013))


def cancel_stop(query: Query) -> object:
    stop = _find(query, -2011)
    _stops(query).cancel(stop, query.exchange.now())
    return {
        "algoId": stop.number,
        "clientAlgoId": _client_id(stop),
        "code": "200",
        "msg": "success",
    }


def cancel_all(query: Query) -> object:
    symbol = query.market().rules.symbol
    for stop in _stops(query).of(query.account):
        if stop.is_open and stop.request.symbol == symbol:
            _stops(query).cancel(stop, query.exchange.now())
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_stops(query: Query) -> object:
    before = listed_until(query.exchange, query.call)
    symbol = query.market().rules.symbol if query.params.get("symbol") else None
    return [
        _entry(stop)
        for stop in _stops(query).of(query.account)
        if stop.is_open and symbol in (None, stop.request.symbol) and stop.created_at <= before
    ]


def all_stops(query: Query) -> object:
    before = listed_until(query.exchange, query.call)
    symbol = query.market().rules.symbol
    first, start, end = (query.integer(name) for name in ("algoId", "startTime", "endTime"))
    found = [
        stop
        for stop in _stops(query).of(query.account)
        if stop.request.symbol == symbol
        and stop.created_at <= before
        and (first is None or stop.number >= first)
        and (start is None or stop.created_at * 1000 >= start)
        and (end is None or stop.created_at * 1000 <= end)
    ]
    return [_entry(stop) for stop in found[-query.page() :]]


def _stops(query: Query) -> StopOrders:
    return futures_of(query.exchange).stops


def _find(query: Query, unknown: int) -> StopOrder:
    number, client_id = query.integer("algoId"), query.params.get("clientAlgoId")
    if number is None and not client_id:
        raise missing("algoId")
    for stop in reversed(_stops(query).of(query.account)):
        if number in (None, stop.number) and client_id in (None, "", _client_id(stop)):
            return stop
    raise BinanceError(unknown)


def _client_id(stop: StopOrder) -> str:
    return stop.request.cl_ord_id or f"algo{stop.number}"


def _entry(stop: StopOrder) -> dict[str, object]:
    """A conditional order; `actualOrderId` leads to the order that it placed."""
    request = stop.request
    entry: dict[str, object] = {
        "algoId": stop.number,
        "clientAlgoId": _client_id(stop),
        "algoType": "CONDITIONAL",
        "orderType": _NAMES[request.order_type],
        "symbol": market_id(request.symbol),
        "side": request.side.upper(),
        "positionSide": request.position_side,
        "timeInForce": "GTC",
        "quantity": number_text(request.amount),
        "algoStatus": stop.status,
        "actualOrderId": "",
        "actualPrice": "0.00000000",
        "triggerPrice": number_text(request.trigger or ZERO),
        "price": number_text(request.price or ZERO),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": stop.working_type,
        "priceMatch": "NONE",
        "closePosition": stop.close_position,
        "priceProtect": False,
        "reduceOnly": request.reduce_only,
        "createTime": milliseconds(stop.created_at),
        "updateTime": milliseconds(stop.updated_at),
        "triggerTime": 0 if stop.triggered_at is None else milliseconds(stop.triggered_at),
        "goodTillDate": 0,
    }
    if stop.order is not None:
        entry["actualOrderId"] = str(stop.order.symbol_number)
        entry["actualPrice"] = number_text(stop.order.average)
    return entry
