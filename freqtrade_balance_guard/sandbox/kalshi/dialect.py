"""Kalshi's protocol over a prediction market.

Its book knows one outcome: to buy NO at q is to sell YES at 1 - q. An account never holds both.
"""

import json
from decimal import ROUND_DOWN, Decimal
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import ZERO, NotANumber, number
from freqtrade_balance_guard.sandbox.engine.wire import (
    Answer,
    Asked,
    Caller,
    ProtocolError,
    Request,
)
from freqtrade_balance_guard.sandbox.kalshi.auth import KeyRing, unauthorized
from freqtrade_balance_guard.sandbox.kalshi.errors import in_words, scripted
from freqtrade_balance_guard.sandbox.kalshi.market_data import RESULTS, MarketData, count, dollars
from freqtrade_balance_guard.sandbox.kalshi.names import Names, event_of, ticker_of
from freqtrade_balance_guard.sandbox.prediction.market import iso_time
from freqtrade_balance_guard.sandbox.prediction.orders import (
    Bet,
    BetOrder,
    BetRejected,
    Match,
    Part,
    Reason,
    TimeInForce,
    complement,
)
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.reported import reported_holdings
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import (
    PredictionTranslator,
    Query,
    Route,
    error_answer,
)
from freqtrade_balance_guard.sandbox.script.faults import Fault


_API = "/trade-api/v2"
_TIMES_IN_FORCE: dict[str, TimeInForce] = {
    "good_till_canceled": "GTC",
    "immediate_or_cancel": "IOC",
    "fill_or_kill": "FOK",
}
_CREATED = 201
_PAGE = 100
_CENT = Decimal("0.01")


