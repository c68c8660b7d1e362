"""Orders and trades in Kraken's words: AddOrder's arguments in, entries of answers out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, NotANumber, asset, number
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.core.orders import (
    TRIGGERED_TYPES,
    Order,
    OrderRequest,
    OrderType,
    Side,
    Trade,
)
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.kraken.public import find_market
from freqtrade_balance_guard.sandbox.kraken.words import KrakenError


Params = Mapping[str, str]

_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
_ORDER_TYPES: dict[str, OrderType] = {
    "market": "market",
    "limit": "limit",
    "stop-loss": "stop-loss",
    "stop-loss-limit": "stop-loss-limit",
    "take-profit": "take-profit",
    "take-profit-limit": "take-profit-limit",
}
# A UUID with or without dashes, or up to 18 printable characters (Kraken's guide to cl_ord_id).
_CL_ORD_ID = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[!-~]{1,18}"
)


def parse_order(exchange: Exchange, params: Params) -> OrderRequest:
    """The order that AddOrder's arguments ask for. Raises KrakenError."""
    market = find_market(exchange, params.get("pair", ""))
    side = _SIDES.get(params.get("type", ""))
    order_type = _ORDER_TYPES.get(params.get("ordertype", ""))
    if side is None:
        raise KrakenError("EGeneral:Invalid arguments:type")
    if order_type is None:
        raise KrakenError("EGeneral:Invalid arguments:ordertype")
    flags = set(filter(None, params.get("oflags", "").split(",")))
    _check_flags(flags, side, order_type)
    price, trigger = _prices(params, order_type)
    cl_ord_id, userref = _references(params)
    request = OrderRequest(
        symbol=market.names.symbol,
        side=side,
        order_type=order_type,
        amount=_number(params, "volume"),
        price=price,
        trigger=trigger,
        cl_ord_id=cl_ord_id,
        userref=userref,
        post_only="post" in flags,
        in_quote="viqc" in flags,
        fee_flag="fcib" if "fcib" in flags else "fciq" if "fciq" in flags else None,
    )
    return _with_time_in_force(request, params, exchange.now())


def _check_flags(flags: set[str], side: Side, order_type: OrderType) -> None:
    if flags - {"post", "fcib", "fciq", "nompp", "viqc"} or {"fcib", "fciq"} <= flags:
        raise KrakenError("EGeneral:Invalid arguments:oflags")
    if "post" in flags and order_type != "limit":
        raise KrakenError("EGeneral:Invalid arguments:oflags")
    if "viqc" in flags and (side, order_type) != ("buy", "market"):
        raise KrakenError("EGeneral:Invalid arguments:viqc")


def _prices(params: Params, order_type: OrderType) -> tuple[Decimal | None, Decimal | None]:
    """(limit price, trigger): Kraken sends the trigger as price and the limit as price2."""
    if order_type == "market":
        return None, None
    first = _number(params, "price")
    if order_type == "limit":
        return first, None
    return (_number(params, "price2") if order_type.endswith("limit") else None), first


def _references(params: Params) -> tuple[str | None, int | None]:
    cl_ord_id = params.get("cl_ord_id") or None
    userref = params.get("userref") or None
    if cl_ord_id is not None and (userref is not None or not _CL_ORD_ID.fullmatch(cl_ord_id)):
        raise KrakenError("EGeneral:Invalid arguments:cl_ord_id")
    if userref is None:
        return cl_ord_id, None
    if not re.fullmatch(r"-?\d{1,10}", userref):
        raise KrakenError("EGeneral:Invalid arguments:userref")
    return cl_ord_id, int(userref)


def _with_time_in_force(request: OrderRequest, params: Params, now: float) -> OrderRequest:
    wanted = (params.get("timeinforce") or "GTC").upper()
    if wanted == "GTC":
        return request
    if wanted == "IOC" and not request.post_only:
        return replace(request, time_in_force="IOC")
    if wanted == "GTD":
        text = params.get("expiretm") or ""
        try:
            expires_at = float(number(text.removeprefix("+")))
        except NotANumber as error:
            raise KrakenError("EGeneral:Invalid arguments:expiretm") from error
        if text.startswith("+"):
            expires_at += now
        if expires_at <= now:
            raise KrakenError("EGeneral:Invalid arguments:expiretm")
        return replace(request, time_in_force="GTD", expires_at=expires_at)
    raise KrakenError("EGeneral:Invalid arguments:timeinforce")


