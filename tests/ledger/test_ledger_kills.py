"""kill -9 at every point inside every step: the books are whole, and each step happened or did not.

A child process passes named points (before and after each thing it says to the database, and
around the flush) and kills itself at one of them. That the list below is complete is a test of its
own: a child that is not killed tells which points it passes.
"""

import os
import signal
import sqlite3
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    Move,
    Moved,
    NotReserved,
    Reserved,
    State,
    Step,
    open_ledger,
)
from freqtrade_balance_guard.ledger.sqlite import file, steps, store, unseen
from freqtrade_balance_guard.ledger.sqlite.schema import SQLITE
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from tests.support.ledger import order


# How each statement is called in the names of the points.
LABELS = {
    "BEGIN IMMEDIATE": "begin",
    steps.IS_TAKEN: "look for the id",
    steps.FIND: "read the row",
    unseen.VERSION: "who wrote",
    unseen.UNSEEN: "sum",
    steps.BEGIN_HISTORY: "history",
    steps.ADD_HISTORY: "history",
    steps.INSERT: "row",
    steps.INSERT_REFUSAL: "row",
    steps.UPDATE: "row",
    steps.UPDATE_AND_MOVE: "row",
    store.SEEN: "row",
    SQL["archivable"]: "look for what is old",
    SQL["archive_reservation"]: "copy the row",
    SQL["archive_history"]: "copy the lines",
    SQL["drop_history"]: "drop the lines",
    SQL["drop_reservation"]: "drop the row",
    SQL["put_claim"]: "row",
    "COMMIT": "commit",
}

BOUND = "use what somebody else has bound"
RESERVE = ["begin", "who wrote", "sum", "history", "row", "commit", "flush"]
MOVE = ["begin", "history", "row", "commit"]
PASSED = {
    "reserve": RESERVE,
    "reserve a pair": [
        *("begin", "who wrote", "sum", "who wrote"),
        *("history", "row", "history", "row", "commit", "flush"),
    ],
    "refuse": RESERVE,
    "ask again": [
        *("begin", "who wrote", "history", "row, refused"),
        *("begin", "look for the id", "read the row", "commit", "flush"),
    ],
    "send": MOVE,
    "send after a restart": ["begin", "read the row", "history", "row", "commit"],
    "bind": MOVE,
    "use": MOVE,
    BOUND: [
        *("begin", "history", "row", "begin", "read the row", "history", "row", "commit"),
    ],
    "commit": MOVE,
    "release": MOVE,
    "expire": MOVE,
    "settle a pair": ["begin", "history", "row", "history", "row", "commit"],
    "seen": ["begin", "row", "commit"],
    "claim": [
        *("read the row", "begin", "read the row", "history", "row", "commit", "flush"),
    ],
    "archive": [
        *("begin", "look for what is old", "copy the row", "copy the lines"),
        *("drop the lines", "drop the row", "commit"),
    ],
}


def points(name):
    """Before and after each; the second of two equal ones is called so."""
    named, seen = [], {}
    for told in PASSED[name]:
        label = told.removesuffix(", refused")
        seen[label] = seen.get(label, 0) + 1
        number = f" {seen[label]}" if seen[label] > 1 else ""
        named.append(f"before {label}{number}")
        if label == told:
            named.append(f"after {label}{number}")
    return named


POINTS = [(name, point) for name in PASSED for point in points(name)]


