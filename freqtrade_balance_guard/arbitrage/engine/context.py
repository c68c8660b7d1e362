"""Holds what the executor and its helpers share: ledger, store, venues, funds, clock."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.planning.funds import VenueFunds
from freqtrade_balance_guard.arbitrage.planning.plan import Rates
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenied
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.threads.queues import KeyQueues
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import UnreadableBalance
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger
from freqtrade_balance_guard.money import ONE
from freqtrade_balance_guard.settings import ArbitrageSettings


# What may be spent on an account now, of these currencies.
ReadFunds = Callable[[Collection[str]], Mapping[str, Funds]]
# Likewise of one account (its name comes first), as of the last balance.
Believed = Callable[[str, Collection[str]], Mapping[str, Funds]]


@dataclass(frozen=True, slots=True)
class ArbitrageContext:
    """Bundles the parts of one bot's arbitrages; built once.

    ``funds``: by account. ``believed``: the same as of the last balance, without a request.
    ``wait`` sleeps so many seconds.
    ``is_with_trade``: the coin is a freqtrade trade's, and only freqtrade sells it.
    ``is_stopping``: the bot ends; what is not resolved is left to the next run.
    ``is_wanted``: other work waits; what is in progress can be followed later.
    ``known_rates``: the same as ``rates`` from memory, without a request.
    ``explain``: puts a denial for funds as the part that knows the account better would.
    """

    ledger: ReservationLedger
    venues: Mapping[str, Venue]
    funds: Mapping[str, ReadFunds]
    believed: Believed
    store: ArbitrageStore
    settings: ArbitrageSettings
    hub: EventHub
    clock: Clock
    wait: Callable[[float], None]
    rates: Rates
    known_rates: Rates
    queues: KeyQueues
    is_with_trade: Callable[[Exposure], bool]
    is_stopping: Callable[[], bool]
    is_wanted: Callable[[], bool]
    explain: Callable[[ArbitrageDenied], ArbitrageDenied]

    @property
    def bot(self) -> str:
        """The bot's name in the ledger."""
        return self.ledger.bot

    def rate(self, currency: str) -> Decimal:
        """Return stake currency per unit; 1 where it is unknown: no exposure is worth 0."""
        known = self.rates(currency)
        return ONE if known is None else known

    def known_rate(self, currency: str) -> Decimal:
        """Return the same as it is known, without a request."""
        known = self.known_rates(currency)
        return ONE if known is None else known


class AccountFunds(dict[str, ReadFunds]):
    """Says what may be spent on each account: one purse, whatever keys and venues use it.

    :param given: by account, who says it where that is not the balance of a venue of it
    :param believed: likewise, who says it without a request
    :param floors: currency -> what is never spent, on any account
    """

    def __init__(
        self,
        venues: Mapping[str, Venue],
        ledger: ReservationLedger,
        clock: Clock,
        given: Mapping[str, ReadFunds] | None,
        believed: Mapping[str, ReadFunds] | None,
        *,
        settle_seconds: float,
        floors: Mapping[str, Decimal] | None,
    ) -> None:
        super().__init__(given or {})
        self._believed = dict(believed or {})
        self._venues = venues
        self._ledger = ledger
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._floors = {name.upper(): amount for name, amount in (floors or {}).items()}

    def __missing__(self, account: str) -> ReadFunds:
        # A venue may have come later: it could not be reached at the start.
        venue = next(one for one in self._venues.values() if one.account == account)
        funds = VenueFunds(
            venue,
            self._ledger,
            self._clock,
            settle_seconds=self._settle_seconds,
            floors=self._floors,
        )
        self[account] = funds.read
        self._believed[account] = funds.believed
        return self[account]

    def believed(self, account: str, currencies: Collection[str]) -> Mapping[str, Funds]:
        """Return what may be spent as of the last balance; no request.

        :raises UnreadableBalance, LedgerUnavailable: it cannot be said
        """
        if account not in self._believed and account not in self:
            self.__missing__(account)
        known = self._believed.get(account)
        if known is None:
            raise UnreadableBalance(f"what is believed of {account} is not known")
        return known(currencies)
