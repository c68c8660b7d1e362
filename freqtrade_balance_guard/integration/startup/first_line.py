"""The first line of a guarded bot: what is guarded, and by which limits."""

from typing import Any

from freqtrade.enums import RunMode

from freqtrade_balance_guard.exchanges.support import is_untested
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.sizing import SizeBasis
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.version import __version__


BASES = {
    SizeBasis.AVAILABLE: "available",
    SizeBasis.EQUITY: "equity",
    SizeBasis.PER_SLOT: "a slot",
}


def first_line(wallets: GuardedWallets, guard: Guard, config: dict[str, Any]) -> str:
    """Such as ``Balance guard 0.2.0 is on (live, kraken spot): min 10 USDT, ..., tier 1 of 3``."""
    name = str(config["exchange"]["name"]).lower()
    market = str(config.get("trading_mode", "spot"))
    untested = ", untested exchange" if is_untested(name, market) else ""
    return (
        f"Balance guard {__version__} is on ({_mode(config)}, {name} {market}{untested}): "
        f"{_limits(wallets, guard)}"
    )


def _mode(config: dict[str, Any]) -> str:
    mode = config.get("runmode")
    if mode in (RunMode.LIVE, RunMode.DRY_RUN):
        return "dry-run" if config["dry_run"] else "live"
    return "hyperopt" if mode is RunMode.HYPEROPT else "backtesting"


def _limits(wallets: GuardedWallets, guard: Guard) -> str:
    if guard.settings.is_neutral:
        return "no limits"
    chosen = guard.tier_limits(wallets.account.equity)
    limits, currency = guard.entry_limits(chosen), guard.stake_currency
    parts = [
        f"min {format_amount(limits.min_order_size)} {currency}",
        f"{format_amount(limits.position_size_percent)} % of {BASES[limits.position_size_basis]}",
        f"threshold {format_amount(limits.min_balance_threshold)}",
        f"floor {format_amount(wallets.account.floor())} {currency}",
    ]
    count = len(guard.settings.tiers)
    if count:
        parts.append("no tier" if chosen.tier is None else f"tier {chosen.tier + 1} of {count}")
    return ", ".join(parts)
