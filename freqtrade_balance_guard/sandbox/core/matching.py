"""The matching engine: accepts orders, holds money for them, fills and ends them.

What an open order holds: a sell its remaining base amount; a buy its remaining cost at the limit
price (stop: trigger price, market: the book) and the taker fee, when the fee is paid in the quote.
A marketable order fills at once against the book as taker; a resting one fills whole at its limit
price as maker, as soon as the price path has touched it.
"""

import hashlib
from base64 import b32encode
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, asset, rounded_down, rounded_up
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.markets import Level, Market, is_triggered
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    Refused,
    Status,
    Trade,
)
from freqtrade_balance_guard.sandbox.core.prices import Extremes
from freqtrade_balance_guard.sandbox.script.faults import ActiveFault


OrderEvent = Callable[[str, Order, Trade | None], None]

_CLOSING_EVENTS: dict[Status, str] = {
    "closed": "order_closed",
    "canceled": "order_cancelled",
    "expired": "order_expired",
}


class Matching:
    """All orders of one exchange.

    `fault_runs` tells whether the fault that capped an order still runs; `on_event` is told
    order_placed, order_triggered, order_filled (with the trade), order_closed, order_cancelled and
    order_expired.
    """

    def __init__(
        self,
        markets: dict[str, Market],
        books: Books,
        seed: int,
        fault_runs: Callable[[str], bool],
        on_event: OrderEvent,
    ) -> None:
        self._markets = markets
        self._books = books
        self._seed = seed
        self._fault_runs = fault_runs
        self._on_event = on_event
        self._advanced_to: float | None = None
        self._open: dict[str, Order] = {}
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []

    def open_orders(self, account: str | None = None) -> list[Order]:
        return [order for order in self._open.values() if account in (None, order.account)]

    def place(
        self,
        account: str,
        key: str,
        request: OrderRequest,
        cap_of: Callable[[], ActiveFault | None],
        now: float,
    ) -> Order:
        """Accepts an order that `Market.check` has passed; fills what can be filled at once.

        `cap_of` is asked, once the order is sure, for a fault that limits what fills by itself.
        Raises Refused, and then nothing changed.
        """
        market = self._markets[request.symbol]
        quote = market.prices.quote(now)
        order = Order(
            order_id=self._new_id("O", len(self.orders)),
            account=account,
            key=key,
            request=request,
            amount=market.base_amount(request, quote),
            fee_currency=_fee_currency(request, market),
            created_at=now,
        )
        if request.post_only and market.walk(order.side, order.amount, request.price, quote):
            raise Refused("EOrder:Post only order")
        self._hold_for_new(order, market, now)
        cap = cap_of()
        if cap is not None:
            fraction = ZERO if cap.fault.kind == "no_fill" else cap.fault.fraction
            order.fill_cap = rounded_down(order.amount * fraction, market.rules.amount_decimals)
            order.capped_by = cap.fault_id
        self.orders[order.order_id] = self._open[order.order_id] = order
        self._on_event("order_placed", order, None)
        self._meet(order, market, Extremes(quote, quote), now, new=True)
        if request.time_in_force == "IOC" and order.is_open and not order.waits_for_trigger:
            self._end(order, "canceled", "Immediate or cancel", now)
        return order

    def advance(self, now: float) -> None:
        """Lets the time since the last call happen: expiries, triggers, and prices that touched."""
        since = now if self._advanced_to is None else self._advanced_to
        self._advanced_to = now
        seen: dict[tuple[str, float], Extremes] = {}
        for order in list(self._open.values()):
            expires_at = order.request.expires_at
            if expires_at is not None and expires_at <= now:
                self._end(order, "expired", "Order expired", now)
                continue
            market = self._markets[order.symbol]
            span = (order.symbol, max(since, order.created_at))
            if span not in seen:
                seen[span] = market.prices.extremes(span[1], now)
            self._meet(order, market, seen[span], now, new=False)

    def cancel(self, order: Order, reason: str, now: float) -> None:
        """Ends an open order. Raises Refused when it is no longer open."""
        if not order.is_open:
            raise Refused("EOrder:Unknown order")
        self._end(order, "canceled", reason, now)

    def fill(self, order: Order, amount: Decimal | None, now: float) -> None:
        """Fills an open order by decree (all of it, or `amount` base), past any cap.

        Raises Refused when it is no longer open or less remains.
        """
        market = self._markets[order.symbol]
        wanted = order.remaining if amount is None else amount
        if not order.is_open or not 0 < wanted <= order.remaining:
            raise Refused("EOrder:Unknown order")
        price = market.reference_price(order.request, market.prices.quote(now))
        self._fill(order, market, Level(price, wanted), maker=True, now=now)

    def _meet(self, order: Order, market: Market, seen: Extremes, now: float, *, new: bool) -> None:
        """One order against one span of prices."""
        fillable = self._fillable(order)
        just_triggered = False
        if order.waits_for_trigger:
            if not is_triggered(order.request, seen.low.last, seen.high.last):
                return
            order.triggered = just_triggered = True
            self._on_event("order_triggered", order, None)
        if fillable <= 0:
            return
        limit = order.request.price
        takes = new or just_triggered or limit is None or order.capped_by is not None
        fills = market.walk(order.side, fillable, limit, market.prices.quote(now)) if takes else []
        if fills or limit is None:
            for level in fills:
                if order.is_open:
                    self._fill(order, market, level, maker=False, now=now)
        elif (seen.low.ask <= limit) if order.side == "buy" else (seen.high.bid >= limit):
            self._fill(order, market, Level(limit, fillable), maker=True, now=now)

    def _fillable(self, order: Order) -> Decimal:
        capped = order.capped_by is not None and self._fault_runs(order.capped_by)
        if order.fill_cap is None or not capped:
            return order.remaining
        return order.fill_cap - order.filled

    def _fill(self, order: Order, market: Market, level: Level, *, maker: bool, now: float) -> None:
        rate = market.rules.fee_maker if maker else market.rules.fee_taker
        if not self._can_pay(order, level, rate):
            # A stop order to buy holds by its trigger price; a gap can make it dearer than that.
            self._end(order, "canceled", "Insufficient funds", now)
            return
        left = order.remaining - level.amount
        hold_after = self._hold_for(order, market, left, order.request.price or level.price)
        cost, fee = self._books.settle(order, level.amount, level.price, rate, hold_after, now)
        order.filled += level.amount
        order.cost += cost
        order.fee += fee
        trade = Trade(
            trade_id=self._new_id("T", len(self.trades)),
            number=len(self.trades) + 1,
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            order_type=order.request.order_type,
            price=level.price,
            amount=level.amount,
            cost=cost,
            fee=fee,
            fee_currency=order.fee_currency,
            maker=maker,
            at=now,
        )
        order.trades.append(trade)
        self.trades.append(trade)
        self._on_event("order_filled", order, trade)
        if not order.remaining:
            self._end(order, "closed", None, now)

    def _can_pay(self, order: Order, level: Level, rate: Decimal) -> bool:
        if order.side == "sell":
            return True  # all of its base amount is held
        factor = 1 if order.fee_currency == market_base(order.symbol) else 1 + rate
        free = self._books.accounts[order.account].holding(order.held_currency).free
        return level.amount * level.price * factor <= free + order.held

    def _end(self, order: Order, status: Status, reason: str | None, now: float) -> None:
        self._books.release(order, now)
        order.status = status
        order.reason = reason
        order.closed_at = now
        del self._open[order.order_id]
        self._on_event(_CLOSING_EVENTS[status], order, None)

    def _hold_for_new(self, order: Order, market: Market, now: float) -> None:
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
            raise Refused("EOrder:Insufficient funds")
        customer.hold(order.held_currency, needed, order.side, now)
        order.held = needed

    def _hold_for(self, order: Order, market: Market, amount: Decimal, price: Decimal) -> Decimal:
        if order.side == "sell":
            return amount
        fee_in_quote = order.fee_currency == market.rules.quote
        factor = 1 + market.rules.fee_taker if fee_in_quote else 1
        return rounded_up(amount * price * factor, asset(market.rules.quote).decimals)

    def _new_id(self, kind: str, number: int) -> str:
        digest = hashlib.sha256(f"{self._seed}/{kind}/{number}".encode()).digest()
        letters = b32encode(digest).decode()
        return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:16]}"


def market_base(symbol: str) -> str:
    return symbol.partition("/")[0]


def _fee_currency(request: OrderRequest, market: Market) -> str:
    """A sell pays its fee from the quote it receives; a buy as flagged, or as the market says.

    On Kraken fcib is a preference; the sandbox grants it where the fee can come out of what the
    order brings in, which is always possible.
    """
    if request.side == "sell" or request.fee_flag == "fciq":
        return market.rules.quote
    if request.fee_flag == "fcib" or market.rules.fee_currency == "base":
        return market.rules.base
    return market.rules.quote
