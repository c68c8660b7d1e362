"""Binance's signed spot endpoints: balances, orders, trades."""

from freqtrade_balance_guard.sandbox.binance.coins import listed_coins
from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import Query, number_text
from freqtrade_balance_guard.sandbox.binance.spot_info import fee_coin
from freqtrade_balance_guard.sandbox.binance.spot_orders import (
    cancelled_entry,
    find_order,
    order_entry,
    orders_of,
    parse_order,
    placed_entry,
    trade_entry,
)
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.orders import Order, Trade
from freqtrade_balance_guard.sandbox.engine.reported import (
    Balances,
    Cell,
    balance_faults,
    distorted,
    is_result_null,
    lag_of,
    listed_until,
    note_reported,
    summed,
)
from freqtrade_balance_guard.sandbox.script.faults import Fault


_TOTALS = frozenset({"total"})


def account(query: Query) -> object:
    """The account with all its coins, also those at zero, through the faults that meet it."""
    exchange = query.exchange
    rates = next(iter(exchange.markets.values())).rules
    balances = _balances(query)
    return {
        "makerCommission": int(rates.fee_maker * 10_000),
        "takerCommission": int(rates.fee_taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": number_text(rates.fee_maker),
            "taker": number_text(rates.fee_taker),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": int(exchange.now() * 1000),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 1,
        "useBNBDiscount": fee_coin(query) is not None,
    }


def _balances(query: Query) -> list[dict[str, str | None]] | None:
    exchange = query.exchange
    owner = exchange.account(query.account)
    active = balance_faults(exchange, query.call)
    holdings = owner.holdings()
    lag = lag_of(active)
    if lag is not None:
        holdings = owner.lagging(lag.seconds or 0.0, _causes(lag), exchange.now())
    known: Balances = {
        code: {"total": holding.total, "held": holding.held} for code, holding in holdings.items()
    }
    listed = listed_coins(exchange.scenario.listed_coins)
    zeros: Balances = {code: {"total": ZERO, "held": ZERO} for code in listed}
    shown = distorted(zeros | known, active, lambda code: (code,), _TOTALS)
    summary = {
        code: {"total": summed([entry["total"]]), "held": summed([entry["held"]])}
        for code, entry in shown.items()
        if code in known
    }
    note_reported(exchange, query.call, active, summary)
    if is_result_null(active):
        return None
    return [
        {"asset": code, "free": _free(entry), "locked": _text(entry["held"])}
        for code, entry in shown.items()
    ]


def _causes(fault: Fault) -> list[str] | None:
    return None if fault.side in (None, "both") else [fault.side]


def _free(entry: dict[str, Cell]) -> str | None:
    total, held = entry["total"], entry["held"]
    if total is None or held is None:
        return None
    if isinstance(total, str) or isinstance(held, str):
        return str(total)
    return number_text(total - held)


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else number_text(cell)


def new_order(query: Query) -> object:
    request = parse_order(query)
    order = query.exchange.place_order(query.account, query.caller.key, request)
    usual = "FULL" if request.order_type in ("limit", "market") else "ACK"
    return placed_entry(order, query.params.get("newOrderRespType", usual))


def check_order(query: Query) -> object:
    """All rules except the money; places nothing."""
    query.exchange.check_order(query.account, parse_order(query))
    return {}


def get_order(query: Query) -> object:
    return order_entry(find_order(query))


def cancel_order(query: Query) -> object:
    try:
        order = find_order(query)
    except BinanceError as error:
        if error.code == -2013:
            raise BinanceError(-2011) from error
        raise
    query.exchange.cancel_order(order)
    made = f"cancel{order.symbol_number}"
    return cancelled_entry(order, query.params.get("newClientOrderId") or made)


def cancel_all(query: Query) -> object:
    symbol = query.market().rules.symbol
    found = [order for order in orders_of(query, symbol) if order.is_open]
    if not found:
        raise BinanceError(-2011)
    for order in found:
        query.exchange.cancel_order(order)
    return [cancelled_entry(order, f"cancel{order.symbol_number}") for order in found]


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


def listed_orders(query: Query) -> list[Order]:
    """The orders of one symbol: from an order id or a time on, or the newest ones."""
    before = listed_until(query.exchange, query.call)
    first, start, end = (query.integer(name) for name in ("orderId", "startTime", "endTime"))
    found = [
        order
        for order in orders_of(query, query.market().rules.symbol)
        if order.created_at <= before
        and (first is None or order.symbol_number >= first)
        and (start is None or order.created_at * 1000 >= start)
        and (end is None or order.created_at * 1000 <= end)
    ]
    count = query.page()
    return found[-count:] if first is None and start is None else found[:count]


def my_trades(query: Query) -> object:
    return [trade_entry(trade, order) for trade, order in listed_trades(query)]


def listed_trades(query: Query) -> list[tuple[Trade, Order]]:
    """The trades of one symbol with their orders."""
    symbol, orders = query.market().rules.symbol, query.exchange.matching.orders
    names = ("fromId", "startTime", "endTime", "orderId")
    first, start, end, order_id = (query.integer(name) for name in names)
    found = [
        (trade, orders[trade.order_id])
        for trade in query.exchange.matching.trades
        if (trade.account, trade.symbol) == (query.account, symbol)
        and (first is None or trade.symbol_number >= first)
        and (start is None or trade.at * 1000 >= start)
        and (end is None or trade.at * 1000 <= end)
        and (order_id is None or orders[trade.order_id].symbol_number == order_id)
    ]
    count = query.page()
    return found[-count:] if first is None and start is None else found[:count]
