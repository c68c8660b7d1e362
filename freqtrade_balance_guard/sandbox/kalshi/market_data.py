"""Kalshi's public answers: series, events, markets and books."""

from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.sandbox.engine.wire import Caller
from freqtrade_balance_guard.sandbox.kalshi.names import Names, event_of, series_of, ticker_of
from freqtrade_balance_guard.sandbox.prediction.market import BinaryMarket, iso_time
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason, complement
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.shown_book import shown_book
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import Query
from freqtrade_balance_guard.sandbox.script.faults import Call


_USUAL_RATE = Decimal("0.07")
RESULTS = {"first": "yes", "second": "no", "void": "void"}


class MarketData:
    """Answers what needs no key."""

    def __init__(self, exchange: PredictionExchange, names: Names) -> None:
        self._exchange = exchange
        self._names = names

    def status(self, query: Query, caller: Caller | None) -> object:
        return {"exchange_active": True, "trading_active": True}

    def markets(self, query: Query, caller: Caller | None) -> object:
        tickers, status = query.texts("tickers"), query.text("status")
        found = [
            self._market(name)
            for name, market in self._exchange.markets.items()
            if (not tickers or ticker_of(name) in tickers)
            and query.text("event_ticker", event_of(name)) == event_of(name)
            and query.text("series_ticker", series_of(name)) == series_of(name)
            and status in ("", _event_status(market, self._exchange.now()))
        ]
        return {"markets": found, "cursor": ""}

    def market(self, query: Query, caller: Caller | None) -> object:
        return {"market": self._market(self._names.market(query.text("ticker")))}

    def events(self, query: Query, caller: Caller | None) -> object:
        status = query.text("status")
        found = [
            self._event(name)
            for name, market in self._exchange.markets.items()
            if query.text("series_ticker", series_of(name)) == series_of(name)
            and status in ("", _event_status(market, self._exchange.now()))
        ]
        return {"events": found, "cursor": ""}

    def event(self, query: Query, caller: Caller | None) -> object:
        for name in self._exchange.markets:
            if event_of(name) == query.text("event_ticker"):
                return {"event": self._event(name), "markets": [self._market(name)]}
        raise BetRejected(Reason.NOT_FOUND)

    def series(self, query: Query, caller: Caller | None) -> object:
        """With how its fees are counted."""
        for name, market in self._exchange.markets.items():
            if series_of(name) == query.text("series_ticker"):
                has_maker_fees = market.rules.maker_fee_rate > 0
                return {
                    "series": {
                        "ticker": series_of(name),
                        "title": market.rules.question or name,
                        "fee_type": "quadratic_with_maker_fees" if has_maker_fees else "quadratic",
                        "fee_multiplier": float(market.rules.fee_rate / _USUAL_RATE),
                    }
                }
        raise BetRejected(Reason.NOT_FOUND)

    def book(self, query: Query, caller: Caller | None) -> object:
        """Bids of both sides, the best last; there are no asks."""
        name = self._names.market(query.text("ticker"))
        call = Call("/markets/{ticker}/orderbook", False, symbol=name, role="book")
        book = shown_book(self._exchange, name, 0, call)
        return {
            "orderbook_fp": {
                "yes_dollars": [[dollars(x.price), count(x.shares)] for x in book.bids[::-1]],
                "no_dollars": [
                    [dollars(complement(x.price)), count(x.shares)] for x in book.asks[::-1]
                ],
            }
        }

    def trades(self, query: Query, caller: Caller | None) -> object:
        name = self._names.find(query.text("ticker"))
        found = [
            {
                "trade_id": match.match_id,
                "ticker": ticker_of(match.market),
                "count_fp": count(match.taker.shares),
                "yes_price_dollars": dollars(_yes(match.taker.outcome, match.taker.price)),
                "no_price_dollars": dollars(
                    complement(_yes(match.taker.outcome, match.taker.price))
                ),
                "taker_side": "yes" if match.taker.outcome == 0 else "no",
                "created_time": iso_time(match.at),
            }
            for match in self._exchange.matching.matches[::-1]
            if name in (None, match.market)
        ]
        return {"trades": found, "cursor": ""}

    def _event(self, name: str) -> dict[str, Any]:
        market = self._exchange.markets[name]
        return {
            "event_ticker": event_of(name),
            "series_ticker": series_of(name),
            "title": market.rules.question or name,
            "sub_title": "",
            "category": "Rehearsal",
            "mutually_exclusive": False,
            "markets": [self._market(name)],
        }

    def _market(self, name: str) -> dict[str, Any]:
        market, now = self._exchange.markets[name], self._exchange.now()
        rules = market.rules
        book = market.maker_book(0, now)
        bid = book.bids[0].price if book.bids else Decimal(0)
        ask = book.asks[0].price if book.asks else Decimal(1)
        return {
            "ticker": ticker_of(name),
            "event_ticker": event_of(name),
            "market_type": "binary",
            "title": rules.question or name,
            "subtitle": "",
            "yes_sub_title": rules.outcomes[0],
            "no_sub_title": rules.outcomes[1],
            "status": _market_status(market, now),
            "result": "" if market.result is None else RESULTS[market.result],
            "open_time": iso_time(self._exchange.started_at),
            "close_time": market.closes,
            "expiration_time": market.closes,
            "expected_expiration_time": market.closes,
            "settlement_timer_seconds": 0,
            "notional_value_dollars": "1.0000",
            "fractional_trading_enabled": rules.fractional,
            "price_level_structure": "linear_cent" if rules.price_ranges is None else "tapered",
            "price_ranges": [
                {"start": dollars(start), "end": dollars(end), "step": dollars(step)}
                for start, end, step in rules.price_ranges or _one_range(rules.tick)
            ],
            "yes_bid_dollars": dollars(bid),
            "yes_ask_dollars": dollars(ask),
            "no_bid_dollars": dollars(complement(ask)),
            "no_ask_dollars": dollars(complement(bid)),
            "last_price_dollars": dollars(market.price(0, now)),
            "volume_fp": "0.00",
            "open_interest_fp": count(self._exchange.purses.pools[name]),
            "rules_primary": f"Resolves to Yes if: {rules.question or name}",
        }


def dollars(price: Decimal) -> str:
    return f"{price:.4f}"


def count(shares: Decimal) -> str:
    return f"{shares:.2f}"


def _yes(outcome: int, price: Decimal) -> Decimal:
    return price if outcome == 0 else complement(price)


def _one_range(tick: Decimal) -> list[tuple[Decimal, Decimal, Decimal]]:
    return [(Decimal(0), Decimal(1), tick)]


def _market_status(market: BinaryMarket, now: float) -> str:
    if market.result is not None:
        return "finalized"
    return "active" if market.is_trading(now) else "closed"


def _event_status(market: BinaryMarket, now: float) -> str:
    if market.result is not None:
        return "settled"
    return "open" if market.is_trading(now) else "closed"
