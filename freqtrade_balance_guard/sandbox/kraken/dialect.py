"""Kraken's spot protocol: endpoints, keys, nonces and call meters over the engine."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import (
    Answer,
    Asked,
    Caller,
    ProtocolError,
    Request,
)
from freqtrade_balance_guard.sandbox.kraken import balances, private, public, words
from freqtrade_balance_guard.sandbox.kraken.auth import KeyHolder, KeyRing, check_deadline
from freqtrade_balance_guard.sandbox.kraken.meter import Meter, call_cost, cancel_cost
from freqtrade_balance_guard.sandbox.kraken.words import KrakenError
from freqtrade_balance_guard.sandbox.script.faults import Call, Fault, Role


_PRIVATE_ENDPOINTS = private.ENDPOINTS | balances.ENDPOINTS
_ROLES: dict[str, Role] = {
    "Balance": "balance",
    "BalanceEx": "balance",
    "AddOrder": "place",
    "CancelOrder": "cancel",
    "CancelAll": "cancel",
    "QueryOrders": "find",
    "OpenOrders": "list",
    "ClosedOrders": "list",
    "Depth": "book",
}


class KrakenDialect:
    """Translates between Kraken's REST API and one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._keys = KeyRing(exchange.scenario)
        self._limits = {account.name: account.meter for account in exchange.scenario.accounts}
        self._order_meters: dict[tuple[str, str], Meter] = {}

    def read(self, request: Request) -> Asked:
        is_private = request.path.startswith("/0/private/")
        endpoint = request.path.rpartition("/")[2]
        params = _private_params(request) if is_private else _query(request)
        symbol = self._symbol(params)
        if not is_private:
            call = Call(endpoint, False, symbol=symbol, role=_ROLES.get(endpoint))
            return Asked(request, call, params)
        key = request.headers.get("api-key", "")
        account = self._keys.account_of(key)
        side, role = params.get("type"), _ROLES.get(endpoint)
        return Asked(request, Call(endpoint, True, account, key, symbol, side, role), params)

    def admit(self, asked: Asked) -> Caller | None:
        call, request = asked.call, asked.request
        if not call.private:
            return None
        holder = self._keys.authenticate(
            call.key or "",
            request.headers.get("api-sign", ""),
            request.path,
            request.body,
            asked.params.get("nonce", ""),
        )
        if call.endpoint not in _PRIVATE_ENDPOINTS:
            raise KrakenError("EGeneral:Unknown method")
        if self._exchange.scenario.meter_enforced:
            self._meter(holder, call, asked.params)
        self.check_expiry(asked)
        return Caller(holder.account, holder.key)

    def check_expiry(self, asked: Asked) -> None:
        check_deadline(asked.params.get("deadline"), self._exchange.now())

    def answer(self, asked: Asked, caller: Caller | None) -> Answer:
        return Answer(json.dumps({"error": [], "result": self._result(asked, caller)}))

    def in_words(self, rejected: Rejected) -> ProtocolError:
        return words.in_words(rejected)

    def scripted(self, fault: Fault) -> ProtocolError:
        return words.scripted(fault)

    def _result(self, asked: Asked, caller: Caller | None) -> object:
        endpoint = asked.call.endpoint
        if caller is not None:
            return _PRIVATE_ENDPOINTS[endpoint](self._exchange, caller, asked.params)
        handler = public.ENDPOINTS.get(endpoint)
        if handler is None or not asked.request.path.startswith("/0/public/"):
            raise KrakenError("EGeneral:Unknown method")
        return handler(self._exchange, asked.params)

    def _meter(self, holder: KeyHolder, call: Call, params: Mapping[str, str]) -> None:
        now = self._exchange.now()
        if not holder.calls.add(call_cost(call.endpoint), now):
            raise KrakenError("EAPI:Rate limit exceeded")
        if call.endpoint == "AddOrder" and call.symbol is not None:
            if not self._order_meter(holder.account, call.symbol).add(1, now):
                raise KrakenError("EOrder:Rate limit exceeded")
        if call.endpoint == "CancelOrder":
            order = self._exchange.matching.orders.get(params.get("txid", ""))
            if order is not None and order.account == holder.account:
                meter = self._order_meter(holder.account, order.symbol)
                meter.charge(cancel_cost(now - order.created_at), now)

    def _order_meter(self, account: str, symbol: str) -> Meter:
        limits = self._limits[account]
        return self._order_meters.setdefault(
            (account, symbol), Meter(limits.order_maximum, limits.order_decay)
        )

    def _symbol(self, params: Mapping[str, str]) -> str | None:
        if not params.get("pair"):
            return None
        try:
            return public.find_market(self._exchange, params["pair"]).names.symbol
        except KrakenError:
            return None


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _private_params(request: Request) -> dict[str, str]:
    """The arguments, whether they came as a form or as JSON; unreadable ones are none."""
    text = request.body.decode("utf-8", errors="replace")
    if "json" not in request.content_type:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        content: Any = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(name): str(value) for name, value in content.items()}
