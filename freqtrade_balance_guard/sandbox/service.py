"""From a request to an answer: faults, key, meter, endpoint, and what the caller is told.

No HTTP here: the server turns its requests into `Request` and sends what `Answer` says, which may
be a held or a cut connection.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from freqtrade_balance_guard.sandbox.core.exchange import Exchange
from freqtrade_balance_guard.sandbox.core.orders import Refused
from freqtrade_balance_guard.sandbox.kraken import balances as kraken_balances
from freqtrade_balance_guard.sandbox.kraken import private as kraken_private
from freqtrade_balance_guard.sandbox.kraken import public as kraken_public
from freqtrade_balance_guard.sandbox.kraken.auth import KeyHolder, KeyRing
from freqtrade_balance_guard.sandbox.kraken.meter import Meter, call_cost, cancel_cost
from freqtrade_balance_guard.sandbox.kraken.private import Caller
from freqtrade_balance_guard.sandbox.script.faults import INSTEAD_KINDS, ActiveFault, Call


HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body><h1>We will be right back</h1></body></html>"
)
_DEFAULT_HOLD_S = 30.0
_PRIVATE_ENDPOINTS = kraken_private.ENDPOINTS | kraken_balances.ENDPOINTS
_SECRET_PARAMS = frozenset({"nonce", "otp"})


class RefusedByFault(Refused):
    """The exchange says no because it was told to."""

    def __init__(self, active: ActiveFault) -> None:
        super().__init__(active.fault.message or "EOrder:Insufficient funds")
        self.fault_id = active.fault_id


@dataclass(frozen=True)
class Request:
    """One call of Kraken's API."""

    endpoint: str
    private: bool
    path: str = ""
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    key: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Answer:
    """What to send; after holding the connection for `hold_s` seconds, or nothing when `drop`."""

    text: str = ""
    status: int = 200
    content_type: str = "application/json"
    hold_s: float = 0.0
    drop: bool = False


