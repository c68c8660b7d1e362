"""What can be said of arbitrages in the past tense."""

from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.events import Event


@dataclass(frozen=True, slots=True)
class OpportunityDenied(Event):
    """An opportunity was not taken; nothing is reserved."""

    denial: ArbitrageDenied
    opportunity: Opportunity


@dataclass(frozen=True, slots=True)
class ArbitrageFinished(Event):
    """An arbitrage, or the order of an exposure, has ended. Amounts in base currency."""

    number: int
    kind: ArbitrageKind
    state: ArbitrageState
    bought: Decimal
    sold: Decimal


@dataclass(frozen=True, slots=True)
class LegsSent(Event):
    """Both legs have been sent: how long after the plan, and how far apart from each other."""

    number: int
    trigger_to_order_seconds: float
    skew_seconds: float


@dataclass(frozen=True, slots=True)
class LegUnresolved(Event):
    """The outcome of an order is unknown after its time; it is looked up in every loop."""

    number: int
    venue: str
    pair: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class HoldingChanged(Event):
    """Shares of an outcome are final, paid, void or never were."""

    holding: Holding


@dataclass(frozen=True, slots=True)
class UnhedgedOpened(Event):
    """One leg did more than the other."""

    exposure: Exposure


@dataclass(frozen=True, slots=True)
class UnhedgedFound(Event):
    """At the start: an earlier run has left it. Said again, for its end may have been too early."""

    exposure: Exposure


@dataclass(frozen=True, slots=True)
class UnhedgedClosed(Event):
    """It is hedged again, or (``is_by_hand``) the user has taken care of it."""

    exposure: Exposure
    is_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class BreakerTripped(Event):
    """Too many arbitrages of an account ended badly: none begins. Said again at the start."""

    account: str
    why: str


@dataclass(frozen=True, slots=True)
class BreakerResumed(Event):
    """``arbitrages resume``: they begin again."""

    account: str
