"""The control API of a prediction market: what a test or a demo may see and change.

Amounts are strings, times are unix seconds; a market has the scenario's name, an outcome is 0 or 1.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from freqtrade_balance_guard.sandbox.core.assets import number, plain
from freqtrade_balance_guard.sandbox.engine.common_control import answer_control
from freqtrade_balance_guard.sandbox.engine.wire import BadControlRequest
from freqtrade_balance_guard.sandbox.prediction.market import Book, Level, Result
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, BetRejected, Match
from freqtrade_balance_guard.sandbox.prediction_exchange.audit import audit
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.script.market import ConstantPath, PricePath


Payload = Mapping[str, Any]
Handler = Callable[[PredictionExchange, Payload], object]

_PATH: TypeAdapter[PricePath] = TypeAdapter(PricePath)
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)
_LEVELS: TypeAdapter[list[tuple[Decimal, Decimal]]] = TypeAdapter(list[tuple[Decimal, Decimal]])


def handle(exchange: PredictionExchange, method: str, route: str, payload: Payload) -> object:
    """Answers a control request. Raises LookupError for an unknown route."""
    handler = ROUTES.get((method, route))
    own = None if handler is None else partial(handler, exchange)
    return answer_control(exchange, own, method, route, payload, BetRejected)


def state(exchange: PredictionExchange, payload: Payload) -> object:
    now = exchange.now()
    return {
        "time": now,
        "started_at": exchange.started_at,
        "dialect": exchange.scenario.dialect,
        "accounts": {
            account.name: {
                "balances": _balances(exchange, account.name),
                "wallet": _wallet(exchange, account.name),
            }
            for account in exchange.scenario.accounts
        },
        "open_orders": [order_as_dict(order) for order in exchange.matching.open_orders()],
        "markets": {
            name: {
                "price": plain(market.price(0, now)),
                "closes_at": market.closes_at,
                "is_trading": market.is_trading(now),
                "result": market.result,
                "rules": market.rules.model_dump(mode="json", exclude={"price_path"}),
            }
            for name, market in exchange.markets.items()
        },
        "fees": plain(exchange.purses.books.fee_income[exchange.purses.currency]),
        "payments": payments(exchange, payload),
    }


def _wallet(exchange: PredictionExchange, name: str) -> str | None:
    scenario = exchange.scenario
    return None if scenario.dialect == "kalshi" else scenario.wallet(scenario.account(name))


def _balances(exchange: PredictionExchange, account: str) -> dict[str, dict[str, str]]:
    return {
        currency: {
            "total": plain(holding.total),
            "held": plain(holding.held),
            "free": plain(holding.free),
        }
        for currency, holding in sorted(exchange.purses.account(account).holdings().items())
    }


def orders(exchange: PredictionExchange, payload: Payload) -> object:
    """All orders ever, the oldest first."""
    return [order_as_dict(order) for order in exchange.matching.orders.values()]


def order_as_dict(order: BetOrder) -> dict[str, object]:
    bet = order.bet
    return {
        "id": order.order_id,
        "client_id": bet.client_id,
        "account": order.account,
        "key": order.key,
        "market": bet.market,
        "outcome": bet.outcome,
        "side": bet.side,
        "price": plain(bet.limit),
        "shares": plain(bet.shares),
        "budget": None if bet.budget is None else plain(bet.budget),
        "time_in_force": bet.time_in_force,
        "filled": plain(order.filled),
        "cost": plain(order.cost),
        "fee": plain(order.fee),
        "held": plain(order.held),
        "status": order.status,
        "reason": order.reason,
        "created_at": order.created_at,
        "matches": [_match_as_dict(match) for match in order.matches],
    }


def _match_as_dict(match: Match) -> dict[str, object]:
    return {
        "id": match.match_id,
        "status": match.status,
        "price": plain(match.taker.price),
        "shares": plain(match.taker.shares),
        "cost": plain(match.taker.cost),
        "fee": plain(match.taker.fee),
        "time": match.at,
    }


def payments(exchange: PredictionExchange, payload: Payload) -> object:
    """What was paid for shares of markets that have ended, the oldest first."""
    return [
        {
            "account": payment.account,
            "market": payment.market,
            "outcome": payment.outcome,
            "result": payment.result,
            "shares": plain(payment.shares),
            "cost": plain(payment.cost),
            "paid": plain(payment.paid),
            "fee": plain(payment.fee),
            "time": payment.at,
        }
        for payment in exchange.resolution.payments
    ]


def run_audit(exchange: PredictionExchange, payload: Payload) -> object:
    return audit(exchange)


def set_price(exchange: PredictionExchange, payload: Payload) -> object:
    """A price of the first outcome from now on, or a path around it; ends a book that was set."""
    market = exchange.market(str(payload["market"]))
    now = exchange.now()
    given = payload.get("price")
    price = market.price(0, now) if given is None else number(given)
    if not Decimal(0) < price < Decimal(1):
        raise BadControlRequest(f"price: {plain(price)} is not between 0 and 1")
    path = _PATH.validate_python(payload["path"]) if "path" in payload else ConstantPath()
    market.set_price(path, price, now)
    exchange.journal.record("price_set", market=market.rules.name, price=plain(price))
    exchange.advance()
    return {}


def set_book(exchange: PredictionExchange, payload: Payload) -> object:
    """The market maker's levels (price and shares of the first outcome); none: by the price."""
    market = exchange.market(str(payload["market"]))
    if "bids" not in payload and "asks" not in payload:
        market.fix_book(None)
    else:
        bids = _levels(payload.get("bids", []))
        asks = _levels(payload.get("asks", []))
        bids.sort(key=lambda level: -level.price)
        asks.sort(key=lambda level: level.price)
        market.fix_book(Book(bids, asks))
    exchange.journal.record("book_set", market=market.rules.name)
    exchange.advance()
    return {}


