"""``Venue``: all that two legs need of an exchange. Write one for an exchange that ccxt lacks.

A venue is used by one thread at a time per ``queue`` (an API key), never by two: requests of one
key leave in the order in which they were made. Two venues with two keys are used at the same time,
each from a thread of its own. A venue with ``send`` is given its orders in the engine's loop, where
an order leaves without waiting for a thread; ``AsyncVenue`` is one that lives there altogether.

The one promise that everything rests on: ``place`` raises ``OrderRejected`` only if the exchange
certainly does not have the order. Whatever else it raises means that the outcome is unknown, and
``look_up`` is asked before anything is decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, Self, runtime_checkable

from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.money import ZERO, exact, round_down, round_up, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound, Uncertain
from freqtrade_balance_guard.orders.terms import Purpose, Report, Terms, read_report, spot_terms


# What a venue is written with.
__all__ = [
    "GOOD_TILL_CANCELLED",
    "KeepsConnections",
    "LegOrder",
    "LookUp",
    "MarketRules",
    "NotFound",
    "OrderRejected",
    "PreparedOrder",
    "Price",
    "SendsInLoop",
    "Uncertain",
    "Venue",
    "VenueOrder",
    "expiry_of",
    "round_down",
    "round_up",
    "rounded_amount",
    "rounded_price",
    "sends_in_loop",
]


# Of an order that rests until it has filled or is cancelled.
GOOD_TILL_CANCELLED = "GTC"


class OrderRejected(BalanceGuardError):
    """The exchange certainly does not have this order, and never will. The message says why."""


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Says what an exchange takes on one pair.

    Steps and ``amount_min`` in base or, for the price, quote currency; ``cost_min`` in quote;
    ``taker_fee`` a share of the cost (0.004 is 0.4 %); ``is_fee_in_base``: a purchase pays it in
    the coin. A step of 0: the grid depends on the price, and ``Venue.round_price`` knows it.
    """

    amount_step: Decimal
    price_step: Decimal
    amount_min: Decimal = ZERO
    cost_min: Decimal = ZERO
    taker_fee: Decimal = ZERO
    is_fee_in_base: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """Says what an amount costs (or brings) in the order book now, in quote currency.

    ``best``: the first level; ``average``: over the amount; ``worst``: the last level touched.
    """

    best: Decimal
    average: Decimal
    worst: Decimal


