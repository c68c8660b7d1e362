"""Polymarket's public answers: Gamma's events, and the order book's markets and books."""

import json
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import plain
from freqtrade_balance_guard.sandbox.engine.wire import Caller
from freqtrade_balance_guard.sandbox.polymarket.names import (
    Names,
    condition_id_of,
    market_number,
    token_id_of,
)
from freqtrade_balance_guard.sandbox.prediction.market import BinaryMarket, Book
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.shown_book import shown_book
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import Query
from freqtrade_balance_guard.sandbox.script.faults import Call


_EVENTS_PER_PAGE = 100
_LEGACY_FEE_BPS = 1000  # of every market with fees, whatever its fees are


class MarketData:
    """Answers what needs no key."""

    def __init__(self, exchange: PredictionExchange, names: Names) -> None:
        self._exchange = exchange
        self._names = names

    # Gamma

    def events(self, query: Query, caller: Caller | None) -> object:
        wanted = [
            self._event(name)
            for name, market in self._exchange.markets.items()
            if _is_wanted(query, market)
        ]
        first = query.number("offset", 0)
        count = min(query.number("limit", 20), _EVENTS_PER_PAGE)
        return wanted[first : first + count]

    def event(self, query: Query, caller: Caller | None) -> object:
        asked = query.text("slug") or query.text("id")
        for name in self._exchange.markets:
            if asked in (name, market_number(name)):
                return self._event(name)
        raise BetRejected(Reason.NOT_FOUND)

    def search(self, query: Query, caller: Caller | None) -> object:
        words = query.text("q").lower().split()
        found = [
            self._event(name)
            for name, market in self._exchange.markets.items()
            if any(word in f"{name} {market.rules.question}".lower() for word in words)
        ]
        return {"events": found, "pagination": {"hasMore": False, "totalResults": len(found)}}

    def markets(self, query: Query, caller: Caller | None) -> object:
        tokens = query.texts("clob_token_ids")
        if any(not token.isdecimal() for token in tokens):
            raise BetRejected(Reason.MARKET_UNKNOWN, "invalid clob token ids")
        found = {self._names.find(token): None for token in tokens}
        names = list(dict.fromkeys(each.market for each in found if each is not None))
        return [self.gamma_market(name) for name in (names if tokens else self._exchange.markets)]

    def _event(self, name: str) -> dict[str, Any]:
        market = self._exchange.markets[name]
        over = market.result is not None
        return {
            "id": market_number(name),
            "ticker": name,
            "slug": name,
            "title": market.rules.question or name,
            "active": True,
            "closed": over,
            "endDate": market.closes,
            "negRisk": market.rules.neg_risk,
            "negRiskAugmented": market.rules.neg_risk_augmented,
            "enableNegRisk": market.rules.neg_risk,
            "tags": [],
            "markets": [self.gamma_market(name)],
        }

    def gamma_market(self, name: str) -> dict[str, Any]:
        market, now = self._exchange.markets[name], self._exchange.now()
        rules, over = market.rules, market.result is not None
        fees = rules.fee_rate > 0
        return {
            "id": market_number(name),
            "question": rules.question or name,
            "conditionId": condition_id_of(name),
            "slug": name,
            "endDate": market.closes,
            "outcomes": json.dumps(list(rules.outcomes)),
            "outcomePrices": json.dumps([plain(market.price(i, now)) for i in (0, 1)]),
            "clobTokenIds": json.dumps([token_id_of(name, i) for i in (0, 1)]),
            "active": True,
            "closed": over,
            "acceptingOrders": market.is_trading(now),
            "enableOrderBook": True,
            "orderPriceMinTickSize": float(rules.tick),
            "orderMinSize": float(rules.min_shares),
            "umaResolutionStatus": "resolved" if over else None,
            "negRisk": rules.neg_risk,
            "feesEnabled": fees,
            "feeSchedule": _fee_schedule(market) if fees else None,
            "volume": "0",
            "events": [{"slug": name, "negRiskAugmented": rules.neg_risk_augmented}],
        }

    # The order book

    def time(self, query: Query, caller: Caller | None) -> object:
        return int(self._exchange.now())

    def book(self, query: Query, caller: Caller | None) -> object:
        token = self._names.token(query.text("token_id"))
        market = self._exchange.market(token.market)
        if not market.is_trading(self._exchange.now()):
            raise BetRejected(Reason.MARKET_UNKNOWN)
        call = Call("/clob/book", False, symbol=token.market, role="book")
        book = shown_book(self._exchange, token.market, token.outcome, call)
        return book_message(market, token.token_id, book, self._exchange.now()) | {
            "min_order_size": plain(market.rules.min_shares),
            "tick_size": plain(market.rules.tick),
            "neg_risk": market.rules.neg_risk,
            "last_trade_price": plain(market.price(token.outcome, self._exchange.now())),
        }

    def fee_rate(self, query: Query, caller: Caller | None) -> object:
        market = self._exchange.market(self._names.token(query.text("token_id")).market)
        return {"base_fee": _LEGACY_FEE_BPS if market.rules.fee_rate else 0}

    def tick_size(self, query: Query, caller: Caller | None) -> object:
        market = self._exchange.market(self._names.token(query.text("token_id")).market)
        return {"minimum_tick_size": float(market.rules.tick)}

    def neg_risk(self, query: Query, caller: Caller | None) -> object:
        market = self._exchange.market(self._names.token(query.text("token_id")).market)
        return {"neg_risk": market.rules.neg_risk}

    def clob_market(self, query: Query, caller: Caller | None) -> object:
        """The short form, with the fees as they are charged (`fd`)."""
        name = self._names.market(query.text("condition_id"))
        if name is None:
            raise BetRejected(Reason.MARKET_UNKNOWN)
        market = self._exchange.markets[name]
        rules = market.rules
        return {
            "c": condition_id_of(name),
            "t": [
                {"t": token_id_of(name, i), "o": label} for i, label in enumerate(rules.outcomes)
            ],
            "mos": float(rules.min_shares),
            "mts": float(rules.tick),
            "nr": rules.neg_risk,
            "ao": market.is_trading(self._exchange.now()),
            "fd": _short_fees(market),
        }

    def public_trades(self, query: Query, caller: Caller | None) -> object:
        name = self._names.market(query.text("market"))
        return [
            {
                "proxyWallet": "0x" + "00" * 20,
                "side": match.taker.side.upper(),
                "asset": token_id_of(match.market, match.taker.outcome),
                "conditionId": condition_id_of(match.market),
                "size": float(match.taker.shares),
                "price": float(match.taker.price),
                "timestamp": int(match.at),
                "transactionHash": "0x" + match.match_id,
            }
            for match in self._exchange.matching.matches[::-1]
            if match.market == name
        ]


def book_message(market: BinaryMarket, token_id: str, book: Book, now: float) -> dict[str, Any]:
    """A book as the order book's API and its stream show it: the best prices last."""
    return {
        "market": condition_id_of(market.rules.name),
        "asset_id": token_id,
        "timestamp": str(int(now * 1000)),
        "hash": "",
        "bids": [_level(level.price, level.shares) for level in book.bids[::-1]],
        "asks": [_level(level.price, level.shares) for level in book.asks[::-1]],
    }


def _level(price: Any, shares: Any) -> dict[str, str]:
    return {"price": plain(price), "size": plain(shares)}


def _fee_schedule(market: BinaryMarket) -> dict[str, Any]:
    rules = market.rules
    return {"exponent": rules.fee_exponent, "rate": float(rules.fee_rate), "takerOnly": True}


def _short_fees(market: BinaryMarket) -> dict[str, Any] | None:
    rules = market.rules
    if not rules.fee_rate:
        return None
    return {"r": float(rules.fee_rate), "e": rules.fee_exponent, "to": True}


def _is_wanted(query: Query, market: BinaryMarket) -> bool:
    closed = query.text("closed").lower()
    return closed not in ("true", "false") or (closed == "true") == (market.result is not None)
