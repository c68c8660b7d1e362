"""A bot dies at every named point of an order's way; the next run on the same books puts it right.

The bot here is as much of freqtrade as the registry sees: it sends, stores what it got, and asks
for its open orders in every loop. The exchange outlives it, and so do the books. The kill is an
exception that nothing catches; soak kills real bots (tests/acceptance/test_kills.py).
"""

from decimal import Decimal
from itertools import count

import pytest

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import AlreadyEnded, Funds, ReservationLedger, State
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.reservation import ENDED
from freqtrade_balance_guard.orders.lookup_result import EXIT_LATE_SECONDS, Found, NotFound
from freqtrade_balance_guard.orders.registry import UNWATCHED_SECONDS, OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.memory_store import MemoryStore


D = Decimal
MONEY = Funds(D(1000), D(0), since=0)
# What becomes of an order, and of the reply to it.
FATES = {
    "filled": "accepted, and filled a little later",
    "filled at once": "the reply says that it is filled",
    "filled in two": "accepted, filled in part, then the rest",
    "cancelled": "accepted, and cancelled without a fill",
    "refused": "the exchange says no",
    "lost": "accepted and filled, the reply is lost",
    "never": "the request never arrives, and the reply is an error",
}


class Killed(BaseException):
    """kill -9."""


class Refusal(Exception):
    pass


class LostReply(Exception):
    pass


class Exchange:
    """Has what arrived, whatever became of the bot."""

    def __init__(self, fate):
        self.fate = fate
        self.orders = {}
        self.steps = {
            "filled": [("open", 0), ("closed", 1)],
            "filled at once": [("closed", 1)],
            "filled in two": [("open", 0), ("open", D("0.4")), ("closed", 1)],
            "cancelled": [("open", 0), ("canceled", 0)],
            "lost": [("open", 0), ("closed", 1)],
        }

    def take(self, tracked):
        if self.fate == "refused":
            raise Refusal
        if self.fate == "never":
            raise LostReply
        one = tracked.client_order_id
        self.orders[one] = {"id": f"EX-{one}", "terms": tracked.terms, "looks": 0}
        if self.fate == "lost":
            raise LostReply
        return self.tell(one)

    def tell(self, one):
        """What it says of an order; each look is a little later than the one before."""
        order = self.orders[one]
        steps = self.steps[self.fate]
        status, share = steps[min(order["looks"], len(steps) - 1)]
        order["looks"] += 1
        amount = order["terms"].amount * share
        return {
            "id": order["id"],
            "status": status,
            "filled": amount,
            "cost": amount * order["terms"].price,
            "fees": [{"currency": "USDT", "cost": amount * order["terms"].price / 100}],
        }

    def ask(self, tracked, deadline):
        if tracked.client_order_id not in self.orders:
            return NotFound()
        return Found(self.tell(tracked.client_order_id))

    def used(self, one):
        """What the order took of the currency that it locks, in the end."""
        order = self.orders[one]
        share = self.steps[self.fate][-1][1]
        terms = order["terms"]
        if terms.side == "sell":
            return terms.amount * share
        return terms.amount * terms.price * share * D("1.01")


