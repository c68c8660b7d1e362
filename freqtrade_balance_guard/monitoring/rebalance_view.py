"""What a running bot would do about its stake now, kept in a file for ``balance-guard``."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.local_file import LocalFile, LocalFileError, read_rows


logger = logging.getLogger(__name__)

TABLE = """
CREATE TABLE IF NOT EXISTS rebalance_views (
    account TEXT NOT NULL,
    bot     TEXT NOT NULL,
    at      TEXT NOT NULL,
    view    TEXT NOT NULL,
    PRIMARY KEY (account, bot)
)
"""
READ = "SELECT bot, at, view FROM rebalance_views WHERE account = ? ORDER BY at DESC"


@dataclass(frozen=True, slots=True)
class RebalanceView:
    """One bot's view at one moment. ``view``: plain values, amounts as text."""

    bot: str
    at: datetime
    view: dict[str, Any]


class RebalanceViews:
    """The views of one bot: only the newest is kept. Whatever happens, the bot goes on."""

    def __init__(self, path: Path, account: str, bot: str, clock: Clock) -> None:
        self._file = LocalFile(path, TABLE, create=False)
        self._account = account
        self._bot = bot
        self._clock = clock

    def write(self, view: dict[str, Any]) -> None:
        """Keep ``view`` as the present one."""
        values = (self._account, self._bot, self._clock.wall().isoformat(), json.dumps(view))
        sql = "INSERT OR REPLACE INTO rebalance_views VALUES (?, ?, ?, ?)"
        try:
            self._file.write(lambda db: db.execute(sql, values))
        except LocalFileError as error:
            logger.debug("The view of the stake was not kept: %s", error)

    def close(self) -> None:
        self._file.close()


def read_views(path: Path, account: str) -> list[RebalanceView]:
    """The views of an account's bots, the newest first.

    :raises LocalFileError: the file cannot be read
    """
    return [
        RebalanceView(str(bot), datetime.fromisoformat(str(at)), json.loads(str(view)))
        for bot, at, view in read_rows(path, READ, (account,))
    ]
