"""Facts in the past tense. The core states them; whoever listens counts, logs or shows them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all facts."""


@dataclass(frozen=True, slots=True)
class OrderDenied(Event):
    """We did not let an order out. Code, sentence and numbers as in ``limits.decision.Denied``."""

    pair: str
    code: str
    sentence: str
    numbers: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class StakeReduced(Event):
    """An entry was made smaller. Amounts in stake currency, before leverage."""

    pair: str
    wanted: Decimal
    granted: Decimal
    limit: str


@dataclass(frozen=True, slots=True)
class EntryApproved(Event):
    """An entry passed all limits. Stake in stake currency, before leverage."""

    pair: str
    stake: Decimal


@dataclass(frozen=True, slots=True)
class PartialExitReduced(Event):
    """A partial exit was made smaller so that the rest stays sellable. Amounts in base currency."""

    pair: str
    wanted: Decimal
    granted: Decimal


@dataclass(frozen=True, slots=True)
class BalanceRead(Event):
    """The exchange answered. ``reason``: why we asked; ``seconds``: how long it took."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BalanceServedFromCache(Event):
    """An entry was sized without asking. ``age_seconds``: since the answer was asked for."""

    age_seconds: float


@dataclass(frozen=True, slots=True)
class BalanceCacheMissed(Event):
    """An entry could not be sized on the last answer. ``reason``: why it had to be asked again."""

    reason: str


@dataclass(frozen=True, slots=True)
class BalanceUnreadable(Event):
    """There was no answer, or one that is none. ``read_for``: why we asked; ``seconds``: how long
    it took."""

    reason: str
    read_for: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BalanceRecovered(Event):
    """The balance is readable again."""


@dataclass(frozen=True, slots=True)
class BalanceChangedExternally(Event):
    """A deposit, withdrawal, reward or manual trade. Amounts in ``currency``."""

    currency: str
    amount: Decimal
    total: Decimal

    @property
    def guess(self) -> str:
        """What it may have been, by its direction."""
        if self.amount > 0:
            return "a deposit, reward or manual trade"
        return "a withdrawal or manual trade"


@dataclass(frozen=True, slots=True)
class ExitBackedOff(Event):
    """An exit was not tried in this loop: the exchange would only reject its size again."""

    pair: str


@dataclass(frozen=True, slots=True)
class StopMissing(Event):
    """The strategy wants a stop on the exchange, and a position has had none for ``seconds``."""

    trade_id: int
    pair: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StopRestored(Event):
    """A position that was reported as without a stop has one again, or is closed (``how``)."""

    trade_id: int
    pair: str
    how: str


@dataclass(frozen=True, slots=True)
class RebalanceEnded(Event):
    """All sales of a rebalance were tried. ``sold``: pairs with an accepted order; amounts in
    ``currency``."""

    reason: str
    currency: str
    available: Decimal
    expected: Decimal
    sold: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairsLocked(Event):
    """A protection of ours has locked ``pair`` ("*": all). ``lock``: freqtrade's row, as a dict."""

    pair: str
    reason: str
    lock: dict[str, object]


@dataclass(frozen=True, slots=True)
class PairsUnlocked(Event):
    """A lock of ours is lifted before its time."""

    pair: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoopEnded(Event):
    """One loop of the bot is over. ``seconds``: what the guard's housekeeping took of it."""

    seconds: float


T = TypeVar("T")
Listener = Callable[[Event], None]


class EventHub:
    """Hands each fact to every listener. A listener that fails is reported and never stops us."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def listener(self, kind: type[T]) -> T | None:
        """The first listener of a type; None where there is none."""
        return next((one for one in self._listeners if isinstance(one, kind)), None)

    def publish(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                # Counting and telling must never decide about an order.
                logger.exception("A listener failed on %s.", type(event).__name__)
