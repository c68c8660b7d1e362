"""Where a bot keeps what it must not forget, and under which account: read from its config.

One place, so that a running bot and the console that looks at it can never disagree. Needs no
freqtrade; the config is what freqtrade has merged.
"""

import hashlib
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.settings import GuardSettings


LIVE_FILE = "balance_guard.sqlite"
DRY_RUN_FILE = "balance_guard.dryrun.sqlite"
DRY_RUN_ACCOUNT = "-dry"
FUTURES_ACCOUNT = "-futures"
# Exchanges, by their ccxt name, with one account for spot and futures by default.
UNIFIED_ACCOUNTS = frozenset({"bybit", "okx", "myokx", "okxus"})


def is_dry_run(config: dict[str, Any]) -> bool:
    """Whether this bot plays with simulated money; freqtrade's default is that it does."""
    return bool(config.get("dry_run", True))


def local_file(config: dict[str, Any]) -> Path:
    """The guard's own SQLite file: believed balances, last decisions, commands to the bot.

    In the user data directory also when the ledger is elsewhere. Absolute: the console may be
    started in another directory than the bot.
    """
    name = DRY_RUN_FILE if is_dry_run(config) else LIVE_FILE
    return (Path(config["user_data_dir"]) / name).absolute()


def ledger_url(config: dict[str, Any], settings: GuardSettings) -> str:
    """The ledger's address, with its password if it has one: never show it.

    An address that the user wrote holds in dry-run too; there the account's own name keeps
    simulated and real money apart.
    """
    written = settings.ledger.db_url
    if written is not None:
        return written.get_secret_value()
    return f"sqlite:///{local_file(config)}"


def default_account(exchange: str, trading_mode: str) -> str:
    """The ledger's name of an account that the user did not name.

    Spot and futures are two purses, except where the exchange has one for both.
    """
    name = exchange.lower()
    if trading_mode != "futures" or name in UNIFIED_ACCOUNTS:
        return name
    return f"{name}{FUTURES_ACCOUNT}"


def ledger_account(config: dict[str, Any], settings: GuardSettings) -> str:
    """The account that the bot's reservations belong to: in dry-run never the real one."""
    mode = str(config.get("trading_mode", "spot"))
    account = settings.ledger.account or default_account(str(config["exchange"]["name"]), mode)
    return f"{account}{DRY_RUN_ACCOUNT}" if is_dry_run(config) else account


def earlier_account(config: dict[str, Any], settings: GuardSettings) -> str | None:
    """The default account of release 0.1 where it was another one; None where it was not."""
    spot = {**config, "trading_mode": "spot"}
    earlier = ledger_account(spot, settings)
    return None if earlier == ledger_account(config, settings) else earlier


def key_fingerprint(config: dict[str, Any]) -> str:
    """12 hex digits by which two bots notice that they use one API key; empty without a key.

    From it the key cannot be had back: keys are random and far longer.
    """
    section = config["exchange"]
    key = section.get("api_key") or section.get("apiKey") or section.get("key")
    return hashlib.sha256(str(key).encode()).hexdigest()[:12] if key else ""
