"""The errors of the local file for arbitrages, and a script inside a transaction."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.local_file import Connection, LocalFileError


# The loop must not wait long for another program that writes to the same file.
WAIT_SECONDS = 1.0


class ArbitragesUnavailable(BalanceGuardError):
    """Arbitrages cannot be read or written; then none is started."""


@contextmanager
def unavailable(path: Path) -> Iterator[None]:
    """Turn an error of the file into ``ArbitragesUnavailable``."""
    try:
        yield
    except LocalFileError as error:
        raise ArbitragesUnavailable(f"{path.name} cannot be used ({error})") from error


def run_script(db: Connection, script: str) -> None:
    """Execute the statements one by one: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
