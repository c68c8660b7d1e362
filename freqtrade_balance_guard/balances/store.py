"""Believed balances on disk: a restart compares the first answer with them, `status` reads them.

One row per account and currency in the guard's SQLite file. A lost row costs nothing but a
comparison, so writes are not flushed, and a file that cannot be written is no reason to stop.
(They are not flushed because the file has a log that checkpoints flush, as the ledger's has, not
because flushing is switched off: the ledger relies on what a checkpoint has brought to the disk.)
"""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.sqlite_address import read_only_address


logger = logging.getLogger(__name__)
# Another process may be writing; the bot's next loop waits for us meanwhile.
BUSY_SECONDS = 0.1

TABLE = """
CREATE TABLE IF NOT EXISTS believed_balances (
    account  TEXT NOT NULL,
    currency TEXT NOT NULL,
    total    TEXT NOT NULL,
    used     TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    as_of    TEXT NOT NULL,
    mark     INTEGER,
    PRIMARY KEY (account, currency)
)
"""

# After a day the exchange's own answer is believed, as at the first start.
BELIEVED_FOR = timedelta(days=1)
# How old `as_of` may be in the file while nothing else changes.
REFRESH_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class BelievedBalance:
    """One currency as a bot believed it last: ``total``, what orders hold of it, and since when.

    Own events since the answer of ``as_of`` are in it, those of the ledger up to ``mark``; None:
    written without a ledger.
    """

    account: str
    currency: str
    total: Decimal
    used: Decimal
    verdict: str
    as_of: datetime
    mark: int | None = None

    @property
    def free(self) -> Decimal:
        return Holding(self.total, self.used).free


class BelievedBalances:
    """The rows of one account."""

    def __init__(self, path: Path, account: str) -> None:
        self._path = path
        self._account = account
        self._saved: dict[str, tuple[str, str, str]] = {}
        self._saved_at: dict[str, datetime] = {}
        self._has_told = False
        self._was_there = False

    def load(self, now: datetime) -> dict[str, Decimal]:
        """Totals by currency as they were believed last.

        Empty at the first start, and where all of it is so old that the exchange's first answer
        says more.
        """
        try:
            with self._connect() as connection:
                rows = connection.execute(
                    "SELECT currency, total, as_of FROM believed_balances WHERE account = ?",
                    (self._account,),
                ).fetchall()
            believed = {currency: Decimal(total) for currency, total, _ in rows}
            newest = max((datetime.fromisoformat(as_of) for _, _, as_of in rows), default=now)
            return believed if now - newest <= BELIEVED_FOR else {}
        except (sqlite3.Error, OSError, ArithmeticError, ValueError) as error:
            self._tell(error)
            return {}

    def save(
        self,
        holdings: Mapping[str, Holding],
        verdicts: Mapping[str, str],
        as_of: datetime,
        mark: int | None = None,
    ) -> None:
        """Write what changed, and now and then that nothing did.

        :param mark: up to which event of the ledger the amounts know everything
        """
        changed = {
            currency: row
            for currency, holding in holdings.items()
            if (row := (str(holding.total), str(holding.used), str(verdicts[currency])))
            != self._saved.get(currency)
            or as_of - self._saved_at[currency] >= REFRESH_AFTER
        }
        if not changed:
            return
        try:
            with self._connect() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO believed_balances VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (self._account, currency, *row, as_of.isoformat(), mark)
                        for currency, row in changed.items()
                    ],
                )
        except (sqlite3.Error, OSError) as error:
            self._tell(error)
            return
        self._saved.update(changed)
        self._saved_at.update(dict.fromkeys(changed, as_of))

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        # A file that was deleted while the bot runs is put back by the ledger, with all that it
        # held; one that we make anew would be in its way.
        mode = "rw" if self._was_there else "rwc"
        if not self._was_there:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        address = f"{self._path.absolute().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(TABLE)
            names = [row[1] for row in connection.execute("PRAGMA table_info(believed_balances)")]
            if "mark" not in names:  # made by an earlier version
                connection.execute("ALTER TABLE believed_balances ADD COLUMN mark INTEGER")
            self._was_there = True
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


def read_believed(path: Path) -> list[BelievedBalance]:
    """What is kept in a file, of all accounts, without changing it; empty where nothing is.

    :raises OSError: the file is there and cannot be read
    """
    if not path.exists():
        return []
    sql = "SELECT * FROM believed_balances ORDER BY account, currency"
    try:
        with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=1.0)) as db:
            rows = db.execute(sql).fetchall()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise OSError(f"{path} cannot be read: {error}") from error
    return [
        BelievedBalance(
            *(account, currency, Decimal(total), Decimal(used), verdict),
            *(datetime.fromisoformat(as_of), *mark),  # an earlier version had no mark
        )
        for account, currency, total, used, verdict, as_of, *mark in rows
    ]
