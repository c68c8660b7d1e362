"""One SQLite file that several processes write: opening, one transaction at a time, and trouble.

The only file that imports sqlite3. What it raises is ``LedgerUnavailable`` whatever went wrong
(deleted, replaced, read-only, locked by another program, disk full, not a database), and the next
call tries again.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from freqtrade_balance_guard.ledger import rescue
from freqtrade_balance_guard.ledger.errors import InvariantBroken, LedgerUnavailable
from freqtrade_balance_guard.ledger.file_lock import FairLock
from freqtrade_balance_guard.ledger.schema import Schema, too_new


Connection = sqlite3.Connection
R = TypeVar("R")

# For our turn among our own, and for a lock that another program holds.
WAIT_SECONDS = 1.0


class SqliteFile:
    """One connection of one process; its threads take turns.

    :raises SchemaTooNew: at first use, a file of a newer version
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._guard = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._lock: FairLock | None = None
        self._identity = (0, 0)
        self._flushing = True
        self._lost = False

    def read(self, work: Callable[[Connection], R]) -> R:
        """Run ``work``; it sees what was committed."""
        with self._guard:
            try:
                db = self._opened()
                self._check_identity()
                return work(db)
            except (sqlite3.Error, OSError) as error:
                self._fail(error)

    def write(self, work: Callable[[Connection], R], *, flush: bool) -> R:
        """Run ``work`` in one transaction; with ``flush`` it is on the disk afterwards."""
        with self._guard:
            try:
                db = self._opened()
                lock = self._lock
                locked = lock is not None and lock.acquire(WAIT_SECONDS)
                try:
                    return self._transact(db, work, flush)
                finally:
                    if locked and lock is not None:
                        lock.release()
            except (sqlite3.Error, OSError) as error:
                self._fail(error)

    def close(self) -> None:
        with self._guard:
            self._close_connection()
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()

    # Opening, and what to do when the file is not what it was

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and not self._lost:
            return self._db
        old, self._db = self._db, None
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()  # its files may have been deleted together with the ledger
        self._lost = False
        copy = None
        if old is not None:
            try:
                copy = rescue.put_back(old, self.path, self._connect)
            except (sqlite3.Error, OSError):
                self._db, self._lost = old, True
                raise
        self._lock = FairLock(self.path)
        self._flushing = True
        db = self._connect(self.path)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            self._migrate(db)
            if copy is not None:
                rescue.add_what_is_missing(db, copy)
            self._identity = rescue.identity(self.path)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(
            path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA synchronous = FULL")
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        if self._version(db) == self._schema.version:
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            found = self._version(db)
            for step in self._schema.steps[found:]:
                for statement in step:
                    db.execute(statement)
            db.execute("DELETE FROM schema_version")
            db.execute("INSERT INTO schema_version (version) VALUES (?)", [self._schema.version])
            db.execute("COMMIT")
        except BaseException:
            _roll_back(db)
            raise

    def _version(self, db: sqlite3.Connection) -> int:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
            if db.in_transaction:
                db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
            return 0
        row = db.execute("SELECT max(version) FROM schema_version").fetchone()
        version = int(row[0] or 0)
        if version > self._schema.version:
            raise too_new(version, self._schema.version, str(self.path))
        return version

    def _transact(
        self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], R], flush: bool
    ) -> R:
        if flush is not self._flushing:
            db.execute(f"PRAGMA synchronous = {'FULL' if flush else 'NORMAL'}")
            self._flushing = flush
        db.execute("BEGIN IMMEDIATE")
        try:
            self._check_identity()
            result = work(db)
            db.execute("COMMIT")
            return result
        except BaseException:
            _roll_back(db)
            raise

    def _check_identity(self) -> None:
        """:raises OSError: the file that is open is not the one at our path any more"""
        if rescue.identity(self.path) != self._identity:
            self._lost = True
            raise OSError("another file has taken its place")

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            self._lost = True
            reason = "the file was deleted or its folder is not there"
        else:
            reason = str(error)
        if isinstance(error, sqlite3.IntegrityError):
            raise InvariantBroken(f"The ledger {self.path} refused a write: {reason}.") from error
        if isinstance(error, sqlite3.Error) and not _is_busy(error) and not self._lost:
            # After an I/O error a connection may remember what is not so; a new one looks again.
            self._close_connection()
        raise LedgerUnavailable(f"The ledger {self.path} cannot be used: {reason}.") from error

    def _close_connection(self) -> None:
        db, self._db = self._db, None
        self._lost = False
        if db is not None:
            db.close()


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        try:
            db.execute("ROLLBACK")
        except sqlite3.Error:
            db.close()  # what could not be undone is undone by whoever opens the file next
