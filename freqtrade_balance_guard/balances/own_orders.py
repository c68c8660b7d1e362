"""What our own orders do to the balance: holds while they rest, flows when they fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.balances.flow import KEPT_SECONDS, Flow
from freqtrade_balance_guard.balances.other_bots_orders import SharedOrders
from freqtrade_balance_guard.money import ONE, ZERO


Side = Literal["buy", "sell"]

# Where the exchange does not say what was paid, the order's price is a guess as good as this.
GUESSED_COST_DOUBT = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order of ours and how far it got. Amounts in base, ``price`` and ``cost`` in quote.

    ``price`` is the most that a buy may cost per unit, the guess of what a sell brings.
    ``fee_rate`` is the most that is taken (0.004 is 0.4 %). ``confirmed_filled`` and
    ``confirmed_cost`` say up to where the fees are known, ``guessed_cost`` how much of the cost is
    a guess.
    """

    base: str
    quote: str
    side: Side
    amount: Decimal
    price: Decimal
    fee_rate: Decimal
    placed_at: float
    changed_at: float
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    is_open: bool = True
    confirmed_filled: Decimal = ZERO
    confirmed_cost: Decimal = ZERO
    guessed_cost: Decimal = ZERO

    @property
    def hold(self) -> tuple[str, Decimal]:
        """What the exchange keeps back for the rest of this order: currency and amount."""
        remaining = max(self.amount - self.filled, ZERO) if self.is_open else ZERO
        if self.side == "sell":
            return self.base, remaining
        return self.quote, remaining * self.price * (ONE + self.fee_rate)

    def effects(self) -> dict[str, tuple[Decimal, Decimal]]:
        """What this order has done to each total so far: the worst case, and its doubt.

        A fee that was not reported may have been taken from the quote, the base or a third coin:
        the worst case for each currency is that it was taken from this one.
        """
        sign = ONE if self.side == "buy" else -ONE
        base_doubt = (self.filled - self.confirmed_filled) * self.fee_rate
        fee_doubt = abs(self.cost - self.confirmed_cost) * self.fee_rate
        cost_doubt = self.guessed_cost * GUESSED_COST_DOUBT
        effects = {
            self.base: (sign * self.filled - base_doubt, base_doubt),
            self.quote: (-sign * self.cost - fee_doubt - cost_doubt, fee_doubt + 2 * cost_doubt),
        }
        for currency, fee in self.fees.items():
            amount, doubt = effects.get(currency, (ZERO, ZERO))
            effects[currency] = (amount - fee, doubt)
        return effects


