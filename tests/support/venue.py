"""An exchange in memory that does to each order what a script says, and knows the truth."""

import asyncio
import itertools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    LookUp,
    MarketRules,
    OrderRejected,
    PreparedOrder,
    Price,
    VenueOrder,
)
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.money import round_down, round_up
from freqtrade_balance_guard.orders.lookup_result import NotFound, Uncertain


ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True)
class Fate:
    """What becomes of one order.

    ``rejected``: the exchange says no; ``fills``: the share that fills at once; ``lost``: the reply
    does not arrive; ``arrives``: seconds until the request does (0: at once, None: never);
    ``on_cancel``: the share that fills while it is being cancelled; ``deaf``: so many look-ups get
    no answer; ``stale``: so many look-ups do not show it yet; ``bug``: the check before sending
    fails; ``throttled``: so many seconds pass in ``place`` before the request leaves.
    """

    fills: Decimal = ONE
    rejected: bool = False
    lost: bool = False
    arrives: float | None = 0
    on_cancel: Decimal = ZERO
    deaf: int = 0
    stale: int = 0
    bug: bool = False
    lost_cancel: bool = False
    throttled: float = 0


FILLS = Fate()
REJECTED = Fate(rejected=True)
RESTS = Fate(fills=ZERO)
LOST_REPLY = Fate(lost=True)


@dataclass
class Kept:
    """An order as the exchange has it."""

    order: LegOrder
    order_id: str
    filled: Decimal = ZERO
    is_open: bool = True
    fate: Fate = FILLS
    hidden: int = 0
    deaf: int = 0


