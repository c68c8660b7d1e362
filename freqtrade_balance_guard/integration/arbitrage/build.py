"""Builds what two legs need, for a strategy with the mixin ``ReservedArbitrage``."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import OperationalException

from freqtrade_balance_guard.arbitrage.booked.inventory import Inventory
from freqtrade_balance_guard.arbitrage.booked.messages import ArbitrageMessages
from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap
from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.arbitrage.planning.quote_rates import QuoteRates
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.store.holdings import paid_to
from freqtrade_balance_guard.arbitrage.threads.worker import ArbitrageWorker
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage.booking import ArbitrageBooking
from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import CcxtVenue
from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.integration.arbitrage.public_client import PublicBooks
from freqtrade_balance_guard.integration.arbitrage.streaming import Streaming
from freqtrade_balance_guard.integration.arbitrage.venues import Venues, queue_of
from freqtrade_balance_guard.integration.exchange.rates import DOLLAR_COINS
from freqtrade_balance_guard.integration.exchange.shared_api_key import OwnConnection
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.rebalance.rebalancer import Rebalancer
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE
from freqtrade_balance_guard.settings.state_paths import is_dry_run, local_file


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


def wants_arbitrage(strategy: Any) -> bool:
    """Return whether it is a strategy of two legs."""
    return bool(getattr(strategy, "reserved_arbitrage_mixin", False))


def build_arbitrage(
    wallets: "GuardedWallets",
    strategy: Any,
    settings: GuardSettings,
    registry: OrderRegistry,
    funding: EntryFunds,
    rebalancer: Rebalancer,
    paused: Callable[[], str | None],
    hub: EventHub,
    clock: Clock,
) -> ArbitrageLoop:
    """Return the parts, connected; ``begin`` starts their thread.

    :raises OperationalException: a venue's settings name what does not exist; or it is no spot bot
    """
    config, exchange, ledger = wallets._config, wallets._exchange, registry.ledger
    _check_is_spot(config)
    worker = ArbitrageWorker()
    store = ArbitrageStore(local_file(config), ledger.account)
    rates = QuoteRates(PublicBooks(exchange), config["stake_currency"], clock, DOLLAR_COINS)
    venues = Venues(settings, config, ledger, clock, strategy, partial(_paid, store))
    connection: Any = exchange if is_dry_run(config) else OwnConnection(exchange, clock)
    bot_venue = venues[BOT_VENUE] = _bot_venue(wallets, connection, ledger, clock)
    venues.open_all()
    inventory = Inventory(store, ledger.bot)
    preconditions = Preconditions(
        wallets,
        registry,
        funding,
        rates,
        config,
        clock,
        lambda: inventory.order_ids() | set(bot_venue._known_ids),
        rebalancer,
    )
    messages = ArbitrageMessages(hub, _sender(strategy), config["stake_currency"])
    executor = _executor(settings, ledger, venues, store, worker, rates, preconditions, hub, clock)
    positions = _positions(
        executor, venues, store, rates, messages, config, bot=ledger.bot, hub=hub, clock=clock
    )
    streaming = _streaming(strategy, executor, preconditions, settings, config, clock, paused)
    booking = ArbitrageBooking(store, ledger.bot, clock)
    arbitrages = ArbitrageLoop(
        wallets,
        strategy,
        executor,
        worker,
        store,
        booking,
        positions,
        preconditions,
        messages,
        streaming,
        inventory,
        settings.arbitrage,
        clock,
        registry.waits,
    )
    hub.subscribe(arbitrages.heard)
    return arbitrages


def _paid(store: ArbitrageStore, account: str) -> dict[str, Decimal]:
    """Return what an account was paid for shares, by currency."""
    return paid_to(store.all_holdings(), account)


def _streaming(
    strategy: Any,
    executor: TwoLegExecutor,
    preconditions: Preconditions,
    settings: GuardSettings,
    config: dict[str, Any],
    clock: Clock,
    paused: Callable[[], str | None],
) -> Streaming:
    return Streaming(
        strategy,
        executor,
        preconditions,
        settings.arbitrage,
        config,
        clock,
        paused,
        is_checked=settings.debug_validation,
    )


def _check_is_spot(config: dict[str, Any]) -> None:
    if config.get("trading_mode", "spot") != "spot":
        raise OperationalException(
            "ReservedArbitrage trades spot markets: set trading_mode to spot, or use another "
            "strategy."
        )


def _executor(
    settings: GuardSettings,
    ledger: ReservationLedger,
    venues: Venues,
    store: ArbitrageStore,
    worker: ArbitrageWorker,
    rates: QuoteRates,
    preconditions: Preconditions,
    hub: EventHub,
    clock: Clock,
) -> TwoLegExecutor:
    return TwoLegExecutor(
        ledger,
        venues,
        store,
        settings.arbitrage,
        hub=hub,
        clock=clock,
        wait=worker.pause,
        rates=rates,
        known_rates=rates.known,
        funds={ledger.account: preconditions.funds},
        believed={ledger.account: preconditions.believed},
        floors=settings.reserve_balance,
        settle_seconds=float(settings.post_trade_refresh_window),
        is_with_trade=preconditions.is_with_trade,
        is_stopping=worker.stopping.is_set,
        is_wanted=lambda: worker.is_wanted,
        explain=preconditions.explained,
        events=EventMap(settings.events),
        loop=venues.loop,
    )


def _positions(
    executor: TwoLegExecutor,
    venues: Venues,
    store: ArbitrageStore,
    rates: QuoteRates,
    messages: ArbitrageMessages,
    config: dict[str, Any],
    *,
    bot: str,
    hub: EventHub,
    clock: Clock,
) -> ArbitragePositions:
    return ArbitragePositions(
        store=store,
        bot=bot,
        venues=venues.get,
        rates=rates.known,
        clock=clock,
        stake_currency=config["stake_currency"],
        say=messages.say,
        hub=hub,
        dead_bots=lambda: executor.dead_bots,
    )


def _bot_venue(
    wallets: "GuardedWallets", connection: Any, ledger: ReservationLedger, clock: Clock
) -> CcxtVenue:
    """Return the bot's own exchange: its key, its account."""
    config = wallets._config
    wallet = DryWallet(ledger.account, ledger, {}) if is_dry_run(config) else None
    queue = queue_of(wallets._exchange) or BOT_VENUE
    return CcxtVenue(BOT_VENUE, ledger.account, queue, connection, ledger.bot, clock, wallet)


def _sender(strategy: Any) -> Callable[[str], None]:
    """Return what sends a message with the loop's own, from any thread."""

    def send(text: str) -> None:
        if strategy.dp is not None:
            strategy.dp.send_msg(text, always_send=True)

    return send
