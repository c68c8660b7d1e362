"""A live bot's wallets from its very first balance on.

freqtrade reads the balance when it builds the bot, and dies if that fails. Ours come up without a
balance, let no entry out, and heal.
"""

import logging
import sys
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.exchange import Exchange
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.margin_book import MarginBook
from freqtrade_balance_guard.balances.store import BelievedBalances
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.futures.margin_reader import MarginReader
from freqtrade_balance_guard.integration.host.config_section import expects_guard, settings_of
from freqtrade_balance_guard.integration.host.relied_on import wrap
from freqtrade_balance_guard.integration.wallets.futures_balances import FuturesBalances
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.integration.wallets.live_balances import LiveBalances
from freqtrade_balance_guard.integration.wallets.open_trades import open_trades, owned_by_trades
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.state_paths import ledger_account, local_file


logger = logging.getLogger(__name__)


def install_first_wallets() -> None:
    """The first balance is read when the bot is built, long before its strategy starts."""
    module: Any = sys.modules.get("freqtrade.freqtradebot")
    if module is not None and module.Wallets is Wallets:
        wrap(module, "Wallets", lambda _: first_wallets)


def first_wallets(config: dict[str, Any], exchange: Exchange, *args: Any, **kwargs: Any) -> Wallets:
    """What ``Wallets(config, exchange)`` is for a bot that is going to be guarded."""
    settings = settings_of(config) if expects_guard() else None
    live = None if settings is None else live_balances(config, exchange, settings)
    if live is None:
        return Wallets(config, exchange, *args, **kwargs)
    wallets = GuardedWallets.__new__(GuardedWallets)
    wallets.live = live
    wallets.__init__(config, exchange, *args, **kwargs)  # type: ignore[misc]
    if live.book.failure is not None:
        # freqtrade would fill its wallet history from a starting balance that was never read.
        config["skip_wallet_history_migration"] = True
        logger.warning("Starting without a balance; entries wait until it can be read.")
    return wallets


def live_balances(
    config: dict[str, Any], exchange: Exchange, settings: GuardSettings
) -> LiveBalances | None:
    """The balance book of a live bot; None in every other mode and with neutral settings."""
    is_live = not config["dry_run"] and config.get("runmode") == RunMode.LIVE
    if not is_live or settings.is_neutral:
        return None
    clock, stake = SystemClock(), exchange.get_proxy_coin()
    client, window = GuardClient(exchange, clock), settings.post_trade_refresh_window
    rest = (
        BelievedBalances(local_file(config), ledger_account(config, settings)),
        stake,
        settings.balance_cache_duration,
        clock,
        WaitBudget(clock),
    )
    if config.get("trading_mode", "spot") != "spot":
        reader = MarginReader(client, clock, stake, lambda: {one.pair for one in open_trades()})
        return FuturesBalances(MarginBook(window, stake), reader, *rest)
    needed = BalanceReader(client, clock, lambda: {stake, *owned_by_trades()})
    return LiveBalances(BalanceBook(window), needed, *rest)
