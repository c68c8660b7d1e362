"""Puts every order of a live or dry-run bot under the ledger: builds the parts, connects them."""

import time
from decimal import Decimal
from functools import partial
from typing import Any

from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade

from freqtrade_balance_guard.balances.store import BelievedBalances
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage.build import build_arbitrage, wants_arbitrage
from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
from freqtrade_balance_guard.integration.bot.account_move import move_earlier_account
from freqtrade_balance_guard.integration.bot.guarded_bot import BotParts
from freqtrade_balance_guard.integration.bot.housekeeping import Housekeeping
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.market_rules import reload_markets_soon
from freqtrade_balance_guard.integration.exchange.order_query import OrderQuery
from freqtrade_balance_guard.integration.host.bot_identity import bot_identity
from freqtrade_balance_guard.integration.monitoring.start import start_monitoring
from freqtrade_balance_guard.integration.orders.guarded_exchange import (
    GuardedExchange,
    guarded_class,
)
from freqtrade_balance_guard.integration.orders.order_gateway import OrderGateway
from freqtrade_balance_guard.integration.orders.order_terms import proxy_coin
from freqtrade_balance_guard.integration.orders.order_tracker import OrderTracker
from freqtrade_balance_guard.integration.orders.orphan_orders import OrphanOrders
from freqtrade_balance_guard.integration.orders.position_watch import LivePositionWatch
from freqtrade_balance_guard.integration.rebalance.entry_locks import EntryLocks
from freqtrade_balance_guard.integration.rebalance.live_rebalance import LiveRebalancer
from freqtrade_balance_guard.integration.wallets.futures_balances import FuturesBalances
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.integration.wallets.live_balances import LiveBalances
from freqtrade_balance_guard.integration.wallets.open_trades import (
    OpenTrade,
    open_trades,
    owned_by_trades,
)
from freqtrade_balance_guard.integration.wallets.simulated_balances import SimulatedBalances
from freqtrade_balance_guard.ledger import LedgerUnavailable, ReservationLedger, open_ledger
from freqtrade_balance_guard.limits.controls import ControlName
from freqtrade_balance_guard.limits.margin_usage import MarginInUse, MarginUsage
from freqtrade_balance_guard.limits.rejections import RejectedBefore
from freqtrade_balance_guard.monitoring.commands import CommandBox
from freqtrade_balance_guard.monitoring.decisions import LastDecisions
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause
from freqtrade_balance_guard.monitoring.rebalance_view import RebalanceViews, Watch
from freqtrade_balance_guard.monitoring.stop_watch import StopWatch
from freqtrade_balance_guard.network.request_expiry import ExchangeClock, RequestExpiry
from freqtrade_balance_guard.orders.blocked_pairs import BlockedPairs
from freqtrade_balance_guard.orders.bot_loop import BotLoop
from freqtrade_balance_guard.orders.client_ids import ClientIds, tag_of
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.subscribers import BookOrders, MarginBookOrders
from freqtrade_balance_guard.rebalance.attempt_store import AttemptStore
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.state_paths import ledger_account, ledger_url, local_file


