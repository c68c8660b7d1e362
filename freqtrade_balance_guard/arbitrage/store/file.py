"""Opens the local SQLite file for arbitrages: to write, to read, and to look without a trace."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.sqlite_address import read_only_address


Connection = sqlite3.Connection

# The loop must not wait long for another program that writes to the same file.
WAIT_SECONDS = 1.0


class ArbitragesUnavailable(BalanceGuardError):
    """Arbitrages cannot be read or written; then none is started."""


@contextmanager
def unavailable(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into ``ArbitragesUnavailable``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ArbitragesUnavailable(f"{path.name} cannot be used ({error})") from error


@contextmanager
def writing(path: Path, *, may_make: bool, flush: bool) -> Iterator[Connection]:
    """Open one transaction; with ``flush`` it survives a power cut, else a kill.

    :param may_make: a file that is not there is made
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"{path.absolute().as_uri()}?mode={'rwc' if may_make else 'rw'}"
    # Closing takes back what was not committed.
    with closing(
        sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
    ) as db:
        db.execute(f"PRAGMA synchronous = {'EXTRA' if flush else 'NORMAL'}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """Open a file that is there; no writer waits for it."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as db:
        yield db


@contextmanager
def looking(path: Path) -> Iterator[Connection]:
    """Open a file for the console, which leaves no trace."""
    with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=WAIT_SECONDS)) as db:
        yield db


def run_script(db: Connection, script: str) -> None:
    """Execute the statements one by one: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
