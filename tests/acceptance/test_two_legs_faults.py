"""500 opportunities in a row on two exchanges of which a fifth of all replies is faulty.

Nothing leaks, nothing is unknown at the end, and the coins that are there are those that the books
and the exposures say. How long and how much was unhedged is told.
"""

import contextlib
import random
import statistics
import time
from decimal import Decimal

import pytest
from rich.console import Console
from rich.table import Table

from freqtrade_balance_guard.arbitrage.events import UnhedgedClosed, UnhedgedOpened
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageUnresolved,
)
from freqtrade_balance_guard.clock import SystemClock
from tests.support.two_sandboxes import PAIR, two_sandboxes


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(3600)]

D = Decimal
OPPORTUNITIES = 500
SEED = 6
# Each is one call of the order endpoint or of a look-up that goes wrong.
ORDER_FAULTS = (
    ("lost_reply", {"how": "drop"}),
    ("lost_reply", {"how": "502"}),
    ("lost_reply", {"how": "error", "message": "EService:Timeout"}),
    ("drop", {"endpoint": "AddOrder"}),
    ("http_status", {"endpoint": "AddOrder", "status": 502}),
    ("error", {"endpoint": "AddOrder", "message": "EService:Unavailable"}),
    ("html", {"endpoint": "AddOrder"}),
    ("refuse", {"message": "EOrder:Insufficient funds"}),
    ("partial_fill", {"fraction": "0.4", "duration_s": 1.0}),
    ("no_fill", {"duration_s": 1.0}),
)
OTHER_FAULTS = (
    ("drop", {"endpoint": "OpenOrders"}),
    ("html", {"endpoint": "ClosedOrders"}),
    ("http_status", {"endpoint": "QueryOrders", "status": 503}),
    ("error", {"endpoint": "CancelOrder", "message": "EService:Busy"}),
    ("balance_empty", {}),
    ("drop", {"endpoint": "Depth"}),
)


class Trouble:
    """Scripts a fault for about every fifth reply of the next pair."""

    def __init__(self, sandbox, dice):
        self.control, self.dice = sandbox.control, dice
        self.calls = self.planted = 0

    def next(self):
        self.control.clear_faults()
        if self.dice.random() < 0.2:
            kind, more = self.dice.choice(ORDER_FAULTS)
            self.control.fault(kind, times=1, **more)
            self.planted += 1
        for kind, more in OTHER_FAULTS:
            # A request of this kind comes about once for a pair, where it comes at all.
            if self.dice.random() < 0.2:
                self.control.fault(kind, times=1, **more)


def in_the_loop(world, opportunity):
    return world.executor.execute(opportunity)


def by_the_engine(world, opportunity):
    """From the last books and balances, both orders out of the engine's loop."""
    executor = world.executor
    markets = [(leg.venue, leg.pair) for leg in opportunity.legs]
    executor.want_books(markets)
    for venue in world.venues.values():
        # An answer may be faulty; then what was believed before holds.
        with contextlib.suppress(Exception):
            executor._context.funds[venue.account](["ETH", "USDT"])
    ends = time.monotonic() + 5
    while any(isinstance(executor.books.usable(one), str) for one in markets):
        if time.monotonic() > ends:
            break
        time.sleep(0.005)

    async def begin():
        return executor.begin(opportunity)

    begun = executor.loop.run(begin()).result(30)
    if isinstance(begun, ArbitrageDenied):
        return executor.denied(begun, opportunity)
    return executor.see_through(begun)


@pytest.mark.parametrize("carry_out", [in_the_loop, by_the_engine])
def test_500_opportunities_with_a_fifth_of_the_replies_faulty(tmp_path, carry_out):
    dice, clock = random.Random(SEED), SystemClock()
    opened_at, open_for, values = {}, [], []

    def listen(event):
        if isinstance(event, UnhedgedOpened):
            opened_at[event.exposure.id] = clock.monotonic()
            values.append(event.exposure.value)
        elif isinstance(event, UnhedgedClosed):
            open_for.append(clock.monotonic() - opened_at[event.exposure.id])

    with two_sandboxes(
        tmp_path, listen=listen, unhedged_policy="unwind", max_unhedged=0, leg_timeout=0.5
    ) as world:
        troubles = [Trouble(world.cheap, dice), Trouble(world.dear, dice)]
        results = {"hedged": 0, "unhedged": 0, "failed": 0, "abandoned": 0}
        denied: dict[str, int] = {}
        unresolved = tried = 0
        was_denied = False
        started = clock.monotonic()
        while tried < OPPORTUNITIES:
            if not was_denied:
                for trouble in troubles:
                    trouble.next()
            buy = Leg("cheap", PAIR, "buy", D("0.01") * dice.randint(1, 9))
            sell = Leg("dear", PAIR, "sell", buy.amount)
            result = carry_out(world, Opportunity(*((buy, sell) if tried % 2 else (sell, buy))))
            world.executor.work()
            was_denied = isinstance(result, ArbitrageDenied)
            if isinstance(result, ArbitrageDenied):
                # No request was made for it: what has begun is to get its answers.
                time.sleep(0.1)
                denied[str(result.code)] = denied.get(str(result.code), 0) + 1
                assert clock.monotonic() - started < 3000, denied
                continue
            tried += 1
            if isinstance(result, ArbitrageEnded):
                results[str(result.state)] += 1
            else:
                assert isinstance(result, ArbitrageUnresolved)
                unresolved += 1
        seconds = clock.monotonic() - started
        for sandbox in world.both.values():
            sandbox.control.clear_faults()
        world.settle()
        world.check()
    assert sum(results.values()) + unresolved == OPPORTUNITIES
    assert results["hedged"] > OPPORTUNITIES / 2 and values
    shown = Table("what", "figure", title=f"{OPPORTUNITIES} opportunities, policy unwind")
    for what, figure in {
        **results,
        "outcome not known within its loop": unresolved,
        "denied (nothing sent)": denied,
        "orders for which a fault was planted": sum(trouble.planted for trouble in troubles),
        "seconds in all": f"{seconds:.0f}",
        "unhedged: how often": len(values),
        "unhedged: seconds, median and longest": (
            f"{statistics.median(open_for):.2f}, {max(open_for):.2f}"
        ),
        "unhedged: value, median and largest": f"{statistics.median(values)}, {max(values)}",
    }.items():
        shown.add_row(what, str(figure))
    Console(width=110).print(shown)