class Service:
    """Answers Kraken's API for one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._keys = KeyRing(exchange.scenario)
        self._limits = {account.name: account.meter for account in exchange.scenario.accounts}
        self._order_meters: dict[tuple[str, str], Meter] = {}

    def latency(self, request: Request) -> float:
        """Seconds to wait before the request is looked at."""
        self._exchange.advance()
        call = self._call(request, _params(request))
        slow = self._exchange.faults.take(frozenset({"latency"}), call)
        return (self._exchange.scenario.latency_ms + sum(f.fault.ms for f in slow)) / 1000

    def answer(self, request: Request) -> Answer:
        self._exchange.advance()
        params = _params(request)
        call = self._call(request, params)
        instead = self._exchange.faults.take_one(INSTEAD_KINDS, call)
        if instead is not None:
            return self._fault_instead(instead, call, params)
        try:
            result = (
                self._private(request, params, call)
                if request.private
                else self._public(request, params)
            )
        except Refused as refused:
            fault_id = refused.fault_id if isinstance(refused, RefusedByFault) else None
            self._reject(call, params, refused.message, fault_id)
            return _refusal(refused.message)
        self._exchange.counters.count(request.endpoint, call.key, call.account, failed=False)
        lost = self._exchange.faults.take_one(frozenset({"lost_reply"}), call)
        if lost is not None:
            return self._lose_reply(lost, call)
        return Answer(json.dumps({"error": [], "result": result}))

    def _public(self, request: Request, params: Mapping[str, str]) -> object:
        handler = kraken_public.ENDPOINTS.get(request.endpoint)
        if handler is None:
            raise Refused("EGeneral:Unknown method")
        return handler(self._exchange, params)

    def _private(self, request: Request, params: Mapping[str, str], call: Call) -> object:
        holder = self._keys.authenticate(
            request.key, request.signature, request.path, request.body, params.get("nonce", "")
        )
        handler = _PRIVATE_ENDPOINTS.get(request.endpoint)
        if handler is None:
            raise Refused("EGeneral:Unknown method")
        if self._exchange.scenario.meter_enforced:
            self._meter(holder, call, params)
        refusal = self._exchange.faults.take_one(frozenset({"refuse"}), call)
        if refusal is not None:
            self._note_applied(refusal, call)
            raise RefusedByFault(refusal)
        return handler(self._exchange, Caller(holder.account, holder.key), params)

    def _meter(self, holder: KeyHolder, call: Call, params: Mapping[str, str]) -> None:
        now = self._exchange.now()
        if not holder.calls.add(call_cost(call.endpoint), now):
            raise Refused("EAPI:Rate limit exceeded")
        if call.endpoint == "AddOrder" and call.symbol is not None:
            if not self._order_meter(holder.account, call.symbol).add(1, now):
                raise Refused("EOrder:Rate limit exceeded")
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

    def _fault_instead(self, active: ActiveFault, call: Call, params: Mapping[str, str]) -> Answer:
        """The request is not executed; this is what comes back in its place."""
        fault = active.fault
        self._note_applied(active, call)
        if fault.kind == "error":
            message = fault.message or "EService:Unavailable"
            self._reject(call, params, message, active.fault_id)
            return _refusal(message)
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=True)
        if fault.kind == "html":
            return Answer(HTML_PAGE, content_type="text/html")
        if fault.kind == "http_status":
            return Answer(HTML_PAGE, status=fault.status, content_type="text/html")
        hold_s = (fault.seconds or _DEFAULT_HOLD_S) if fault.kind == "timeout" else 0.0
        return Answer(hold_s=hold_s, drop=True)

    def _lose_reply(self, active: ActiveFault, call: Call) -> Answer:
        """The request was executed; its answer never arrives as such."""
        fault = active.fault
        self._note_applied(active, call)
        if fault.how == "error":
            return _refusal(fault.message or "EService:Unavailable")
        if fault.how == "502":
            return Answer(HTML_PAGE, status=502, content_type="text/html")
        hold_s = (fault.seconds or _DEFAULT_HOLD_S) if fault.how == "timeout" else 0.0
        return Answer(hold_s=hold_s, drop=True)

    def _call(self, request: Request, params: Mapping[str, str]) -> Call:
        if not request.private:
            return Call(request.endpoint, False, symbol=self._symbol(params))
        return Call(
            request.endpoint,
            True,
            self._keys.account_of(request.key),
            request.key,
            self._symbol(params),
            params.get("type"),
        )

    def _symbol(self, params: Mapping[str, str]) -> str | None:
        if not params.get("pair"):
            return None
        try:
            return kraken_public.find_market(self._exchange, params["pair"]).names.symbol
        except Refused:
            return None

    def _reject(
        self, call: Call, params: Mapping[str, str], error: str, fault_id: str | None
    ) -> None:
        self._exchange.counters.count(call.endpoint, call.key, call.account, failed=True)
        if not call.private:
            return
        details = {
            "key": call.key,
            "account": call.account,
            "endpoint": call.endpoint,
            "symbol": call.symbol,
            "error": error,
            "fault": fault_id,
            "args": {name: text for name, text in params.items() if name not in _SECRET_PARAMS},
        }
        self._exchange.rejections.append({"time": self._exchange.now(), **details})
        event = "order_rejected" if call.endpoint == "AddOrder" else "request_rejected"
        self._exchange.journal.record(event, **details)

    def _note_applied(self, active: ActiveFault, call: Call) -> None:
        self._exchange.journal.record(
            "fault_applied",
            fault_id=active.fault_id,
            kind=active.fault.kind,
            endpoint=call.endpoint,
            account=call.account,
            key=call.key,
            symbol=call.symbol,
        )


def _refusal(message: str) -> Answer:
    return Answer(json.dumps({"error": [message]}))


def _params(request: Request) -> dict[str, str]:
    """The arguments, whether they came as a query, a form or JSON; unreadable ones are none."""
    if not request.private:
        return dict(parse_qsl(request.query, keep_blank_values=True))
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
