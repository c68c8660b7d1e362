"""Holds what comes back when an opportunity is tried: values, distinguished by their type."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.money import ZERO, format_amount


class ArbitrageDenialCode(StrEnum):
    """Names why no arbitrage was started: stable, counted, shown and documented."""

    UNKNOWN_VENUE = "unknown_venue"
    # What freqtrade could not make a trade of now.
    NOT_IN_WHITELIST = "not_in_whitelist"
    ALREADY_OPEN = "already_open"
    PAIR_LOCKED = "pair_locked"
    NO_SLOT = "no_slot"
    PAUSED = "paused"
    PRICE_CLAMP = "price_clamp"
    ARBITRAGE_IN_PROGRESS = "arbitrage_in_progress"
    JUST_FAILED = "just_failed"
    ORDER_UNRESOLVED = "order_unresolved"
    REBALANCE_COOLDOWN = "rebalance_cooldown"
    UNHEDGED = "unhedged"
    BREAKER = "breaker"
    MARKET_UNREADABLE = "market_unreadable"
    BALANCE_UNREADABLE = "balance_unreadable"
    BELOW_MINIMUM = "below_minimum"
    BELOW_INVENTORY = "below_inventory"
    PRICE_MOVED = "price_moved"
    NO_RATE = "no_rate"
    NOT_WORTH_IT = "not_worth_it"
    # Complements on prediction markets.
    EVENT_NOT_MAPPED = "event_not_mapped"
    NO_COMPLEMENT = "no_complement"
    RESOLUTION_NOT_CHECKED = "resolution_not_checked"
    EVENT_CLOSED = "event_closed"
    INSUFFICIENT_AVAILABLE = "insufficient_available"
    RESERVED_BY_OTHERS = "reserved_by_others"
    BALANCE_LAGGING = "balance_lagging"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    GUARD_ERROR = "guard_error"


@dataclass(frozen=True, slots=True)
class ArbitrageDenied:
    """Nothing is reserved and nothing was sent. ``venue``: which one is to blame, if one is;
    ``currency``: of what there is too little."""

    code: ArbitrageDenialCode
    sentence: str
    venue: str | None = None
    numbers: dict[str, Decimal] = field(default_factory=dict)
    currency: str | None = None

    def __str__(self) -> str:
        details = ", ".join(f"{name}={format_amount(n)}" for name, n in self.numbers.items())
        return f"{self.sentence} [{self.code}{': ' + details if details else ''}]"


@dataclass(frozen=True, slots=True)
class ArbitrageEnded:
    """Both legs have ended. Amounts in base currency; ``exposure``: what is left of it, if any."""

    number: int
    state: ArbitrageState
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    exposure: Exposure | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ArbitrageUnresolved:
    """Says that the outcome of a leg is unknown; ``work`` goes on asking, nothing is sent."""

    number: int
    sentence: str


ArbitrageResult = ArbitrageEnded | ArbitrageUnresolved | ArbitrageDenied