class KalshiDialect(PredictionTranslator):
    """Translates between Kalshi's API and one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._names = Names(exchange)
        self._keys = KeyRing(exchange.scenario)
        self._data = MarketData(exchange, self._names)
        super().__init__(exchange)

    def make_routes(self) -> list[Route]:
        data, orders = self._data, f"{_API}/portfolio/events/orders"
        return [
            Route("GET", f"{_API}/exchange/status", data.status),
            Route("GET", f"{_API}/markets", data.markets),
            Route("GET", f"{_API}/markets/trades", data.trades),
            Route("GET", f"{_API}/markets/{{ticker}}", data.market),
            Route("GET", f"{_API}/markets/{{ticker}}/orderbook", data.book, "book"),
            Route("GET", f"{_API}/events", data.events),
            Route("GET", f"{_API}/events/{{event_ticker}}", data.event),
            Route("GET", f"{_API}/series/{{series_ticker}}", data.series),
            Route("GET", f"{_API}/portfolio/balance", self._balance, "balance", is_private=True),
            Route("GET", f"{_API}/portfolio/positions", self._positions, is_private=True),
            Route("GET", f"{_API}/portfolio/orders", self._orders, "list", is_private=True),
            Route(
                "GET", f"{_API}/portfolio/orders/{{order_id}}", self._order, "find", is_private=True
            ),
            Route("GET", f"{_API}/portfolio/fills", self._fills, "list", is_private=True),
            Route("GET", f"{_API}/portfolio/settlements", self._settlements, is_private=True),
            Route("POST", orders, self._place, "place", is_private=True),
            Route("DELETE", f"{orders}/{{order_id}}", self._cancel, "cancel", is_private=True),
        ]

    def key_of(self, request: Request) -> tuple[str, str | None]:
        key = request.headers.get("kalshi-access-key", "")
        return key, self._keys.account_of(key)

    def market_of(self, query: Query) -> tuple[str | None, str | None]:
        side = {"bid": "buy", "ask": "sell"}.get(query.text("side"))
        return self._names.find(query.text("ticker")), side

    def authenticate(self, asked: Asked) -> Caller:
        return self._keys.authenticate(asked.request, self.exchange.now())

    def unknown_route(self) -> ProtocolError:
        error = {"code": "not_found", "message": "not found"}
        return error_answer({"error": error}, 404, "not_found")

    def rejected(self, error: BetRejected, query: Query) -> ProtocolError:
        return in_words(error)

    def scripted(self, fault: Fault) -> ProtocolError:
        return scripted(fault)

    # Private

    def _balance(self, query: Query, caller: Caller | None) -> object:
        """In whole cents, less what resting orders hold."""
        caller = _known(caller)
        holdings = reported_holdings(self.exchange, caller.account, caller.key)
        held = holdings.get(self.exchange.scenario.currency)
        free = ZERO if held is None else held.free
        return {
            "balance": int((free * 100).quantize(Decimal(1), rounding=ROUND_DOWN)),
            "portfolio_value": 0,
            "updated_ts": int(self.exchange.now()),
        }

    def _place(self, query: Query, caller: Caller | None) -> object:
        caller = _known(caller)
        order = self.exchange.place_order(caller.account, caller.key, self._bet(query))
        content = {
            "order_id": order.order_id,
            "client_order_id": order.bet.client_id or "",
            "fill_count": count(order.filled),
            # What an order that does not rest has not filled is gone.
            "remaining_count": count(order.remaining if order.is_open else ZERO),
            "ts_ms": int(order.created_at * 1000),
        }
        if order.filled:
            content["average_fill_price"] = dollars(_yes_price(order.bet.outcome, order.average))
            content["average_fee_paid"] = dollars(order.fee / order.filled)
        return Answer(json.dumps(content), status=_CREATED)

    def _bet(self, query: Query) -> Bet:
        """Raises BetRejected."""
        body: dict[str, Any] = query.body if isinstance(query.body, dict) else {}
        name = self._names.market(str(body.get("ticker")))
        side, kind = body.get("side"), str(body.get("time_in_force", "good_till_canceled"))
        if side not in ("bid", "ask") or kind not in _TIMES_IN_FORCE:
            raise BetRejected(Reason.AMOUNT_INVALID, "invalid side or time_in_force")
        if body.get("self_trade_prevention_type") not in ("taker_at_cross", "maker"):
            raise BetRejected(Reason.AMOUNT_INVALID, "self_trade_prevention_type is required")
        try:
            price, shares = number(body["price"]), number(body["count"])
            expires = number(body.get("expiration_time") or 0)
        except (KeyError, NotANumber) as error:
            raise BetRejected(Reason.AMOUNT_INVALID, str(error)) from error
        is_bid = side == "bid"
        return Bet(
            market=name,
            outcome=0 if is_bid else 1,
            side="buy",
            limit=price if is_bid else complement(price),
            shares=shares,
            time_in_force=_TIMES_IN_FORCE[kind],
            expires_at=float(expires) or None,
            post_only=bool(body.get("post_only")),
            client_id=str(body["client_order_id"]) if body.get("client_order_id") else None,
            body=body,
        )

    def _order(self, query: Query, caller: Caller | None) -> object:
        return {"order": shown(self._find(query, caller))}

    def _find(self, query: Query, caller: Caller | None) -> BetOrder:
        try:
            return self.exchange.order(query.text("order_id"), _known(caller).account)
        except LookupError:
            raise in_words(BetRejected(Reason.NOT_FOUND)) from None

    def _orders(self, query: Query, caller: Caller | None) -> object:
        """The newest 100, or a page of them from a cursor."""
        status, ticker = query.text("status"), query.text("ticker")
        found = [
            shown(order)
            for order in self.exchange.orders_of(_known(caller).account)
            if status in ("", _status(order)) and ticker in ("", ticker_of(order.bet.market))
        ]
        return _page("orders", found, query)

    def _fills(self, query: Query, caller: Caller | None) -> object:
        account, ticker = _known(caller).account, query.text("ticker")
        found = [
            _fill(match, part)
            for match in self.exchange.matches_of(account)
            for part in match.parts
            if part.account == account
            and ticker in ("", ticker_of(match.market))
            and query.text("order_id", part.order_id) == part.order_id
        ]
        return _page("fills", found, query)

    def _positions(self, query: Query, caller: Caller | None) -> object:
        account, purses = _known(caller).account, self.exchange.purses
        rows = []
        for name in self.exchange.markets:
            yes, no = (purses.shares(account, name, outcome) for outcome in (0, 1))
            if not yes and not no:
                continue
            stake = purses.stakes[(account, name, 0 if yes else 1)]
            rows.append(
                {
                    "ticker": ticker_of(name),
                    "position_fp": count(yes - no),
                    "market_exposure_dollars": dollars(stake.cost),
                    "resting_orders_count": len(self.exchange.matching.open_orders(account, name)),
                }
            )
        return {"market_positions": rows, "event_positions": [], "cursor": ""}

    def _settlements(self, query: Query, caller: Caller | None) -> object:
        account = _known(caller).account
        rows = [
            {
                "ticker": ticker_of(payment.market),
                "event_ticker": event_of(payment.market),
                "market_result": RESULTS[payment.result],
                "yes_count_fp": count(payment.shares if payment.outcome == 0 else ZERO),
                "no_count_fp": count(payment.shares if payment.outcome == 1 else ZERO),
                "yes_total_cost_dollars": dollars(payment.cost if payment.outcome == 0 else ZERO),
                "no_total_cost_dollars": dollars(payment.cost if payment.outcome == 1 else ZERO),
                "revenue": int(payment.paid / _CENT),
                "settled_time": iso_time(payment.at),
                "fee_cost": "0.0000",
            }
            for payment in self.exchange.resolution.payments[::-1]
            if payment.account == account
        ]
        return _page("settlements", rows, query)

    def _cancel(self, query: Query, caller: Caller | None) -> object:
        order = self._find(query, caller)
        reduced = order.remaining
        self.exchange.cancel_order(order)
        return {
            "order_id": order.order_id,
            "client_order_id": order.bet.client_id or "",
            "reduced_by": count(reduced),
            "ts_ms": int(self.exchange.now() * 1000),
        }


def _known(caller: Caller | None) -> Caller:
    if caller is None:
        raise unauthorized("NOT_FOUND")
    return caller


def _page(name: str, rows: list[dict[str, Any]], query: Query) -> dict[str, Any]:
    first, size = query.number("cursor", 0), min(query.number("limit", _PAGE), 1000)
    is_last = first + size >= len(rows)
    return {name: rows[first : first + size], "cursor": "" if is_last else str(first + size)}


def _yes_price(outcome: int, price: Decimal) -> Decimal:
    return price if outcome == 0 else complement(price)


def _status(order: BetOrder) -> str:
    if order.is_open:
        return "resting"
    return "executed" if order.status == "filled" else "canceled"


def shown(order: BetOrder) -> dict[str, Any]:
    """An order as it is read: always of YES, whichever outcome was meant."""
    bet = order.bet
    yes = _yes_price(bet.outcome, bet.limit)
    fees = {True: ZERO, False: ZERO}
    for match in order.matches:
        for part in match.parts:
            if part.order_id == order.order_id:
                fees[part.is_maker] += part.fee
    return {
        "order_id": order.order_id,
        "client_order_id": bet.client_id or "",
        "ticker": ticker_of(bet.market),
        "side": "yes",
        "action": "buy" if bet.outcome == 0 else "sell",
        "type": "limit",
        "status": _status(order),
        "yes_price_dollars": dollars(yes),
        "no_price_dollars": dollars(complement(yes)),
        "initial_count_fp": count(bet.shares),
        "fill_count_fp": count(order.filled),
        "remaining_count_fp": count(order.remaining if order.is_open else ZERO),
        "taker_fees_dollars": dollars(fees[False]),
        "maker_fees_dollars": dollars(fees[True]),
        "created_time": iso_time(order.created_at),
        "last_update_time": iso_time(order.updated_at),
    }


def _fill(match: Match, part: Part) -> dict[str, Any]:
    yes = _yes_price(part.outcome, part.price)
    return {
        "fill_id": match.match_id,
        "trade_id": match.match_id,
        "order_id": part.order_id,
        "ticker": ticker_of(match.market),
        "market_ticker": ticker_of(match.market),
        "side": "yes",
        "action": "buy" if part.outcome == 0 else "sell",
        "count_fp": count(part.shares),
        "yes_price_dollars": dollars(yes),
        "no_price_dollars": dollars(complement(yes)),
        "is_taker": not part.is_maker,
        "fee_cost": dollars(part.fee),
        "created_time": iso_time(match.at),
    }
