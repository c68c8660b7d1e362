"""Orders and trades as plain records."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from freqtrade_balance_guard.sandbox.core.assets import ZERO


Side = Literal["buy", "sell"]
OrderType = Literal[
    "market", "limit", "stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit"
]
Status = Literal["open", "closed", "canceled", "expired"]
PositionSide = Literal["BOTH", "LONG", "SHORT"]

TRIGGERED_TYPES = frozenset({"stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit"})


class Reason(StrEnum):
    """Why the exchange rejects a request; each protocol has its own words for it."""

    INSUFFICIENT_FUNDS = "insufficient funds"
    ORDER_NOT_OPEN = "the order is not open"
    CLIENT_ID_TAKEN = "an open order has this client order id"
    AMOUNT_INVALID = "the amount is not a positive multiple of the step"
    AMOUNT_TOO_SMALL = "the amount is below the minimum"
    COST_TOO_SMALL = "the cost is below the minimum"
    PRICE_NOT_POSITIVE = "the price is not above zero"
    PRICE_TOO_PRECISE = "the price has too many decimals"
    PRICE_OFF_TICK = "the price is no multiple of the tick"
    WOULD_TAKE = "a post-only order would match at once"
    WOULD_TRIGGER = "a stop would trigger at once"
    MARGIN_TOO_SMALL = "insufficient margin"
    NOTHING_TO_REDUCE = "a reduce-only order has no position to reduce"
    POSITION_TOO_LARGE = "the position would exceed its leverage bracket"


class Rejected(Exception):
    """The exchange rejects a request; `symbol` and `decimals` where the words need them."""

    def __init__(self, reason: Reason, symbol: str = "", decimals: int = 0) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.symbol = symbol
        self.decimals = decimals


@dataclass(frozen=True)
class OrderRequest:
    """What a customer asks for, parsed and with the market's names resolved."""

    symbol: str
    side: Side
    order_type: OrderType
    amount: Decimal  # base; with `in_quote` the quote amount to spend
    price: Decimal | None = None  # limit price
    trigger: Decimal | None = None
    cl_ord_id: str | None = None
    userref: int | None = None
    time_in_force: Literal["GTC", "IOC", "FOK", "GTD"] = "GTC"
    expires_at: float | None = None  # unix seconds, for GTD
    post_only: bool = False
    in_quote: bool = False  # viqc
    fee_flag: Literal["fciq", "fcib"] | None = None  # None: the market's default
    reduce_only: bool = False  # contracts only
    position_side: PositionSide = "BOTH"  # contracts only


@dataclass(frozen=True)
class Trade:
    """One fill."""

    trade_id: str
    number: int
    order_id: str
    account: str
    symbol: str
    side: Side
    order_type: OrderType
    price: Decimal
    amount: Decimal  # base
    cost: Decimal  # quote
    fee: Decimal
    fee_currency: str
    maker: bool
    at: float
    realized: Decimal = ZERO  # contracts only: profit of what the fill closed
    position_side: PositionSide = "BOTH"
    symbol_number: int = 0  # counts the trades of one symbol


@dataclass
class Order:
    """An order from its acceptance to its end."""

    order_id: str
    account: str
    key: str
    request: OrderRequest
    amount: Decimal  # base
    fee_currency: str
    created_at: float
    symbol_number: int = 0  # counts the orders of one symbol
    updated_at: float = 0.0
    status: Status = "open"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    held: Decimal = ZERO
    held_currency: str = ""
    triggered: bool = False
    closed_at: float | None = None
    reason: str | None = None
    trades: list[Trade] = field(default_factory=list)
    # A fault may cap what fills by itself; the cap holds while that fault runs.
    fill_cap: Decimal | None = None
    capped_by: str | None = None

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.filled

    @property
    def is_open(self) -> bool:
        return self.status == "open"

    @property
    def waits_for_trigger(self) -> bool:
        return self.request.trigger is not None and not self.triggered

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO
