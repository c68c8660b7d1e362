"""What the gauges show: plain values, read by whoever knows the bot at the moment of a look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from freqtrade_balance_guard.money import ZERO, exact


@dataclass(frozen=True, slots=True)
class BalanceFigures:
    """One currency of one account. Amounts in ``currency``; None: not known.

    ``seen``: the exchange's last answer. ``age_seconds``: since the belief was read.
    """

    account: str
    currency: str
    total: Decimal | None = None
    free: Decimal | None = None
    used: Decimal | None = None
    reserved_own: Decimal | None = None
    reserved_others: Decimal | None = None
    floor: Decimal | None = None
    expected: Decimal | None = None
    available: Decimal | None = None
    seen: Decimal | None = None
    verdict: str | None = None
    age_seconds: float | None = None

    @property
    def kinds(self) -> dict[str, Decimal]:
        """The amounts that are known, by the label that they have in the metrics."""
        amounts = {
            "total": self.total,
            "free": self.free,
            "used": self.used,
            "reserved_own": self.reserved_own,
            "reserved_others": self.reserved_others,
            "floor": self.floor,
            "expected": self.expected,
            "available": self.available,
        }
        return {kind: amount for kind, amount in amounts.items() if amount is not None}

    @property
    @exact
    def utilization(self) -> Decimal | None:
        """The share of the total that orders hold or that is reserved; None without a total."""
        if self.total is None or self.used is None:
            return None
        if self.total <= ZERO:
            return ZERO
        reserved = (self.reserved_own or ZERO) + (self.reserved_others or ZERO)
        return (self.used + reserved) / self.total

    @property
    @exact
    def discrepancy(self) -> Decimal | None:
        """How far the exchange's last answer is from what is expected, as a share of that."""
        if self.seen is None or self.expected is None:
            return None
        if self.expected <= ZERO:
            return ZERO if self.seen <= ZERO else Decimal(1)
        return abs(self.seen - self.expected) / self.expected


@dataclass(frozen=True, slots=True)
class Figures:
    """All gauges of one bot. ``reservations``: number by state; ``unhedged``: value by venue."""

    balances: tuple[BalanceFigures, ...] = ()
    reservations: Mapping[str, int] = field(default_factory=dict)
    unhedged: Mapping[str, Decimal] = field(default_factory=dict)
    arbitrage_profit: Decimal = ZERO
    is_ledger_up: bool = True
    are_entries_paused: bool = False
