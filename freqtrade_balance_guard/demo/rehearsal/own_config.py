"""Turns a user's configuration into that of a rehearsal: nothing in it leads to real money."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeGuard

from freqtrade_balance_guard.sandbox import Scenario


SECTION = "balance_guard"
TIMEFRAME = "1m"

# Speaks to people or other programs, belongs to the real bot's files, or is set by the rehearsal.
_LEFT_OUT = (
    "telegram",
    "webhook",
    "discord",
    "api_server",
    "external_message_consumer",
    "db_url",
    "logfile",
    "config_files",
    "add_config_files",
    "original_config",
    "user_data_dir",
    "datadir",
    "exportdirectory",
    "exchange",
    "strategy",
    "strategy_path",
    "dry_run_wallet",
    "bot_name",
)
# Of the guard's section: other exchanges, other files and ports, the real bot's account.
_SECTION_LEFT_OUT = ("venues", "events", "arbitrage", "ledger", "metrics")


class NotRehearsable(Exception):
    """The configuration cannot be rehearsed; the message says why and what to do."""


def rehearsal_config(config: Mapping[str, Any], pairs: Sequence[str]) -> dict[str, Any]:
    """The keys of a bot's config over the rehearsal's own; live, on one-minute candles.

    Orders time out after a minute in place of the strategy's time: what counts in candles or
    minutes shall happen within the rehearsal.
    """
    own = {key: copy.deepcopy(value) for key, value in config.items() if key not in _LEFT_OUT}
    own.pop(SECTION, None)
    return {
        **own,
        "dry_run": False,
        "timeframe": TIMEFRAME,
        "initial_state": "running",
        "cancel_open_orders_on_exit": False,
        "unfilledtimeout": {"entry": 1, "exit": 1, "unit": "minutes", "exit_timeout_count": 0},
        # One heartbeat line in every loop: the length of the loops is read from them.
        "internals": {"process_throttle_secs": 1, "heartbeat_interval": 0.01},
        "pairlists": [{"method": "StaticPairList"}],
    }


def rehearsal_section(section: Mapping[str, Any], side: Literal["plain", "guarded"]) -> Any:
    """The guard's section on one side; on the plain side the guard is off, also in a mixin."""
    if side == "plain":
        return {"enabled": False}
    kept = {key: value for key, value in section.items() if key not in _SECTION_LEFT_OUT}
    return {**kept, "enabled": True}


def dialect_of(config: Mapping[str, Any]) -> Literal["kraken", "binance", "binance-futures"]:
    """The protocol that is nearest to the exchange of a config."""
    if config.get("trading_mode", "spot") == "futures":
        return "binance-futures"
    return "kraken" if config["exchange"]["name"].lower() == "kraken" else "binance"


def chosen_pairs(config: Mapping[str, Any], exchange: Scenario, most: int = 12) -> list[str]:
    """Pairs to trade: those of the whitelist that the sandbox has, else all in the stake currency.

    :raises NotRehearsable: the sandbox has no pair in the stake currency
    """
    stake = stake_currency(config)
    there = [market.symbol for market in exchange.markets if market.quote == stake]
    if not there:
        raise NotRehearsable(
            f"The sandbox has no market in {stake}. Write those of your exchange with "
            "balance-guard sandbox --fetch-markets EXCHANGE > markets.json, "
            "and add --markets markets.json."
        )
    wanted = [pair for pair in config["exchange"].get("pair_whitelist", []) if pair in there]
    return (wanted or there)[:most]


def pairs_left_out(config: Mapping[str, Any], pairs: Sequence[str]) -> list[str]:
    """Pairs of the whitelist that are not rehearsed."""
    whitelist = config["exchange"].get("pair_whitelist", [])
    return [pair for pair in whitelist if pair not in pairs]


def stake_currency(config: Mapping[str, Any]) -> str:
    """:raises NotRehearsable: the config names none"""
    name = config.get("stake_currency")
    if not isinstance(name, str) or not name:
        raise NotRehearsable("stake_currency is missing in the configuration.")
    return name


def money_of(config: Mapping[str, Any]) -> str:
    """How much the account of the rehearsal has: available_capital, dry_run_wallet, or 1000."""
    wallet = config.get("dry_run_wallet")
    if isinstance(wallet, Mapping):
        wallet = wallet.get(stake_currency(config))
    for amount in (config.get("available_capital"), wallet):
        if _is_amount(amount):
            return str(amount)
    return "1000"


def _is_amount(amount: Any) -> TypeGuard[float]:
    return isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0
