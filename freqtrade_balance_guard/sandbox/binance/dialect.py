"""Binance's REST API as tables of routes over the engine, and its spot protocol."""

import json
from typing import ClassVar
from urllib.parse import parse_qsl

from freqtrade_balance_guard.sandbox.binance import market_data, spot_account, spot_info
from freqtrade_balance_guard.sandbox.binance.auth import SignedKeys, check_time
from freqtrade_balance_guard.sandbox.binance.errors import (
    SPOT_WORDS,
    BinanceError,
    in_words,
    scripted,
)
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    Route,
    Routes,
    find_market,
    public,
)
from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import (
    Answer,
    Asked,
    Caller,
    ProtocolError,
    Request,
)
from freqtrade_balance_guard.sandbox.script.faults import Call, Fault


# The wallet's own API, which spot and futures share.
WALLET_ROUTES: Routes = {
    ("GET", "/sapi/v1/system/status"): public(spot_info.system_status),
    ("GET", "/sapi/v1/capital/config/getall"): Route(spot_info.coins),
    ("GET", "/sapi/v1/asset/tradeFee"): Route(spot_info.trade_fees),
    ("GET", "/sapi/v1/margin/allPairs"): public(spot_info.nothing),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(spot_info.nothing),
}

SPOT_ROUTES: Routes = {
    ("GET", "/api/v3/ping"): public(market_data.ping),
    ("GET", "/api/v3/time"): public(market_data.server_time),
    ("GET", "/api/v3/exchangeInfo"): public(spot_info.exchange_info),
    ("GET", "/api/v3/depth"): public(market_data.depth, "book"),
    ("GET", "/api/v3/trades"): public(market_data.trades),
    ("GET", "/api/v3/historicalTrades"): public(market_data.trades),
    ("GET", "/api/v3/aggTrades"): public(market_data.aggregated_trades),
    ("GET", "/api/v3/klines"): public(market_data.klines),
    ("GET", "/api/v3/ticker/24hr"): public(market_data.day_ticker),
    ("GET", "/api/v3/ticker/price"): public(market_data.price_ticker),
    ("GET", "/api/v3/ticker/bookTicker"): public(market_data.book_ticker),
    ("GET", "/api/v3/account"): Route(spot_account.account, "balance"),
    ("GET", "/api/v3/account/commission"): Route(spot_info.commission),
    ("POST", "/api/v3/order"): Route(spot_account.new_order, "place"),
    ("POST", "/api/v3/order/test"): Route(spot_account.check_order),
    ("GET", "/api/v3/order"): Route(spot_account.get_order, "find"),
    ("DELETE", "/api/v3/order"): Route(spot_account.cancel_order, "cancel"),
    ("DELETE", "/api/v3/openOrders"): Route(spot_account.cancel_all, "cancel"),
    ("GET", "/api/v3/openOrders"): Route(spot_account.open_orders, "list"),
    ("GET", "/api/v3/allOrders"): Route(spot_account.all_orders, "list"),
    ("GET", "/api/v3/myTrades"): Route(spot_account.my_trades),
    **WALLET_ROUTES,
}


class BinanceDialect:
    """Finds the route of a request, checks its caller, and answers in JSON."""

    routes: ClassVar[Routes]
    words = SPOT_WORDS
    insufficient = -2010  # the usual code of a scripted rejection

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._keys = SignedKeys(exchange.scenario)

    def read(self, request: Request) -> Asked:
        """An endpoint is named "POST /api/v3/order"."""
        sent = "&".join(filter(None, (request.query, request.body.decode(errors="replace"))))
        params = dict(parse_qsl(sent, keep_blank_values=True))
        route = self.routes.get((request.method, request.path))
        private = route is not None and route.private
        key = request.headers.get("x-mbx-apikey", "") if private else None
        call = Call(
            endpoint=f"{request.method} {request.path}",
            private=private,
            account=None if key is None else self._keys.account_of(key),
            key=key,
            symbol=self._symbol(params.get("symbol")),
            side=params.get("side", "").lower() or None,
            role=None if route is None else route.role,
        )
        return Asked(request, call, params)

    def admit(self, asked: Asked) -> Caller | None:
        route = self.routes.get((asked.request.method, asked.request.path))
        if route is None or not route.private:
            return None
        if not route.signed:
            return self._keys.holder(asked)
        return self._keys.authenticate(asked, self._exchange.now())

    def check_expiry(self, asked: Asked) -> None:
        """The receive window is looked at again before an order is carried out, as on Binance."""
        route = self.routes.get((asked.request.method, asked.request.path))
        if route is not None and route.signed:
            check_time(asked, self._exchange.now())

    def answer(self, asked: Asked, caller: Caller | None) -> Answer:
        request = asked.request
        route = self.routes.get((request.method, request.path))
        if route is None:
            return Answer("<html><body>404 Not found</body></html>", 404, "text/html")
        query = Query(self._exchange, asked.params, asked.call, caller or Caller("", ""))
        return Answer(json.dumps(route.handler(query)))

    def in_words(self, rejected: Rejected) -> ProtocolError:
        return in_words(self.words, rejected)

    def scripted(self, fault: Fault) -> ProtocolError:
        return scripted(fault, self.insufficient)

    def _symbol(self, name: str | None) -> str | None:
        if not name:
            return None
        try:
            return find_market(self._exchange, name).rules.symbol
        except BinanceError:
            return None


class SpotDialect(BinanceDialect):
    """Binance's spot API."""

    routes = SPOT_ROUTES
