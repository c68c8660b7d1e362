"""Spot orders and trades in Binance's words: the arguments of an order in, entries out."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Literal, cast

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.markets import Market, is_triggered
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    OrderType,
    Reason,
    Rejected,
    Side,
    Trade,
)


TimeInForce = Literal["GTC", "IOC", "FOK"]

_TYPES: dict[str, OrderType] = {
    "LIMIT": "limit",
    "LIMIT_MAKER": "limit",
    "MARKET": "market",
    "STOP_LOSS": "stop-loss",
    "STOP_LOSS_LIMIT": "stop-loss-limit",
    "TAKE_PROFIT": "take-profit",
    "TAKE_PROFIT_LIMIT": "take-profit-limit",
}
NAMES: dict[OrderType, str] = {
    "limit": "LIMIT",
    "market": "MARKET",
    "stop-loss": "STOP_LOSS",
    "stop-loss-limit": "STOP_LOSS_LIMIT",
    "take-profit": "TAKE_PROFIT",
    "take-profit-limit": "TAKE_PROFIT_LIMIT",
}
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
# Why an order ended without the caller's doing.
_EXPIRED_REASONS = frozenset({"Immediate or cancel", "Fill or kill", "Nothing left to reduce"})


def parse_order(query: Query) -> OrderRequest:
    """Raises BinanceError or Rejected."""
    market = query.market()
    side = parse_side(query)
    name = query.text("type")
    order_type = _TYPES.get(name)
    if order_type is None:
        raise BinanceError(-1116)
    in_quote = order_type == "market" and bool(query.params.get("quoteOrderQty"))
    needs_price = order_type.endswith("limit")
    request = OrderRequest(
        symbol=market.rules.symbol,
        side=side,
        order_type=order_type,
        amount=query.decimal("quoteOrderQty" if in_quote else "quantity"),
        price=query.decimal("price") if needs_price else None,
        trigger=query.decimal("stopPrice") if order_type not in ("limit", "market") else None,
        cl_ord_id=parse_client_id(query, "newClientOrderId"),
        time_in_force=_time_in_force(query) if needs_price and name != "LIMIT_MAKER" else "GTC",
        post_only=name == "LIMIT_MAKER",
        in_quote=in_quote,
    )
    last = market.prices.price(query.exchange.now())
    if is_triggered(request, last, last):
        raise Rejected(Reason.WOULD_TRIGGER, request.symbol)
    return _with_amount(request, market, last)


def _with_amount(request: OrderRequest, market: Market, last: Decimal) -> OrderRequest:
    """A sell by quote amount is turned into base here; the engine knows buys by quote only."""
    if not request.in_quote or request.side == "buy":
        return request
    step = Decimal(1).scaleb(-market.rules.amount_decimals)
    return replace(request, amount=request.amount / last // step * step, in_quote=False)


def parse_side(query: Query) -> Side:
    side = query.text("side").lower()
    if side not in ("buy", "sell"):
        raise BinanceError(-1117)
    return cast(Side, side)


def parse_client_id(query: Query, name: str) -> str | None:
    text = query.params.get(name) or None
    if text is not None and not CLIENT_ID.fullmatch(text):
        raise BinanceError(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is "
            "'^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
        )
    return text


def _time_in_force(query: Query) -> TimeInForce:
    text = query.text("timeInForce")
    if text not in ("GTC", "IOC", "FOK"):
        raise BinanceError(-1115)
    return cast(TimeInForce, text)


def find_order(query: Query) -> Order:
    """By order id, or the newest by client order id, on one symbol. Raises BinanceError -2013."""
    symbol = query.market().rules.symbol
    order_id, client_id = query.integer("orderId"), query.params.get("origClientOrderId")
    if order_id is None and not client_id:
        raise BinanceError(
            -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )
    for order in reversed(orders_of(query, symbol)):
        if order_id is not None and order.symbol_number != order_id:
            continue
        if client_id and client_id_of(order) != client_id:
            continue
        return order
    raise BinanceError(-2013)


def orders_of(query: Query, symbol: str | None = None) -> list[Order]:
    """All orders of the caller's account, oldest first."""
    return [
        order
        for order in query.exchange.matching.orders.values()
        if order.account == query.account and symbol in (None, order.symbol)
    ]


