"""One SQLite file that several processes write: opening, one transaction at a time, and trouble.

The only file that imports sqlite3. What it raises is ``LedgerUnavailable`` whatever went wrong
(deleted, replaced, read-only, locked by another program, disk full, not a database), and the next
call tries again.

SQLite writes without flushing (``synchronous=NORMAL``); where a transaction has to be on the disk
before we go on, we flush its log ourselves, after our turn: others may write while the disk works.
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn, TypeVar

from freqtrade_balance_guard.ledger.errors import (
    BackupImpossible,
    InvariantBroken,
    LedgerUnavailable,
    NothingStored,
)
from freqtrade_balance_guard.ledger.sql.schema import Schema, too_new, too_old
from freqtrade_balance_guard.ledger.sqlite import rescue
from freqtrade_balance_guard.ledger.sqlite.file_lock import FairLock
from freqtrade_balance_guard.sqlite_address import read_only_address


Cursor = sqlite3.Cursor
R = TypeVar("R")

# For our turn among our own, and again for a lock that another program holds; a first call may wait
# for both twice, and an exit must not be delayed by more than 3 s.
WAIT_SECONDS = 0.7

# A step changes a row or two in each of its pages, and writes them whole.
PAGE_BYTES = 2048

_flush = getattr(os, "fdatasync", os.fsync)


class SqliteFile:
    """One connection of one process; its threads take turns.

    :param read_only: for a look: the file is not made, not migrated and not locked
    :raises SchemaTooNew: at first use, a file of a newer version
    """

    def __init__(self, path: Path, schema: Schema, *, read_only: bool = False) -> None:
        self.path = path
        self._schema = schema
        self._read_only = read_only
        self._guard = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._log = -1  # the descriptor of the write-ahead log
        self._lock: FairLock | None = None
        self._name = str(path)
        self._identity = (0, 0)
        self._lost = False
        # How often what was written here was taken back, or another connection began.
        self.undone = 0

    def read(self, work: Callable[[Cursor], R]) -> R:
        """Run ``work``; it sees what was committed."""
        with self._guard:
            try:
                db = self._opened()
                self._check_identity()
                return work(db)
            except (sqlite3.Error, OSError) as error:
                self._fail(error)

    def write(self, work: Callable[[Cursor], R], *, flush: bool) -> R:
        """Run ``work`` in one transaction; with ``flush`` it is on the disk afterwards."""
        with self._guard:
            try:
                db = self._opened()
                lock = self._lock
                locked = lock is not None and lock.acquire(WAIT_SECONDS)
                try:
                    db.execute("BEGIN IMMEDIATE")
                    try:
                        self._check_identity()
                        result = work(db)
                        db.execute("COMMIT")
                    except BaseException:
                        self._roll_back()
                        raise
                finally:
                    if locked and lock is not None:
                        lock.release()
                if flush:
                    _flush(self._log)
                return result
            except (sqlite3.Error, OSError) as error:
                self._fail(error)

    def snapshot(self, work: Callable[[Cursor], Iterator[R]]) -> Iterator[R]:
        """Run ``work`` over one moment of the file, on a connection of its own. Bots go on."""
        self.read(lambda _: None)  # made, migrated and found fit, or an error
        try:
            db = sqlite3.connect(
                read_only_address(self.path),
                uri=True,
                timeout=WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                db.execute("BEGIN")
                yield from work(db.cursor())
            finally:
                db.close()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)

    def backup(self, file: Path) -> None:
        """Write a consistent copy to ``file``. Bots go on.

        :raises BackupImpossible: ``file`` is there, or cannot be written
        """
        if file.exists():
            raise BackupImpossible(f"{file} exists already; name another file.")
        self.read(lambda _: None)
        copy = file.with_name(f"{file.name}.{os.getpid()}.part")
        try:
            with (
                closing(sqlite3.connect(read_only_address(self.path), uri=True)) as source,
                closing(sqlite3.connect(copy, isolation_level=None)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")
            with copy.open("rb+") as written:
                os.fsync(written.fileno())
            copy.rename(file)
        except (sqlite3.Error, OSError) as error:
            raise BackupImpossible(f"{file} cannot be written: {error}.") from error
        finally:
            copy.unlink(missing_ok=True)

    def close(self) -> None:
        with self._guard:
            self._close_connection()
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()

    # Opening, and what to do when the file is not what it was

    def _opened(self) -> Cursor:
        if self._cursor is not None and not self._lost:
            return self._cursor
        self._cursor = None
        if self._read_only:
            return self._opened_for_a_look()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()  # its files may have been deleted together with the ledger
        copy = self._rescue()
        self._check_writable()
        self._lock = FairLock(self.path)
        # To make a file a log's file SQLite does not wait for others: who opens takes turns too.
        locked = self._lock.acquire(WAIT_SECONDS)
        try:
            db = self._connect(self.path)
            try:
                self._prepare(db, copy)
            except BaseException:
                db.close()
                raise
        finally:
            if locked:
                self._lock.release()
        self._db = db
        self._cursor = db.cursor()
        self.undone += 1
        return self._cursor

    def _opened_for_a_look(self) -> Cursor:
        """:raises NothingStored: no file, or one without a ledger in it"""
        self._close_connection()
        if not self.path.exists():
            raise NothingStored(f"Nothing is stored yet: there is no file {self._name}.")
        db = sqlite3.connect(
            read_only_address(self.path),
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            found, known = self._version(db), self._schema.version
            if found == 0:
                raise NothingStored(f"Nothing is stored yet: {self._name} has no ledger in it.")
            if found < known:
                raise too_old(found, known, self._name)
        except BaseException:
            db.close()
            raise
        self._identity = rescue.identity(self._name)
        self._db = db
        self._cursor = db.cursor()
        self.undone += 1
        return self._cursor

    def _prepare(self, db: sqlite3.Connection, copy: Path | None) -> None:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file; others keep theirs
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        self._migrate(db)
        if copy is not None:
            rescue.add_what_is_missing(db, copy)
        self._identity = rescue.identity(self._name)
        # SQLite puts no lock on its log, so to close this descriptor later takes none away.
        self._log = os.open(f"{self._name}-wal", os.O_RDWR)
        _flush(self._log)

    def _rescue(self) -> Path | None:
        """What is left of a file that was deleted or replaced, if it could not be put back."""
        if self._db is None:
            self._lost = False
            return None
        copy = rescue.put_back(self._db, self.path, self._connect)
        self._db = None
        self._close_connection()
        return copy

    def _check_writable(self) -> None:
        """Look before SQLite does: it would leave a log behind that is read-only like the file.

        :raises PermissionError: the file is read-only
        """
        effective = os.access in os.supports_effective_ids
        exists = self.path.exists()
        if exists and not os.access(self._name, os.W_OK, effective_ids=effective):
            raise PermissionError(errno.EACCES, "read-only", self._name)

    def _connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )

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
            if db.in_transaction:
                db.execute("ROLLBACK")
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

    def _check_identity(self) -> None:
        """:raises OSError: the file that is open is not the one at our path any more"""
        found = os.stat(self._name)  # noqa: PTH116  in every transaction; a Path costs twice as much
        if (found.st_dev, found.st_ino) != self._identity:
            self._lost = True
            raise OSError("another file has taken its place")

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, FileNotFoundError):
            self._lost = True
        reason = self._reason(error)
        if isinstance(error, sqlite3.IntegrityError):
            raise InvariantBroken(f"The ledger {self._name} rejected a write: {reason}.") from error
        if not _is_busy(error) and not self._lost:
            # After an I/O error a connection may remember what is not so; a new one looks again.
            self._close_connection()
        raise LedgerUnavailable(f"The ledger {self._name} cannot be used: {reason}.") from error

    def _reason(self, error: Exception) -> str:
        if not self.path.parent.is_dir():
            return "its folder was deleted or never was"
        if isinstance(error, FileNotFoundError):
            return "the file was deleted"
        if isinstance(error, PermissionError):
            return f"{error.filename} may not be written"
        return str(error)

    def _roll_back(self) -> None:
        self.undone += 1
        if self._db is not None and self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error:
                self._close_connection()  # whoever opens the file next undoes it

    def _close_connection(self) -> None:
        db, self._db, self._cursor = self._db, None, None
        log, self._log = self._log, -1
        self._lost = False
        if log >= 0:
            os.close(log)
        if db is not None:
            db.close()


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