@dataclass
class ScriptedVenue:
    """A ``Venue``. ``fates``: of the orders in the order in which they come, then ``otherwise``."""

    name: str
    clock: ManualClock
    money: dict[str, Decimal]
    price: Decimal = Decimal(100)
    fates: list[Fate] = field(default_factory=list)
    otherwise: Fate = FILLS
    fee: Decimal = Decimal("0.001")
    market: MarketRules | None = None
    late_seconds: float = 2.0
    expiry_seconds: float | None = 5.0
    fee_in_base: bool = False
    of_account: str = ""
    hung: threading.Event | None = None
    same_key_as: str = ""
    name_of_ids: str = ""
    depth: Decimal = Decimal(1000)
    # Its price is what it pays for a coin; else what it asks for one.
    is_dear: bool = False
    orders: dict[str, Kept] = field(default_factory=dict)
    on_the_way: list[tuple[float, LegOrder, Fate]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _deaf: dict[str, int] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def account(self) -> str:
        return self.of_account or f"account of {self.name}"

    @property
    def queue(self) -> str:
        return f"key of {self.same_key_as or self.name}"

    def new_id(self) -> str:
        return f"{self.name_of_ids or self.name}-{next(self._numbers)}"

    def rules(self, pair: str) -> MarketRules:
        default = MarketRules(Decimal("0.01"), Decimal("0.01"), Decimal("0.01"), ONE, self.fee)
        market = self.market or default
        return replace(market, is_fee_in_base=self.fee_in_base)

    def round_price(self, pair: str, side: str, price: Decimal) -> Decimal:
        step = self.rules(pair).price_step
        return round_down(price, step) if side == "buy" else round_up(price, step)

    def round_amount(self, pair: str, amount: Decimal) -> Decimal:
        return round_down(amount, self.rules(pair).amount_step)

    def order_book(self, pair: str) -> tuple[list[list[Decimal]], list[list[Decimal]]]:
        bid = self.price if self.is_dear else self.price - ONE
        return [[bid, self.depth]], [[bid + ONE, self.depth]]

    def best_price(self, pair: str, side: str, amount: Decimal) -> Price:
        self._hang()
        if amount > self.depth:
            raise LookupError("the order book is not deep enough")
        return Price(self.price, self.price, self.price)

    def balances(self) -> Mapping[str, Decimal]:
        self._advance()
        free = dict(self.money)
        for kept in self.orders.values():
            if kept.is_open:
                currency, amount = self._locked(kept.order, kept.order.amount - kept.filled)
                free[currency] -= amount
        return {currency: max(amount, ZERO) for currency, amount in free.items()}

    def check(self, order: LegOrder) -> None:
        if self.fates and self.fates[0].bug:
            self.fates.pop(0)
            raise KeyError("token id")

    def _hang(self) -> None:
        """Give no answer while ``hung`` is not set."""
        if self.hung is not None:
            self.hung.wait(60)

    def place(self, order: LegOrder) -> VenueOrder:
        fate = self.fates.pop(0) if self.fates else self.otherwise
        self._deaf[order.client_order_id] = fate.deaf
        self.asked.append(f"place {order.side}")
        currency, amount = self._locked(order, order.amount)
        if fate.rejected or self.balances().get(currency, ZERO) < amount:
            raise OrderRejected("insufficient funds" if not fate.rejected else "rejected")
        if fate.arrives is None:
            raise ConnectionError("the request is lost")
        if fate.throttled:
            self.clock.advance(fate.throttled)
        if fate.arrives > 0:
            self.on_the_way.append((self.clock.monotonic() + fate.arrives, order, fate))
            raise TimeoutError("no answer")
        kept = self._take(order, fate)
        if fate.lost:
            raise TimeoutError("the reply is lost")
        return self._told(kept)

    def cancel(self, order: LegOrder, order_id: str) -> None:
        self._advance()
        self.asked.append("cancel")
        kept = self.orders[order.client_order_id]
        if not kept.is_open:
            raise OrderRejected("unknown order")
        if kept.fate.lost_cancel and "cancel" not in self.asked[:-1]:
            raise TimeoutError("the cancel is lost")
        self._fill(kept, kept.fate.on_cancel)
        kept.is_open = False

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        self._advance()
        self.asked.append("look up")
        if self._deaf.get(order.client_order_id, 0) > 0:
            self._deaf[order.client_order_id] -= 1
            return Uncertain("the exchange does not answer")
        kept = self.orders.get(order.client_order_id)
        if kept is not None and kept.hidden > 0:
            kept.hidden -= 1
            kept = None
        return NotFound() if kept is None else self._told(kept)

    # The exchange itself

    def _take(self, order: LegOrder, fate: Fate) -> Kept:
        assert order.client_order_id not in self.orders, "sent twice"
        kept = Kept(order, f"EX-{self.name}-{len(self.orders)}", fate=fate, hidden=fate.stale)
        self.orders[order.client_order_id] = kept
        self._fill(kept, fate.fills)
        return kept

    def _advance(self) -> None:
        now = self.clock.monotonic()
        for one in list(self.on_the_way):
            if one[0] <= now:
                self.on_the_way.remove(one)
                self._take(one[1], one[2])

    def _fill(self, kept: Kept, share: Decimal) -> None:
        order = kept.order
        step = self.rules(order.pair).amount_step
        amount = min((order.amount * share) // step * step, order.amount - kept.filled)
        base, quote = order.pair.split("/")
        cost = amount * order.price
        sign = order.sign
        in_base = self.fee_in_base and order.side == "buy"
        fee, fee_in_base = (ZERO, amount * self.fee) if in_base else (cost * self.fee, ZERO)
        self.money[base] = self.money.get(base, ZERO) + sign * amount - fee_in_base
        self.money[quote] = self.money.get(quote, ZERO) - sign * cost - fee
        kept.filled += amount
        if kept.filled == order.amount:
            kept.is_open = False

    def _locked(self, order: LegOrder, amount: Decimal) -> tuple[str, Decimal]:
        base, quote = order.pair.split("/")
        if order.side == "sell":
            return base, amount
        return quote, amount * order.price * (ONE + self.fee)

    def _told(self, kept: Kept) -> VenueOrder:
        cost = kept.filled * kept.order.price
        quote = kept.order.pair.partition("/")[2]
        base = kept.order.base
        in_base = self.fee_in_base and kept.order.side == "buy"
        fee = {base: kept.filled * self.fee} if in_base else {quote: cost * self.fee}
        fees = fee if kept.filled else None
        return VenueOrder(kept.order_id, kept.is_open, kept.filled, cost, fees)

    def net(self, base: str) -> Decimal:
        """What all orders together did to a coin."""
        return sum(
            (
                kept.order.sign * kept.filled
                for kept in self.orders.values()
                if kept.order.pair.startswith(f"{base}/")
            ),
            ZERO,
        )


def fates(*shares: Iterable[object]) -> list[Fate]:
    return [Fate(fills=Decimal(str(share))) for share in shares]


class LoopScriptedVenue(ScriptedVenue):
    """The same, and its orders leave from the engine's loop."""

    def prepare(self, order: LegOrder) -> PreparedOrder:
        return PreparedOrder(order.client_order_id, {"side": order.side})

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        assert prepared == self.prepare(order)
        self.__dict__.setdefault("sent_in", set()).add(threading.current_thread().name)
        return await asyncio.to_thread(self.place, order)
