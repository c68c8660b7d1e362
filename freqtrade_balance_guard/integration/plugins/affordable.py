"""What an account can afford, for the pairlist filter: with a running bot, or from its config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.exchange.market_rules import MarketReader
from freqtrade_balance_guard.integration.exchange.rates import dollar_rate
from freqtrade_balance_guard.integration.host.config_section import settings_of
from freqtrade_balance_guard.integration.host.plugin_paths import guarded_wallets
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.limits.sizing import EntryLimits, EntryRequest, entry_minimum
from freqtrade_balance_guard.money import ZERO, to_decimal


@dataclass(frozen=True, slots=True)
class Affordable:
    """One look at the account, in stake currency.

    ``available``: what may be spent now; ``whole``: what could be if no trade were open.
    """

    available: Decimal
    whole: Decimal
    limits: EntryLimits
    rules: Callable[[str], MarketRules]
    stoploss: Decimal

    def smallest_entry(self, pair: str, price: Decimal) -> Decimal:
        """What the smallest order on ``pair`` costs that can be closed again."""
        rules = self.rules(pair)
        request = EntryRequest(
            pair=pair,
            stake=ZERO,
            available=self.available,
            freqtrade_minimum=rules.smallest_order_amount(price) * price * (1 + rules.reserve),
            price=price,
            stoploss=self.stoploss,
        )
        return entry_minimum(request, self.limits, rules)


def affordability(exchange: Exchange, config: dict[str, Any]) -> Affordable | None:
    """The account as it is now; None where there is no guard or no balance yet."""
    wallets = guarded_wallets()
    if wallets is not None and wallets.guard is not None:
        guard, available = wallets.guard, wallets.account.available()
        ratio = to_decimal(config.get("tradable_balance_ratio", 1))
        whole = max(wallets.account.equity() * ratio - wallets.account.floor(), available)
        equity: Callable[[], Decimal] = wallets.account.equity
        rules, stoploss = wallets.market_rules, wallets.stoploss()
    else:
        settings = settings_of(config)
        if settings is None or not config.get("dry_run"):
            return None
        # test-pairlist, or a bot that has not started yet: the dry-run wallet is what there is.
        stake_currency = config["stake_currency"]
        rate = dollar_rate(exchange, stake_currency, SystemClock(), ask_exchange=True)
        guard = Guard(settings, stake_currency, rate, EventHub(), stateless=True)
        free = _dry_run_balance(config, stake_currency)
        equity = lambda: free  # noqa: E731
        available = whole = free - guard.floor(stake_currency, equity)
        rules = MarketReader(exchange, config)
        stoploss = to_decimal(config.get("stoploss", 0))
    limits = guard.entry_limits(guard.tier_limits(equity))
    return Affordable(available, whole, limits, rules, stoploss)


def _dry_run_balance(config: Mapping[str, Any], stake_currency: str) -> Decimal:
    wallet = config.get("dry_run_wallet", 0)
    if isinstance(wallet, Mapping):
        wallet = wallet.get(stake_currency, 0)
    return to_decimal(wallet) * to_decimal(config.get("tradable_balance_ratio", 1))
