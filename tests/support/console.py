"""What the tests of the console share: a user's folder in which bots have stored real things."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import BelievedBalances
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.console.bot_source import LedgerView
from freqtrade_balance_guard.integration.console.config import load_config, source_of
from freqtrade_balance_guard.ledger import ReservationLedger, open_ledger
from freqtrade_balance_guard.version import __version__


KEY, SECRET, PASSWORD = "KEYxyzKEYxyz", "SECRETxyzSECRETxyz", "WORDxyzWORDxyz"
D = Decimal


def about(**more: Any) -> str:
    """What a bot says of itself with its heartbeat."""
    told = {
        "bot_name": "freqtrade",
        "pairs": ["BTC/USDT", "ETH/USDT"],
        "open_pairs": [],
        "key": "aaaaaaaaaaaa",
        "trading_mode": "spot",
        "dry_run": False,
        "stake_currency": "USDT",
        "version": __version__,
        "freqtrade_version": "2026.9",
        "floor": {"USDT": "5"},
        "pid": 100,
        "host": "here",
    }
    return json.dumps({**told, **more})


@dataclass
class Desk:
    """A config, the clock of whoever looks, and the bots that have written.

    ``url``: a ledger elsewhere than in the user's folder.
    """

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime.now(UTC)))
    url: str | None = None
    guard: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    opened: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.userdir.mkdir(exist_ok=True)

    @property
    def userdir(self) -> Path:
        return self.folder / "user_data"

    @property
    def file(self) -> Path:
        return self.userdir / "balance_guard.sqlite"

    def write_config(self, **more: Any) -> Path:
        """config.json as it is now; what a test wants otherwise goes into ``more``."""
        ledger = {"account": "main"} | ({"db_url": self.url} if self.url else {})
        config = {
            "dry_run": False,
            "stake_currency": "USDT",
            "exchange": {"name": "kraken", "key": KEY, "secret": SECRET},
            "db_url": f"sqlite:///{self.folder / 'trades.sqlite'}",
            "balance_guard": {"ledger": ledger, **self.guard},
            **self.config,
            **more,
        }
        path = self.folder / "config.json"
        path.write_text(json.dumps(config))
        return path

    def ledger_view(self, **more: Any) -> LedgerView:
        """What a report looks into."""
        config = load_config([str(self.write_config(**more))], str(self.userdir))
        ledger = LedgerView(source_of(config), self.clock)
        self.opened.append(ledger)
        return ledger

    def bot(
        self,
        name: str = "freqtrade-aaaa",
        *,
        silent_for: float = 0,
        account: str = "main",
        **told: Any,
    ) -> ReservationLedger:
        """A bot that gave a sign of life so many seconds ago."""
        clock = ManualClock(self.clock.wall() - timedelta(seconds=silent_for))
        url = self.url or f"sqlite:///{self.file}"
        ledger = open_ledger(url, bot=name, account=account, clock=clock)
        ledger.heartbeat(about(**told))
        self.opened.append(ledger)
        return ledger

    def believe(
        self,
        used: str = "0",
        verdict: str = "confirmed",
        age: float = 3,
        mark: int | None = 0,
        **totals: str,
    ) -> None:
        """A balance that a bot believed ``age`` seconds ago."""
        holdings = {currency: Holding(D(total), D(used)) for currency, total in totals.items()}
        verdicts = dict.fromkeys(holdings, verdict)
        at = self.clock.wall() - timedelta(seconds=age)
        BelievedBalances(self.file, "main").save(holdings, verdicts, at, mark)

    def close(self) -> None:
        for one in self.opened:
            one.close()