def client_id_of(order: Order) -> str:
    """The caller's, or one that the exchange made."""
    return order.request.cl_ord_id or order.order_id.replace("-", "")


def status_of(order: Order) -> str:
    if order.is_open:
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    if order.status == "closed":
        return "FILLED"
    if order.status == "expired" or order.reason in _EXPIRED_REASONS:
        return "EXPIRED"
    return "CANCELED"


def type_of(order: Order) -> str:
    return "LIMIT_MAKER" if order.request.post_only else NAMES[order.request.order_type]


def order_entry(order: Order) -> dict[str, object]:
    """An order as the look-up and the lists show it."""
    at = milliseconds(order.created_at)
    return {
        **_common(order),
        "stopPrice": number_text(order.request.trigger or ZERO),
        "icebergQty": number_text(ZERO),
        "time": at,
        "updateTime": milliseconds(order.updated_at),
        "isWorking": not order.waits_for_trigger,
        "workingTime": -1 if order.waits_for_trigger else at,
        "origQuoteOrderQty": number_text(order.request.amount if order.request.in_quote else ZERO),
        "selfTradePreventionMode": "NONE",
    }


def placed_entry(order: Order, kind: str) -> dict[str, object]:
    """The answer to a new order: ACK, RESULT or FULL."""
    at = milliseconds(order.created_at)
    ack = {
        "symbol": market_id(order.symbol),
        "orderId": order.symbol_number,
        "orderListId": -1,
        "clientOrderId": client_id_of(order),
        "transactTime": at,
    }
    if kind == "ACK":
        return ack
    result = {**_common(order), **ack, "workingTime": at, "selfTradePreventionMode": "NONE"}
    if order.request.trigger is not None:
        result["stopPrice"] = number_text(order.request.trigger)
    if kind == "RESULT":
        return result
    return {**result, "fills": [_fill_entry(trade) for trade in order.trades]}


def cancelled_entry(order: Order, cancel_id: str) -> dict[str, object]:
    return {
        **_common(order),
        "origClientOrderId": client_id_of(order),
        "clientOrderId": cancel_id,
        "transactTime": milliseconds(order.updated_at),
        "selfTradePreventionMode": "NONE",
    }


def trade_entry(trade: Trade, order: Order) -> dict[str, object]:
    return {
        "symbol": market_id(trade.symbol),
        "id": trade.symbol_number,
        "orderId": order.symbol_number,
        "orderListId": -1,
        "price": number_text(trade.price),
        "qty": number_text(trade.amount),
        "quoteQty": number_text(trade.cost),
        "commission": number_text(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": milliseconds(trade.at),
        "isBuyer": trade.side == "buy",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def _fill_entry(trade: Trade) -> dict[str, object]:
    return {
        "price": number_text(trade.price),
        "qty": number_text(trade.amount),
        "commission": number_text(trade.fee),
        "commissionAsset": trade.fee_currency,
        "tradeId": trade.symbol_number,
    }


def _common(order: Order) -> dict[str, object]:
    request = order.request
    return {
        "symbol": market_id(order.symbol),
        "orderId": order.symbol_number,
        "orderListId": -1,
        "clientOrderId": client_id_of(order),
        "price": number_text(request.price or ZERO),
        "origQty": number_text(order.amount),
        "executedQty": number_text(order.filled),
        "cummulativeQuoteQty": number_text(order.cost),
        "status": status_of(order),
        "timeInForce": request.time_in_force,
        "type": type_of(order),
        "side": order.side.upper(),
    }
