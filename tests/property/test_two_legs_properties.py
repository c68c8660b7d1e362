"""Two legs under anything that an exchange may do to them.

Whatever it is: value is conserved, no leg is without an owner, no order is sent twice, and every
plan reaches an end once the exchanges answer.
"""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.crash_points import ARBITRAGE_POINTS
from tests.support.arbitrages import World
from tests.support.effort import examples
from tests.support.memory_store import MemoryStore
from tests.support.venue import Fate


D = Decimal
shares = st.sampled_from([D(0), D("0.13"), D("0.5"), D("0.77"), D(1)])


@st.composite
def fates(draw):
    lost = draw(st.booleans())
    return Fate(
        fills=draw(shares),
        rejected=draw(st.integers(0, 5)) == 0,
        lost=lost,
        arrives=draw(st.sampled_from([0, 0, 0, 0.7, 1.9, None])),
        on_cancel=draw(shares),
        deaf=draw(st.sampled_from([0, 0, 0, 1, 5, 30])),
        # What the exchange has taken it lists at the next look at the latest.
        stale=draw(st.integers(0, 1)) if lost else 0,
        bug=draw(st.integers(0, 9)) == 0,
        lost_cancel=draw(st.booleans()),
    )


class Killed(BaseException):
    """The end of a process."""


@st.composite
def kills(draw):
    return draw(st.none() | st.tuples(st.sampled_from(sorted(ARBITRAGE_POINTS)), st.integers(1, 4)))


def killer(kill):
    seen = [0]

    def watch(point):
        if kill is not None and point == kill[0]:
            seen[0] += 1
            if seen[0] == kill[1]:
                raise Killed(point)

    return watch


opportunities = st.lists(
    st.tuples(st.sampled_from(["0.01", "0.5", "1", "2.37", "8"]), kills()), min_size=1, max_size=4
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=st.sampled_from(["buy", "sell"]),
    policy=st.sampled_from(["hold", "unwind", "complete"]),
    most=st.sampled_from([0, 50, 10**6]),
    here=st.lists(fates(), max_size=6),
    there=st.lists(fates(), max_size=6),
    tried=opportunities,
    same_key=st.booleans(),
)
def test_whatever_happens_value_is_conserved_and_every_plan_ends(
    first, policy, most, here, there, tried, same_key
):
    memory = Path("/dev/shm")
    store = MemoryStore()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        world = World(
            lambda: store,
            Path(folder),
            first=first,
            policy=policy,
            max_unhedged=most,
            here=here,
            there=there,
        )
        for venue in world.venues:
            # Covers what is late, and then not listed for one look.
            venue.late_seconds = 5.0
            venue.same_key_as = "here" if same_key else ""
        try:
            for amount, kill in tried:
                crash_points.watcher = killer(kill)
                try:
                    world.go(amount)
                except Killed:
                    crash_points.watcher = None
                    world.executor.close()
                    world.start()
                crash_points.watcher = None
                world.clock.advance(5)
                world.executor.work()
            for _ in range(60):
                world.work(20)
                is_hedged = policy == "hold" or not world.executor.exposures()
                if not world.executor.unresolved() and is_hedged:
                    break
            world.check()
            unhedged = sum(one.value for one in world.store.open_exposures("bot"))
            if policy == "hold" and not any(kill for _, kill in tried):
                # What a single pair may leave, on top of what was allowed before it.
                assert unhedged <= most + 8 * 110
        finally:
            crash_points.watcher = None
            world.close()
