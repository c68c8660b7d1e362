"""Moves what a bot has stored under the default account of an earlier release."""

import logging
from pathlib import Path
from typing import Any

from freqtrade.exceptions import OperationalException

from freqtrade_balance_guard.ledger import AccountShared, LedgerUnavailable, ReservationLedger
from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.state_paths import earlier_account, local_file


logger = logging.getLogger(__name__)

# Of the local file, each with an account and a bot.
TABLES = (
    "decisions",
    "rebalance_attempts",
    "rebalance_first_starts",
    "rebalance_views",
    "entry_pauses",
    "balance_history",
)


def move_earlier_account(
    ledger: ReservationLedger, config: dict[str, Any], settings: GuardSettings
) -> None:
    """Move this bot's rows to its present account; each start tries it, and mostly finds none.

    :raises OperationalException: other bots have futures orders on the earlier account
    """
    earlier = earlier_account(config, settings)
    if earlier is None:
        return
    try:
        ledger.move_from(earlier)
        _move_local_rows(local_file(config), ledger.bot, earlier, ledger.account)
    except AccountShared as error:
        raise OperationalException(str(error)) from error
    except (LedgerUnavailable, LocalFileError) as error:
        logger.warning("Rows of the account %s are moved at the next start: %s", earlier, error)


def _move_local_rows(path: Path, bot: str, old: str, new: str) -> None:
    if not path.exists():
        return

    def work(db: Connection) -> None:
        known = {
            row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for table in TABLES:
            if table in known:
                db.execute(
                    f"UPDATE OR IGNORE {table} SET account = ? WHERE account = ? AND bot = ?",  # noqa: S608
                    (new, old, bot),
                )

    file = LocalFile(path, "", create=False, wait_seconds=1.0)
    try:
        file.write(work)
    finally:
        file.close()