def _number(params: Params, name: str) -> Decimal:
    try:
        return number(params.get(name, ""))
    except NotANumber as error:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}") from error


def description(market: Market, request: OrderRequest, amount: Decimal) -> str:
    """Kraken's one-line order, which ccxt parses: 'sell 0.2 ETHUSDT @ stop loss 90 -> limit 89'."""
    shown = request.amount if request.in_quote else amount
    head = f"{request.side} {shown:.{market.rules.amount_decimals}f} {market.names.altname} @ "
    limit = None if request.price is None else price_text(market, request.price)
    if request.order_type not in TRIGGERED_TYPES or request.trigger is None:
        return head + ("market" if limit is None else f"limit {limit}")
    kind = "stop loss" if request.order_type.startswith("stop-loss") else "take profit"
    head += f"{kind} {price_text(market, request.trigger)}"
    return head if limit is None else f"{head} -> limit {limit}"


def order_entry(exchange: Exchange, order: Order, *, with_trades: bool) -> dict[str, object]:
    """An order as OpenOrders, ClosedOrders and QueryOrders show it."""
    market = exchange.markets[order.symbol]
    request = order.request
    quote = asset(market.rules.quote)
    first = request.price if request.trigger is None else request.trigger
    second = None if request.trigger is None else request.price
    lot = market.rules.amount_decimals
    entry: dict[str, object] = {
        "refid": None,
        "userref": request.userref,
        "status": order.status,
        "opentm": order.created_at,
        "starttm": 0,
        "expiretm": int(request.expires_at or 0),
        "descr": {
            "pair": market.names.altname,
            "type": order.side,
            "ordertype": request.order_type,
            "price": "0" if first is None else price_text(market, first),
            "price2": "0" if second is None else price_text(market, second),
            "leverage": "none",
            "order": description(market, request, order.amount),
            "close": "",
        },
        "vol": f"{order.amount:.{lot}f}",
        "vol_exec": f"{order.filled:.{lot}f}",
        "cost": quote.text(order.cost),
        "fee": asset(order.fee_currency).text(order.fee),
        "price": _average_text(order, market),
        "stopprice": price_text(market, request.trigger or ZERO),
        "limitprice": price_text(market, second or ZERO),
        "misc": "",
        "oflags": _flags_text(order, market),
    }
    if request.cl_ord_id is not None:
        entry["cl_ord_id"] = request.cl_ord_id
    if not order.is_open:
        entry["closetm"] = order.closed_at
        entry["reason"] = order.reason
    if with_trades:
        entry["trades"] = [trade.trade_id for trade in order.trades]
    return entry


def trade_entry(exchange: Exchange, trade: Trade) -> dict[str, object]:
    """A trade as TradesHistory and QueryTrades show it."""
    market = exchange.markets[trade.symbol]
    return {
        "ordertxid": trade.order_id,
        "postxid": "",
        "pair": market.names.pair_id,
        "time": trade.at,
        "type": trade.side,
        "ordertype": trade.order_type,
        "price": price_text(market, trade.price),
        "cost": asset(market.rules.quote).text(trade.cost),
        "fee": asset(trade.fee_currency).text(trade.fee),
        "vol": f"{trade.amount:.{market.rules.amount_decimals}f}",
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": trade.number,
        "maker": trade.maker,
    }


def price_text(market: Market, price: Decimal) -> str:
    return f"{price:.{market.rules.price_decimals}f}"


def _average_text(order: Order, market: Market) -> str:
    """The average price, from the fills: the booked cost is rounded and would give another one."""
    if not order.filled:
        return price_text(market, ZERO)
    exact = sum((trade.amount * trade.price for trade in order.trades), ZERO) / order.filled
    return f"{exact:.{market.rules.price_decimals}f}"


def _flags_text(order: Order, market: Market) -> str:
    flags = ["fcib" if order.fee_currency == market.rules.base else "fciq"]
    if order.request.post_only:
        flags.append("post")
    if order.request.in_quote:
        flags.append("viqc")
    return ",".join(flags)
