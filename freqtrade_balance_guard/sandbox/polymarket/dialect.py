"""Polymarket's protocol over a prediction market: keys, orders, balances, trades."""

from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import plain
from freqtrade_balance_guard.sandbox.engine.wire import Asked, Caller, ProtocolError, Request
from freqtrade_balance_guard.sandbox.polymarket.auth import Holder, KeyRing, unauthorized
from freqtrade_balance_guard.sandbox.polymarket.errors import in_words, scripted
from freqtrade_balance_guard.sandbox.polymarket.market_data import MarketData
from freqtrade_balance_guard.sandbox.polymarket.names import Names, condition_id_of, token_id_of
from freqtrade_balance_guard.sandbox.polymarket.orders import (
    SignatureInvalid,
    bet_of,
    placed,
    shown,
    shown_match,
)
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, BetRejected
from freqtrade_balance_guard.sandbox.prediction.purses import share_of
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.reported import reported_holdings
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import (
    PredictionTranslator,
    Query,
    Route,
    error_answer,
)
from freqtrade_balance_guard.sandbox.script.faults import Fault


_LAST_PAGE = "LTE="
_ALLOWANCE = str(2**256 - 1)
_GONE = "order can't be found - already canceled or matched"


class PolymarketDialect(PredictionTranslator):
    """Translates between Polymarket's APIs and one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._names = Names(exchange)
        self._keys = KeyRing(exchange.scenario)
        self._data = MarketData(exchange, self._names)
        super().__init__(exchange)

    def make_routes(self) -> list[Route]:
        data = self._data
        return [
            Route("GET", "/gamma/events", data.events),
            Route("GET", "/gamma/events/slug/{slug}", data.event),
            Route("GET", "/gamma/events/{id}", data.event),
            Route("GET", "/gamma/markets", data.markets),
            Route("GET", "/gamma/public-search", data.search),
            Route("GET", "/clob/time", data.time),
            Route("GET", "/clob/book", data.book, "book"),
            Route("GET", "/clob/fee-rate", data.fee_rate),
            Route("GET", "/clob/tick-size", data.tick_size),
            Route("GET", "/clob/neg-risk", data.neg_risk),
            Route("GET", "/clob/clob-markets/{condition_id}", data.clob_market),
            Route("GET", "/data/trades", data.public_trades),
            Route("GET", "/data/positions", self._positions),
            Route("POST", "/clob/auth/api-key", self._api_key, is_private=True),
            Route("GET", "/clob/auth/derive-api-key", self._api_key, is_private=True),
            Route("GET", "/clob/balance-allowance", self._balance, "balance", is_private=True),
            Route("GET", "/clob/data/order/{id}", self._order, "find", is_private=True),
            Route("GET", "/clob/data/orders", self._orders, "list", is_private=True),
            Route("GET", "/clob/data/trades", self._trades, "list", is_private=True),
            Route("POST", "/clob/order", self._place, "place", is_private=True),
            Route("DELETE", "/clob/order", self._cancel, "cancel", is_private=True),
            Route("DELETE", "/clob/orders", self._cancel, "cancel", is_private=True),
            Route("DELETE", "/clob/cancel-all", self._cancel_all, "cancel", is_private=True),
            Route(
                "DELETE", "/clob/cancel-market-orders", self._cancel_all, "cancel", is_private=True
            ),
        ]

    def key_of(self, request: Request) -> tuple[str, str | None]:
        key = request.headers.get("poly_api_key", "")
        holder = self._keys.by_key(key) or self._keys.by_signer(
            request.headers.get("poly_address", "")
        )
        return key, None if holder is None else holder.account

    def market_of(self, query: Query) -> tuple[str | None, str | None]:
        order = query.body.get("order") if isinstance(query.body, dict) else None
        if isinstance(order, dict):
            token = self._names.find(str(order.get("tokenId")))
            side = str(order.get("side", "")).lower()
        else:
            token = self._names.find(query.text("token_id") or query.text("asset_id"))
            side = ""
        return (None if token is None else token.market), side or None

    def authenticate(self, asked: Asked) -> Caller:
        if asked.call.endpoint.startswith("/clob/auth/"):
            holder = self._keys.authenticate_l1(asked.request.headers)
        else:
            holder = self._keys.authenticate_l2(asked.request, self.exchange.now())
        return Caller(holder.account, holder.credentials.api_key)

    def unknown_route(self) -> ProtocolError:
        return error_answer({"error": "not found"}, 404, "not found")

    def rejected(self, error: BetRejected, query: Query) -> ProtocolError:
        return in_words(error)

    def scripted(self, fault: Fault) -> ProtocolError:
        return scripted(fault)

    # Private

    def _holder(self, caller: Caller | None) -> Holder:
        if caller is None:
            raise unauthorized()
        return self._keys.by_account(caller.account, caller.key)

    def _api_key(self, query: Query, caller: Caller | None) -> object:
        return self._holder(caller).credentials.as_json()

    def _balance(self, query: Query, caller: Caller | None) -> object:
        """What lies on chain: orders and matches that are not final do not change it."""
        holder = self._holder(caller)
        holdings = reported_holdings(self.exchange, holder.account, holder.credentials.api_key)
        name: str | None = self.exchange.scenario.currency
        if query.text("asset_type") == "CONDITIONAL":
            token = self._names.token(query.text("token_id"))
            name = share_of(token.market, token.outcome)
        held = None if name is None else holdings.get(name)
        is_wallet = query.text("signature_type", "0") == str(holder.signature_type)
        total = held.total if held is not None and is_wallet else 0
        return {
            "balance": str(int(total * 1_000_000)),
            "allowances": {"exchange": _ALLOWANCE},
        }

    def _place(self, query: Query, caller: Caller | None) -> object:
        holder = self._holder(caller)
        body = query.body if isinstance(query.body, dict) else {}
        try:
            bet, _ = bet_of(body, holder, self._names, self.exchange)
        except SignatureInvalid as error:
            raise error_answer({"error": str(error)}, 400, str(error)) from error
        return placed(self.exchange.place_order(holder.account, holder.credentials.api_key, bet))

    def _order(self, query: Query, caller: Caller | None) -> object:
        holder = self._holder(caller)
        try:
            order = self.exchange.order(query.text("id"), holder.account)
        except LookupError:
            raise error_answer({"error": "order not found"}, 404, "order not found") from None
        return self._shown(order, holder)

    def _shown(self, order: BetOrder, holder: Holder) -> dict[str, Any]:
        return shown(order, holder, self.exchange.market(order.bet.market).rules.outcomes)

    def _orders(self, query: Query, caller: Caller | None) -> object:
        holder = self._holder(caller)
        found = [
            self._shown(order, holder)
            for order in self.exchange.orders_of(holder.account)
            if order.is_open
            and query.text("asset_id", token_id_of(order.bet.market, order.bet.outcome))
            == token_id_of(order.bet.market, order.bet.outcome)
        ]
        return {"data": found, "next_cursor": _LAST_PAGE, "limit": 100, "count": len(found)}

    def _trades(self, query: Query, caller: Caller | None) -> object:
        account = self._holder(caller).account
        keys = {each.name: self._keys.by_account(each.name) for each in self._accounts()}
        wanted = self._names.find(query.text("asset_id"))
        found = [
            shown_match(match, account, keys, self._legacy_rate(match.market))
            for match in self.exchange.matches_of(account)
            if wanted is None or match.market == wanted.market
        ]
        return {"data": found, "next_cursor": _LAST_PAGE, "limit": 100, "count": len(found)}

    def _accounts(self) -> Any:
        return self.exchange.scenario.accounts

    def _legacy_rate(self, market: str) -> str:
        return "1000" if self.exchange.market(market).rules.fee_rate else "0"

    def _cancel(self, query: Query, caller: Caller | None) -> object:
        holder = self._holder(caller)
        ids = query.body if isinstance(query.body, list) else [query.text("orderID")]
        canceled: list[str] = []
        not_canceled: dict[str, str] = {}
        for order_id in map(str, ids):
            try:
                self.exchange.cancel_order(self.exchange.order(order_id, holder.account))
                canceled.append(order_id)
            except (LookupError, BetRejected):
                not_canceled[order_id] = _GONE
        return {"canceled": canceled, "not_canceled": not_canceled}

    def _cancel_all(self, query: Query, caller: Caller | None) -> object:
        holder = self._holder(caller)
        wanted = self._names.find(query.text("asset_id"))
        canceled = []
        for order in self.exchange.matching.open_orders(holder.account):
            if wanted is None or (order.bet.market, order.bet.outcome) == (
                wanted.market,
                wanted.outcome,
            ):
                self.exchange.cancel_order(order)
                canceled.append(order.order_id)
        return {"canceled": canceled, "not_canceled": {}}

    def _positions(self, query: Query, caller: Caller | None) -> object:
        """The data API: whoever knows the address may look."""
        holder = self._keys.by_wallet(query.text("user"))
        if holder is None:
            return []
        purses, now = self.exchange.purses, self.exchange.now()
        rows = []
        for name, market in self.exchange.markets.items():
            for outcome in (0, 1):
                shares = purses.shares(holder.account, name, outcome)
                if not shares:
                    continue
                stake = purses.stakes[(holder.account, name, outcome)]
                price = market.price(outcome, now)
                rows.append(
                    {
                        "proxyWallet": holder.wallet,
                        "asset": token_id_of(name, outcome),
                        "conditionId": condition_id_of(name),
                        "size": float(shares),
                        "avgPrice": float(stake.cost / stake.shares) if stake.shares else 0.0,
                        "curPrice": float(price),
                        "currentValue": float(price * shares),
                        "redeemable": market.result is not None,
                        "outcome": market.rules.outcomes[outcome],
                        "endDate": market.closes,
                        "title": market.rules.question or name,
                        "initialValue": plain(stake.cost),
                    }
                )
        return rows
