"""An exchange that knows the truth at every moment, and can tell an old one or none."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.balances.own_orders import OwnOrder
from freqtrade_balance_guard.balances.snapshot import Holding


ZERO = Decimal(0)
WALL = datetime(2026, 1, 1, tzinfo=UTC)

FEE_RATE = Decimal("0.004")
PRICES = {"COIN": Decimal(10), "ALT": Decimal(2)}
START = {"USDT": Decimal(1000), "COIN": Decimal(20), "BNB": Decimal(5)}
CURRENCIES = ("USDT", "COIN", "ALT", "BNB")


@dataclass
class RealOrder:
    """An order as the exchange knows it, and when the bot heard of it last."""

    order_id: str
    own: OwnOrder
    fee_coin: str
    tells_fee: bool
    tells_cost: bool
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    is_open: bool = True
    unheard_since: float | None = None
    heard_filled: Decimal = ZERO
    heard_cost: Decimal = ZERO
    heard_fees: dict[str, Decimal] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def hold(self) -> tuple[str, Decimal]:
        remaining = self.own.amount - self.filled if self.is_open else ZERO
        if self.own.side == "sell":
            return self.own.base, remaining
        return self.own.quote, remaining * self.own.price * (1 + FEE_RATE)


class TrueExchange:
    """One account: everything that ever happened to it."""

    def __init__(self) -> None:
        self.now = 100.0
        # (moment, cause, currency, change of the total, change of what is held)
        self.history = [(0.0, "start", coin, total, ZERO) for coin, total in START.items()]
        self.orders: dict[str, RealOrder] = {}

    def truth(
        self, currency: str, moment: float | None = None, lagging: str | None = None
    ) -> Holding:
        """What was there at ``moment``; with ``lagging`` only this cause is that late."""
        total = used = ZERO
        for at, cause, moved, change, held in self.history:
            is_in = moment is None or at <= moment or lagging not in (None, cause)
            if moved == currency and is_in:
                total, used = total + change, used + held
        return Holding(max(total, ZERO), max(used, ZERO))

    def free(self, currency: str) -> Decimal:
        holding = self.truth(currency)
        return holding.total - holding.used

    def move(
        self, currency: str, change: Decimal = ZERO, held: Decimal = ZERO, cause: str = "other"
    ) -> None:
        self.now += 0.001  # no two things happen at one moment
        self.history.append((self.now, cause, currency, change, held))

    # Orders

    def open_orders(self) -> list[RealOrder]:
        return [order for order in self.orders.values() if order.is_open]

    def execute(self, order: RealOrder, share: Decimal) -> tuple[Decimal, Decimal, str, Decimal]:
        """Fill a share of the rest; returns amount, cost, and the fee's coin and amount."""
        own = order.own
        amount = (own.amount - order.filled) * share
        # A little better than asked for; the fee a little lower than the most.
        cost = amount * own.price * (Decimal("0.995") if own.side == "buy" else Decimal("1.005"))
        currency, held = order.hold()
        order.filled += amount
        order.cost += cost
        order.is_open = order.filled < own.amount
        self.move(currency, held=order.hold()[1] - held, cause=own.side)
        sign = 1 if own.side == "buy" else -1
        self.move(own.base, sign * amount, cause=own.side)
        self.move(own.quote, -sign * cost, cause=own.side)
        coin, fee = self._fee(order, amount, cost, FEE_RATE * Decimal("0.9"))
        order.fees[coin] += fee
        self.move(coin, -fee, cause=own.side)
        return amount, cost, coin, fee

    def end(self, order: RealOrder) -> None:
        """Cancel what rests of an order."""
        currency, held = order.hold()
        order.is_open = False
        self.move(currency, held=-held, cause=order.own.side)

    def _fee(
        self, order: RealOrder, amount: Decimal, cost: Decimal, rate: Decimal
    ) -> tuple[str, Decimal]:
        if order.fee_coin == order.own.base and order.own.side == "buy":
            return order.own.base, amount * rate
        if order.fee_coin == "BNB" and self.free("BNB") > cost * rate / 100:
            return "BNB", cost * rate / 100
        return order.own.quote, cost * rate

    # Answers

    def holdings(self, moment: float, lagging: str | None) -> dict[str, Holding]:
        """What is told; an exchange leaves out what was never owned."""
        told = {currency: self.truth(currency, moment, lagging) for currency in CURRENCIES}
        return {currency: holding for currency, holding in told.items() if holding.total}

    def faulty_answer(self, kind: str, only: str | None) -> dict[str, object]:
        """A wrong answer, in ccxt's shape; with ``only`` just this currency is missing."""
        if kind == "empty":
            return {}
        factor = {"zero": 0, "negative": -1, "ten times": 10}.get(kind, 1)
        answer: dict[str, object] = {}
        for currency in CURRENCIES:
            holding = self.truth(currency)
            times = factor if only in (None, currency) else 1
            answer[currency] = {
                "total": "rubbish" if kind == "garbage" else holding.total * times,
                "used": holding.used * times,
                "free": (holding.total - holding.used) * times,
            }
        if only is not None:
            del answer[only]
        return answer