@dataclass(frozen=True, slots=True)
class LegOrder:
    """Describes a limit order as it is stored before it leaves.

    Amount in base, price in quote currency; ``time_in_force``: IOC, FOK or GTC.
    """

    venue: str
    account: str
    pair: str
    side: Side
    amount: Decimal
    price: Decimal
    fee_rate: Decimal
    client_order_id: str
    made_at: datetime
    time_in_force: str = GOOD_TILL_CANCELLED
    is_fee_in_base: bool = False

    @property
    def base(self) -> str:
        return self.pair.partition("/")[0]

    @property
    def sign(self) -> int:
        """What a fill does to the coin that is held: +1 or -1."""
        return 1 if self.side == "buy" else -1

    @property
    def terms(self) -> Terms:
        """What the exchange keeps back for it: a buy its cost with the fee, a sell its coins."""
        return spot_terms(
            self.pair,
            self.side,
            Purpose.ENTRY,
            self.amount,
            self.price,
            is_market=False,
            fee_rate=self.fee_rate,
        )

    def as_json(self) -> dict[str, str]:
        """Return it for the store: amounts as text with all digits."""
        return {name: str(getattr(self, name)) for name in self.__slots__} | {
            "made_at": self.made_at.isoformat(),
            "is_fee_in_base": "yes" if self.is_fee_in_base else "",
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Self:
        """Make it from what ``as_json`` has returned, in this release or an earlier one."""
        numbers = {name: Decimal(stored[name]) for name in ("amount", "price", "fee_rate")}
        made_at = datetime.fromisoformat(stored["made_at"])
        values: dict[str, Any] = {**stored, **numbers, "made_at": made_at}
        values["is_fee_in_base"] = bool(stored.get("is_fee_in_base"))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """Holds what the exchange says of an order: all its fills so far.

    ``filled`` in base, ``cost`` in quote currency without fees; ``fees`` by currency, None where
    the exchange does not show them (then they are assumed at the taker's rate).
    """

    order_id: str
    is_open: bool
    filled: Decimal
    cost: Decimal
    fees: Mapping[str, Decimal] | None = None

    def report(self, order: LegOrder) -> Report:
        """Return the same in the ledger's words: what was used, what was received.

        :raises MoneyError: a number that is none
        """
        fees = [{"currency": name, "cost": cost} for name, cost in (self.fees or {}).items()]
        order_of_ccxt = {
            "id": self.order_id,
            "status": "open" if self.is_open else "closed",
            "filled": self.filled,
            "cost": self.cost,
            "fees": fees,
        }
        return read_report(order_of_ccxt, order.terms)

    @exact
    def coin(self, order: LegOrder) -> Decimal:
        """Return what its fills did to the coin that is held, after fees that were paid in it."""
        return order.sign * self.filled - (self.fees or {}).get(order.base, ZERO)

    def as_json(self) -> dict[str, Any]:
        """Return it for the store."""
        fees = None if self.fees is None else {name: str(fee) for name, fee in self.fees.items()}
        return {
            "order_id": self.order_id,
            "is_open": self.is_open,
            "filled": str(self.filled),
            "cost": str(self.cost),
            "fees": fees,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Make it from what ``as_json`` has returned."""
        fees = stored["fees"]
        return cls(
            order_id=stored["order_id"],
            is_open=stored["is_open"],
            filled=to_decimal(stored["filled"]),
            cost=to_decimal(stored["cost"]),
            fees=None if fees is None else {name: to_decimal(fee) for name, fee in fees.items()},
        )


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """An order as it will be sent; where it is signed already, sent again only byte for byte.

    ``order_id``: the venue's id, where it is known before anything is sent.
    """

    client_order_id: str
    payload: Mapping[str, Any]
    order_id: str | None = None


LookUp = VenueOrder | NotFound | Uncertain


class Venue(Protocol):
    """Trades on one account of one exchange. Every method may take its time and raise anything.

    ``expiry_seconds``, ``round_price`` and ``round_amount`` came after release 0.1; a venue without
    them is taken as one whose orders do not expire and whose grids are the steps of its rules.
    """

    @property
    def name(self) -> str:
        """Return the name that legs use."""

    @property
    def account(self) -> str:
        """Return the account in the ledger; venues that spend the same money have the same."""

    @property
    def queue(self) -> str:
        """Return a name of the API key. Requests with the same name go one after the other."""

    @property
    def late_seconds(self) -> float:
        """Return how long after ``place`` ended its request may usually still arrive.

        Until then "not found" says nothing.
        """

    @property
    def expiry_seconds(self) -> float | None:
        """Return how long after ``place`` ended the exchange still takes its request.

        After that "not found" proves that the order does not exist. None: the exchange sets no
        limit, so nothing proves it.
        """

    def new_id(self) -> str:
        """Return a client order id that no other order has, and that the exchange takes."""

    def rules(self, pair: str) -> MarketRules:
        """Return what the exchange takes, from memory; no request.

        :raises LookupError: it has no such market, or it is closed
        """

    def round_price(self, pair: str, side: Side, price: Decimal) -> Decimal:
        """Return the nearest price on the grid that is no worse for ``side``; no request."""

    def round_amount(self, pair: str, amount: Decimal) -> Decimal:
        """Return the largest amount on the grid that is not above ``amount``; no request."""

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        """Return bids and asks, the best first; each a price in quote and an amount in base."""

    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        """Return what ``amount`` can be had for now.

        :raises LookupError: the order book is empty, or not deep enough
        """

    def balances(self) -> Mapping[str, Decimal]:
        """Return what is free, by currency; complete and just read from the exchange."""

    def check(self, order: LegOrder) -> None:
        """Check an order right before anything is sent; no request.

        :raises OrderRejected: it cannot be sent (a bad market, an id that is not legal)
        """

    def place(self, order: LegOrder) -> VenueOrder:
        """Send a limit order, once. No balance is checked here: the order has its reservation.

        :raises OrderRejected: the exchange certainly does not have it
        """

    def cancel(self, order: LegOrder, order_id: str) -> None:
        """Ask the exchange to end it. The answer is not believed: it is looked up afterwards."""

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        """Return the order as it is, by its client order id, or the exchange's id where known."""


@runtime_checkable
class SendsInLoop(Protocol):
    """A venue whose orders leave from the engine's loop: ``send`` instead of ``place``."""

    def prepare(self, order: LegOrder) -> PreparedOrder:
        """Make all of the request that the moment of sending does not change; no request.

        The same order gives the same: what is stored of it is enough to make it once more.

        :raises OrderRejected: the exchange would make another order of it
        """

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        """Send it, once, with the promises of ``place``. Nothing here may hold the loop up."""


@runtime_checkable
class KeepsConnections(Protocol):
    """A venue with connections in the engine's loop that an order must not wait for."""

    async def keep_warm(self) -> None:
        """Use them if they were not used lately; called every few seconds."""

    async def close_connections(self) -> None:
        """End them."""


def sends_in_loop(venue: object) -> bool:
    """Return whether the engine's loop sends its orders now; a dry-run may have no ``send``."""
    return isinstance(venue, SendsInLoop) and bool(getattr(venue, "is_sending_in_loop", True))


def expiry_of(venue: Venue) -> float | None:
    """Return ``venue.expiry_seconds``; None for a venue that was written for release 0.1."""
    return getattr(venue, "expiry_seconds", None)


def rounded_price(venue: Venue, pair: str, side: Side, price: Decimal) -> Decimal:
    """Return ``venue.round_price``, or its price step's for a venue of release 0.1."""
    if hasattr(venue, "round_price"):
        return venue.round_price(pair, side, price)
    step = venue.rules(pair).price_step
    return round_down(price, step) if side == "buy" else round_up(price, step)


def rounded_amount(venue: Venue, pair: str, amount: Decimal) -> Decimal:
    """Return ``venue.round_amount``, or its amount step's for a venue of release 0.1."""
    if hasattr(venue, "round_amount"):
        return venue.round_amount(pair, amount)
    return round_down(amount, venue.rules(pair).amount_step)
