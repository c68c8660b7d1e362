"""The matching engine: accepts orders, fills and ends them; the clearing moves the money.

A marketable order fills at once against the book as taker; a resting one fills whole at its limit
price as maker, as soon as the price path has touched it.
"""

import hashlib
from base64 import b32encode
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, rounded_down
from freqtrade_balance_guard.sandbox.core.clearing import Clearing
from freqtrade_balance_guard.sandbox.core.markets import Level, Market, is_triggered
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    Reason,
    Rejected,
    Status,
    Trade,
)
from freqtrade_balance_guard.sandbox.core.prices import Extremes, Quote
from freqtrade_balance_guard.sandbox.script.faults import ActiveFault


OrderEvent = Callable[[str, Order, Trade | None], None]

_CLOSING_EVENTS: dict[Status, str] = {
    "closed": "order_closed",
    "canceled": "order_cancelled",
    "expired": "order_expired",
}


class Matching:
    """All orders of one exchange.

    `fault_runs` tells whether the fault that capped an order still runs; `on_event` is called
    order_placed, order_triggered, order_filled (with the trade), order_closed, order_cancelled and
    order_expired.
    """

    def __init__(
        self,
        markets: dict[str, Market],
        clearing: Clearing,
        seed: int,
        fault_runs: Callable[[str], bool],
        on_event: OrderEvent,
    ) -> None:
        self._markets = markets
        self._clearing = clearing
        self._seed = seed
        self._fault_runs = fault_runs
        self._on_event = on_event
        self._advanced_to: float | None = None
        self._order_counts: Counter[str] = Counter()
        self._trade_counts: Counter[str] = Counter()
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
        Raises Rejected, and then nothing changed.
        """
        market = self._markets[request.symbol]
        quote = market.prices.quote(now)
        order = Order(
            order_id=self._new_id("O", len(self.orders)),
            account=account,
            key=key,
            request=request,
            amount=market.base_amount(request, quote),
            fee_currency=self._clearing.fee_currency(account, request, market),
            created_at=now,
            symbol_number=self._order_counts[request.symbol] + 1,
            updated_at=now,
        )
        if request.post_only and market.walk(order.side, order.amount, request.price, quote):
            raise Rejected(Reason.WOULD_TAKE)
        self._clearing.accept(order, market, now)
        cap = cap_of()
        if cap is not None:
            fraction = ZERO if cap.fault.kind == "no_fill" else cap.fault.fraction
            order.fill_cap = rounded_down(order.amount * fraction, market.rules.amount_decimals)
            order.capped_by = cap.fault_id
        self.orders[order.order_id] = self._open[order.order_id] = order
        self._order_counts[order.symbol] += 1
        self._on_event("order_placed", order, None)
        if request.time_in_force == "FOK" and not self._fills_whole(order, market, quote):
            self._end(order, "canceled", "Fill or kill", now)
            return order
        self._meet(order, market, Extremes(quote, quote), now, new=True)
        if request.time_in_force == "IOC" and order.is_open and not order.waits_for_trigger:
            self._end(order, "canceled", "Immediate or cancel", now)
        return order

    def _fills_whole(self, order: Order, market: Market, quote: Quote) -> bool:
        fills = market.walk(order.side, order.amount, order.request.price, quote)
        found = sum((level.amount for level in fills), ZERO)
        return order.fill_cap is None and found == order.amount

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
        """Ends an open order. Raises Rejected when it is no longer open."""
        if not order.is_open:
            raise Rejected(Reason.ORDER_NOT_OPEN)
        self._end(order, "canceled", reason, now)

    def fill(self, order: Order, amount: Decimal | None, now: float) -> None:
        """Fills an open order by decree (all of it, or `amount` base), past any cap.

        Raises Rejected when it is no longer open or less remains.
        """
        market = self._markets[order.symbol]
        wanted = order.remaining if amount is None else amount
        if not order.is_open or not 0 < wanted <= order.remaining:
            raise Rejected(Reason.ORDER_NOT_OPEN)
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
        amount = self._clearing.affordable(order, market, level, rate)
        if amount > 0:
            self._settle(order, market, Level(level.price, amount), rate, maker=maker, now=now)
        if amount < level.amount and order.is_open:
            self._end(order, *self._clearing.ending(order), now)

    def _settle(
        self,
        order: Order,
        market: Market,
        level: Level,
        rate: Decimal,
        *,
        maker: bool,
        now: float,
    ) -> None:
        settled = self._clearing.settle(order, market, level, rate, now)
        self._trade_counts[order.symbol] += 1
        order.filled += level.amount
        order.cost += settled.cost
        if settled.fee_currency == order.fee_currency:
            order.fee += settled.fee
        order.updated_at = now
        trade = Trade(
            trade_id=self._new_id("T", len(self.trades)),
            number=len(self.trades) + 1,
            symbol_number=self._trade_counts[order.symbol],
            order_id=order.order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            order_type=order.request.order_type,
            price=level.price,
            amount=level.amount,
            cost=settled.cost,
            fee=settled.fee,
            fee_currency=settled.fee_currency,
            maker=maker,
            at=now,
            realized=settled.realized,
            position_side=order.request.position_side,
        )
        order.trades.append(trade)
        self.trades.append(trade)
        self._on_event("order_filled", order, trade)
        if not order.remaining:
            self._end(order, "closed", None, now)

    def _end(self, order: Order, status: Status, reason: str | None, now: float) -> None:
        self._clearing.release(order, now)
        order.status = status
        order.reason = reason
        order.closed_at = order.updated_at = now
        del self._open[order.order_id]
        self._on_event(_CLOSING_EVENTS[status], order, None)

    def _new_id(self, kind: str, number: int) -> str:
        digest = hashlib.sha256(f"{self._seed}/{kind}/{number}".encode()).digest()
        letters = b32encode(digest).decode()
        return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:16]}"
