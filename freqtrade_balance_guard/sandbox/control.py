"""The control API: what a test or a demo may see and change, as functions from JSON to JSON.

Amounts are strings, times are unix seconds, currencies and symbols have their unified names.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from freqtrade_balance_guard.sandbox.core.assets import number, plain
from freqtrade_balance_guard.sandbox.core.orders import Order
from freqtrade_balance_guard.sandbox.engine.audit import audit
from freqtrade_balance_guard.sandbox.engine.common_control import answer_control
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import BadControlRequest
from freqtrade_balance_guard.sandbox.script.market import PricePath


Payload = Mapping[str, Any]
Handler = Callable[[Exchange, Payload], object]

_PATH: TypeAdapter[PricePath] = TypeAdapter(PricePath)


BadRequest = BadControlRequest


def handle(exchange: Exchange, method: str, route: str, payload: Payload) -> object:
    """Answers a control request. Raises LookupError for an unknown route, else BadRequest."""
    handler = ROUTES.get((method, route))
    own = None if handler is None else partial(handler, exchange)
    return answer_control(exchange, own, method, route, payload)


def state(exchange: Exchange, payload: Payload) -> object:
    now = exchange.now()
    prices = {}
    for symbol, market in exchange.markets.items():
        quote = market.prices.quote(now)
        prices[symbol] = {
            "bid": plain(quote.bid),
            "ask": plain(quote.ask),
            "last": plain(quote.last),
        }
    return {
        "time": now,
        "started_at": exchange.started_at,
        "elapsed": now - exchange.started_at,
        "accounts": {
            account.name: {
                "keys": [api_key.key for api_key in account.keys],
                "balances": _balances(exchange, account.name),
            }
            for account in exchange.scenario.accounts
        },
        "open_orders": [order_as_dict(order) for order in exchange.matching.open_orders()],
        "positions": positions(exchange, payload),
        "prices": prices,
        "markets": {
            symbol: market.rules.model_dump(mode="json", exclude={"price_path"})
            for symbol, market in exchange.markets.items()
        },
    }


def _balances(exchange: Exchange, account: str) -> dict[str, dict[str, str]]:
    return {
        currency: {
            "total": plain(holding.total),
            "held": plain(holding.held),
            "free": plain(holding.free),
            "rewards": plain(holding.rewards),
        }
        for currency, holding in exchange.account(account).holdings().items()
    }


def orders(exchange: Exchange, payload: Payload) -> object:
    return [order_as_dict(order) for order in exchange.matching.orders.values()]


def order_as_dict(order: Order) -> dict[str, object]:
    request = order.request
    return {
        "id": order.order_id,
        "number": order.symbol_number,
        "cl_ord_id": request.cl_ord_id,
        "userref": request.userref,
        "account": order.account,
        "key": order.key,
        "pair": order.symbol,
        "side": order.side,
        "type": request.order_type,
        "price": None if request.price is None else plain(request.price),
        "trigger": None if request.trigger is None else plain(request.trigger),
        "triggered": order.triggered,
        "amount": plain(order.amount),
        "filled": plain(order.filled),
        "remaining": plain(order.remaining),
        "cost": plain(order.cost),
        "average": plain(order.average) if order.filled else None,
        "fee": plain(order.fee),
        "fee_currency": order.fee_currency,
        "held": plain(order.held),
        "held_currency": order.held_currency,
        "status": order.status,
        "reason": order.reason,
        "created_at": order.created_at,
        "closed_at": order.closed_at,
        "trades": [
            {
                "id": trade.trade_id,
                "price": plain(trade.price),
                "amount": plain(trade.amount),
                "cost": plain(trade.cost),
                "fee": plain(trade.fee),
                "maker": trade.maker,
                "time": trade.at,
            }
            for trade in order.trades
        ],
    }


def positions(exchange: Exchange, payload: Payload) -> object:
    """All open positions; none on a spot exchange."""
    if exchange.futures is None:
        return []
    state = exchange.futures.state
    return [
        {
            "account": position.account,
            "symbol": position.symbol,
            "side": position.side,
            "amount": plain(position.amount),
            "entry_price": plain(position.entry_price),
            "mark_price": plain(exchange.markets[position.symbol].mark_price(exchange.now())),
            "margin_mode": state.settings(position.account, position.symbol).margin_mode,
            "leverage": state.settings(position.account, position.symbol).leverage,
            "isolated_wallet": plain(position.isolated_wallet),
        }
        for account in exchange.books.accounts
        for position in state.positions(account)
    ]


def stops(exchange: Exchange, payload: Payload) -> object:
    """All conditional orders of contracts, oldest first; spot stops are among the orders."""
    if exchange.futures is None:
        return []
    return [
        {
            "id": stop.number,
            "cl_ord_id": stop.request.cl_ord_id,
            "account": stop.account,
            "symbol": stop.request.symbol,
            "side": stop.request.side,
            "type": stop.request.order_type,
            "amount": plain(stop.request.amount),
            "trigger": None if stop.request.trigger is None else plain(stop.request.trigger),
            "price": None if stop.request.price is None else plain(stop.request.price),
            "reduce_only": stop.request.reduce_only,
            "close_position": stop.close_position,
            "status": stop.status,
            "reason": stop.rejection,
            "order_id": None if stop.order is None else stop.order.order_id,
            "created_at": stop.created_at,
        }
        for stop in exchange.futures.stops.orders.values()
    ]


def incomes(exchange: Exchange, payload: Payload) -> object:
    """Every profit, fee, funding and liquidation charge, oldest first."""
    if exchange.futures is None:
        return []
    return [
        {
            "account": income.account,
            "symbol": income.symbol,
            "kind": income.kind,
            "amount": plain(income.amount),
            "currency": income.coin,
            "time": income.at,
        }
        for income in exchange.futures.state.incomes
    ]


def run_audit(exchange: Exchange, payload: Payload) -> object:
    return audit(exchange)


def set_price(exchange: Exchange, payload: Payload) -> object:
    symbol = str(payload["symbol"])
    price = number(payload["price"]) if payload.get("price") is not None else None
    if price is not None and price <= 0:
        raise BadRequest(f"price: {plain(price)} is not above 0")
    if "path" in payload:
        exchange.set_path(symbol, _PATH.validate_python(payload["path"]), price)
    elif price is not None:
        exchange.set_price(symbol, price)
    else:
        raise BadRequest("'price' or 'path' is missing")
    return {}


def change_market(exchange: Exchange, payload: Payload) -> object:
    changes = {name: value for name, value in payload.items() if name != "symbol"}
    fixed = sorted({"price", "price_path"} & set(changes))
    if fixed:
        raise BadRequest(f"{fixed[0]}: set by /sandbox/price")
    return exchange.change_market(str(payload["symbol"]), changes).model_dump(mode="json")


def deposit(exchange: Exchange, payload: Payload) -> object:
    return _pay_in(exchange, payload, "deposit")


def reward(exchange: Exchange, payload: Payload) -> object:
    return _pay_in(exchange, payload, "reward")


def _pay_in(exchange: Exchange, payload: Payload, cause: str) -> object:
    account = str(payload.get("account", exchange.scenario.accounts[0].name))
    exchange.deposit(account, str(payload["currency"]), _positive(payload), cause)
    return _balances(exchange, account)


def withdraw(exchange: Exchange, payload: Payload) -> object:
    account = str(payload.get("account", exchange.scenario.accounts[0].name))
    exchange.withdraw(account, str(payload["currency"]), _positive(payload))
    return _balances(exchange, account)


def _positive(payload: Payload) -> Decimal:
    amount = number(payload["amount"])
    if amount <= 0:
        raise BadRequest(f"amount: {plain(amount)} is not above 0")
    return amount


def fill(exchange: Exchange, payload: Payload) -> object:
    amount = payload.get("amount")
    order = exchange.fill_order(
        str(payload["order_id"]),
        None if amount is None else number(amount),
        payload.get("symbol"),
    )
    return order_as_dict(order)


def cancel(exchange: Exchange, payload: Payload) -> object:
    order = exchange.order(str(payload["order_id"]), payload.get("symbol"))
    exchange.cancel_order(order, "Cancelled by the exchange")
    return order_as_dict(order)


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "state"): state,
    ("GET", "orders"): orders,
    ("GET", "positions"): positions,
    ("GET", "stops"): stops,
    ("GET", "incomes"): incomes,
    ("GET", "audit"): run_audit,
    ("POST", "price"): set_price,
    ("POST", "market"): change_market,
    ("POST", "deposit"): deposit,
    ("POST", "withdraw"): withdraw,
    ("POST", "reward"): reward,
    ("POST", "fill"): fill,
    ("POST", "cancel"): cancel,
}
