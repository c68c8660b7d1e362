"""Checks a prediction market's own bookkeeping: money, shares, holds and orders."""

from collections.abc import Iterator
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.prediction.purses import share_of
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange


Finding = dict[str, object]


def audit(exchange: PredictionExchange) -> dict[str, object]:
    """All findings; none means that the books are right.

    Checked: money is conserved, each market's two outcomes have as many shares as its pool backs,
    what is held is what open orders and unsettled matches hold, nothing is negative, and orders
    agree with their matches.
    """
    findings = [
        *_money(exchange),
        *_shares(exchange),
        *_holds(exchange),
        *_orders(exchange),
    ]
    return {"ok": not findings, "time": exchange.now(), "findings": findings}


def _money(exchange: PredictionExchange) -> Iterator[Finding]:
    purses, currency = exchange.purses, exchange.purses.currency
    books = purses.books
    owned = sum((a.holding(currency).total for a in books.accounts.values()), ZERO)
    owned += books.market_maker[currency] + books.fee_income[currency]
    owned += sum(purses.pools.values(), ZERO)
    if owned != books.issued[currency]:
        text = f"{plain(books.issued[currency])} were issued, all together own {plain(owned)}"
        yield {"kind": "money_not_conserved", "text": text}
    for account in books.accounts.values():
        for name, holding in account.holdings().items():
            if holding.total < ZERO or holding.held < ZERO or holding.free < ZERO:
                text = f"{account.name}: {plain(holding.total)} {name}, {plain(holding.held)} held"
                yield {"kind": "negative", "text": text}


def _shares(exchange: PredictionExchange) -> Iterator[Finding]:
    purses = exchange.purses
    for name, market in exchange.markets.items():
        if market.result is not None:
            continue
        counts = [
            purses.books.market_maker[share_of(name, outcome)]
            + sum((purses.shares(each, name, outcome) for each in purses.books.accounts), ZERO)
            for outcome in (0, 1)
        ]
        if set(counts) != {purses.pools[name]}:
            text = f"{name}: {counts} shares are backed by {plain(purses.pools[name])}"
            yield {"kind": "shares_not_backed", "text": text}


def _holds(exchange: PredictionExchange) -> Iterator[Finding]:
    expected: dict[tuple[str, str], Decimal] = {}
    purses = exchange.purses
    for order in exchange.matching.orders.values():
        is_buy = order.bet.side == "buy"
        name = purses.currency if is_buy else share_of(order.bet.market, order.bet.outcome)
        key = (order.account, name)
        expected[key] = expected.get(key, ZERO) + order.held
    for match in exchange.matching.matches:
        for part in match.parts:
            is_buy = part.side == "buy"
            name = purses.currency if is_buy else share_of(match.market, part.outcome)
            key = (part.account, name)
            expected[key] = expected.get(key, ZERO) + part.held
    for account in purses.books.accounts.values():
        for name, holding in account.holdings().items():
            wanted = expected.get((account.name, name), ZERO)
            if holding.held != wanted:
                text = f"{account.name} holds {plain(holding.held)} {name}, not {plain(wanted)}"
                yield {"kind": "hold_wrong", "text": text}


def _orders(exchange: PredictionExchange) -> Iterator[Finding]:
    for order in exchange.matching.orders.values():
        parts = [
            part
            for match in order.matches
            for part in match.parts
            if part.order_id == order.order_id
        ]
        filled = sum((part.shares for part in parts), ZERO)
        cost = sum((part.cost for part in parts), ZERO)
        if (filled, cost) != (order.filled, order.cost):
            yield {"kind": "order_wrong", "text": f"{order.order_id} differs from its matches"}
        sign = 1 if order.bet.side == "buy" else -1
        if any(sign * (part.price - order.bet.limit) > ZERO for part in parts):
            yield {"kind": "beyond_limit", "text": f"{order.order_id} filled beyond its limit"}
        if not order.is_open and order.held:
            yield {"kind": "hold_left", "text": f"{order.order_id} has ended and still holds"}
