"""Orders, matches and their parts as plain records.

A price is the collateral for one share of the named outcome, between 0 and 1. Amounts are shares;
`budget`, `cost` and `fee` are collateral.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from freqtrade_balance_guard.sandbox.core.assets import ONE, ZERO


Side = Literal["buy", "sell"]
TimeInForce = Literal["GTC", "GTD", "IOC", "FOK"]
BetStatus = Literal["delayed", "live", "filled", "canceled", "expired"]
MatchStatus = Literal["matched", "final", "failed"]


class Reason(StrEnum):
    """Why the exchange rejects an order; each protocol has its own words for it."""

    INSUFFICIENT_FUNDS = "insufficient funds"
    DUPLICATE = "an order of this id was placed before"
    NOT_FOUND = "no such order"
    NOT_OPEN = "the order is not open"
    MARKET_UNKNOWN = "no such market"
    MARKET_CLOSED = "the market does not trade"
    PRICE_OUT_OF_RANGE = "the price is not between the first tick and the last"
    PRICE_OFF_TICK = "the price is no multiple of the tick"
    AMOUNT_INVALID = "the amount is not a positive multiple of the step"
    AMOUNT_TOO_SMALL = "the amount is below the minimum"
    COST_TOO_SMALL = "the cost is below the minimum"
    NOT_FILLABLE = "a fill-or-kill order could not be filled whole"
    NO_MATCH = "nothing to match with"
    EXPIRY_PASSED = "the order's expiry has passed"
    WOULD_TAKE = "a post-only order would match at once"


class BetRejected(Exception):
    """The exchange rejects a request."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Bet:
    """What a customer asks for, with the market's names resolved.

    With a `budget` an order to buy spends money: at better prices it gets more shares, and `shares`
    is the least that it gets.
    """

    market: str
    outcome: int  # 0 or 1
    side: Side
    limit: Decimal
    shares: Decimal
    budget: Decimal | None = None
    time_in_force: TimeInForce = "GTC"
    expires_at: float | None = None
    post_only: bool = False
    order_id: str | None = None  # where the protocol derives it from what was signed
    client_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)  # as it was sent

    @property
    def rests(self) -> bool:
        return self.time_in_force in ("GTC", "GTD")


@dataclass
class Part:
    """One customer's side of a match."""

    order_id: str
    account: str
    outcome: int
    side: Side
    price: Decimal
    shares: Decimal
    cost: Decimal
    fee: Decimal
    is_maker: bool
    held: Decimal = ZERO  # collateral or shares that wait for the settlement

    @property
    def paid(self) -> Decimal:
        """What a purchase takes from the account."""
        return self.cost + self.fee


@dataclass
class Match:
    """One execution. It is final, or fails, some time after it was made."""

    match_id: str
    number: int
    market: str
    taker: Part
    maker: Part | None  # None: the market maker
    at: float
    settles_at: float
    status: MatchStatus = "matched"
    updated_at: float = 0.0

    @property
    def parts(self) -> list[Part]:
        return [self.taker] if self.maker is None else [self.taker, self.maker]


@dataclass
class BetOrder:
    """An order from its acceptance to its end."""

    order_id: str
    number: int
    account: str
    key: str
    bet: Bet
    created_at: float
    status: BetStatus = "live"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    held: Decimal = ZERO  # for what may still fill
    reason: str | None = None
    updated_at: float = 0.0
    delayed_until: float | None = None
    matches: list[Match] = field(default_factory=list)
    rounding: Decimal = ZERO  # Kalshi: overpaid by rounding, and not paid back yet
    cap: Decimal | None = None  # a fault limits what fills by itself
    capped_by: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("live", "delayed")

    @property
    def remaining(self) -> Decimal:
        """Shares that may still fill at the limit."""
        if self.bet.budget is not None:
            return (self.bet.budget - self.cost) / self.bet.limit
        return self.bet.shares - self.filled

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO


def complement(price: Decimal) -> Decimal:
    """The price of the other outcome."""
    return ONE - price