def build_live_bot(
    wallets: GuardedWallets,
    exchange: Exchange,
    settings: GuardSettings,
    hub: EventHub,
    clock: Clock,
) -> BotParts:
    """From now on no order of this bot leaves without an intent on disk.

    :raises OperationalException: the settings of the ledger or of a venue name what is not there
    """
    config, live = wallets._config, wallets.live
    ledger = _ledger(wallets, settings, hub, clock)
    client = GuardClient(exchange, clock) if live is None else live.reader.client
    waits = WaitBudget(clock) if live is None else live.waits
    expiry = RequestExpiry(str(exchange.id), exchange._api, clock)
    client.order_requests(waits)
    hub.subscribe(LastDecisions(local_file(config), ledger.account, ledger.bot, clock))
    start_monitoring(wallets, settings, ledger, hub, clock)
    ids = ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))
    registry = _registry(wallets, exchange, ledger, client, ids, waits, hub, clock)
    funding = _funding(wallets, registry, clock)
    watch = OrderTracker(wallets, registry)
    wallets.rebalancer = rebalancer = _rebalancer(wallets, registry, clock)
    pause = _pause(wallets, ledger, clock)
    housekeeping = Housekeeping(
        wallets,
        registry,
        OrphanOrders(registry, client, settings.ledger.orphan_orders, clock),
        CommandBox(local_file(config)),
        rebalancer,
        EntryLocks(wallets, wallets.protections(), config, rebalancer),
        funding,
        pause,
        _exchange_clock(expiry, client, waits, config, clock),
        clock,
        config,
        str(getattr(exchange._api, "apiKey", None) or ""),
        LivePositionWatch(live, registry, clock) if isinstance(live, FuturesBalances) else None,
    )
    arbitrage = _arbitrage(wallets, settings, registry, funding, rebalancer, pause, clock)
    wallets.dry_run_changes = None if arbitrage is None else arbitrage.dry_run_changes
    _follow_open_orders(registry, watch)
    wallets.show_believed()
    # Last: whatever failed before, entries are denied and exits go freqtrade's own way.
    exchange.__class__ = guarded_class(type(exchange))
    assert isinstance(exchange, GuardedExchange)  # noqa: S101  for mypy: the line above did it
    gateway = OrderGateway(exchange, wallets, registry, funding, ids, client, expiry, arbitrage)
    exchange.put_guard(wallets, watch, gateway)
    loop = BotLoop(clock, waits)
    stops = StopWatch(hub, clock)
    parts = BotParts(
        wallets, loop, registry, housekeeping, rebalancer, arbitrage, pause, stops, hub, clock
    )
    _register_controls(parts, funding, gateway, exchange)
    return parts


def _arbitrage(
    wallets: GuardedWallets,
    settings: GuardSettings,
    registry: OrderRegistry,
    funding: EntryFunds,
    rebalancer: LiveRebalancer,
    pause: EntryPause,
    clock: Clock,
) -> ArbitrageLoop | None:
    """Return what two legs need, where the strategy is one of two legs."""
    strategy = wallets._guarded_strategy
    if not wants_arbitrage(strategy):
        return None
    return build_arbitrage(
        wallets,
        strategy,
        settings,
        registry,
        funding,
        rebalancer,
        lambda: pause.denial,
        registry.hub,
        clock,
    )


def _exchange_clock(
    expiry: RequestExpiry,
    client: GuardClient,
    waits: WaitBudget,
    config: dict[str, Any],
    clock: Clock,
) -> ExchangeClock:
    is_needed = expiry.needs_clock and not config["dry_run"]
    return ExchangeClock(is_needed, partial(client.measure_clock, expiry), waits, clock)


def _registry(
    wallets: GuardedWallets,
    exchange: Exchange,
    ledger: ReservationLedger,
    client: GuardClient,
    ids: ClientIds,
    waits: WaitBudget,
    hub: EventHub,
    clock: Clock,
) -> OrderRegistry:
    config = wallets._config
    return OrderRegistry(
        ledger,
        hub=hub,
        new_id=partial(ids.make, tag_of(ledger.bot)),
        ask=OrderQuery(exchange, client, clock),
        clock=clock,
        wait=time.sleep,
        is_margin=config.get("trading_mode", "spot") != "spot",
        proxy_coin=proxy_coin(exchange),
        waits=waits,
        blocked_pairs=BlockedPairs(local_file(config), ledger.account, ledger.bot),
    )


def _funding(wallets: GuardedWallets, registry: OrderRegistry, clock: Clock) -> EntryFunds:
    """What entries are paid from, connected to the book, the registry and the wallets."""
    live = wallets.live
    stake, is_dry_run = wallets.account.currency, bool(wallets._config["dry_run"])
    funding = EntryFunds(wallets, registry, stake, owned_by_trades, is_dry_run=is_dry_run)
    wallets.marks = funding
    if live is not None:
        live.marks = funding
        registry.other_bots = funding.other_bots
        registry.book = _book_orders(wallets, live, clock)
    elif wallets._config.get("dry_run"):
        believed = BelievedBalances(local_file(wallets._config), registry.ledger.account)
        wallets.simulated = SimulatedBalances(believed, funding.mark, clock)
    return funding


