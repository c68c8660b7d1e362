"""The one function that builds a ledger: which store, for which bot."""

import uuid
from pathlib import Path

from freqtrade_balance_guard.clock import Clock, SystemClock
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger.ledger import ReservationLedger
from freqtrade_balance_guard.ledger.store import Store


def open_ledger(
    db_url: str,
    *,
    bot: str,
    account: str,
    clock: Clock | None = None,
    reservation_timeout: float = 60.0,
    heartbeat_timeout: float = 120.0,
    hub: EventHub | None = None,
    debug_validation: bool = False,
    keep_days: float = 90.0,
) -> ReservationLedger:
    """A ledger for one run of one bot. Nothing is opened before it is used.

    So a start succeeds while the database is away: entries are denied, exits go out, and the
    first call that reaches it finds it.

    :param db_url: ``sqlite:///<file>`` or ``postgresql://...``
    :param bot: the bot's name; the same after a restart, another one for each bot of an account
    :param account: the exchange account; the same for all bots that trade on it
    :param reservation_timeout: seconds after which what was never sent expires
    :param heartbeat_timeout: seconds of silence after which another bot counts as dead
    :param keep_days: days after which what has ended is archived
    :raises SettingsError: no such kind of database, or psycopg is missing
    """
    return ReservationLedger(
        open_store(db_url),
        bot=bot,
        account=account,
        process=uuid.uuid4().hex,
        clock=clock or SystemClock(),
        reservation_timeout=reservation_timeout,
        heartbeat_timeout=heartbeat_timeout,
        hub=hub,
        debug_validation=debug_validation,
        keep_days=keep_days,
    )


def open_store(db_url: str, *, read_only: bool = False) -> Store:
    """The store for an address as ``ledger.db_url`` has it.

    :param read_only: for a look from outside: nothing is made, migrated, locked or written, and
        where no bot has stored anything yet the first question raises ``NothingStored``
    :raises SettingsError: no such kind of database, or psycopg is missing
    """
    kind, _, rest = db_url.strip().partition("://")
    if kind == "sqlite":
        # Imported on use, like psycopg: a backtest needs none of them.
        from freqtrade_balance_guard.ledger.sqlite.store import SqliteStore

        return SqliteStore(Path(rest.removeprefix("/").split("?")[0]), read_only=read_only)
    if kind in ("postgresql", "postgresql+psycopg"):
        try:
            from freqtrade_balance_guard.ledger.postgres.store import PostgresStore
        except ImportError as error:
            raise SettingsError(
                "ledger.db_url names PostgreSQL, which needs one more package: "
                'pip install "psycopg[binary]".'
            ) from error
        return PostgresStore(f"postgresql://{rest}", read_only=read_only)
    raise SettingsError(f'ledger.db_url is of the kind "{kind}"; allowed are sqlite, postgresql.')
