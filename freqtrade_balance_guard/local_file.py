"""The guard's own SQLite file, as everything but the ledger uses it.

By default the ledger is in the same file. So no user of this class waits for longer than a moment,
and a file that was deleted while the bot runs is not created anew: the ledger restores its own,
with all that it held.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.sqlite_address import read_only_address


Connection = sqlite3.Connection
R = TypeVar("R")

WAIT_SECONDS = 0.1
# A report may wait longer: no bot waits for it.
READ_SECONDS = 1.0


class LocalFileError(BalanceGuardError):
    """The file is not there, is locked, or cannot be read or written. One sentence."""


class LocalFile:
    """Opens the file at first use and keeps one connection for all threads of a process.

    :param tables: ``CREATE ... IF NOT EXISTS`` statements, run when the file is opened
    :param create: create the file if it is not there; only before it was ever open
    :param wait_seconds: how long a statement waits for another program that writes
    :param added_columns: per table, ``name TYPE`` of a column that an earlier version lacked
    """

    def __init__(
        self,
        path: Path,
        tables: str,
        *,
        create: bool,
        wait_seconds: float = WAIT_SECONDS,
        added_columns: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self._tables = tables
        self._create = create
        self._wait_seconds = wait_seconds
        self._added_columns = added_columns or {}
        self._guard = threading.RLock()
        self._db: Connection | None = None
        self._identity = (0, 0)

    @property
    def may_exist(self) -> bool:
        """False where the file was never open and is not there: it holds nothing."""
        return not self._create or self.path.exists()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection to one thread; each statement is a transaction of its own.

        :raises LocalFileError: SQLite or the file system failed; the connection is closed
        """
        with self._guard:
            try:
                yield self._opened()
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise LocalFileError(f"{self.path} cannot be used: {error}.") from error

    @contextmanager
    def transaction(self, *, flush: bool = False) -> Iterator[Connection]:
        """One transaction, rolled back by any exception.

        :param flush: it survives a power cut, else a kill of the process
        :raises LocalFileError: nothing was written
        """
        with self.connection() as db:
            if flush:
                db.execute("PRAGMA synchronous = EXTRA")
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                if flush:
                    db.execute("PRAGMA synchronous = NORMAL")

    def run(self, work: Callable[[Connection], R]) -> R:
        """Run ``work``; each of its statements is a transaction of its own.

        :raises LocalFileError: nothing was done
        """
        with self.connection() as db:
            return work(db)

    def write(self, work: Callable[[Connection], R]) -> R:
        """Run ``work`` in one transaction.

        :raises LocalFileError: nothing was done
        """
        with self.transaction() as db:
            return work(db)

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._guard:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    def _opened(self) -> Connection:
        exists = self.path.exists()
        if self._db is not None:
            if exists and _identity(self.path) == self._identity:
                return self._db
            self.close()
        if exists or not self._create:
            mode = "rw"
        else:
            mode = "rwc"
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._create = False
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._wait_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # Never OFF: a checkpoint of ours would not flush what the ledger relies on.
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                db.execute("PRAGMA journal_mode = WAL")
            db.executescript(self._tables)
            self._add_columns(db)
        except BaseException:
            db.close()
            raise
        self._identity = _identity(self.path)
        self._db = db
        return db

    def _add_columns(self, db: Connection) -> None:
        for table, column in self._added_columns.items():
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            if column.split()[0] not in names:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


@contextmanager
def read_only(path: Path) -> Iterator[Connection]:
    """Open a file that is there for reports: nothing is changed, and no writer waits for it.

    :raises LocalFileError: it cannot be read
    """
    try:
        address = read_only_address(path)
        with closing(sqlite3.connect(address, uri=True, timeout=READ_SECONDS)) as db:
            yield db
    except (sqlite3.Error, OSError) as error:
        raise LocalFileError(f"{path} cannot be read: {error}.") from error


def read_rows(path: Path, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Read a file once without changing it; no rows where file or table are not there yet.

    :raises LocalFileError: it cannot be read
    """
    if not path.exists():
        return []
    try:
        with read_only(path) as db:
            return db.execute(sql, values).fetchall()
    except LocalFileError as error:
        if "no such table" in str(error):
            return []
        raise


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
