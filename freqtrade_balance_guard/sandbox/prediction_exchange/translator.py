"""What the protocols of prediction markets have in common: routes, JSON, and who is asking."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.wire import (
    Answer,
    Asked,
    Caller,
    ProtocolError,
    Request,
)
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.script.faults import Call, Fault, Role


@dataclass(frozen=True)
class Query:
    """A request as a handler reads it: parts of the path, the query, and the body's JSON."""

    parts: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """An argument of the path, of the query, or of the body."""
        if name in self.parts:
            return self.parts[name]
        if name in self.query:
            return self.query[name][0]
        if isinstance(self.body, dict) and self.body.get(name) is not None:
            return str(self.body[name])
        return default

    def texts(self, name: str) -> list[str]:
        """All values of an argument that may be repeated, or joined by commas."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        return int(text) if text.isdecimal() else default


Handler = Callable[[Query, Caller | None], object]


class Route:
    """One endpoint: `path` has names in braces."""

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        role: Role | None = None,
        *,
        is_private: bool = False,
    ) -> None:
        self.method = method
        self.endpoint = path
        self.handler = handler
        self.role = role
        self.is_private = is_private
        self._pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")

    def parts(self, method: str, path: str) -> dict[str, str] | None:
        found = self._pattern.fullmatch(path) if method == self.method else None
        return None if found is None else found.groupdict()


class PredictionTranslator(ABC):
    """Finds the route of a request; the protocols add theirs, their keys and their errors."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self.exchange = exchange
        self.routes = self.make_routes()

    # For the protocols

    @abstractmethod
    def make_routes(self) -> list[Route]:
        """The protocol's requests, in the order in which they are looked for."""

    @abstractmethod
    def key_of(self, request: Request) -> tuple[str, str | None]:
        """The key that a request names, and whose it is (None: unknown)."""

    @abstractmethod
    def market_of(self, query: Query) -> tuple[str | None, str | None]:
        """Which market a request is about, and the side of the order that it places."""

    @abstractmethod
    def authenticate(self, asked: Asked) -> Caller:
        """Raises ProtocolError."""

    @abstractmethod
    def unknown_route(self) -> ProtocolError:
        """The exchange's own error for a request that it does not know."""

    @abstractmethod
    def rejected(self, error: BetRejected, query: Query) -> ProtocolError:
        """The exchange's own error for a rejection."""

    @abstractmethod
    def scripted(self, fault: Fault) -> ProtocolError:
        """The exchange's own error for a fault that was asked for."""

    # Translator

    def read(self, request: Request) -> Asked:
        route, query = self._route(request)
        params = {name: values[0] for name, values in query.query.items()}
        if isinstance(query.body, dict):
            params |= {name: str(value) for name, value in query.body.items()}
        market, side = self.market_of(query)
        if route is None or not route.is_private:
            endpoint = request.path if route is None else route.endpoint
            role = None if route is None else route.role
            return Asked(request, Call(endpoint, False, symbol=market, role=role), params)
        key, account = self.key_of(request)
        call = Call(route.endpoint, True, account, key, market, side, route.role)
        return Asked(request, call, params)

    def admit(self, asked: Asked) -> Caller | None:
        return self.authenticate(asked) if asked.call.private else None

    def check_expiry(self, asked: Asked) -> None:
        """Requests of an exchange that does not say otherwise do not expire."""
        return

    def answer(self, asked: Asked, caller: Caller | None) -> Answer:
        route, query = self._route(asked.request)
        if route is None:
            raise self.unknown_route()
        try:
            content = route.handler(query, caller)
        except BetRejected as error:
            raise self.rejected(error, query) from error
        return content if isinstance(content, Answer) else Answer(json.dumps(content))

    def in_words(self, rejected: Rejected) -> ProtocolError:
        """No handler of a prediction market raises it."""
        return self.unknown_route()

    def _route(self, request: Request) -> tuple[Route | None, Query]:
        query = parse_qs(request.query, keep_blank_values=True)
        body = _json(request.body)
        for route in self.routes:
            parts = route.parts(request.method, request.path)
            if parts is not None:
                return route, Query(parts, query, body, request.headers)
        return None, Query({}, query, body, request.headers)


def error_answer(content: object, status: int, message: str) -> ProtocolError:
    return ProtocolError(message, Answer(json.dumps(content), status=status))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