def _follow_open_orders(registry: OrderRegistry, watch: OrderTracker) -> None:
    """Before freqtrade looks at its open orders: what it learns of them is booked."""
    try:
        registry.catch_up()
    except LedgerUnavailable as error:
        registry.unavailable(error)
    for trade in Trade.get_open_trades():
        for order in trade.open_orders:
            watch.follow_known(order, trade.leverage, is_short=trade.is_short)


def _book_orders(wallets: GuardedWallets, live: LiveBalances, clock: Clock) -> BookOrders:
    def fee_of(pair: str) -> Decimal:
        return wallets.market_rules(pair).fee

    if not isinstance(live, FuturesBalances):
        return BookOrders(live.book, fee_of, clock, live.has_learnt)

    def position_of(pair: str) -> OpenTrade | None:
        return next(iter(open_trades(pair)), None)

    return MarginBookOrders(live.book, fee_of, clock, live.has_learnt, position_of)


def _pause(wallets: GuardedWallets, ledger: ReservationLedger, clock: Clock) -> EntryPause:
    pause = EntryPause(local_file(wallets._config), ledger.account, ledger.bot, clock)
    pause.refresh()
    return pause


def _register_controls(
    parts: BotParts, funding: EntryFunds, gateway: OrderGateway, exchange: Exchange
) -> None:
    """Every reason for which no entry is made now; ``ControlName`` has their order."""
    wallets = parts.wallets
    account, controls, live = wallets.account, wallets.controls, wallets.live
    rejections = wallets.rejections
    before = None
    if rejections is not None:
        before = RejectedBefore(
            rejections,
            wallets.market_rules,
            account.above_floor,
            partial(reload_markets_soon, exchange),
        )
    controls.register(ControlName.PAUSED, parts.pause)
    controls.register(ControlName.LEDGER, funding)
    controls.register(ControlName.SOLD_LATELY, parts.rebalancer)
    controls.register(ControlName.BALANCE_READABLE, live)
    controls.register(ControlName.BALANCE_CONFIRMED, None if live is None else account)
    controls.register(ControlName.REJECTED_BEFORE, before)
    controls.register(ControlName.MARGIN_USAGE, _margin_usage(wallets))
    controls.register(ControlName.POSITION, parts.housekeeping.positions)
    controls.register(ControlName.ORDER_UNRESOLVED, gateway)
    controls.register(ControlName.ARBITRAGE, parts.arbitrage)


def _margin_usage(wallets: GuardedWallets) -> MarginUsage | None:
    """Only in cross margin positions are paid from one purse."""
    live, guard = wallets.live, wallets.guard
    is_cross = str(wallets._config.get("margin_mode")) == "cross"
    if guard is None or not isinstance(live, FuturesBalances) or not is_cross:
        return None

    def in_use() -> MarginInUse | None:
        found = live.book.in_use()
        return None if found is None else MarginInUse(*found)

    return MarginUsage(in_use, guard.settings.futures.max_margin_usage, wallets.account.currency)


def _rebalancer(wallets: GuardedWallets, registry: OrderRegistry, clock: Clock) -> LiveRebalancer:
    config, ledger = wallets._config, registry.ledger
    path, account, bot = local_file(config), ledger.account, ledger.bot
    log = AttemptLog(AttemptStore(path, account), account, bot, clock)
    views = RebalanceViews(path, account, bot, clock)
    watch = Watch(views, clock, config["stake_currency"])
    return LiveRebalancer(wallets, log, registry, watch, clock, config)


def _ledger(
    wallets: GuardedWallets, settings: GuardSettings, hub: EventHub, clock: Clock
) -> ReservationLedger:
    config = wallets._config
    try:
        ledger = open_ledger(
            ledger_url(config, settings),
            bot=bot_identity(str(config.get("bot_name") or "freqtrade")),
            account=ledger_account(config, settings),
            clock=clock,
            reservation_timeout=float(settings.ledger.reservation_timeout),
            heartbeat_timeout=float(settings.ledger.heartbeat_timeout),
            hub=hub,
            debug_validation=settings.debug_validation,
            keep_days=float(settings.ledger.keep_days),
        )
    except SettingsError as error:
        raise OperationalException(f"balance_guard.{error}") from error
    move_earlier_account(ledger, config, settings)
    return ledger