def _levels(rows: object) -> list[Level]:
    return [Level(price, shares) for price, shares in _LEVELS.validate_python(rows)]


def halt(exchange: PredictionExchange, payload: Payload) -> object:
    """Stops the trading of a market; `trading`: true lets it go on."""
    market = exchange.market(str(payload["market"]))
    market.is_halted = not payload.get("trading", False)
    exchange.advance()
    return {}


def resolve(exchange: PredictionExchange, payload: Payload) -> object:
    """Ends a market: result "first", "second" or "void"."""
    exchange.resolve(str(payload["market"]), _RESULT.validate_python(payload["result"]))
    return payments(exchange, payload)


def redeem(exchange: PredictionExchange, payload: Payload) -> object:
    """Pays an account for its shares of a resolved market, as its owner would get it on chain."""
    paid = exchange.redeem(_account(exchange, payload), str(payload["market"]))
    return {"paid": plain(paid)}


def fail_match(exchange: PredictionExchange, payload: Payload) -> object:
    exchange.fail_match(str(payload["match_id"]))
    return {}


def deposit(exchange: PredictionExchange, payload: Payload) -> object:
    account = _account(exchange, payload)
    currency = str(payload.get("currency", exchange.scenario.currency))
    if currency != exchange.scenario.currency:
        raise BadControlRequest(f"currency: here it is {exchange.scenario.currency}")
    amount = number(payload["amount"])
    if amount <= 0:
        raise BadControlRequest(f"amount: {plain(amount)} is not above 0")
    exchange.purses.books.pay_in(account, currency, amount, "deposit", exchange.now())
    exchange.advance()
    return _balances(exchange, account)


def _account(exchange: PredictionExchange, payload: Payload) -> str:
    return str(payload.get("account", exchange.scenario.accounts[0].name))


def fill(exchange: PredictionExchange, payload: Payload) -> object:
    amount = payload.get("amount")
    shares = None if amount is None else number(amount)
    return order_as_dict(exchange.fill_order(str(payload["order_id"]), shares))


def cancel(exchange: PredictionExchange, payload: Payload) -> object:
    order = exchange.order(str(payload["order_id"]))
    exchange.cancel_order(order, "SYSTEM")
    return order_as_dict(order)


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "state"): state,
    ("GET", "orders"): orders,
    ("GET", "payments"): payments,
    ("GET", "audit"): run_audit,
    ("POST", "price"): set_price,
    ("POST", "book"): set_book,
    ("POST", "halt"): halt,
    ("POST", "resolve"): resolve,
    ("POST", "redeem"): redeem,
    ("POST", "fail_match"): fail_match,
    ("POST", "deposit"): deposit,
    ("POST", "fill"): fill,
    ("POST", "cancel"): cancel,
}
