"""Fills of contracts: they change positions, and only profit, loss and fee change a wallet."""

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, rounded
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.clearing import Settlement
from freqtrade_balance_guard.sandbox.core.markets import Level, Market
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    Reason,
    Rejected,
    Status,
)
from freqtrade_balance_guard.sandbox.futures.margin import Margins, is_closing, largest_notional
from freqtrade_balance_guard.sandbox.futures.positions import FuturesState, IncomeType, Position


_DECIMALS = 8


class FuturesClearing:
    """Checks the margin of new orders and applies fills to positions and wallets."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        books: Books,
        state: FuturesState,
        open_orders: Callable[[str], list[Order]],
    ) -> None:
        self._books = books
        self._state = state
        self._open_orders = open_orders
        self.margins = Margins(markets, books, state)

    def fee_currency(self, account: str, request: OrderRequest, market: Market) -> str:
        return self._state.coin(account, request.symbol)

    def accept(self, order: Order, market: Market, now: float) -> None:
        """Holds nothing: open orders count by what they would need."""
        order.held_currency = order.fee_currency
        account, symbol = order.account, order.symbol
        if is_closing(order):
            if self._reducible(order) <= 0:
                raise Rejected(Reason.NOTHING_TO_REDUCE, symbol)
            return
        orders = self._open_orders(account)
        mine = [each for each in orders if each.symbol == symbol]
        before = self.margins.exposure(account, symbol, mine, now)
        after = self.margins.exposure(account, symbol, [*mine, order], now)
        if after <= before:
            return
        leverage = self._state.settings(account, symbol).leverage
        if after > largest_notional(market.rules, leverage):
            raise Rejected(Reason.POSITION_TOO_LARGE, symbol)
        price = market.reference_price(order.request, market.prices.quote(now))
        worse = (price - market.mark_price(now)) * (1 if order.side == "buy" else -1)
        needed = (after - before) / leverage + max(worse, ZERO) * order.amount
        if needed > self.margins.wallet(account, order.fee_currency, orders, now).available:
            raise Rejected(Reason.MARGIN_TOO_SMALL, symbol)

    def affordable(self, order: Order, market: Market, level: Level, rate: Decimal) -> Decimal:
        if not is_closing(order):
            return level.amount
        return min(level.amount, max(self._reducible(order), ZERO))

    def ending(self, order: Order) -> tuple[Status, str]:
        return "expired", "Nothing left to reduce"

    def settle(
        self, order: Order, market: Market, level: Level, rate: Decimal, now: float
    ) -> Settlement:
        position = self._position(order)
        fee = _down(level.amount * level.price * rate)
        before = abs(position.amount)
        opposite = (position.amount > 0) == (order.side == "sell")
        closed = min(before, level.amount) if before and opposite else ZERO
        realized = ZERO
        if closed:
            sign = 1 if position.amount > 0 else -1
            realized = rounded((level.price - position.entry_price) * closed * sign, _DECIMALS)
            position.isolated_wallet = rounded(
                position.isolated_wallet * (before - closed) / before, _DECIMALS
            )
            position.amount -= closed * sign
        if level.amount > closed:
            self._enlarge(position, order, level.amount - closed, level.price)
        position.updated_at = now
        self.move(position, "REALIZED_PNL", realized, now)
        self.move(position, "COMMISSION", -fee, now)
        cost = rounded(level.amount * level.price, _DECIMALS)
        return Settlement(cost, fee, order.fee_currency, realized)

    def move(self, position: Position, kind: IncomeType, amount: Decimal, now: float) -> None:
        """Changes a wallet, against the market maker or the exchange's fees."""
        if not amount:
            return
        coin = self._state.coin(position.account, position.symbol)
        self._books.accounts[position.account].adjust(coin, amount, kind.lower(), now)
        against_fees = kind in ("COMMISSION", "INSURANCE_CLEAR")
        purse = self._books.fee_income if against_fees else self._books.market_maker
        purse[coin] -= amount
        self._state.book(kind, position, amount, now)

    def release(self, order: Order, now: float) -> None:
        """Nothing is held."""

    def _enlarge(self, position: Position, order: Order, amount: Decimal, price: Decimal) -> None:
        size = abs(position.amount)
        worth = size * position.entry_price + amount * price
        position.entry_price = rounded(worth / (size + amount), _DECIMALS)
        position.amount += amount if order.side == "buy" else -amount
        settings = self._state.settings(position.account, position.symbol)
        if settings.margin_mode == "isolated":
            position.isolated_wallet += rounded(amount * price / settings.leverage, _DECIMALS)

    def _position(self, order: Order) -> Position:
        return self._state.position(order.account, order.symbol, order.request.position_side)

    def _reducible(self, order: Order) -> Decimal:
        """The size of the position that the order can reduce; not above 0 when there is none."""
        amount = self._position(order).amount
        return amount if order.side == "sell" else -amount


def _down(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-_DECIMALS), rounding=ROUND_DOWN)
