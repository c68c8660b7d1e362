"""SX Bet's protocol over a prediction market."""

import hashlib
import json
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.engine.wire import Asked, Caller, ProtocolError, Request
from freqtrade_balance_guard.sandbox.prediction.market import Book
from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, BetRejected, Match, Part
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.reported import reported_holdings
from freqtrade_balance_guard.sandbox.prediction_exchange.shown_book import shown_book
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import (
    PredictionTranslator,
    Query,
    Route,
)
from freqtrade_balance_guard.sandbox.script.faults import Call, Fault
from freqtrade_balance_guard.sandbox.sxbet.errors import CODES, bad_request, in_words, scripted
from freqtrade_balance_guard.sandbox.sxbet.names import Names, event_of, hash_of, odds, units
from freqtrade_balance_guard.sandbox.sxbet.orders import (
    WINNERS,
    SignatureInvalid,
    bet_of,
    fill_row,
    placed,
    position_stake,
    shown,
    trade_row,
)
from freqtrade_balance_guard.sandbox.sxbet.signing import BASE_TOKEN, CHAIN_ID, DOMAIN, EXECUTOR


LADDER_STEP = 125
_PAGE = 100
_MOST_ORDERS = 30


class SxBetDialect(PredictionTranslator):
    """Translates between SX Bet's API and one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._names = Names(exchange)
        self._accounts = {
            key.key: (account.name, exchange.scenario.wallet(account, number))
            for account in exchange.scenario.accounts
            for number, key in enumerate(account.keys)
        }
        super().__init__(exchange)

    def make_routes(self) -> list[Route]:
        return [
            Route("GET", "/metadata/obv3", self._metadata),
            Route("GET", "/orderbook-v3/snapshot", self._snapshot, "book"),
            Route("GET", "/markets/active", self._active),
            Route("GET", "/markets/find", self._find_markets),
            Route("GET", "/trades-v3/public", self._public_trades),
            Route("GET", "/user/realtime-token-v3/api-key", self._token, is_private=True),
            Route("GET", "/user/proxy", self._proxy, is_private=True),
            Route("GET", "/user/fees-v3", self._fees, is_private=True),
            Route("GET", "/user/balance-v3", self._balance, "balance", is_private=True),
            Route("GET", "/orders-v3", self._orders, "list", is_private=True),
            Route("GET", "/orders-v3/{orderId}", self._order, "find", is_private=True),
            Route("GET", "/fills-v3", self._fills, "list", is_private=True),
            Route("GET", "/trades-v3", self._trades, is_private=True),
            Route("GET", "/positions-v3", self._positions, is_private=True),
            Route("POST", "/orders-v3", self._place, "place", is_private=True),
            Route("DELETE", "/orders-v3", self._cancel, "cancel", is_private=True),
            Route("DELETE", "/orders-v3/all", self._cancel_all, "cancel", is_private=True),
            Route("DELETE", "/orders-v3/event", self._cancel_all, "cancel", is_private=True),
        ]

    def key_of(self, request: Request) -> tuple[str, str | None]:
        key = request.headers.get("x-sx-api-key", "")
        holder = self._accounts.get(key)
        return key, None if holder is None else holder[0]

    def market_of(self, query: Query) -> tuple[str | None, str | None]:
        items = query.body.get("orders") if isinstance(query.body, dict) else None
        first: Any = items[0] if isinstance(items, list) and items else {}
        found = str(first.get("marketHash") or query.text("marketHash"))
        return self._names.find(found), "buy" if "totalBetSize" in first else None

    def authenticate(self, asked: Asked) -> Caller:
        key = asked.request.headers.get("x-sx-api-key", "")
        if key not in self._accounts:
            raise bad_request("INVALID_USER" if key else "BAD_AUTH", 401)
        return Caller(self._accounts[key][0], key)

    def unknown_route(self) -> ProtocolError:
        return bad_request("Cannot find this route", 404)

    def rejected(self, error: BetRejected, query: Query) -> ProtocolError:
        return in_words(error)

    def scripted(self, fault: Fault) -> ProtocolError:
        return scripted(fault)

    # Public

    def _metadata(self, query: Query, caller: Caller | None) -> object:
        return _good(
            {
                "chainId": CHAIN_ID,
                "domain": DOMAIN,
                "activeAsset": {"baseToken": BASE_TOKEN, "symbol": "USDC", "decimals": 6},
                "oddsLadderStepSize": LADDER_STEP,
                "limits": {"orderSizeMinimum": "1"},
                "maxCancelOrders": _PAGE,
                "transferToProxyExecutorAddress": EXECUTOR,
            }
        )

    def _active(self, query: Query, caller: Caller | None) -> object:
        """Markets that trade; closed ones are not in the list any more."""
        now = self.exchange.now()
        found = [
            self._market(name)
            for name, market in self.exchange.markets.items()
            if market.is_trading(now)
            and query.text("sportXeventId", event_of(name)) == event_of(name)
        ]
        first, size = query.number("paginationKey", 0), min(query.number("pageSize", 50), _PAGE)
        page = {"markets": found[first : first + size]}
        return _good(page | ({"nextKey": str(first + size)} if first + size < len(found) else {}))

    def _find_markets(self, query: Query, caller: Caller | None) -> object:
        names = [self._names.market(each) for each in query.texts("marketHashes")]
        return _good([self._market(name) for name in names])

    def _market(self, name: str) -> dict[str, Any]:
        market = self.exchange.markets[name]
        rules = market.rules
        title = rules.question or name
        return {
            "status": "ACTIVE" if market.is_trading(self.exchange.now()) else "INACTIVE",
            "marketHash": hash_of(name),
            "outcomeOneName": rules.outcomes[0],
            "outcomeTwoName": rules.outcomes[1],
            "outcomeVoidName": "NO_CONTEST",
            "teamOneName": title,
            "teamTwoName": name,
            "type": 1,
            "gameTime": int(market.closes_at),
            "sportXeventId": event_of(name),
            **({} if market.result is None else {"outcome": WINNERS[market.result]}),
            "liveEnabled": rules.delay_s > 0,
            "sportLabel": "Rehearsal",
            "sportId": 99,
            "leagueId": 1,
            "leagueLabel": "Rehearsal",
            "mainLine": True,
        }

    def _snapshot(self, query: Query, caller: Caller | None) -> object:
        name = self._names.market(query.text("marketHash"))
        call = Call("/orderbook-v3/snapshot", False, symbol=name, role="book")
        books = [shown_book(self.exchange, name, outcome, call) for outcome in (0, 1)]
        return _good(snapshot(name, books, self.exchange.now()))

    def _public_trades(self, query: Query, caller: Caller | None) -> object:
        name = self._names.market(query.text("marketHash"))
        found = [
            trade_row(match, match.taker, self.exchange)
            for match in self.exchange.matching.matches[::-1]
            if match.market == name
        ]
        return _good({"trades": found[:_PAGE]})

    # Private

    def _wallet(self, caller: Caller | None) -> tuple[str, str]:
        """Account and wallet. Raises ProtocolError."""
        if caller is None:
            raise bad_request("BAD_AUTH", 401)
        return self._accounts[caller.key]

    def _token(self, query: Query, caller: Caller | None) -> object:
        account, _ = self._wallet(caller)
        key = "" if caller is None else caller.key
        return _good({"token": self.exchange.tokens.issue(account, key)})

    def _proxy(self, query: Query, caller: Caller | None) -> object:
        _, wallet = self._wallet(caller)
        return _good({"obv3ProxyWalletAddress": wallet, "deployed": True})

    def _fees(self, query: Query, caller: Caller | None) -> object:
        """The account's own schedule: a share of what a bet wins."""
        account, _ = self._wallet(caller)
        rate = plain(self.exchange.scenario.account(account).profit_fee)
        return _good({"makerFee": rate, "takerFee": rate})

    def _balance(self, query: Query, caller: Caller | None) -> object:
        """Resting orders do not change what is available; bets that are not settled do."""
        account, wallet = self._wallet(caller)
        key = "" if caller is None else caller.key
        holding = reported_holdings(self.exchange, account, key)[self.exchange.scenario.currency]
        pending = sum((part.held for part in self._open_parts(account)), ZERO)
        stakes = self.exchange.purses.stakes
        staked = sum((s.cost for (owner, _, _), s in stakes.items() if owner == account), ZERO)
        row = {
            "userAddress": wallet,
            "wallet": wallet,
            "tokenAddress": BASE_TOKEN,
            "availableAmount": units(max(holding.total - pending, ZERO)),
            "pendingAvailableAmount": "0",
            "escrowedAmount": units(staked + pending),
            "pendingEscrowAmount": "0",
        }
        return _good({"balances": [row]})

    def _open_parts(self, account: str) -> list[Part]:
        return [
            part
            for match in self.exchange.matches_of(account)
            if match.status == "matched"
            for part in match.parts
            if part.account == account
        ]

    def _place(self, query: Query, caller: Caller | None) -> object:
        account, wallet = self._wallet(caller)
        body = query.body if isinstance(query.body, dict) else {}
        items = body.get("orders")
        if not isinstance(items, list) or not 0 < len(items) <= _MOST_ORDERS:
            raise bad_request("orders must be an array")
        key = "" if caller is None else caller.key
        waited = bool(body.get("waitForOutcome"))
        return _good({"orders": [self._one(i, account, wallet, key, waited) for i in items]})

    def _one(self, item: Any, account: str, wallet: str, key: str, waited: bool) -> object:
        """One order of a request: a rejection is part of a good answer."""
        try:
            bet = bet_of(item, wallet, self._names)
            return placed(self.exchange.place_order(account, key, bet), waited=waited)
        except BetRejected as error:
            return {"status": "FAILED", "reason": CODES[error.reason]}
        except SignatureInvalid as error:
            return {"status": "FAILED", "reason": str(error)}

    def _orders(self, query: Query, caller: Caller | None) -> object:
        """Active orders only."""
        account, wallet = self._wallet(caller)
        found = [
            shown(order, wallet)
            for order in self.exchange.orders_of(account)
            if order.is_open
            and query.text("marketHash", hash_of(order.bet.market)) == hash_of(order.bet.market)
        ]
        return _good({"orders": found[: min(query.number("perPage", _PAGE), _PAGE)]})

    def _order(self, query: Query, caller: Caller | None) -> object:
        account, wallet = self._wallet(caller)
        return _good({"order": shown(self._found(query.text("orderId"), account), wallet)})

    def _found(self, order_id: str, account: str) -> BetOrder:
        try:
            return self.exchange.order(order_id, account)
        except LookupError:
            raise bad_request("Order not found", 404) from None

    def _fills(self, query: Query, caller: Caller | None) -> object:
        account, wallet = self._wallet(caller)
        rows = [
            fill_row(match, part, wallet, self.exchange)
            for match, part in self._own_parts(account, query)
        ]
        return _good({"fills": rows[: min(query.number("perPage", _PAGE), _PAGE)]})

    def _trades(self, query: Query, caller: Caller | None) -> object:
        account, _ = self._wallet(caller)
        statuses = query.texts("status")
        rows = [
            trade_row(match, part, self.exchange) for match, part in self._own_parts(account, query)
        ]
        return _good({"trades": [r for r in rows if not statuses or r["status"] in statuses]})

    def _own_parts(self, account: str, query: Query) -> list[tuple[Match, Part]]:
        return [
            (match, part)
            for match in self.exchange.matches_of(account)
            for part in match.parts
            if part.account == account
            and query.text("marketHash", hash_of(match.market)) == hash_of(match.market)
        ]

    def _positions(self, query: Query, caller: Caller | None) -> object:
        account, _ = self._wallet(caller)
        statuses = query.texts("status") or ["MATCHED", "LOCKED"]
        rows = []
        for name in self.exchange.markets:
            own = [
                (match, part)
                for match, part in self._own_parts(account, query)
                if match.market == name
                and trade_row(match, part, self.exchange)["status"] in statuses
            ]
            if own:
                rows.append(_position(name, [part for _, part in own], own[0][0]))
        return _good({"positions": rows})

    def _cancel(self, query: Query, caller: Caller | None) -> object:
        account, _ = self._wallet(caller)
        items = query.body.get("orders", []) if isinstance(query.body, dict) else []
        canceled, not_canceled = [], []
        for item in items[:_PAGE]:
            order_id = str(item.get("orderId"))
            try:
                self.exchange.cancel_order(self.exchange.order(order_id, account))
                canceled.append({"orderId": order_id})
            except (LookupError, BetRejected):
                not_canceled.append({"orderId": order_id, "reason": "NOT_FOUND"})
        return _good({"cancelled": canceled, "notCancelled": not_canceled, "unconfirmed": []})

    def _cancel_all(self, query: Query, caller: Caller | None) -> object:
        account, _ = self._wallet(caller)
        found = [
            order
            for order in self.exchange.matching.open_orders(account)
            if query.text("eventId", event_of(order.bet.market)) == event_of(order.bet.market)
        ]
        for order in found:
            self.exchange.cancel_order(order)
        submitted = [{"orderId": order.order_id} for order in found]
        return _good({"cancelledSubmitted": submitted, "hasMore": False})


