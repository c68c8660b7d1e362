"""The executor on two prediction markets in sandboxes, as a bot would build it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.store.holdings import paid_to
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.events import Event, EventHub
from freqtrade_balance_guard.integration.prediction.build import make_prediction_venue
from freqtrade_balance_guard.integration.prediction.prediction_venue import PredictionVenue
from freqtrade_balance_guard.ledger import ReservationLedger, open_ledger
from freqtrade_balance_guard.settings import ArbitrageSettings, load_settings
from tests.support.prediction import EVENT, NearPrediction


D = Decimal
PAIRS = [
    (one, other)
    for one in ("polymarket", "kalshi", "sxbet")
    for other in ("polymarket", "kalshi", "sxbet")
    if one != other
]


@dataclass
class Complements:
    """ "one" sells yes for 0.40, "other" sells no for 0.50; 1000 of money on each."""

    one: NearPrediction
    other: NearPrediction
    venues: dict[str, PredictionVenue]
    ledger: ReservationLedger
    store: ArbitrageStore
    executor: TwoLegExecutor
    heard: list[Event] = field(default_factory=list)

    @property
    def both(self) -> dict[str, NearPrediction]:
        return {"one": self.one, "other": self.other}

    def books(self, yes: str = "0.40", no: str = "0.50", shares: str = "1000") -> None:
        """What is offered: yes on one, no on the other; and bids two cents below."""
        low = D(yes) - D("0.02")
        self.one.control.event_book(EVENT, bids=[(low, shares)], asks=[(yes, shares)])
        bid, ask = 1 - D(no), 1 - D(no) + D("0.02")
        self.other.control.event_book(EVENT, bids=[(bid, shares)], asks=[(ask, shares)])

    def opportunity(
        self, yes: str = "0.40", no: str = "0.50", shares: str = "100", **more: Any
    ) -> Opportunity[OutcomeLeg]:
        return Opportunity(
            OutcomeLeg("one", self.one.outcome(0), "buy", D(shares), D(yes), **more),
            OutcomeLeg("other", self.other.outcome(1), "buy", D(shares), D(no), **more),
            payout=1,
        )

    def work_until(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Loops as a bot does, until it is so."""
        ends = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < ends, self.store.all_holdings()
            self.executor.work()
            time.sleep(0.05)

    def states(self) -> list[str]:
        return sorted(str(one.state) for one in self.store.all_holdings())

    def money(self, name: str) -> Decimal:
        """What an account really has."""
        control = self.both[name].control
        balances = control.state()["accounts"]["main"]["balances"]
        return D(balances[self.venues[name].currency]["total"])

    def check_orders(self) -> None:
        """Nothing leaked, unknown or doubled; each row is what its venue has."""
        assert self.ledger.unfinished() == []
        assert self.store.unfinished("bot") == []
        rows = {row.order_id: row for row in self.ledger.reservations() if row.order_id}
        for name, sandbox in self.both.items():
            assert self.ledger.audit(name) == []
            assert sandbox.control.audit()["ok"]
            for order in sandbox.orders():
                cost = D(order["cost"]) + D(order["fee"])
                if order["side"] == "sell":
                    cost = D(order["filled"])
                if cost:
                    assert rows[order["id"]].committed == cost, (order, rows[order["id"]])


@contextmanager
def run_on(
    one: NearPrediction,
    other: NearPrediction,
    folder: Path,
    *,
    dry_run: bool = False,
    closes_in_s: float = 3600,
    **settings: Any,
) -> Iterator[Complements]:
    """One run of a bot with its files in ``folder``."""
    heard: list[Event] = []
    clock, hub = SystemClock(), EventHub()
    hub.subscribe(heard.append)
    ledger = open_ledger(
        f"sqlite:///{folder / 'ledger.sqlite'}", bot="bot", account="a", clock=clock, hub=hub
    )
    store = ArbitrageStore(folder / "arbitrages.sqlite", "a")
    both = {"one": one, "other": other}
    closes = (datetime.now(UTC) + timedelta(seconds=closes_in_s)).isoformat()
    made = load_settings(
        {
            "venues": {
                name: {**each.section(), "account": name, "dry_run_wallet": 1000}
                for name, each in both.items()
            },
            "events": {
                EVENT: {
                    "closes": closes,
                    "resolution_checked": True,
                    "outcomes": {
                        name: {"yes": each.outcome(0), "no": each.outcome(1)}
                        for name, each in both.items()
                    },
                }
            },
        }
    )
    venues = {}
    for name, each in both.items():
        venues[name] = make_prediction_venue(
            name,
            made.venues[name],
            {"dry_run": dry_run},
            ledger=ledger,
            clock=clock,
            paid=lambda account: paid_to(store.all_holdings(), account),
        )
        venues[name].open([each.outcome(0), each.outcome(1)])
        # Nothing travels far on loopback.
        venues[name].late_seconds = 0.3
        if venues[name].orders.expiry_seconds is None:
            venues[name].orders.expiry_seconds = 0.5
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
        events=EventMap(made.events),
    )
    world = Complements(one, other, venues, ledger, store, executor, heard)
    try:
        executor.work()
        yield world
    finally:
        executor.close()
        for venue in venues.values():
            venue.close()
        ledger.close()
