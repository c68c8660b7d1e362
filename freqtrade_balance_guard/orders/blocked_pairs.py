"""Stores pairs that wait because of an order that freqtrade does not know, for the next start."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError


logger = logging.getLogger(__name__)

TABLES = """
CREATE TABLE IF NOT EXISTS blocked_pairs (
    account         TEXT NOT NULL,
    bot             TEXT NOT NULL,
    pair            TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    blocked_at      TEXT NOT NULL,
    PRIMARY KEY (account, bot, pair)
);
"""
INSERT = """
INSERT INTO blocked_pairs (account, bot, pair, client_order_id, blocked_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account, bot, pair) DO UPDATE SET client_order_id = excluded.client_order_id
"""
DELETE = "DELETE FROM blocked_pairs WHERE account = ? AND bot = ? AND pair = ?"
SELECT = "SELECT pair, client_order_id FROM blocked_pairs WHERE account = ? AND bot = ?"


class BlockedPairs:
    """The blocked pairs of one bot. Never raises: what cannot be stored holds for this run."""

    def __init__(self, path: Path, account: str, bot: str) -> None:
        self._file = LocalFile(path, TABLES, create=True)
        self._owner = (account, bot)

    def load(self) -> dict[str, str]:
        """Client order id by pair."""

        def read(db: Connection) -> dict[str, str]:
            return dict(db.execute(SELECT, self._owner).fetchall())

        if not self._file.may_exist:
            return {}
        try:
            return self._file.run(read)
        except LocalFileError as error:
            logger.warning("The pairs that wait for an order cannot be read: %s", error)
            return {}

    def block(self, pair: str, client_order_id: str, at: datetime) -> None:
        """Entries on ``pair`` wait because of this order, also after a restart."""
        row = (*self._owner, pair, client_order_id, at.isoformat())
        self._write(lambda db: db.execute(INSERT, row))

    def unblock(self, pair: str) -> None:
        """Entries on ``pair`` are allowed again."""
        self._write(lambda db: db.execute(DELETE, (*self._owner, pair)))

    def _write(self, work: Callable[[Connection], object]) -> None:
        try:
            self._file.write(work)
        except LocalFileError as error:
            logger.warning("Which pairs wait for an order cannot be stored: %s", error)
