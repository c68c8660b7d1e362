"""Stores attempts as rows of the guard's local SQLite file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError, read_rows
from freqtrade_balance_guard.rebalance.attempt import Attempt, Outcome, Reason, SaleRecord
from freqtrade_balance_guard.rebalance.waiting import Progress


TABLES = """
CREATE TABLE IF NOT EXISTS rebalance_attempts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL,
    bot        TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    reason     TEXT NOT NULL,
    currency   TEXT NOT NULL,
    available  TEXT NOT NULL,
    target     TEXT NOT NULL,
    expected   TEXT NOT NULL,
    sales      TEXT NOT NULL,
    waited     REAL NOT NULL,
    seen_at    TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS rebalance_first_starts (
    account    TEXT NOT NULL,
    bot        TEXT NOT NULL,
    started_at TEXT NOT NULL,
    PRIMARY KEY (account, bot)
);
"""
SELECT = """
SELECT id, account, bot, started_at, ended_at, reason, currency, available, target, expected, sales,
    waited, seen_at
FROM rebalance_attempts WHERE account = ? AND bot = coalesce(?, bot) ORDER BY id DESC LIMIT ?
"""
INSERT = """
INSERT INTO rebalance_attempts (account, bot, started_at, ended_at, reason, currency, available,
    target, expected, sales, waited, seen_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# An exit must not wait for us.
WAIT_SECONDS = 0.3
NEWEST = "SELECT max(id) FROM rebalance_attempts WHERE account = ? AND bot = ?"


class AttemptsUnavailable(BalanceGuardError):
    """Attempts cannot be read or written; then there is no rebalance."""


class AttemptUnderWay(BalanceGuardError):
    """Another attempt of this bot was begun since the decision was made."""


class AttemptStore:
    """Stores the attempts of one account.

    Every method raises AttemptsUnavailable where the file cannot be used.
    """

    def __init__(self, path: Path, account: str) -> None:
        self._file = LocalFile(path, TABLES, create=True, wait_seconds=WAIT_SECONDS)
        self._account = account

    def last(self, bot: str) -> Attempt | None:
        """The newest attempt of a bot; None if there was none."""
        if not self._file.may_exist:
            return None
        with self._transaction() as connection:
            row = connection.execute(SELECT, (self._account, bot, 1)).fetchone()
            return None if row is None else _attempt(row)

    def insert(self, attempt: Attempt, newest: int | None) -> int:
        """Write a new attempt and flush it to the disk.

        :param newest: id of the last attempt that the decision knew of; None: there was none
        :return: its id
        :raises AttemptUnderWay: there is a newer one; nothing was written
        """
        with self._transaction(flush=True) as connection:
            key = (self._account, attempt.bot)
            (found,) = connection.execute(NEWEST, key).fetchone()
            if found != newest:
                raise AttemptUnderWay(f"Attempt {found} was begun by another process.")
            cursor = connection.execute(
                INSERT,
                (
                    *key,
                    attempt.started_at.isoformat(),
                    None,
                    str(attempt.reason),
                    attempt.currency,
                    *map(str, (attempt.available, attempt.target, attempt.expected)),
                    _sales_text(attempt.sales),
                    attempt.progress.waited,
                    attempt.progress.seen_at.isoformat(),
                ),
            )
            return int(cursor.lastrowid or 0)

    def update(self, attempt: Attempt) -> None:
        """Store the outcomes of an attempt's sales."""
        ended_at = attempt.ended_at.isoformat() if attempt.ended_at is not None else None
        with self._transaction() as connection:
            connection.execute(
                "UPDATE rebalance_attempts SET ended_at = ?, sales = ? WHERE id = ?",
                (ended_at, _sales_text(attempt.sales), attempt.id),
            )

    def keep(self, attempt_id: int, progress: Progress) -> None:
        """Write how much of the wait is over."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE rebalance_attempts SET waited = ?, seen_at = ? WHERE id = ?",
                (progress.waited, progress.seen_at.isoformat(), attempt_id),
            )

    def first_start(self, bot: str, now: datetime) -> datetime:
        """The first moment that this was ever asked with."""
        key = (self._account, bot)
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO rebalance_first_starts VALUES (?, ?, ?)",
                (*key, now.isoformat()),
            )
            (started_at,) = connection.execute(
                "SELECT started_at FROM rebalance_first_starts WHERE account = ? AND bot = ?", key
            ).fetchone()
            return datetime.fromisoformat(started_at)

    @contextmanager
    def _transaction(self, *, flush: bool = False) -> Iterator[Connection]:
        """One transaction; with ``flush`` it survives a power cut, else a kill."""
        with _unavailable(self._file.path), self._file.transaction(flush=flush) as db:
            yield db


def read_attempts(
    path: Path, account: str, bot: str | None = None, *, limit: int = 20
) -> list[Attempt]:
    """The newest attempts of one bot, or of all bots of an account; newest first.

    For the console: it leaves no trace and needs no turn, also while a bot writes.

    :raises AttemptsUnavailable: the file cannot be read
    """
    with _unavailable(path):
        return [_attempt(row) for row in read_rows(path, SELECT, (account, bot, limit))]


@contextmanager
def _unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except (LocalFileError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise AttemptsUnavailable(f"{path.name} cannot be used ({error})") from error


def _sales_text(sales: tuple[SaleRecord, ...]) -> str:
    return json.dumps(
        [
            {
                "trade_id": sale.trade_id,
                "pair": sale.pair,
                "amount": str(sale.amount),
                "is_whole": sale.is_whole,
                "freed": str(sale.freed),
                "outcome": str(sale.outcome),
                "order_id": sale.order_id,
                "detail": sale.detail,
            }
            for sale in sales
        ]
    )


def _sale(plain: dict[str, Any]) -> SaleRecord:
    return SaleRecord(
        trade_id=int(plain["trade_id"]),
        pair=plain["pair"],
        amount=Decimal(plain["amount"]),
        is_whole=bool(plain["is_whole"]),
        freed=Decimal(plain["freed"]),
        outcome=Outcome(plain["outcome"]),
        order_id=plain["order_id"],
        detail=plain["detail"],
    )


def _attempt(row: tuple[Any, ...]) -> Attempt:
    started_at = datetime.fromisoformat(row[3])
    return Attempt(
        id=row[0],
        account=row[1],
        bot=row[2],
        started_at=started_at,
        ended_at=datetime.fromisoformat(row[4]) if row[4] is not None else None,
        reason=Reason(row[5]),
        currency=row[6],
        available=Decimal(row[7]),
        target=Decimal(row[8]),
        expected=Decimal(row[9]),
        sales=tuple(_sale(plain) for plain in json.loads(row[10])),
        progress=Progress(started_at, row[11], datetime.fromisoformat(row[12])),
    )
