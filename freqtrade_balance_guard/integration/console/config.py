"""What the console needs of freqtrade: its merged config and its locks.

Nothing here makes or changes a file: freqtrade's own start would create folders.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade import constants
from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException, TemporaryError
from freqtrade.misc import deep_merge_dicts

from freqtrade_balance_guard.console.bot_source import NotPossible, Source
from freqtrade_balance_guard.console.explain import Lock
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import SECTION, GuardSettings, load_settings, misspelt_section
from freqtrade_balance_guard.settings.redaction import fold, redact_address
from freqtrade_balance_guard.settings.state_paths import (
    is_dry_run,
    key_fingerprint,
    ledger_account,
    ledger_url,
    local_file,
)


logger = logging.getLogger(__name__)

CREDENTIALS = frozenset(
    {"key", "apikey", "secret", "password", "uid", "accountid", "walletaddress", "privatekey"}
)
# Where `identity` keeps the bot's name; importing it would load freqtrade's whole persistence.
BOT_KEY = "balance_guard_bot"


# The config


def load_config(files: Sequence[str] | None, userdir: str | None) -> dict[str, Any]:
    """freqtrade's config, merged as freqtrade merges it: files, those they include, environment.

    :raises SettingsError: a file is missing or cannot be read
    """
    if not files:
        # As freqtrade: first in the user data directory, then here.
        at_home = Path(userdir or "user_data") / "config.json"
        files = [str(at_home if at_home.is_file() else "config.json")]
    try:
        config = load_from_files(list(files))
        config = deep_merge_dicts(environment_vars_to_dict(), config)
    except (OperationalException, OSError, ValueError) as error:
        raise SettingsError(" ".join(str(error).split())) from error
    config["user_data_dir"] = Path(userdir or config.get("user_data_dir") or "user_data").absolute()
    return config


def source_of(config: dict[str, Any], settings: GuardSettings | None = None) -> Source:
    """What the reports need of a config.

    :param settings: those of a bot that runs, whose config has lost its secrets; None: read them

    :raises SettingsError: it has no balance_guard section, a wrong one, or no exchange
    """
    if SECTION not in config:
        written = misspelt_section(config)
        hint = f'; "{written}" is not a known section' if written else ""
        raise SettingsError(f"The configuration has no {SECTION} section{hint}.")
    settings = settings or load_settings(config[SECTION])
    exchange = config.get("exchange")
    if not isinstance(exchange, Mapping) or not exchange.get("name"):
        raise SettingsError("exchange.name is missing in the configuration.")
    if not config["user_data_dir"].is_dir():
        raise SettingsError(f"The user data directory {config['user_data_dir']} does not exist.")
    dry_run = is_dry_run(config)
    default = constants.DEFAULT_DB_DRYRUN_URL if dry_run else constants.DEFAULT_DB_PROD_URL
    database_url = str(config.get("db_url") or default)
    return Source(
        account=ledger_account(config, settings),
        dry_run=dry_run,
        stake_currency=str(config.get("stake_currency", "")),
        trading_mode=str(config.get("trading_mode", "spot")),
        bot_name=str(config.get("bot_name", "freqtrade")),
        key=key_fingerprint(config),
        settings=settings,
        local=local_file(config),
        ledger_url=ledger_url(config, settings),
        database_url=database_url,
        bot=bot_in(database_url),
        exchange=str(exchange["name"]).lower(),
        venue_keys={
            name: key_fingerprint({"exchange": venue.exchange_section()})
            for name, venue in settings.venues.items()
        },
    )


def known_exchanges() -> frozenset[str]:
    """The names that an exchange may have: ccxt's."""
    import ccxt

    return frozenset(ccxt.exchanges)


def currencies_of(config: dict[str, Any]) -> frozenset[str]:
    """The currencies that the config's exchange trades, from its public markets.

    :raises NotPossible: the exchange cannot be reached
    """
    from freqtrade.enums import RunMode
    from freqtrade.resolvers import ExchangeResolver

    section = config["exchange"]
    public = {name: value for name, value in section.items() if fold(name) not in CREDENTIALS}
    settings = {**config, "exchange": public, "runmode": RunMode.UTIL_EXCHANGE}
    settings.setdefault("margin_mode", "")
    try:
        exchange = ExchangeResolver.load_exchange(settings, validate=False)
        # Not `reload_markets`: it logs two tracebacks, tries for half a minute and hides the cause.
        exchange._load_async_markets(reload=True)
        public_api = exchange._api_async
        markets = list((public_api.markets or {}).values())
        if not markets:
            raise TemporaryError("no markets")
    except Exception as error:
        raise NotPossible(
            f"The markets of the exchange cannot be read ({type(error).__name__}: "
            f"{redact_address(str(error))[:200]})."
        ) from None
    found = {str(market.get(side)) for market in markets for side in ("base", "quote")}
    return frozenset(found | set(public_api.currencies or {}))


# freqtrade's database, as it lies there


def bot_in(database_url: str) -> str | None:
    """The name that a bot has in the ledger, kept in its own database; None if that is not here."""
    rows = _look(
        database_url, 'SELECT string_value FROM "KeyValueStore" WHERE key = :key', {"key": BOT_KEY}
    )
    return str(rows[0][0]) if rows and rows[0][0] else None


def forget_bot(database_url: str) -> bool:
    """Remove the bot's name from freqtrade's database; False if it is not there.

    :raises NotPossible: the database cannot be changed
    """
    if bot_in(database_url) is None:
        return False
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(database_url)
        try:
            with engine.begin() as connection:
                question = text('DELETE FROM "KeyValueStore" WHERE key = :key')
                return connection.execute(question, {"key": BOT_KEY}).rowcount > 0
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise NotPossible(
            f"freqtrade's database cannot be changed ({type(error).__name__})."
        ) from None


LOCKS = (
    "SELECT pair, side, lock_end_time, reason FROM pairlocks WHERE active AND lock_end_time > :now"
)
LOCKS_ON_PAIR = f"{LOCKS} AND pair IN (:pair, '*')"


def locks_on(database_url: str, pair: str | None, now: datetime) -> list[Lock]:
    """The locks on ``pair`` (None: on any pair) and on all pairs that hold now."""
    values: dict[str, object] = {"now": now.astimezone(UTC).replace(tzinfo=None)}
    question = LOCKS
    if pair is not None:
        values["pair"], question = pair, LOCKS_ON_PAIR
    return [
        Lock(str(row[0]), str(row[1] or "*"), _moment(row[2]), str(row[3] or ""))
        for row in _look(database_url, f"{question} ORDER BY lock_end_time", values)
    ]


def _look(database_url: str, question: str, values: Mapping[str, object]) -> list[Sequence[Any]]:
    """Ask freqtrade's database; nothing where it is not there or has no such table."""
    kind, _, rest = database_url.partition(":///")
    if kind == "sqlite":
        file = Path(rest.split("?")[0])
        if not rest or not file.is_file():
            return []
        database_url = f"sqlite:///{file.absolute().as_uri()}?mode=ro&uri=true"
    elif "://" not in database_url or database_url.startswith("sqlite:"):
        return []  # in memory: no other process sees it
    # SQLAlchemy is freqtrade's; loaded where it is used.
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(database_url)
        try:
            with closing(engine.connect()) as connection:
                return [tuple(row) for row in connection.execute(text(question), dict(values))]
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        # Its text may hold the address.
        logger.debug("freqtrade's database cannot be read: %s", type(error).__name__)
        return []


def _moment(stored: object) -> datetime:
    moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    return moment.replace(tzinfo=UTC)
