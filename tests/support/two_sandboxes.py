"""The executor on two sandboxes through ccxt, as a bot would build it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.store import PairStore
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import Event, EventHub
from freqtrade_balance_guard.integration.ccxt_venue import CcxtVenue, make_venue
from freqtrade_balance_guard.ledger import ReservationLedger, open_ledger
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import ArbitrageSettings, VenueSettings
from tests.support.exchange import freqtrade_config


PAIR = "ETH/USDT"


@dataclass
class TwoSandboxes:
    """ "cheap" at 2500, "dear" at 2550; each account has a million USDT and 400 ETH."""

    cheap: Sandbox
    dear: Sandbox
    venues: dict[str, CcxtVenue]
    ledger: ReservationLedger
    store: PairStore
    executor: TwoLegExecutor

    @property
    def both(self) -> dict[str, Sandbox]:
        return {"cheap": self.cheap, "dear": self.dear}

    def coins(self) -> Decimal:
        """What both accounts really own."""
        found = Decimal(0)
        for sandbox in (self.cheap, self.dear):
            account = sandbox.control.state()["accounts"]["main"]
            found += Decimal(str(account["balances"]["ETH"]["total"]))
        return found


def _scenario(price: str, seed: int, latency_ms: float) -> Scenario:
    market = {
        "symbol": PAIR,
        "price": price,
        "amount_min": "0.001",
        "price_decimals": 2,
        "fee_maker": "0.001",
        "fee_taker": "0.001",
    }
    account = {"name": "main", "keys": [{}], "balances": {"USDT": "1000000", "ETH": "400"}}
    return Scenario.model_validate(
        {"seed": seed, "accounts": [account], "markets": [market], "latency_ms": latency_ms}
    )


@contextmanager
def two_sandboxes(
    folder: Path,
    *,
    latency_ms: float = 0,
    dry_run: bool = False,
    one_queue: bool = False,
    listen: Callable[[Event], None] = lambda event: None,
    **settings: Any,
) -> Iterator[TwoSandboxes]:
    """:param one_queue: as if both had one API key"""
    clock, hub = SystemClock(), EventHub(listen)
    with (
        Sandbox.start(_scenario("2500", 1, latency_ms)) as cheap,
        Sandbox.start(_scenario("2550", 2, latency_ms)) as dear,
    ):
        ledger = open_ledger(
            f"sqlite:///{folder / 'ledger.sqlite'}", bot="bot", account="a", clock=clock, hub=hub
        )
        config = {**freqtrade_config({"name": "kraken"}), "dry_run": dry_run}
        venues = {}
        for name, sandbox in (("cheap", cheap), ("dear", dear)):
            section = {
                **sandbox.freqtrade_exchange(),
                "account": name,
                "dry_run_wallet": {"USDT": 1000, "ETH": 2},
            }
            its = VenueSettings.model_validate(section)
            venue = make_venue(name, its, config, bot="bot", ledger=ledger, clock=clock)
            # Nothing travels far on loopback.
            venue.late_seconds = 0.5
            if one_queue:
                venue.queue = "one key"
            venues[name] = venue
        store = PairStore(folder / "pairs.sqlite")
        executor = TwoLegExecutor(
            ledger,
            venues,
            store,
            ArbitrageSettings.model_validate(settings),
            hub=hub,
            clock=clock,
            wait=time.sleep,
            rates=lambda currency: Decimal(1),
            settle_seconds=0,
        )
        try:
            yield TwoSandboxes(cheap, dear, venues, ledger, store, executor)
        finally:
            executor.close()
            ledger.close()
