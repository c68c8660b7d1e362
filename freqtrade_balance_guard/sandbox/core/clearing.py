"""What an order holds and what a fill moves: the spot market's clearing.

What an open order holds: a sell its remaining base amount; a buy its remaining cost at the limit
price (stop: trigger price, market: the book) and the taker fee, when the fee is paid in the quote.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from freqtrade_balance_guard.sandbox.core.assets import (
    ONE,
    ZERO,
    rounded_down,
    rounded_up,
    split_symbol,
)
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.markets import Level, Market
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    Reason,
    Rejected,
    Status,
)


_FEE_COIN_SHARE = Decimal("0.75")  # of the fee, when it is paid in the exchange's own coin


@dataclass(frozen=True)
class Settlement:
    """What one fill cost. `realized` is the profit of a contract that it closed."""

    cost: Decimal
    fee: Decimal
    fee_currency: str
    realized: Decimal = ZERO


class Clearing(Protocol):
    """The money behind the orders of one exchange."""

    def fee_currency(self, account: str, request: OrderRequest, market: Market) -> str: ...

    def accept(self, order: Order, market: Market, now: float) -> None:
        """Holds what a new order needs. Raises Rejected when there is too little."""
        ...

    def affordable(self, order: Order, market: Market, level: Level, rate: Decimal) -> Decimal:
        """How much of a level (base) can be settled."""
        ...

    def ending(self, order: Order) -> tuple[Status, str]:
        """How an order ends that cannot be settled any more, and why."""
        ...

    def settle(
        self, order: Order, market: Market, level: Level, rate: Decimal, now: float
    ) -> Settlement: ...

    def release(self, order: Order, now: float) -> None:
        """Gives back all that is still held for an order."""
        ...


class SpotClearing:
    """Exchanges one currency for another; fees in the quote, the base or the fee coin."""

    def __init__(
        self, markets: Mapping[str, Market], books: Books, fee_coins: Mapping[str, str | None]
    ) -> None:
        self._markets = markets
        self._books = books
        self._fee_coins = fee_coins  # per account

    def fee_currency(self, account: str, request: OrderRequest, market: Market) -> str:
        """The account's fee coin if it has one; else of what the order brings in, or as flagged.

        On Kraken fcib is a preference; the sandbox grants it where the fee can come out of what
        the order brings in, which is always possible.
        """
        coin = self._fee_coins.get(account)
        if coin is not None and f"{coin}/{market.rules.quote}" in self._markets:
            return coin
        return _received(request, market)

    def accept(self, order: Order, market: Market, now: float) -> None:
        rules = market.rules
        order.held_currency = rules.base if order.side == "sell" else rules.quote
        if order.side == "buy" and order.request.order_type == "market":
            book = market.walk("buy", order.amount, None, market.prices.quote(now))
            needed = sum(
                (self._hold_for(order, market, level.amount, level.price) for level in book), ZERO
            )
        else:
            price = market.reference_price(order.request, market.prices.quote(now))
            needed = self._hold_for(order, market, order.amount, price)
        customer = self._books.accounts[order.account]
        if needed > customer.holding(order.held_currency).free:
            raise Rejected(Reason.INSUFFICIENT_FUNDS)
        customer.hold(order.held_currency, needed, order.side, now)
        order.held = needed

    def affordable(self, order: Order, market: Market, level: Level, rate: Decimal) -> Decimal:
        if order.side == "sell":
            return level.amount  # all of its base amount is held
        factor = 1 + rate if order.fee_currency == market.rules.quote else ONE
        free = self._books.accounts[order.account].holding(order.held_currency).free
        return level.amount if level.amount * level.price * factor <= free + order.held else ZERO

    def ending(self, order: Order) -> tuple[Status, str]:
        """A stop order to buy holds by its trigger price; a gap can make it dearer than that."""
        return "canceled", "Insufficient funds"

    def settle(
        self, order: Order, market: Market, level: Level, rate: Decimal, now: float
    ) -> Settlement:
        """Exchanges a level's amount at its price.

        The order's hold shrinks to what the rest needs, or further: to what is left of it after
        this payment, because a fill at a worse price than the hold was made for must not hold more.
        Cost and fee are rounded down and holds up: no rounding eats into money that is not held.
        """
        base, quote = split_symbol(order.symbol)
        account, amount = self._books.accounts[order.account], level.amount
        left = order.remaining - amount
        hold_after = self._hold_for(order, market, left, order.request.price or level.price)
        cost = self._down(amount * level.price, quote)
        fee, currency = self._fee(order, market, amount, cost, rate, now)
        fee_in_quote = fee if currency == quote else ZERO
        fee_in_base = fee if currency == base else ZERO
        paid = cost + fee_in_quote if order.side == "buy" else amount

        held = max(min(hold_after, order.held - paid), ZERO)
        account.hold(order.held_currency, held - order.held, order.side, now)
        order.held = held

        if order.side == "buy":
            account.debit(quote, paid, "buy", now)
            account.credit(base, amount - fee_in_base, "buy", now)
            self._books.counterparty(base, -amount, quote, cost)
        else:
            account.debit(base, amount + fee_in_base, "sell", now)
            account.credit(quote, cost - fee_in_quote, "sell", now)
            self._books.counterparty(base, amount, quote, -cost)
        if currency not in (base, quote):
            account.debit(currency, fee, order.side, now)
        self._books.fee_income[currency] += fee
        return Settlement(cost, fee, currency)

    def release(self, order: Order, now: float) -> None:
        self._books.accounts[order.account].hold(order.held_currency, -order.held, order.side, now)
        order.held = ZERO

    def _fee(
        self,
        order: Order,
        market: Market,
        amount: Decimal,
        cost: Decimal,
        rate: Decimal,
        now: float,
    ) -> tuple[Decimal, str]:
        """From the fee coin if there is enough of it, else from what the order brings in."""
        received = _received(order.request, market)
        if order.fee_currency != received:
            price = self._markets[f"{order.fee_currency}/{market.rules.quote}"].prices.price(now)
            fee = self._down(cost * rate * _FEE_COIN_SHARE / price, order.fee_currency)
            if fee <= self._books.accounts[order.account].holding(order.fee_currency).free:
                return fee, order.fee_currency
        brought_in = amount if received == market.rules.base else cost
        return self._down(brought_in * rate, received), received

    def _down(self, amount: Decimal, currency: str) -> Decimal:
        return rounded_down(amount, self._books.decimals(currency))

    def _hold_for(self, order: Order, market: Market, amount: Decimal, price: Decimal) -> Decimal:
        if order.side == "sell":
            return amount
        fee_in_quote = order.fee_currency == market.rules.quote
        factor = 1 + market.rules.fee_taker if fee_in_quote else 1
        return rounded_up(amount * price * factor, self._books.decimals(market.rules.quote))


def _received(request: OrderRequest, market: Market) -> str:
    """A sell pays its fee from the quote it receives; a buy as flagged, or as the market says."""
    if request.side == "sell" or request.fee_flag == "fciq":
        return market.rules.quote
    if request.fee_flag == "fcib" or market.rules.fee_currency == "base":
        return market.rules.base
    return market.rules.quote
