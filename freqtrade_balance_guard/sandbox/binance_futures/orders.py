"""Orders and trades of contracts in Binance's words, and the endpoints for them."""

from typing import Literal, cast

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.binance.spot_account import listed_orders, listed_trades
from freqtrade_balance_guard.sandbox.binance.spot_orders import (
    NAMES,
    client_id_of,
    find_order,
    orders_of,
    parse_client_id,
    parse_side,
    status_of,
)
from freqtrade_balance_guard.sandbox.binance_futures.info import futures_of
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.orders import Order, OrderRequest, PositionSide, Trade
from freqtrade_balance_guard.sandbox.engine.reported import listed_until


STOP_TYPES = frozenset(
    {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
)
_SIDES_OF_HEDGE = ("LONG", "SHORT")


def parse_order(query: Query) -> OrderRequest:
    """Raises BinanceError; stops belong to the algo endpoints."""
    market = query.market()
    side, name = parse_side(query), query.text("type")
    if name in STOP_TYPES:
        raise BinanceError(-4120)
    if name not in ("LIMIT", "MARKET"):
        raise BinanceError(-1116)
    is_limit = name == "LIMIT"
    terms = query.text("timeInForce") if is_limit else "GTC"
    if terms not in ("GTC", "IOC", "FOK", "GTX"):
        raise BinanceError(-1115)
    return OrderRequest(
        symbol=market.rules.symbol,
        side=side,
        order_type="limit" if is_limit else "market",
        amount=query.decimal("quantity"),
        price=query.decimal("price") if is_limit else None,
        cl_ord_id=parse_client_id(query, "newClientOrderId"),
        time_in_force="GTC" if terms == "GTX" else cast(Literal["GTC", "IOC", "FOK"], terms),
        post_only=terms == "GTX",
        reduce_only=parse_reduce_only(query),
        position_side=parse_position_side(query),
    )


def parse_position_side(query: Query) -> PositionSide:
    """BOTH in one-way mode, LONG or SHORT in hedge mode. Raises BinanceError -4061."""
    side = query.params.get("positionSide") or "BOTH"
    hedge = futures_of(query.exchange).state.modes[query.account].hedge_mode
    if side not in (_SIDES_OF_HEDGE if hedge else ("BOTH",)):
        raise BinanceError(-4061)
    return cast(PositionSide, side)


def parse_reduce_only(query: Query) -> bool:
    """Raises BinanceError in hedge mode, where the position side says it."""
    wanted = query.is_true("reduceOnly")
    if wanted and futures_of(query.exchange).state.modes[query.account].hedge_mode:
        raise BinanceError(-1106, "Parameter 'reduceonly' sent when not required.")
    return wanted


def new_order(query: Query) -> object:
    request = parse_order(query)
    order = query.exchange.place_order(query.account, query.caller.key, request)
    return placed_entry(order)


def get_order(query: Query) -> object:
    return order_entry(find_order(query))


def get_open_order(query: Query) -> object:
    order = find_order(query)
    if not order.is_open:
        raise BinanceError(-2013)
    return order_entry(order)


def cancel_order(query: Query) -> object:
    try:
        order = find_order(query)
    except BinanceError as error:
        if error.code == -2013:
            raise BinanceError(-2011) from error
        raise
    query.exchange.cancel_order(order)
    return placed_entry(order)


def cancel_all(query: Query) -> object:
    for order in orders_of(query, query.market().rules.symbol):
        if order.is_open:
            query.exchange.cancel_order(order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_orders(query: Query) -> object:
    symbol = query.market().rules.symbol if query.params.get("symbol") else None
    before = listed_until(query.exchange, query.call)
    return [
        order_entry(order)
        for order in orders_of(query, symbol)
        if order.is_open and order.created_at <= before
    ]


def all_orders(query: Query) -> object:
    return [order_entry(order) for order in listed_orders(query)]


def user_trades(query: Query) -> object:
    return [_trade_entry(trade, order) for trade, order in listed_trades(query)]


def placed_entry(order: Order) -> dict[str, object]:
    """The answer to a new or a cancelled order, without the time of its creation."""
    request = order.request
    decimals = 8
    return {
        "orderId": order.symbol_number,
        "symbol": market_id(order.symbol),
        "status": status_of(order),
        "clientOrderId": client_id_of(order),
        "price": number_text(request.price or ZERO, decimals),
        "avgPrice": number_text(order.average, decimals),
        "origQty": number_text(order.amount, decimals),
        "executedQty": number_text(order.filled, decimals),
        "cumQty": number_text(order.filled, decimals),
        "cumQuote": number_text(order.cost, decimals),
        "timeInForce": "GTX" if request.post_only else request.time_in_force,
        "type": NAMES[request.order_type],
        "reduceOnly": request.reduce_only,
        "closePosition": False,
        "side": order.side.upper(),
        "positionSide": request.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": NAMES[request.order_type],
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "updateTime": milliseconds(order.updated_at),
    }


def order_entry(order: Order) -> dict[str, object]:
    """An order as the look-up and the lists show it."""
    return {**placed_entry(order), "time": milliseconds(order.created_at)}


def _trade_entry(trade: Trade, order: Order) -> dict[str, object]:
    return {
        "symbol": market_id(trade.symbol),
        "id": trade.symbol_number,
        "orderId": order.symbol_number,
        "side": trade.side.upper(),
        "price": number_text(trade.price),
        "qty": number_text(trade.amount),
        "realizedPnl": number_text(trade.realized),
        "quoteQty": number_text(trade.cost),
        "commission": number_text(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": milliseconds(trade.at),
        "positionSide": trade.position_side,
        "buyer": trade.side == "buy",
        "maker": trade.maker,
    }
