"""Builds what two legs need, for a strategy with the mixin ``ReservedArbitrage``."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import OperationalException

from freqtrade_balance_guard.arbitrage.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage.booking import ArbitrageBooking
from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import (
    CcxtVenue,
    DryWallet,
    make_venue,
)
from freqtrade_balance_guard.integration.arbitrage.inventory import Inventory
from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
from freqtrade_balance_guard.integration.arbitrage.messages import ArbitrageMessages
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.integration.arbitrage.quote_rates import QuoteRates
from freqtrade_balance_guard.integration.arbitrage.worker import ArbitrageWorker
from freqtrade_balance_guard.integration.exchange.shared_api_key import OwnConnection
from freqtrade_balance_guard.integration.rebalance.rebalancer import Rebalancer
from freqtrade_balance_guard.integration.wallets.entry_funds import EntryFunds
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE
from freqtrade_balance_guard.settings.state_paths import is_dry_run, key_fingerprint, local_file


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# A venue that could not be reached is tried again after this.
RETRY_SECONDS = 30.0
# The start waits so long for all venues together.
OPEN_SECONDS = 10.0


def wants_arbitrage(strategy: Any) -> bool:
    """Is it a strategy of two legs?"""
    return bool(getattr(strategy, "reserved_arbitrage_mixin", False))


def build_arbitrage(
    wallets: "GuardedWallets",
    strategy: Any,
    settings: GuardSettings,
    registry: OrderRegistry,
    funding: EntryFunds,
    rebalancer: Rebalancer,
    hub: EventHub,
    clock: Clock,
) -> ArbitrageLoop:
    """The parts, connected; ``begin`` starts their thread.

    :raises OperationalException: a venue's settings name what does not exist; or it is no spot bot
    """
    config, exchange, ledger = wallets._config, wallets._exchange, registry.ledger
    if config.get("trading_mode", "spot") != "spot":
        raise OperationalException(
            "ReservedArbitrage trades spot markets: set trading_mode to spot, or use another "
            "strategy."
        )
    thread = ArbitrageWorker()
    store = ArbitrageStore(local_file(config))
    rates = QuoteRates(exchange, config["stake_currency"], clock)
    venues = _Venues(settings, config, ledger, clock, strategy)
    connection: Any = exchange if is_dry_run(config) else OwnConnection(exchange, clock)
    bot_venue = _bot_venue(wallets, connection, ledger, clock)
    venues[BOT_VENUE] = bot_venue
    venues.open_all()
    inventory = Inventory(store, ledger.bot)
    # Another one: two threads would change each other's time-out.
    asking: Any = exchange if is_dry_run(config) else OwnConnection(exchange, clock)
    checks = Preconditions(
        *(wallets, registry, funding, rates, config, clock, asking),
        lambda: inventory.order_ids() | set(bot_venue._known_ids),
        rebalancer,
    )
    words = ArbitrageMessages(hub, _sender(strategy), config["stake_currency"])
    executor = TwoLegExecutor(
        ledger,
        venues,
        store,
        settings.arbitrage,
        hub=hub,
        clock=clock,
        wait=thread.pause,
        rates=rates,
        funds={BOT_VENUE: checks.funds},
        settle_seconds=float(settings.post_trade_refresh_window),
        is_with_trade=checks.is_with_trade,
        is_stopping=thread.stopping.is_set,
        is_wanted=lambda: thread.is_wanted,
        explain=checks.explained,
    )
    pairs = ArbitrageLoop(
        wallets,
        strategy,
        executor,
        thread,
        store,
        ArbitrageBooking(store, ledger.bot, clock),
        ArbitragePositions(
            *(store, ledger.bot, venues.get, rates.known, clock, config["stake_currency"]),
            *(words.say, hub),
        ),
        checks,
        words,
        inventory,
        settings.arbitrage,
        clock,
    )
    hub.subscribe(pairs.heard)
    return pairs


class _Venues(dict[str, Venue]):
    """By name. One that could not be reached at the start is tried again when it is asked for.

    That takes long: it happens in a thread of its own, and nobody waits for it.
    """

    def __init__(
        self,
        settings: GuardSettings,
        config: dict[str, Any],
        ledger: ReservationLedger,
        clock: Clock,
        strategy: Any,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._strategy = strategy
        self._not_before: dict[str, float] = {}
        self._opening: dict[str, threading.Thread] = {}
        self._wrong: OperationalException | None = None

    def open_all(self) -> None:
        """:raises OperationalException: a name that no exchange has"""
        ends = self._clock.monotonic() + OPEN_SECONDS
        for name in self._settings.venues:
            self._not_before[name] = 0.0
            self._begin(name)
        for name, opening in list(self._opening.items()):
            opening.join(max(ends - self._clock.monotonic(), 0.0))
            if opening.is_alive():
                logger.warning("The venue %s has not answered yet; the bot starts without.", name)
        if self._wrong is not None:
            raise self._wrong
        for name, venue in self._strategy.custom_venues().items():
            self[str(name).lower()] = venue

    def __missing__(self, name: str) -> Venue:
        if name in self._not_before and self._clock.monotonic() >= self._not_before[name]:
            self._begin(name)
        raise KeyError(name)

    def _begin(self, name: str) -> None:
        """Try to reach it, in a thread of its own."""
        known = self._opening.get(name)
        if known is None or not known.is_alive():
            self._opening[name] = threading.Thread(
                target=self._open, args=(name,), name=f"venue-{name}", daemon=True
            )
            self._opening[name].start()

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._not_before

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def _open(self, name: str) -> None:
        try:
            self[name] = make_venue(
                name,
                self._settings.venues[name],
                self._config,
                bot=self._ledger.bot,
                ledger=self._ledger,
                clock=self._clock,
            )
            self._not_before.pop(name, None)
        except OperationalException as error:
            self._not_before[name] = self._clock.monotonic() + RETRY_SECONDS
            self._wrong = OperationalException(f"balance_guard.venues.{name}: {error}")
        except Exception as error:
            self._not_before[name] = self._clock.monotonic() + RETRY_SECONDS
            logger.warning(
                "The venue %s cannot be reached (%s); it is tried again.", name, str(error)[:200]
            )


def _bot_venue(
    wallets: "GuardedWallets", connection: Any, ledger: ReservationLedger, clock: Clock
) -> CcxtVenue:
    """The bot's own exchange: its key, its account."""
    config = wallets._config
    wallet = DryWallet(ledger.account, ledger, {}) if is_dry_run(config) else None
    queue = key_fingerprint(config) or BOT_VENUE
    return CcxtVenue(BOT_VENUE, ledger.account, queue, connection, ledger.bot, clock, wallet)


def _sender(strategy: Any) -> Callable[[str], None]:
    """Messages leave with the loop's own, from whatever thread they come."""

    def send(text: str) -> None:
        if strategy.dp is not None:
            strategy.dp.send_msg(text, always_send=True)

    return send