class Tripwire:
    """Tells which point is passed, and dies at the one it was given."""

    def __init__(self, deadly):
        self.deadly = deadly
        self.armed = False
        self.told = {}
        self.passed = []

    def around(self, label, work):
        if not self.armed or label is None:
            return work()
        self.told[label] = self.told.get(label, 0) + 1
        number = f" {self.told[label]}" if self.told[label] > 1 else ""
        self._pass(f"before {label}{number}")
        result = work()
        self._pass(f"after {label}{number}")
        return result

    def _pass(self, point):
        self.passed.append(point)
        if point == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def set_up(wire):
    """Put the tripwire between the store and its database."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql, *values):
            return wire.around(LABELS.get(sql), lambda: super(Cursor, self).execute(sql, *values))

    class Connection(sqlite3.Connection):
        def cursor(self):
            return super().cursor(Cursor)

    connect, flush = sqlite3.connect, file._flush
    sqlite3.connect = lambda *args, **more: connect(*args, factory=Connection, **more)
    file._flush = lambda log: wire.around("flush", lambda: flush(log))


class Scene:
    """What a bot does up to a step, and the step."""

    def __init__(self, path, name):
        self.clock = ManualClock()
        self.name = name
        self.url = f"sqlite:///{path}"
        self.ledger = self.open()
        self.requests = [
            order(self.ledger, amount, client_order_id=f"o{number}", spendable=spendable)
            for number, (amount, spendable) in enumerate([(30, 100), (20, 100)])
        ]

    def open(self):
        return open_ledger(self.url, bot="one", account="main", clock=self.clock)

    def prepare(self):
        first, second = self.requests
        if self.name in ("reserve", "reserve a pair"):
            self.ledger.mark()
        elif self.name == "refuse":
            self.requests = [first._replace(amount=Decimal(500))]
            self.ledger.mark()
        else:
            self.ledger.reserve(first)
        if self.name in ("bind", "use", "commit", "release", "settle a pair", "seen", BOUND):
            self.ledger.send("o0")
        if self.name == "settle a pair":
            self.ledger.reserve(second)
            self.ledger.send("o1")
        if self.name == "seen":
            self.ledger.bind("o0", "EX-1")
        if self.name == "archive":
            self.ledger.release("o0", "rejected")
            self.clock.advance(100 * 86400)
            self.ledger.reserve(second)
        if self.name == "claim":
            self.ledger.close()
            self.ledger = self.open()
            self.ledger.mark()
        if self.name == "expire":
            self.clock.advance(100)
        if self.name == "send after a restart":
            self.ledger.close()
            self.ledger = self.open()
            self.ledger.mark()
        if self.name == BOUND:
            other = self.open()
            other.bind("o0", "EX-1")
            other.close()

    def step(self):
        ledger = self.ledger
        steps = {
            "reserve": lambda: ledger.reserve(self.requests[0]),
            "reserve a pair": lambda: ledger.reserve(self.requests),
            "refuse": lambda: ledger.reserve(self.requests[0]),
            "ask again": lambda: ledger.reserve(self.requests[0]),
            "send": lambda: ledger.send("o0"),
            "send after a restart": lambda: ledger.send("o0"),
            "bind": lambda: ledger.bind("o0", "EX-1"),
            "use": lambda: ledger.use("o0", Decimal(10)),
            BOUND: lambda: ledger.use("o0", Decimal(10)),
            "commit": lambda: ledger.commit("o0", Decimal(30)),
            "release": lambda: ledger.release("o0", "rejected"),
            "expire": lambda: ledger.expire_unsent(),
            "settle a pair": lambda: ledger.settle(
                Step(Move.COMMIT, "o0", Decimal(30)), Step(Move.RELEASE, "o1")
            ),
            "seen": lambda: ledger.seen(ledger.mark()),
            "claim": lambda: ledger.claim("o0"),
            "archive": lambda: ledger.archive_step(),
        }
        return steps[self.name]()


def in_a_child(path, name, deadly):
    """Run the step in a process of its own: how it ended, and the points that it passed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            wire = Tripwire(deadly)
            set_up(wire)
            scene = Scene(path, name)
            scene.prepare()
            wire.armed = True
            scene.step()
            os.write(write, "\n".join(wire.passed).encode())
            os._exit(0)
        finally:
            os._exit(99)
    os.close(write)
    passed = os.read(read, 65536).decode().splitlines()
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), passed


@pytest.mark.parametrize("name", PASSED)
def test_these_are_all_points_that_a_step_passes(tmp_path, name):
    assert in_a_child(tmp_path / "ledger.sqlite", name, None) == (0, points(name))


