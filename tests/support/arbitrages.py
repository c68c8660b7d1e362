"""Two scripted exchanges, the ledger and the executor between them, and what must always hold."""

import itertools
import json
import time
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.engine.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.planning.funds import VenueFunds
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import Event, EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger, State
from freqtrade_balance_guard.ledger.store import Beat, Store
from freqtrade_balance_guard.orders.lookup_result import TWICE_APART_SECONDS
from freqtrade_balance_guard.settings import ArbitrageSettings
from tests.support.venue import Fate, LoopScriptedVenue, ScriptedVenue


D = Decimal
_runs = itertools.count(1)


class World:
    """ "here" is cheap, "there" is dear. Bought and sold are 1 COIN unless told otherwise."""

    def __init__(
        self,
        store: Callable[[], Store],
        folder: Path,
        *,
        first: str = "buy",
        policy: str = "hold",
        max_unhedged: object = 0,
        leg_timeout: float = 10,
        here: list[Fate] | None = None,
        there: list[Fate] | None = None,
        money_here: dict[str, Decimal] | None = None,
        money_there: dict[str, Decimal] | None = None,
        floors: dict[str, Decimal] | None = None,
        is_at_once: bool = False,
        sends_in_loop: bool = False,
        max_in_flight: int = 1,
        min_inventory: dict[str, dict[str, object]] | None = None,
        breaker: dict[str, object] | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.floors = floors or {}
        self.ledger_store = store
        # What is begun at once is written in one transaction, where both have one file.
        self.is_at_once = is_at_once
        self.file = folder / ("ledger.sqlite" if is_at_once else "pairs.sqlite")
        self.first = first
        self.settings = ArbitrageSettings.model_validate(
            {
                "unhedged_policy": policy,
                "max_unhedged": max_unhedged,
                "leg_timeout": leg_timeout,
                "max_in_flight": max_in_flight,
                "min_inventory": min_inventory or {},
                "breaker": breaker or {},
            }
        )
        self.sends_in_loop = sends_in_loop
        kind = LoopScriptedVenue if sends_in_loop else ScriptedVenue
        self.here = kind("here", self.clock, money_here or {"COIN": D(10), "USDT": D(1000)}, D(100))
        self.there = kind(
            "there", self.clock, money_there or {"COIN": D(10), "USDT": D(1000)}, D(110)
        )
        self.there.is_dear = True
        self.here.fates, self.there.fates = here or [], there or []
        self.before = {venue.name: dict(venue.money) for venue in self.venues}
        self.events: list[Event] = []
        self.executors: list[TwoLegExecutor] = []
        self.start()

    @property
    def venues(self) -> tuple[ScriptedVenue, ScriptedVenue]:
        return self.here, self.there

    def start(self) -> TwoLegExecutor:
        """A run of the bot on the same stores."""
        hub = EventHub(self.events.append)
        self.ledger = ReservationLedger(
            self.ledger_store(),
            bot="bot",
            account="account of here",
            process=f"run-{next(_runs)}",
            clock=self.clock,
            hub=hub,
            debug_validation=True,
        )
        self.store = ArbitrageStore(self.file, "account of here")
        self.executor = TwoLegExecutor(
            self.ledger,
            {venue.name: venue for venue in self.venues},
            self.store,
            self.settings,
            hub=hub,
            clock=self.clock,
            wait=self.clock.advance,
            rates=lambda currency: D(1),
            settle_seconds=0,
            floors=self.floors,
        )
        # A busy machine is no slow venue: rounds of a clock that is advanced do not overtake tasks.
        self.executor._tasks.head_start_seconds = 1.0
        self.executors.append(self.executor)
        return self.executor

    def close(self) -> None:
        for executor in self.executors:
            executor.close()
        self.ledger.close()

    def opportunity(self, amount: object = 1, **more: Any) -> Opportunity:
        buy = Leg("here", "COIN/USDT", "buy", D(str(amount)), **more)
        sell = Leg("there", "COIN/USDT", "sell", D(str(amount)))
        return Opportunity(buy, sell) if self.first == "buy" else Opportunity(sell, buy)

    def go(self, amount: object = 1) -> Any:
        if self.is_at_once:
            return self.go_at_once(self.opportunity(amount))
        return self.executor.execute(self.opportunity(amount))

    def go_at_once(self, opportunity: Opportunity) -> Any:
        """As the engine does: from the last books and balances."""
        begun = self.begin(opportunity)
        if not isinstance(begun, RunningArbitrage):
            return self.executor.denied(begun, opportunity)
        return self.executor.see_through(begun)

    def begin(self, opportunity: Opportunity) -> Any:
        self.executor._resume()
        for venue in self.venues:
            self.executor._context.funds[venue.account](["COIN", "USDT"])
        self.books_are_there()
        return self.begin_now(opportunity)

    def begin_now(self, opportunity: Opportunity) -> Any:
        """Where the venues send from the engine's loop, from there, as the engine does."""
        executor = self.executor
        if not self.sends_in_loop:
            return executor.begin(opportunity)

        async def begin() -> Any:
            return executor.begin(opportunity)

        return executor.loop.run(begin()).result(30)

    def books_are_there(self) -> None:
        markets = [(venue.name, "COIN/USDT") for venue in self.venues]
        self.executor.want_books(markets)
        ends = time.monotonic() + 10
        while any(isinstance(self.executor.books.usable(one), str) for one in markets):
            assert time.monotonic() < ends, "no usable book"
            time.sleep(0.002)

    def work(self, seconds: float, every: float = 5) -> None:
        """So many seconds of a bot's loops."""
        for _ in range(int(seconds / every)):
            self.clock.advance(every)
            self.executor.work()

    def arbitrages(self) -> list[ArbitrageRecord]:
        found = []
        for number in itertools.count(1):
            pair = self.store.record(number)
            if pair is None:
                return found
            found.append(pair)
        return found

    def purse_of(self, venue: ScriptedVenue, currencies: Collection[str]) -> Mapping[str, Funds]:
        """What may be spent on its account."""
        return VenueFunds(venue, self.ledger, self.clock, settle_seconds=0).read(currencies)

    def account_of_rows(self) -> set[str]:
        """The accounts on which money was promised."""
        return {row.account for row in self.rows()}

    def heartbeat_of(self, bot: str, account: str, owned: Mapping[str, str]) -> None:
        """Another bot on ``account`` says that its open trades own so much."""
        about = json.dumps({"owned": dict(owned)})
        self.ledger.store.beat(Beat(account, bot, "its run", 1, self.clock.wall(), about))

    def published(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def rows(self) -> list[Any]:
        return self.ledger.reservations()

    def states(self) -> list[State]:
        """Of the reservations, in the order in which they were made."""
        return [row.state for row in reversed(self.rows())]

    # What must always hold

    def check(self) -> None:
        """Everything has ended: books equal the exchanges', nothing is without an owner."""
        assert self.store.unfinished("bot") == []
        for account in ("account of here", "account of there"):
            assert self.ledger.audit(account) == []
        rows = {row.client_order_id: row for row in self.rows()}
        assert [row for row in rows.values() if row.unfinished] == []
        intents = {order.client_order_id for pair in self.arbitrages() for order in pair.orders}
        for venue in self.venues:
            for one, kept in venue.orders.items():
                assert not kept.is_open
                assert one in intents
                used = self.used(kept.order, kept.filled)
                assert rows[one].committed == used, kept
                assert (rows[one].state is State.COMMITTED) == (kept.filled > 0)
        placed = {one for venue in self.venues for one in venue.orders}
        for one, row in rows.items():
            assert one in placed or row.committed == 0
        self.check_money()
        net = sum((venue.net("COIN") for venue in self.venues), D(0))
        assert net == sum((one.net for one in self.store.open_exposures("bot")), D(0))

    def check_money(self) -> None:
        """What each exchange's balances did is what the ledger has booked, coin by coin."""
        for venue in self.venues:
            booked = dict(self.before[venue.name])
            brought: dict[str, tuple[str, Decimal]] = {}
            for entry, row in self.ledger.changes(0, account=venue.account):
                if row.client_order_id.startswith(venue.name) and entry.received is not None:
                    brought[row.client_order_id] = (entry.received_currency or "", entry.received)
            for row in self.ledger.reservations(account=venue.account):
                if row.client_order_id.startswith(venue.name):
                    booked[row.currency] = booked.get(row.currency, D(0)) - row.committed
            for currency, amount in brought.values():
                booked[currency] = booked.get(currency, D(0)) + amount
            assert {name: booked.get(name, D(0)) for name in venue.money} == venue.money

    @staticmethod
    def used(order: Any, filled: Decimal) -> Decimal:
        if order.side == "sell":
            return filled
        return filled * order.price * (1 + order.fee_rate)


TWICE = TWICE_APART_SECONDS
