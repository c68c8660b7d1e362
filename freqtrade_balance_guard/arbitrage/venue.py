"""``Venue``: all that two legs need of an exchange. Write one for an exchange that ccxt lacks.

A venue is used from one thread at a time per ``queue`` (an API key), never from two: requests of
one key leave in the order in which they were made. Two venues with two keys are used at the same
time, each from a thread of its own.

The one promise that everything rests on: ``place`` raises ``OrderRejected`` only if the exchange
certainly does not have the order. Whatever else it raises means that nobody knows, and ``look_up``
is asked before anything is decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, Self

from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound, Uncertain
from freqtrade_balance_guard.orders.terms import Purpose, Report, Terms, read_report, spot_terms


class OrderRejected(BalanceGuardError):
    """The exchange certainly does not have this order, and never will. The message says why."""


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What an exchange takes on one pair.

    Steps and ``amount_min`` in base or, for the price, quote currency; ``cost_min`` in quote;
    ``taker_fee`` a share of the cost (0.004 is 0.4 %).
    """

    amount_step: Decimal
    price_step: Decimal
    amount_min: Decimal = ZERO
    cost_min: Decimal = ZERO
    taker_fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Price:
    """What an amount costs (or brings) in the order book now, in quote currency.

    ``best``: the first level; ``average``: over the amount; ``worst``: the last level touched.
    """

    best: Decimal
    average: Decimal
    worst: Decimal


@dataclass(frozen=True, slots=True)
class LegOrder:
    """A limit order as it is stored before it leaves. Amount in base, price in quote currency."""

    venue: str
    account: str
    pair: str
    side: Side
    amount: Decimal
    price: Decimal
    fee_rate: Decimal
    client_order_id: str
    made_at: datetime

    @property
    def sign(self) -> int:
        """What a fill does to the coin that is held: +1 or -1."""
        return 1 if self.side == "buy" else -1

    @property
    def terms(self) -> Terms:
        """What the exchange keeps back for it: a buy its cost with the fee, a sell its coins."""
        return spot_terms(
            *(self.pair, self.side, Purpose.ENTRY, self.amount, self.price),
            is_market=False,
            fee_rate=self.fee_rate,
        )

    def as_json(self) -> dict[str, str]:
        """For the store: amounts as text with all digits."""
        return {name: str(getattr(self, name)) for name in self.__slots__} | {
            "made_at": self.made_at.isoformat()
        }

    @classmethod
    def from_json(cls, told: Mapping[str, str]) -> Self:
        numbers = {name: Decimal(told[name]) for name in ("amount", "price", "fee_rate")}
        made_at = datetime.fromisoformat(told["made_at"])
        values: dict[str, Any] = {**told, **numbers, "made_at": made_at}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """What the exchange says of an order: all its fills so far.

    ``filled`` in base, ``cost`` in quote currency without fees; ``fees`` by currency, None where
    the exchange does not tell them (then they are assumed at the taker's rate).
    """

    order_id: str
    is_open: bool
    filled: Decimal
    cost: Decimal
    fees: Mapping[str, Decimal] | None = None

    def report(self, order: LegOrder) -> Report:
        """The same in the ledger's words: what was used, what was received.

        :raises MoneyError: a number that is none
        """
        fees = [{"currency": name, "cost": cost} for name, cost in (self.fees or {}).items()]
        told = {
            "id": self.order_id,
            "status": "open" if self.is_open else "closed",
            "filled": self.filled,
            "cost": self.cost,
            "fees": fees,
        }
        return read_report(told, order.terms)

    def as_json(self) -> dict[str, Any]:
        fees = None if self.fees is None else {name: str(fee) for name, fee in self.fees.items()}
        return {
            "order_id": self.order_id,
            "is_open": self.is_open,
            "filled": str(self.filled),
            "cost": str(self.cost),
            "fees": fees,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        fees = told["fees"]
        return cls(
            order_id=told["order_id"],
            is_open=told["is_open"],
            filled=to_decimal(told["filled"]),
            cost=to_decimal(told["cost"]),
            fees=None if fees is None else {name: to_decimal(fee) for name, fee in fees.items()},
        )


LookUp = VenueOrder | NotFound | Uncertain


class Venue(Protocol):
    """One account on one exchange. Every method may take its time and may raise anything."""

    @property
    def name(self) -> str:
        """As legs name it."""

    @property
    def account(self) -> str:
        """The account in the ledger; venues that spend the same money have the same."""

    @property
    def queue(self) -> str:
        """Names the API key. Requests with the same name go one after the other."""

    @property
    def late_seconds(self) -> float:
        """How long after a request was sent it may still reach the exchange.

        Until then "not found" does not prove that an order does not exist.
        """

    def new_id(self) -> str:
        """A client order id that no other order has, and that the exchange takes."""

    def rules(self, pair: str) -> MarketRules:
        """:raises LookupError: it has no such market, or it is closed"""

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        """Bids and asks, the best first; each a price in quote and an amount in base currency."""

    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        """What ``amount`` can be had for now.

        :raises LookupError: the order book is empty, or not deep enough
        """

    def balances(self) -> Mapping[str, Decimal]:
        """What is free, by currency; complete and just read from the exchange."""

    def check(self, order: LegOrder) -> None:
        """A last look before anything is sent; no request.

        :raises OrderRejected: it cannot be sent (a bad market, an id that is not legal)
        """

    def place(self, order: LegOrder) -> VenueOrder:
        """Send a limit order, once. No balance is checked here: the order has its reservation.

        :raises OrderRejected: the exchange certainly does not have it
        """

    def cancel(self, order: LegOrder, order_id: str) -> None:
        """Ask the exchange to end it. What it says is not believed: it is looked up afterwards."""

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        """The order as it is now, by its client order id, or by the exchange's id where known."""