# What the books say if the step did not happen, and if it did.
BEFORE = {
    "reserve": {},
    "reserve a pair": {},
    "refuse": {},
    "ask again": {"o0": State.RESERVED},
    "send": {"o0": State.RESERVED},
    "send after a restart": {"o0": State.RESERVED},
    "bind": {"o0": State.IN_FLIGHT},
    "use": {"o0": State.IN_FLIGHT},
    BOUND: {"o0": State.OPEN},
    "commit": {"o0": State.IN_FLIGHT},
    "release": {"o0": State.IN_FLIGHT},
    "expire": {"o0": State.RESERVED},
    "settle a pair": {"o0": State.IN_FLIGHT, "o1": State.IN_FLIGHT},
    "seen": {"o0": State.OPEN},
    "claim": {"o0": State.RESERVED},
    "archive": {"o0": State.RELEASED, "o1": State.RESERVED},
}
AFTER = {
    "reserve": {"o0": State.RESERVED},
    "reserve a pair": {"o0": State.RESERVED, "o1": State.RESERVED},
    "refuse": {},
    "ask again": {"o0": State.RESERVED},
    "send": {"o0": State.IN_FLIGHT},
    "send after a restart": {"o0": State.IN_FLIGHT},
    "bind": {"o0": State.OPEN},
    "use": {"o0": State.OPEN},
    BOUND: {"o0": State.OPEN},
    "commit": {"o0": State.COMMITTED},
    "release": {"o0": State.RELEASED},
    "expire": {"o0": State.EXPIRED},
    "settle a pair": {"o0": State.COMMITTED, "o1": State.RELEASED},
    "seen": {"o0": State.OPEN},
    "claim": {"o0": State.RESERVED},
    "archive": {"o1": State.RESERVED},
}


@pytest.mark.parametrize(("name", "point"), POINTS)
def test_a_kill(tmp_path, name, point):
    path = tmp_path / "ledger.sqlite"
    assert in_a_child(path, name, point) == (-signal.SIGKILL, [])
    done = point in ("after commit", "before flush", "after flush")

    scene = Scene(path, name)
    ledger = scene.ledger
    states = {row.client_order_id: row.state for row in ledger.reservations()}
    assert states == (AFTER if done else BEFORE)[name]
    assert ledger.audit() == []
    if name == "refuse":
        scene.requests = [scene.requests[0]._replace(amount=Decimal(500))]
        answer = ledger.reserve(scene.requests[0])
        assert isinstance(answer, NotReserved)
        assert answer.replayed is done
    if name in ("reserve", "reserve a pair"):
        asked = scene.requests[: len(AFTER[name])]
        answer = ledger.reserve(asked)
        assert isinstance(answer, Reserved)
        assert answer.replayed is done
    if name == BOUND:
        assert ledger.find("o0").committed == (10 if done else 0)
    if name == "claim":
        assert [line.what for line in ledger.history("o0")] == ["reserve", "claim"][: 1 + done]
        assert list(ledger.store.claims()) == ["o0"] * done
    if name == "archive":
        assert ledger.find("o0").state is State.RELEASED
        assert len(ledger.history("o0")) == 2
    if name == "seen":
        assert ledger.held("USDT").own == (0 if done else 30)
    finish_everything_once(ledger)
    ledger.close()


def finish_everything_once(ledger):
    """What a restart does: everything without an end gets one, and only one."""
    for row in ledger.unfinished(bot="one"):
        if row.committed:
            assert isinstance(ledger.commit(row.client_order_id), Moved)
        else:
            assert isinstance(ledger.release(row.client_order_id, "not found"), Moved)
    for row in ledger.reservations():
        assert not row.unfinished
        assert isinstance(ledger.release(row.client_order_id, "again"), AlreadyEnded)
        endings = [line for line in ledger.history(row.client_order_id) if not _goes_on(line)]
        assert len(endings) == 1
    assert ledger.unfinished() == []
    assert ledger.audit() == []


def _goes_on(line):
    return line.state in ("reserved", "in_flight", "open")


# To look which version there is, to begin, to make each table and index, and to write the version.
STATEMENTS = 8 + sum(len(step) for step in SQLITE.steps)


@pytest.mark.parametrize("statement", range(0, STATEMENTS))
def test_a_kill_while_the_tables_are_made(tmp_path, statement):
    path = tmp_path / "ledger.sqlite"
    child = os.fork()
    if child == 0:
        try:
            die_at_statement(statement)
            open_ledger(f"sqlite:///{path}", bot="one", account="main").mark()
            os._exit(0)
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    scene = Scene(path, "reserve")
    assert isinstance(scene.step(), Reserved)
    assert scene.ledger.audit() == []
    scene.ledger.close()


def die_at_statement(number):
    count = iter(range(number + 1))

    class Connection(sqlite3.Connection):
        def execute(self, *args):
            if next(count) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(*args)

    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **more: connect(*args, factory=Connection, **more)
