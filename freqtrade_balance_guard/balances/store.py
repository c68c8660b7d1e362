"""Believed balances on disk: a restart compares the first answer with them, `status` reads them.

One row per account and currency in the guard's SQLite file. A lost row costs nothing but a
comparison, so writes are not flushed, and a file that cannot be written is no reason to stop.
"""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.balances.snapshot import Holding


logger = logging.getLogger(__name__)

TABLE = """
CREATE TABLE IF NOT EXISTS believed_balances (
    account  TEXT NOT NULL,
    currency TEXT NOT NULL,
    total    TEXT NOT NULL,
    used     TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    as_of    TEXT NOT NULL,
    PRIMARY KEY (account, currency)
)
"""


class BelievedBalances:
    """The rows of one account."""

    def __init__(self, path: Path, account: str) -> None:
        self._path = path
        self._account = account
        self._saved: dict[str, tuple[str, str, str]] = {}
        self._has_told = False

    def load(self) -> dict[str, Decimal]:
        """Totals by currency as they were believed last; empty at the first start."""
        try:
            with self._connect() as connection:
                rows = connection.execute(
                    "SELECT currency, total FROM believed_balances WHERE account = ?",
                    (self._account,),
                ).fetchall()
            return {currency: Decimal(total) for currency, total in rows}
        except (sqlite3.Error, OSError, ArithmeticError) as error:
            self._tell(error)
            return {}

    def save(
        self, holdings: Mapping[str, Holding], verdicts: Mapping[str, str], as_of: datetime
    ) -> None:
        """Write what changed."""
        changed = {
            currency: row
            for currency, holding in holdings.items()
            if (row := (str(holding.total), str(holding.used), str(verdicts[currency])))
            != self._saved.get(currency)
        }
        if not changed:
            return
        try:
            with self._connect() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO believed_balances VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (self._account, currency, *row, as_of.isoformat())
                        for currency, row in changed.items()
                    ],
                )
        except (sqlite3.Error, OSError) as error:
            self._tell(error)
            return
        self._saved.update(changed)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=1.0)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(TABLE)
            with connection:
                yield connection

    def _tell(self, error: Exception) -> None:
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "Believed balances cannot be kept in %s (%s); a restart will believe the first "
                "answer of the exchange.",
                self._path,
                error,
            )
