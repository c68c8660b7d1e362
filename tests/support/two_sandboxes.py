"""The executor on two sandboxes through ccxt, as a bot would build it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import Event, EventHub
from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import CcxtVenue
from freqtrade_balance_guard.integration.arbitrage.venues import make_venue
from freqtrade_balance_guard.ledger import ReservationLedger, open_ledger
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import ArbitrageSettings, VenueSettings
from tests.support.exchange import freqtrade_config
from tests.support.legs_bot import market


PAIR = "ETH/USDT"


@dataclass
class TwoSandboxes:
    """ "cheap" at 2500, "dear" at 2550; each account has a million USDT and 400 ETH."""

    cheap: Sandbox
    dear: Sandbox
    venues: dict[str, CcxtVenue]
    ledger: ReservationLedger
    store: ArbitrageStore
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

    def settle(self, seconds: float = 30) -> None:
        """Loops until nothing is unresolved or unhedged, at most so long."""
        for _ in range(int(seconds / 0.5)):
            self.executor.work()
            if not self.executor.unresolved() and not self.executor.exposures():
                return
            time.sleep(0.5)

    def check(self) -> None:
        """0 leaked reservations, 0 unknown orders, and the books are the exchanges'."""
        assert self.ledger.unfinished() == []
        assert self.store.unfinished("bot") == []
        rows = {row.client_order_id: row for row in self.ledger.reservations()}
        for name, sandbox in self.both.items():
            assert self.ledger.audit(name) == []
            assert sandbox.control.audit()["ok"]
            assert sandbox.control.state()["open_orders"] == []
            for order in sandbox.control.orders():
                row, filled = rows[order["cl_ord_id"]], Decimal(str(order["filled"]))
                cost = Decimal(str(order["cost"])) + Decimal(str(order["fee"]))
                assert row.committed == (filled if order["side"] == "sell" else cost)
                assert row.order_id == order["id"] or not filled
        assert self.executor.exposures() == []
        assert self.coins() == 800


def _scenario(price: str, seed: int, latency_ms: float) -> Scenario:
    account = {"name": "main", "keys": [{}], "balances": {"USDT": "1000000", "ETH": "400"}}
    return Scenario.model_validate(
        {
            "seed": seed,
            "accounts": [account],
            "markets": [market(PAIR, price)],
            "latency_ms": latency_ms,
        }
    )


@contextmanager
def started(latency_ms: float = 0) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Both exchanges, and nothing on them."""
    with (
        Sandbox.start(_scenario("2500", 1, latency_ms)) as cheap,
        Sandbox.start(_scenario("2550", 2, latency_ms)) as dear,
    ):
        yield cheap, dear


@contextmanager
def a_bot_on(
    cheap: Sandbox,
    dear: Sandbox,
    folder: Path,
    *,
    dry_run: bool = False,
    one_queue: bool = False,
    listen: Callable[[Event], None] = lambda event: None,
    **settings: Any,
) -> Iterator[TwoSandboxes]:
    """One run of a bot with its files in ``folder``.

    :param one_queue: as if both had one API key
    """
    clock, hub = SystemClock(), EventHub(listen)
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
    store = ArbitrageStore(folder / "pairs.sqlite")
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


@contextmanager
def two_sandboxes(folder: Path, *, latency_ms: float = 0, **more: Any) -> Iterator[TwoSandboxes]:
    """Both exchanges and one run of a bot on them."""
    with started(latency_ms) as (cheap, dear), a_bot_on(cheap, dear, folder, **more) as world:
        yield world
