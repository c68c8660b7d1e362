"""What the executor and its helpers share: the books, the venues, the clock."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.funds import VenuePurse
from freqtrade_balance_guard.arbitrage.plan import Rates
from freqtrade_balance_guard.arbitrage.queues import KeyQueues
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenied
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger
from freqtrade_balance_guard.money import ONE
from freqtrade_balance_guard.settings import ArbitrageSettings


# What may be spent on a venue now, of these currencies.
ReadFunds = Callable[[Collection[str]], Mapping[str, Funds]]


@dataclass(frozen=True, slots=True)
class Parts:
    """Built once per bot. ``wait`` sleeps so many seconds.

    ``is_with_trade``: the coin is a freqtrade trade's, and only freqtrade sells it.
    ``is_stopping``: the bot ends; what is not resolved is left to the next run.
    ``is_wanted``: something else is to be done; what goes on can be followed later.
    ``explain``: a refusal for funds, as whoever knows the account better would put it.
    """

    ledger: ReservationLedger
    venues: Mapping[str, Venue]
    funds: Mapping[str, ReadFunds]
    store: ArbitrageStore
    settings: ArbitrageSettings
    hub: EventHub
    clock: Clock
    wait: Callable[[float], None]
    rates: Rates
    queues: KeyQueues
    is_with_trade: Callable[[Exposure], bool]
    is_stopping: Callable[[], bool]
    is_wanted: Callable[[], bool]
    explain: Callable[[ArbitrageDenied], ArbitrageDenied]

    @property
    def bot(self) -> str:
        return self.ledger.bot

    def rate(self, currency: str) -> Decimal:
        """Stake currency per unit; 1 where nobody knows, so that an exposure is never worth 0."""
        known = self.rates(currency)
        return ONE if known is None else known


class VenueFunds(dict[str, ReadFunds]):
    """For each venue who says what may be spent: whoever was given, else its own balance."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        ledger: ReservationLedger,
        clock: Clock,
        given: Mapping[str, ReadFunds],
        settle_seconds: float,
    ) -> None:
        super().__init__(given)
        self._venues = venues
        self._ledger = ledger
        self._clock = clock
        self._settle_seconds = settle_seconds

    def __missing__(self, name: str) -> ReadFunds:
        # A venue may have come later: it could not be reached at the start.
        purse = VenuePurse(
            self._venues[name], self._ledger, self._clock, settle_seconds=self._settle_seconds
        )
        self[name] = purse.read
        return self[name]
