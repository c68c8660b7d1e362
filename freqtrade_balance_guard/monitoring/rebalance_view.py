"""What a running bot would do about its stake now, kept in a file for ``balance-guard``."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.local_file import LocalFile, LocalFileError, read_rows
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.rebalance.early_warning import EarlyWarning, Outlook, Sample
from freqtrade_balance_guard.rebalance.plan import Plan
from freqtrade_balance_guard.rebalance.policy import (
    NotNow,
    NotNowCode,
    Picture,
    plan_of,
    reasons_against,
)


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

WRITE_SECONDS = 10.0
OF_A_READ = (NotNowCode.BALANCE_NOT_FRESH, NotNowCode.BALANCE_UNCONFIRMED)


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


class Watch:
    """Follows the available stake of one live or dry-run bot, and stores the view of it."""

    def __init__(self, views: RebalanceViews, clock: Clock, currency: str) -> None:
        self._views = views
        self._clock = clock
        self._currency = currency
        self._warning = EarlyWarning()
        self._outlook: Outlook | None = None
        self._written_at = float("-inf")

    def is_due(self) -> bool:
        """Whether the view that is kept has grown old."""
        return self._clock.monotonic() - self._written_at >= WRITE_SECONDS

    def sample(self, available: Decimal, threshold: Decimal) -> str | None:
        """Note what is available in this loop; return a message when it will soon be too little.

        :param threshold: below this no entry is made
        """
        warning = self._warning.observe(Sample(self._clock.monotonic(), available), threshold)
        self._outlook = self._warning.outlook(threshold)
        if warning is None or threshold <= 0:
            return None
        return f"Early warning: {warning.sentence(self._currency)}"

    def write(self, picture: Picture, after_read: NotNow | None) -> None:
        """Keep what would happen now, and why or why not.

        :param after_read: what the last read for a rebalance came to nothing for
        """
        self._written_at = self._clock.monotonic()
        # A balance is read when a rebalance needs it; what an older answer says is no reason.
        reasons = [one for one in reasons_against(picture) if one.code not in OF_A_READ]
        if after_read is not None and after_read.code in OF_A_READ:
            reasons.append(after_read)
        self._views.write(
            {
                "currency": self._currency,
                "available": format_amount(picture.capital.available),
                "held": format_amount(picture.capital.held),
                "deployed": format_amount(picture.deployed),
                "deployed_worth": format_amount(round(picture.in_exchange_for, 8)),
                "reasons": [{"code": one.code, "sentence": one.sentence} for one in reasons],
                "plan": _plan(plan_of(picture)),
                "early_warning": self._outlook and self._outlook.sentence(self._currency),
                "seconds_to_threshold": self._outlook and self._outlook.seconds,
            }
        )


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "target": format_amount(plan.target),
        "expected": format_amount(round(plan.expected, 8)),
        "reaches_target": plan.reaches_target,
        "order": plan.order,
        "sales": [
            {
                "pair": sale.pair,
                "trade_id": sale.trade_id,
                "amount": format_amount(sale.amount),
                "is_whole": sale.is_whole,
                "freed": format_amount(round(sale.freed, 8)),
            }
            for sale in plan.sales
        ],
        "left_out": {pair: str(why) for pair, why in plan.left_out.items()},
    }
