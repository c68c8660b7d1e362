"""Puts every order of a live or dry-run bot under the ledger: builds the parts, connects them."""

import time
from functools import partial

from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.asking import Asker
from freqtrade_balance_guard.integration.duties import Duties
from freqtrade_balance_guard.integration.exchange import GuardedExchange, guarded_class
from freqtrade_balance_guard.integration.files import ledger_account, ledger_url, local_file
from freqtrade_balance_guard.integration.funding import Funding
from freqtrade_balance_guard.integration.identity import bot_identity
from freqtrade_balance_guard.integration.live_rebalance import LiveRebalancer
from freqtrade_balance_guard.integration.locks import Locks
from freqtrade_balance_guard.integration.order_watch import OrderWatch
from freqtrade_balance_guard.integration.ordering import Ordering
from freqtrade_balance_guard.integration.orphans import Orphans
from freqtrade_balance_guard.integration.outlook import Watch
from freqtrade_balance_guard.integration.pairs_start import start_pairs, wants_pairs
from freqtrade_balance_guard.integration.wallets import GuardedWallets
from freqtrade_balance_guard.ledger import LedgerUnavailable, ReservationLedger, open_ledger
from freqtrade_balance_guard.monitoring.commands import CommandBox
from freqtrade_balance_guard.monitoring.decisions import LastDecisions
from freqtrade_balance_guard.monitoring.rebalance_view import RebalanceViews
from freqtrade_balance_guard.orders.client_ids import ClientIds, tag_of
from freqtrade_balance_guard.orders.desk import OrderDesk
from freqtrade_balance_guard.rebalance.attempt_store import AttemptStore
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.settings import GuardSettings


def put_under_the_ledger(
    wallets: GuardedWallets,
    exchange: Exchange,
    settings: GuardSettings,
    hub: EventHub,
    clock: Clock,
) -> None:
    """From now on no order of this bot leaves without an intent on disk.

    :raises OperationalException: the settings of the ledger or of a venue name what is not there
    """
    config = wallets._config
    try:
        ledger = _ledger(wallets, settings, hub, clock)
    except SettingsError as error:
        raise OperationalException(f"balance_guard.{error}") from error
    account = ledger.account
    hub.subscribe(LastDecisions(local_file(config), account, ledger.bot, clock))
    ids = ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))
    desk = OrderDesk(
        ledger,
        hub=hub,
        new_id=partial(ids.make, tag_of(ledger.bot)),
        ask=Asker(exchange, clock),
        clock=clock,
        wait=time.sleep,
        is_margin=config.get("trading_mode", "spot") != "spot",
    )
    funding = Funding(wallets, desk, config["stake_currency"])
    watch = OrderWatch(wallets, desk)
    wallets.funding = funding
    if wallets.live is not None:
        wallets.live.funding = funding
    rebalancer = _rebalancer(wallets, desk, clock)
    wallets.rebalancer = rebalancer
    wallets.duties = Duties(
        wallets,
        desk,
        Orphans(desk, settings.ledger.orphan_orders),
        CommandBox(local_file(config)),
        rebalancer,
        Locks(wallets, wallets.protections(), config),
        clock,
        config,
        str(getattr(exchange._api, "apiKey", None) or ""),
    )
    strategy = wallets._guarded_strategy
    wallets.pairs = None
    if wants_pairs(strategy):
        wallets.pairs = start_pairs(wallets, strategy, settings, desk, funding, hub, clock)
    try:
        # Before freqtrade looks at its open orders: what it learns of them is booked.
        desk.catch_up()
    except LedgerUnavailable as error:
        desk.unavailable(error)
    for trade in Trade.get_open_trades():
        for order in trade.open_orders:
            watch.follow_known(order)
    wallets.show_believed()
    # Last: whatever failed before, entries are refused and exits go freqtrade's own way.
    exchange.__class__ = guarded_class(type(exchange))
    assert isinstance(exchange, GuardedExchange)  # noqa: S101  tells mypy what the line above did
    exchange.put_guard(wallets, watch, Ordering(exchange, wallets, desk, funding, ids, clock))


def _rebalancer(wallets: GuardedWallets, desk: OrderDesk, clock: Clock) -> LiveRebalancer:
    config, ledger = wallets._config, desk.ledger
    path, account, bot = local_file(config), ledger.account, ledger.bot
    log = AttemptLog(AttemptStore(path, account), account, bot, clock)
    views = RebalanceViews(path, account, bot, clock)
    watch = Watch(wallets, views, clock, config["stake_currency"])
    return LiveRebalancer(wallets, log, desk, watch, clock, config)


def _ledger(
    wallets: GuardedWallets, settings: GuardSettings, hub: EventHub, clock: Clock
) -> ReservationLedger:
    config = wallets._config
    return open_ledger(
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
