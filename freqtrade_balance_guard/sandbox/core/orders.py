"""Orders and trades as plain records."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.sandbox.core.assets import ZERO


Side = Literal["buy", "sell"]
OrderType = Literal[
    "market", "limit", "stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit"
]
Status = Literal["open", "closed", "canceled", "expired"]

TRIGGERED_TYPES = frozenset({"stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit"})


class Refused(Exception):
    """The exchange says no; the message is Kraken's error string."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


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
    time_in_force: Literal["GTC", "IOC", "GTD"] = "GTC"
    expires_at: float | None = None  # unix seconds, for GTD
    post_only: bool = False
    in_quote: bool = False  # viqc
    fee_flag: Literal["fciq", "fcib"] | None = None  # None: the market's default


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
