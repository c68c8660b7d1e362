"""What our own orders do to the balance: holds while they rest, flows when they fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.money import ONE, ZERO


Side = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class Flow:
    """A change of a total by an own order, seen by us ``at`` (monotonic seconds).

    ``doubt`` is how far the amount may be off (a fee that the exchange did not tell).
    """

    currency: str
    amount: Decimal
    at: float
    doubt: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order of ours and how far it got. Amounts in base, ``price`` and ``cost`` in quote.

    ``price`` is the most that a buy may cost per unit (the least that a sell may bring is not
    needed: what comes in is not spendable before it is seen).
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

    @property
    def remaining(self) -> Decimal:
        return max(self.amount - self.filled, ZERO) if self.is_open else ZERO

    @property
    def hold(self) -> tuple[str, Decimal]:
        """What the exchange keeps back for the rest of this order: currency and amount."""
        if self.side == "sell":
            return self.base, self.remaining
        return self.quote, self.remaining * self.price * (ONE + self.fee_rate)

    @property
    def receipt(self) -> tuple[str, Decimal]:
        """What the rest of this order may still bring in, at most."""
        if self.side == "buy":
            return self.base, self.remaining
        # A sell may fill better than its price; twice is more than any book allows.
        return self.quote, self.remaining * self.price * 2


class OwnOrders:
    """All orders of this bot that are not over, and the flows of what they filled."""

    def __init__(self) -> None:
        self._orders: dict[str, OwnOrder] = {}

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def place(self, order_id: str, order: OwnOrder) -> None:
        """Follow an order from now on, as far as it is filled already."""
        self._orders[order_id] = order

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
        if cost is None:
            cost = known.cost + (filled - known.filled) * known.price
        seen = replace(
            known,
            filled=filled,
            cost=cost,
            fees=dict(fees) if fees is not None else known.fees,
            is_open=is_open,
            changed_at=now,
        )
        if seen.is_open:
            self._orders[order_id] = seen
        else:
            del self._orders[order_id]
        return _flows(known, seen, fee_is_known=fees is not None)

    def held(self, currency: str) -> Decimal:
        """What our resting orders keep of ``currency``."""
        holds = (order.hold for order in self._orders.values())
        return sum((amount for held, amount in holds if held == currency), ZERO)

    def held_since(self, currency: str, moment: float) -> Decimal:
        """The part of ``held`` by orders that were placed at or after ``moment``."""
        young = (o.hold for o in self._orders.values() if o.placed_at >= moment)
        return sum((amount for held, amount in young if held == currency), ZERO)

    def may_bring(self, currency: str) -> Decimal:
        """What our resting orders may bring in of ``currency`` at most."""
        receipts = (order.receipt for order in self._orders.values())
        return sum((amount for got, amount in receipts if got == currency), ZERO)


def _flows(before: OwnOrder, after: OwnOrder, *, fee_is_known: bool) -> list[Flow]:
    filled, cost = after.filled - before.filled, after.cost - before.cost
    now = after.changed_at
    flows: list[Flow] = []
    if filled > 0 or cost > 0:
        # Nobody told the fee: it is taken from the quote at most places, and it is at most that.
        doubt = ZERO if fee_is_known else cost * after.fee_rate
        base_doubt = ZERO if fee_is_known else filled * after.fee_rate
        sign = ONE if after.side == "buy" else -ONE
        flows.append(Flow(after.base, sign * filled, now, base_doubt))
        flows.append(Flow(after.quote, -sign * cost - doubt, now, doubt))
    for currency, fee in after.fees.items():
        paid = fee - before.fees.get(currency, ZERO)
        if paid:
            flows.append(Flow(currency, -paid, now))
    return flows