def snapshot(name: str, books: list[Book], now: float) -> dict[str, Any]:
    """Both outcomes' makers: a bid of an outcome backs it with shares times price."""
    sides = {
        side: [
            {"percentageOdds": odds(level.price), "size": units(level.price * level.shares)}
            for level in book.bids
        ]
        for side, book in zip(("outcomeOne", "outcomeTwo"), books, strict=True)
    }
    text = json.dumps(sides)
    version = (
        f"{int(now * 1_000_000):020d}{int(hashlib.sha256(text.encode()).hexdigest()[:3], 16):04d}"
    )
    return {"marketHash": hash_of(name), "version": version, **sides}


def _position(name: str, parts: list[Part], match: Match) -> dict[str, Any]:
    one = [part for part in parts if part.outcome == 0]
    two = [part for part in parts if part.outcome == 1]
    stakes = [position_stake(one), position_stake(two)]
    returns = [sum((part.shares for part in side), ZERO) for side in (one, two)]
    total = stakes[0] + stakes[1]
    wins = [returned - total for returned in returns]
    average = [
        odds(stake / returned) if returned else None
        for stake, returned in zip(stakes, returns, strict=True)
    ]
    return {
        "marketHash": hash_of(name),
        "totalStake": units(total),
        "maxWin": units(max(wins)),
        "maxLoss": units(min(wins)),
        "isOutcomeOneMaxWin": wins[0] >= wins[1],
        "odds": {"outcomeOne": average[0], "outcomeTwo": average[1]},
        "pnl": None,
        "tradeCount": len(parts),
        "betTime": None,
        "updatedAt": None,
    }


def _good(data: object) -> dict[str, object]:
    return {"status": "success", "data": data}
