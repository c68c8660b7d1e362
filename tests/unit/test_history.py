"""The history of balances: every change with its cause, thinned and bounded."""

import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    BalanceRead,
    Event,
    LoopEnded,
    RebalanceEnded,
)
from freqtrade_balance_guard.ledger.facts import ReservationCommitted
from freqtrade_balance_guard.ledger.reservation import Reservation, State
from freqtrade_balance_guard.monitoring import history
from freqtrade_balance_guard.monitoring.history import HistoryRecorder, read_history
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures
from freqtrade_balance_guard.orders.events import OrderAccepted


D = Decimal


class World:
    """A recorder, what it sees, and its file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "guard.sqlite"
        self.clock = ManualClock()
        self.balances = {"USDT": (D(1000), D(900))}
        self.recorder = self.start()

    def start(self) -> HistoryRecorder:
        return HistoryRecorder(self.path, "kraken", "bot", self.clock, self.look)

    def look(self) -> list[BalanceFigures]:
        return [
            BalanceFigures("kraken", coin, total=total, used=D(0), available=free, expected=total)
            for coin, (total, free) in self.balances.items()
        ]

    def happens(self, *events: Event, **balances: tuple[int, int]) -> None:
        """Events, then the balance shows them, then the worker comes by."""
        for event in events:
            self.recorder(event)
        for coin, (total, free) in balances.items():
            self.balances[coin] = (D(total), D(free))
        self.recorder.write()
        self.clock.advance(60)

    def told(self, **wanted: str) -> list[tuple[str, str, str]]:
        """(currency, change, cause) of all points."""
        points = read_history(self.path, "kraken", **wanted)  # type: ignore[arg-type]
        return [(one.currency, f"{one.change:f}", str(one.cause)) for one in points]


@pytest.fixture
def world(tmp_path: Path) -> World:
    one = World(tmp_path)
    one.happens()
    return one


def filled(pair: str) -> ReservationCommitted:
    row = Reservation(
        *(1, "id", None, "kraken", "bot", "run", pair, "buy", "USDT", D(10), D(0), D(10)),
        *(State.COMMITTED, ManualClock().wall(), "O1", 1, 1),
    )
    return ReservationCommitted(row)


START = ("USDT", "1000", "start")
CHANGES = [
    (
        [filled("BTC/USDT")],
        {"USDT": (990, 890), "BTC": (1, 1)},
        [("USDT", "-10", "order"), ("BTC", "1", "order")],
    ),
    (
        [filled("BTC/USDT")],
        {"USDT": (990, 890), "BNB": (1, 1)},
        [("USDT", "-10", "order"), ("BNB", "1", "fee")],
    ),
    (
        [OrderAccepted("BTC/USDT", "leg")],
        {"USDT": (990, 890)},
        [("USDT", "-10", "leg")],
    ),
    (
        [RebalanceEnded("stuck", "USDT", D(1), D(2), ("BTC/USDT",), ())],
        {"USDT": (1010, 910)},
        [("USDT", "10", "rebalance")],
    ),
    (
        [BalanceChangedExternally("USDT", D(50), D(1050))],
        {"USDT": (1050, 950)},
        [("USDT", "50", "external")],
    ),
    (
        [BalanceChangedExternally("USDT", D(50), D(1040)), filled("BTC/USDT")],
        {"USDT": (1040, 940)},
        [("USDT", "50", "external"), ("USDT", "-10", "order")],
    ),
    ([OrderAccepted("BTC/USDT", "entry")], {"USDT": (1000, 800)}, [("USDT", "0", "hold")]),
    ([BalanceRead("expired", 0.1)], {"USDT": (999, 899)}, [("USDT", "-1", "fee")]),
    ([BalanceRead("expired", 0.1)], {}, []),
    ([LoopEnded(0.1)], {}, []),
]


@pytest.mark.parametrize(("events", "after", "points"), CHANGES)
def test_a_change_has_the_cause_that_the_facts_give(world, events, after, points) -> None:
    world.happens(*events, **after)
    assert world.told() == [START, *points]


def test_a_balance_that_follows_its_fact_one_loop_later_is_still_the_orders(world) -> None:
    world.recorder(filled("BTC/USDT"))
    world.recorder.write()
    world.clock.advance(1)
    world.happens(LoopEnded(0.1), USDT=(990, 890))
    assert world.told() == [START, ("USDT", "-10", "order")]


def test_the_worker_looks_after_something_happened_and_else_every_15_seconds(world) -> None:
    looks = []
    world.recorder._look = lambda: looks.append(1) or []
    for _ in range(40):
        world.recorder(LoopEnded(0.1))
        world.recorder.write()
        world.clock.advance(1)
    assert len(looks) == 3


def test_a_balance_that_follows_its_fact_loops_later_has_its_cause(world) -> None:
    for event in (filled("ADA/USDT"), *[LoopEnded(0.1)] * 3):
        world.recorder(event)
        world.recorder.write()
    world.balances["USDT"] = (D(900), D(800))
    world.recorder.write()
    assert world.told() == [("USDT", "1000", "start")]
    world.clock.advance(16)
    world.recorder.write()
    assert world.told()[1:] == [("USDT", "-100", "order")]


def test_what_changed_while_the_bot_was_stopped_says_so(world) -> None:
    world.recorder.close()
    world.recorder = world.start()
    world.happens(USDT=(800, 700))
    world.happens(filled("BTC/USDT"), USDT=(790, 690))
    assert world.told() == [START, ("USDT", "-200", "stopped"), ("USDT", "-10", "order")]


def test_history_is_read_by_currency_time_and_bot(world) -> None:
    world.happens(filled("BTC/USDT"), USDT=(990, 890), BTC=(1, 1))
    border = world.clock.wall()
    world.happens(filled("BTC/USDT"), USDT=(980, 880), BTC=(2, 2))
    assert world.told(currency="BTC") == [("BTC", "1", "order"), ("BTC", "1", "order")]
    assert len(world.told(since=border)) == 2
    assert world.told(bot="another") == []
    assert read_history(world.path, "another account") == []


def test_after_thirty_days_one_point_per_hour_and_what_came_from_outside_stay(world) -> None:
    for number in range(10):
        world.happens(filled("BTC/USDT"), USDT=(990 - number, 800))
    world.happens(BalanceChangedExternally("USDT", D(5), D(986)), USDT=(986, 800))
    for number in range(3):
        world.happens(filled("BTC/USDT"), USDT=(900 - number, 800))
    world.clock.advance(timedelta(days=31).total_seconds())
    world.happens(filled("BTC/USDT"), USDT=(500, 400))
    assert world.told() == [
        ("USDT", "5", "external"),
        ("USDT", "-1", "order"),
        ("USDT", "-398", "order"),
    ]


def test_a_bots_points_are_bounded(world, monkeypatch) -> None:
    monkeypatch.setattr(history, "MOST_POINTS", 20)
    for number in range(60):
        world.happens(filled("BTC/USDT"), USDT=(990 - number, 800))
    world.clock.advance(86400)
    world.happens(filled("BTC/USDT"), USDT=(500, 400))
    assert len(world.told()) == 20


def test_a_month_of_a_hundred_changes_per_day_takes_less_than_five_megabytes(world) -> None:
    total = 1000
    for _ in range(3000):
        total -= 1
        world.happens(filled("BTC/USDT"), USDT=(5000 + total, 4000 + total), BTC=(9000 - total, 1))
    world.recorder.close()
    size = sum(one.stat().st_size for one in world.path.parent.iterdir())
    assert size < 5_000_000


def test_a_file_that_cannot_be_written_costs_nothing_but_time(world, tmp_path) -> None:
    locked = sqlite3.connect(world.path, isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    world.happens(filled("BTC/USDT"), USDT=(990, 890))
    locked.execute("ROLLBACK")
    world.happens()
    assert [one[:2] for one in world.told()] == [START[:2], ("USDT", "-10")]
