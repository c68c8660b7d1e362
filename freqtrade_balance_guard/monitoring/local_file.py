"""The guard's own SQLite file, as monitoring uses it: small tables, and never at a bot's cost.

By default the ledger is in the same file. So nobody here waits for longer than a moment, nobody
makes a file anew that was deleted while the bot ran (the ledger puts its own back, with all that
it held), and what is written is logged without a flush: the next checkpoint brings it to the disk.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.sqlite_address import read_only_address


Connection = sqlite3.Connection
R = TypeVar("R")

WAIT_SECONDS = 0.1


class LocalFileError(BalanceGuardError):
    """The file is not there, is locked, or cannot be read or written. One sentence."""


class LocalFile:
    """One connection for all threads of a process, opened at first use.

    :param table: ``CREATE TABLE IF NOT EXISTS ...`` statements, run when a writer opens the file
    :param create: make the file if it is not there; only before it was ever open
    """

    def __init__(self, path: Path, table: str, *, create: bool) -> None:
        self.path = path
        self._table = table
        self._create = create
        self._guard = threading.RLock()
        self._db: Connection | None = None
        self._identity = (0, 0)

    def run(self, work: Callable[[Connection], R]) -> R:
        """Run ``work``; each statement is a transaction unless ``work`` begins one.

        :raises LocalFileError: nothing was done
        """
        with self._guard:
            try:
                return work(self._opened())
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise LocalFileError(f"{self.path} cannot be used: {error}.") from error

    def write(self, work: Callable[[Connection], R]) -> R:
        """Run ``work`` in one transaction.

        :raises LocalFileError: nothing was done
        """

        def in_one(db: Connection) -> R:
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        return self.run(in_one)

    def close(self) -> None:
        """Give the file back; the next call opens it again."""
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
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            # Never OFF: a checkpoint of ours would not flush what the ledger relies on.
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                db.execute("PRAGMA journal_mode = WAL")
            db.executescript(self._table)
        except BaseException:
            db.close()
            raise
        self._identity = _identity(self.path)
        self._db = db
        return db


def look(path: Path, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Ask a file once without changing it; no rows where file or table are not there yet.

    :raises LocalFileError: it cannot be read
    """
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=1.0)) as db:
            return db.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise LocalFileError(f"{path} cannot be read: {error}.") from error


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