class World:
    """Everything that a kill leaves: the exchange, the books, freqtrade's database, the time."""

    def __init__(self, fate, new_store):
        self.exchange = Exchange(fate)
        self.new_store = new_store
        self.clock = ManualClock()
        self.freqtrade_has = {}  # order id -> client order id
        self.ids = (f"id-{number}" for number in count())
        self.runs = count()
        self.orphans = set()
        self.registry = self.start()

    def start(self):
        """A new run of the bot."""
        ledger = ReservationLedger(
            self.new_store(), bot="one", account="kraken", process=f"run-{next(self.runs)}",
            clock=self.clock, debug_validation=True,
        )  # fmt: skip
        self.registry = OrderRegistry(
            ledger,
            hub=EventHub(),
            new_id=lambda: next(self.ids),
            ask=self.exchange.ask,
            clock=self.clock,
            wait=self.clock.advance,
        )
        return self.registry

    # What freqtrade does

    def order(self, purpose):
        terms = spot_terms(
            "ETH/USDT", "buy" if purpose is Purpose.ENTRY else "sell", purpose, D(3), D(100),
            is_market=False, fee_rate=D("0.01"),
        )  # fmt: skip
        if purpose is Purpose.ENTRY:
            tracked = self.registry.open_entry(terms, MONEY)
        else:
            tracked = self.registry.open_exit(terms)
        order = self.outcome(tracked)
        if order is not None:
            self.registry.report(tracked, order)
            self.freqtrade_has[order["id"]] = tracked.client_order_id
            crash_points.crash_point("order stored")

    def outcome(self, tracked):
        """The way of integration/ordering.py."""
        try:
            order = self.exchange.take(tracked)
            crash_points.crash_point("order answered")
        except Refusal:
            crash_points.crash_point("order answered")
            self.registry.rejected(tracked, "no")
            return None
        except LostReply:
            crash_points.crash_point("order answered")
            self.registry.lost(tracked)
            return self.registry.lookups.resolve(tracked)
        return order

    def loop(self):
        """What happens in every loop: duties first, then freqtrade asks for its open orders."""
        self.clock.advance(1)
        self.registry.waits.renew()
        self.registry.catch_up()
        for tracked in [*self.registry.unresolved(), *self.registry.unwatched()]:
            order = self.registry.lookups.check(tracked)
            if order is not None:
                self.registry.report(tracked, order)
                if order["id"] not in self.freqtrade_has:
                    self.orphans.add(order["id"])
        for order_id, one in self.freqtrade_has.items():
            self.registry.answered("ETH/USDT", order_id, self.exchange.tell(one))

    def live(self, purpose):
        self.order(purpose)
        for _ in range(int(EXIT_LATE_SECONDS) + 6):
            self.loop()

    # What has to hold in the end

    def check(self):
        ledger = self.registry.ledger
        assert ledger.audit() == []
        rows = {row.client_order_id: row for row in ledger.reservations()}
        for one, row in rows.items():
            assert not row.unfinished, f"{row.state} has no end"
            endings = [line for line in ledger.history(one) if line.state in ENDED]
            assert len(endings) == 1
            assert isinstance(ledger.release(one, "again"), AlreadyEnded)
        for one, order in self.exchange.orders.items():
            assert rows[one].committed == self.exchange.used(one)
            if rows[one].committed:
                assert rows[one].order_id == order["id"]
                assert rows[one].state is State.COMMITTED
        for one in rows.keys() - self.exchange.orders.keys():
            assert rows[one].state in (State.RELEASED, State.EXPIRED)


@pytest.fixture(autouse=True)
def nobody_watches_afterwards():
    yield
    crash_points.watcher = None


def passed(purpose, fate):
    """The crash points on an order's way, in order."""
    seen = []
    store = MemoryStore()
    world = World(fate, lambda: store)
    crash_points.watcher = seen.append
    try:
        world.live(purpose)
    finally:
        crash_points.watcher = None
    world.check()
    return seen


POINTS = [
    (purpose, fate, number, point)
    for purpose in (Purpose.ENTRY, Purpose.EXIT)
    for fate in FATES
    for number, point in enumerate(passed(purpose, fate))
]


def test_every_crash_point_is_on_the_way_of_some_entry_and_of_some_exit():
    for purpose in (Purpose.ENTRY, Purpose.EXIT):
        on_the_way = {point for which, _, _, point in POINTS if which is purpose}
        assert on_the_way == set(crash_points.ORDER_POINTS)


@pytest.fixture(params=["memory", "sqlite"])
def new_store(request, tmp_path):
    if request.param == "memory":
        store = MemoryStore()
        yield lambda: store
        return
    opened = []

    def open_one():
        for store in opened:
            store.close()
        opened.append(open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
        return opened[-1]

    yield open_one
    opened[-1].close()


@pytest.mark.parametrize(
    ("purpose", "fate", "number", "point"),
    POINTS,
    ids=[f"{purpose}, {fate}, {number} {point}" for purpose, fate, number, point in POINTS],
)
def test_a_kill(new_store, purpose, fate, number, point):
    world = World(fate, new_store)
    left = count()
    hit = []

    def watch(reached):
        if next(left) == number:
            hit.append(reached)
            raise Killed

    crash_points.watcher = watch
    with pytest.raises(Killed):
        world.live(purpose)
    crash_points.watcher = None
    assert hit == [point]

    known_before = {row.client_order_id: row for row in world.registry.ledger.reservations()}
    world.start()
    for _ in range(int(EXIT_LATE_SECONDS) + 6):
        world.loop()
    for _ in range(2):
        # What freqtrade does not have is looked at less often.
        world.clock.advance(UNWATCHED_SECONDS)
        world.loop()
    world.check()
    # An order that freqtrade does not have was either told to it, or had ended in the books.
    for one, order in world.exchange.orders.items():
        had_ended = one in known_before and not known_before[one].unfinished
        assert order["id"] in world.freqtrade_has or order["id"] in world.orphans or had_ended
    # And trading goes on.
    world.exchange.fate = "filled"
    world.live(purpose)
    world.exchange.fate = fate
    assert not world.registry.ledger.unfinished()
    assert world.registry.ledger.audit() == []