class OwnOrders:
    """The orders of this bot, the coins they pay fees in, and the holds they gave back.

    ``shared`` are those of the account's other bots: what they hold counts with ours.
    """

    def __init__(self) -> None:
        self.shared = SharedOrders()
        self._orders: dict[str, OwnOrder] = {}
        self._releases: list[Flow] = []
        self._fee_coins: set[str] = set()

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def is_open(self, order_id: str) -> bool:
        """Does this order of ours still rest, as far as we know?"""
        order = self._orders.get(order_id)
        return order is not None and order.is_open

    def currencies(self, order_id: str) -> tuple[str, ...]:
        """What this order of ours moves, fees in other coins apart; nothing if it is not ours."""
        order = self._orders.get(order_id)
        return () if order is None else (order.base, order.quote)

    def concerned(self) -> set[str]:
        """Currencies that orders, ours or other bots', hold or move at the moment."""
        concerned = self._fee_coins | self.shared.concerned()
        concerned.update(release.currency for release in self._releases)
        for order in self._orders.values():
            concerned.update((order.base, order.quote), order.fees)
        return concerned

    def place(self, order_id: str, order: OwnOrder) -> None:
        """Follow an order from now on. An order that is followed already stays as it is.

        What ``order`` says about fills and fees is taken as done: only what comes on top of it
        flows. A new order is placed with nothing filled, whatever the exchange's reply says, and
        the reply is given to ``observe``.
        """
        self._forget(order.placed_at)
        self._fee_coins.update(order.fees)
        self._orders.setdefault(
            order_id, replace(order, confirmed_filled=order.filled, confirmed_cost=order.cost)
        )

    def placed(self, order_id: str, at: float) -> None:
        """It was accepted, or its reply was lost, only now: an answer of before lacks its hold."""
        order = self._orders.get(order_id)
        if order is not None:
            self._orders[order_id] = replace(order, placed_at=at)

    def withdraw(self, order_id: str) -> None:
        """Forget an order that never was on the exchange: it held and moved nothing."""
        self._orders.pop(order_id, None)

    def observe(
        self,
        order_id: str,
        *,
        filled: Decimal,
        cost: Decimal | None,
        fees: Mapping[str, Decimal] | None,
        is_open: bool,
        now: float,
    ) -> list[Flow]:
        """What changed since this order was seen last. Repeated and older answers change nothing.

        :param cost: quote paid or received so far, None where the exchange does not say
        :param fees: all fees so far by currency, None where the exchange does not say
        """
        known = self._orders.get(order_id)
        if known is None or filled < known.filled:
            return []
        if fees and not known.fees and known.confirmed_filled > 0:
            # Followed from the middle on: what it cost before that is in the balance already.
            share = known.confirmed_filled / filled
            known = replace(known, fees={coin: fee * share for coin, fee in fees.items()})
        guessed = known.guessed_cost
        if cost is None:
            more = (filled - known.filled) * known.price
            cost, guessed = known.cost + more, guessed + more
        else:
            guessed = ZERO
        seen = replace(
            known,
            filled=filled,
            cost=cost,
            guessed_cost=guessed,
            is_open=known.is_open and is_open,
            changed_at=now,
        )
        if fees is not None:
            seen = replace(seen, fees=dict(fees), confirmed_filled=filled, confirmed_cost=cost)
            self._fee_coins.update(fees)
        self._orders[order_id] = seen
        currency, released = known.hold[0], known.hold[1] - seen.hold[1]
        if released > 0:
            self._releases.append(Flow(currency, released, now))
        self._forget(now)
        return list(_flows(known, seen))

    def held(self, currency: str, *, since: float | None = None) -> Decimal:
        """What our resting orders keep of ``currency``; of those placed after ``since``."""
        return sum(
            (
                amount
                for held, amount, placed_at in self._holds()
                if held == currency and (since is None or placed_at > since)
            ),
            self.shared.held(currency, since=since),
        )

    def released(self, currency: str, *, since: float) -> Decimal:
        """What our orders kept of ``currency`` and gave back after ``since``."""
        return sum(
            (r.amount for r in self._releases if r.currency == currency and r.at > since),
            self.shared.released(currency, since=since),
        )

    def may_cost_fees(self, currency: str, *, since: float) -> bool:
        """May a fee be taken from ``currency`` without our knowledge, or have been since then?

        By an order whose fee was not reported yet. Its own two currencies count that fee
        themselves, unless they are known to be fee coins.
        """
        return any(
            (o.is_open or (o.confirmed_filled < o.filled and o.changed_at > since))
            and (currency in self._fee_coins or currency not in (o.base, o.quote))
            for o in self._orders.values()
        )

    def _holds(self) -> Iterator[tuple[str, Decimal, float]]:
        for order in self._orders.values():
            if order.is_open:
                yield *order.hold, order.placed_at

    def _forget(self, now: float) -> None:
        oldest = now - KEPT_SECONDS
        self._releases = [release for release in self._releases if release.at > oldest]
        over = [
            order_id
            for order_id, order in self._orders.items()
            if not order.is_open and order.changed_at <= oldest
        ]
        for order_id in over:
            del self._orders[order_id]


def _flows(before: OwnOrder, after: OwnOrder) -> Iterator[Flow]:
    was, nothing = before.effects(), (ZERO, ZERO)
    done = after.effects()
    for currency in {**was, **done}:
        amount, doubt = done.get(currency, nothing)
        amount_before, doubt_before = was.get(currency, nothing)
        if amount != amount_before:
            more_doubt = max(doubt - doubt_before, ZERO)
            yield Flow(currency, amount - amount_before, after.changed_at, more_doubt)
