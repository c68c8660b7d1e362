"""Believed balances on disk: a restart compares the first answer with them, `status` reads them.

One row per account and currency in the guard's SQLite file. A lost row costs nothing but a
comparison, so writes are not flushed, and a file that cannot be written is no reason to stop.
(They are not flushed because the file has a log that checkpoints flush, as the ledger's has, not
because flushing is switched off: the ledger relies on what a checkpoint has brought to the disk.)
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.local_file import LocalFile, LocalFileError, read_rows


logger = logging.getLogger(__name__)

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


# In the place of a verdict where no exchange is asked: in dry-run.
SIMULATED = "simulated"


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
        self._file = LocalFile(
            path, TABLE, create=True, added_columns={"believed_balances": "mark INTEGER"}
        )
        self._account = account
        self._saved: dict[str, tuple[str, str, str]] = {}
        self._saved_at: dict[str, datetime] = {}
        self._has_told = False
        # By currency: up to which event of the ledger what was loaded knows everything.
        self.marks: dict[str, int] = {}

    def load(self, now: datetime) -> dict[str, Decimal]:
        """Totals by currency as they were believed last.

        Empty at the first start, and where all of it is so old that the exchange's first answer
        says more.
        """
        try:
            with self._file.connection() as db:
                rows = db.execute(
                    "SELECT currency, total, as_of, mark FROM believed_balances WHERE account = ?",
                    (self._account,),
                ).fetchall()
            believed = {currency: Decimal(total) for currency, total, _, _ in rows}
            newest = max((datetime.fromisoformat(as_of) for _, _, as_of, _ in rows), default=now)
            if now - newest > BELIEVED_FOR:
                return {}
            self.marks = {currency: mark for currency, _, _, mark in rows if mark is not None}
            return believed
        except (LocalFileError, ArithmeticError, ValueError) as error:
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
            with self._file.transaction() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO believed_balances VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (self._account, currency, *row, as_of.isoformat(), mark)
                        for currency, row in changed.items()
                    ],
                )
        except LocalFileError as error:
            self._tell(error)
            return
        self._saved.update(changed)
        self._saved_at.update(dict.fromkeys(changed, as_of))

    def _tell(self, error: Exception) -> None:
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "Believed balances cannot be kept in %s (%s); a restart will believe the first "
                "answer of the exchange.",
                self._file.path,
                error,
            )


def read_believed(path: Path) -> list[BelievedBalance]:
    """What is kept in a file, of all accounts, without changing it; empty where nothing is.

    :raises OSError: the file is there and cannot be read
    """
    try:
        rows = read_rows(path, "SELECT * FROM believed_balances ORDER BY account, currency")
    except LocalFileError as error:
        raise OSError(str(error)) from error
    return [
        BelievedBalance(
            account=str(account),
            currency=str(currency),
            total=Decimal(str(total)),
            used=Decimal(str(used)),
            verdict=str(verdict),
            as_of=datetime.fromisoformat(str(as_of)),
            mark=int(str(mark[0])) if mark and mark[0] is not None else None,
        )
        # An earlier version had no mark.
        for account, currency, total, used, verdict, as_of, *mark in rows
    ]
