"""Margin: what positions and open orders tie up, and what is left of a wallet."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, rounded
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.core.orders import Order
from freqtrade_balance_guard.sandbox.futures.positions import FuturesState, Position
from freqtrade_balance_guard.sandbox.script.market import Bracket, MarketScenario


_DECIMALS = 8


@dataclass(frozen=True)
class SymbolMargin:
    """What one account has in one contract, at mark price, in the settlement coin."""

    notional: Decimal = ZERO  # of all positions, as an absolute value
    unrealized: Decimal = ZERO
    maintenance: Decimal = ZERO
    position_initial: Decimal = ZERO
    order_initial: Decimal = ZERO


@dataclass(frozen=True)
class WalletView:
    """What one account has of one coin. Margin balance is `wallet + unrealized`."""

    wallet: Decimal = ZERO
    unrealized: Decimal = ZERO
    maintenance: Decimal = ZERO
    position_initial: Decimal = ZERO
    order_initial: Decimal = ZERO
    cross_wallet: Decimal = ZERO  # without what isolated positions have set aside
    cross_unrealized: Decimal = ZERO
    available: Decimal = ZERO  # may be negative

    def rounded(self) -> "WalletView":
        return WalletView(
            **{each.name: rounded(getattr(self, each.name), _DECIMALS) for each in fields(self)}
        )


def bracket_of(rules: MarketScenario, notional: Decimal) -> Bracket:
    for bracket in rules.brackets:
        if notional <= bracket.notional_cap:
            return bracket
    return rules.brackets[-1]


def cumulative(rules: MarketScenario, bracket: Bracket) -> Decimal:
    """What makes the maintenance margin continuous from one bracket to the next."""
    total, floor, rate = ZERO, ZERO, rules.brackets[0].maintenance_rate
    for each in rules.brackets:
        total += floor * (each.maintenance_rate - rate)
        if each == bracket:
            break
        floor, rate = each.notional_cap, each.maintenance_rate
    return total


def maintenance_of(rules: MarketScenario, notional: Decimal) -> Decimal:
    bracket = bracket_of(rules, notional)
    return notional * bracket.maintenance_rate - cumulative(rules, bracket)


def largest_notional(rules: MarketScenario, leverage: int) -> Decimal:
    """The largest value of a position at a leverage; 0 when no bracket allows it."""
    allowed = [each.notional_cap for each in rules.brackets if each.leverage >= leverage]
    return max(allowed, default=ZERO)


class Margins:
    """Computes margins of the state at a time; keeps nothing."""

    def __init__(self, markets: Mapping[str, Market], books: Books, state: FuturesState) -> None:
        self._markets = markets
        self._books = books
        self._state = state

    def exposure(self, account: str, symbol: str, orders: list[Order], now: float) -> Decimal:
        """The largest value that positions can reach when the open orders fill."""
        mark = self._markets[symbol].mark_price(now)
        if self._state.modes[account].hedge_mode:
            held = sum(
                (abs(p.notional(mark)) for p in self._state.positions(account, symbol)), ZERO
            )
            return held + sum((_worth(o, mark) for o in orders if not is_closing(o)), ZERO)
        present = self._state.position(account, symbol, "BOTH").notional(mark)
        opening = [order for order in orders if not order.request.reduce_only]
        bids = sum((_worth(order, mark) for order in opening if order.side == "buy"), ZERO)
        asks = sum((_worth(order, mark) for order in opening if order.side == "sell"), ZERO)
        return max(abs(present), abs(present + bids), abs(present - asks))

    def symbol(self, account: str, symbol: str, orders: list[Order], now: float) -> SymbolMargin:
        """`orders` are all open orders of the account."""
        market = self._markets[symbol]
        mark = market.mark_price(now)
        leverage = self._state.settings(account, symbol).leverage
        positions = self._state.positions(account, symbol)
        notional = sum((abs(each.notional(mark)) for each in positions), ZERO)
        reached = self.exposure(account, symbol, [o for o in orders if o.symbol == symbol], now)
        return SymbolMargin(
            notional=notional,
            unrealized=sum((each.unrealized(mark) for each in positions), ZERO),
            maintenance=sum(
                (maintenance_of(market.rules, abs(each.notional(mark))) for each in positions), ZERO
            ),
            position_initial=notional / leverage,
            order_initial=(reached - notional) / leverage,
        )

    def wallet(self, account: str, coin: str, orders: list[Order], now: float) -> WalletView:
        wallet = self._books.accounts[account].holding(coin).total
        symbols = {o.symbol for o in orders} | {p.symbol for p in self._state.positions(account)}
        margins = {
            symbol: self.symbol(account, symbol, orders, now)
            for symbol in sorted(symbols)
            if self._state.coin(account, symbol) == coin
        }
        cross = [m for s, m in margins.items() if self._mode(account, s) == "cross"]
        isolated = sum(
            (p.isolated_wallet for p in self._state.positions(account) if p.symbol in margins), ZERO
        )
        cross_unrealized = sum((each.unrealized for each in cross), ZERO)
        orders_initial = sum((each.order_initial for each in margins.values()), ZERO)
        tied_up = sum((each.position_initial for each in cross), ZERO) + orders_initial
        return WalletView(
            wallet=wallet,
            unrealized=sum((each.unrealized for each in margins.values()), ZERO),
            maintenance=sum((each.maintenance for each in margins.values()), ZERO),
            position_initial=sum((each.position_initial for each in margins.values()), ZERO),
            order_initial=orders_initial,
            cross_wallet=wallet - isolated,
            cross_unrealized=cross_unrealized,
            available=wallet - isolated + cross_unrealized - tied_up,
        )

    def liquidation_price(self, position: Position, now: float) -> Decimal:
        """Where the position's margin no longer covers its maintenance margin; 0 when nowhere."""
        if not position.amount:
            return ZERO
        market = self._markets[position.symbol]
        coin = self._state.coin(position.account, position.symbol)
        backing = position.isolated_wallet
        if self._mode(position.account, position.symbol) == "cross":
            others = self.wallet(position.account, coin, [], now)
            mark = market.mark_price(now)
            own = maintenance_of(market.rules, abs(position.notional(mark)))
            backing = others.cross_wallet + others.cross_unrealized - position.unrealized(mark)
            backing -= self._cross_maintenance(position.account, coin, now) - own
        size = abs(position.amount)
        side = 1 if position.amount > 0 else -1
        bracket = bracket_of(market.rules, size * position.entry_price)
        above = backing + cumulative(market.rules, bracket) - side * size * position.entry_price
        price = above / (size * (bracket.maintenance_rate - side))
        return max(rounded(price, _DECIMALS), ZERO)

    def _cross_maintenance(self, account: str, coin: str, now: float) -> Decimal:
        return sum(
            (
                self.symbol(account, symbol, [], now).maintenance
                for symbol in {each.symbol for each in self._state.positions(account)}
                if self._state.coin(account, symbol) == coin
                and self._mode(account, symbol) == "cross"
            ),
            ZERO,
        )

    def _mode(self, account: str, symbol: str) -> str:
        return self._state.settings(account, symbol).margin_mode


def is_closing(order: Order) -> bool:
    """Whether the order can only reduce a position."""
    request = order.request
    if request.position_side == "BOTH":
        return request.reduce_only
    return (request.side == "sell") == (request.position_side == "LONG")


def _worth(order: Order, mark: Decimal) -> Decimal:
    return order.remaining * (order.request.price or mark)
