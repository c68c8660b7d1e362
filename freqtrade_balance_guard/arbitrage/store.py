"""Pairs and exposures as rows of the guard's local SQLite file. The only file here with sqlite3.

The intent of a pair, and its end together with what it leaves unhedged, are each one transaction
that is flushed to the disk. The database refuses a second end of a pair by itself.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.arbitrage.states import (
    ENDED,
    UNFINISHED,
    PairKind,
    PairMove,
    PairState,
    after,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.sqlite_address import read_only_address


_ENDS = ", ".join(f"'{state}'" for state in ENDED)
_GOING = ", ".join(f"'{state}'" for state in UNFINISHED)
TABLES = f"""
CREATE TABLE IF NOT EXISTS arbitrage_pairs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    bot      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    state    TEXT NOT NULL,
    tag      TEXT,
    orders   TEXT NOT NULL,
    told     TEXT NOT NULL DEFAULT '{{}}',
    exposure INTEGER,
    made_at  TEXT NOT NULL,
    ended_at TEXT,
    note     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS arbitrage_pairs_going ON arbitrage_pairs (bot)
    WHERE state IN ({_GOING});
CREATE TRIGGER IF NOT EXISTS arbitrage_pairs_end_once BEFORE UPDATE ON arbitrage_pairs
    WHEN old.state IN ({_ENDS})
    BEGIN SELECT raise(ABORT, 'this pair has ended'); END;
CREATE TABLE IF NOT EXISTS arbitrage_unhedged (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    bot         TEXT NOT NULL,
    pair_number INTEGER NOT NULL UNIQUE,
    base        TEXT NOT NULL,
    net         TEXT NOT NULL,
    venue       TEXT NOT NULL,
    account     TEXT NOT NULL,
    pair        TEXT NOT NULL,
    price       TEXT NOT NULL,
    other_venue TEXT NOT NULL,
    other_pair  TEXT NOT NULL,
    other_price TEXT NOT NULL,
    value       TEXT NOT NULL,
    marked_at   TEXT NOT NULL,
    opened_at   TEXT NOT NULL,
    doing       TEXT NOT NULL,
    closed_at   TEXT,
    closed_how  TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER IF NOT EXISTS arbitrage_unhedged_close_once BEFORE UPDATE ON arbitrage_unhedged
    WHEN old.closed_at IS NOT NULL
    BEGIN SELECT raise(ABORT, 'this exposure is closed'); END;
"""
PAIR = (
    "SELECT id, bot, kind, state, tag, orders, told, exposure, made_at, note FROM arbitrage_pairs"
)
NAMES = tuple(Exposure.__dataclass_fields__)
EXPOSURE = f"SELECT {', '.join(NAMES)} FROM arbitrage_unhedged"  # noqa: S608  names of our own
AMOUNTS = {"net", "price", "other_price", "value"}
MOMENTS = {"marked_at", "opened_at", "closed_at"}
# The loop must not wait long for another program that writes to the same file.
WAIT_SECONDS = 1.0


class PairsUnavailable(BalanceGuardError):
    """Pairs cannot be read or written; then none is started."""


class NotOpen(BalanceGuardError):
    """The exposure is not there, is closed, or an order of it is under way."""


@dataclass(slots=True)
class StoredPair:
    """One row: an intent, and what is known of its orders. ``told`` by client order id."""

    id: int
    bot: str
    kind: PairKind
    state: PairState
    tag: str | None
    orders: tuple[LegOrder, ...]
    made_at: datetime
    exposure: int | None = None
    told: dict[str, VenueOrder] = field(default_factory=dict)
    note: str = ""


class PairStore:
    """The pairs of all bots of one user data directory. Safe to call from several threads.

    By default the ledger is in the same file. So a file that was deleted while the bot runs is not
    made anew here: the ledger puts its own back.

    :raises PairsUnavailable: by every method, where the file cannot be used
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._was_there = False

    def insert(self, pair: StoredPair) -> int:
        """Write an intent and flush it; its number.

        :raises NotOpen: the exposure that it is for was closed meanwhile
        """
        values = (
            *(pair.bot, str(pair.kind), str(pair.state), pair.tag),
            json.dumps([order.as_json() for order in pair.orders]),
            *(pair.exposure, pair.made_at.isoformat()),
        )
        with self._transaction(flush=True) as db:
            if pair.exposure is not None and db.execute(_CLOSED, (pair.exposure,)).fetchone():
                raise NotOpen(f"Exposure {pair.exposure} is closed.")
            cursor = db.execute(
                "INSERT INTO arbitrage_pairs (bot, kind, state, tag, orders, exposure, made_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return int(cursor.lastrowid or 0)

    def mark_sent(self, pair: StoredPair) -> PairState:
        """Its orders are about to leave."""
        state = after(pair.state, PairMove.SEND)
        with self._transaction() as db:
            db.execute("UPDATE arbitrage_pairs SET state = ? WHERE id = ?", (str(state), pair.id))
        return state

    def learn(self, pair: StoredPair, told: Mapping[str, VenueOrder]) -> None:
        """What the exchanges say of its orders."""
        text = json.dumps({one: order.as_json() for one, order in told.items()})
        with self._transaction() as db:
            db.execute("UPDATE arbitrage_pairs SET told = ? WHERE id = ?", (text, pair.id))

    def end(
        self, pair: StoredPair, move: PairMove, now: datetime, note: str, exposure: Exposure | None
    ) -> tuple[PairState, Exposure | None]:
        """End a pair, once, and write what it leaves, or what is left of the exposure it was for.

        :raises states.NotAllowed: it has ended
        """
        state = after(pair.state, move)
        with self._transaction(flush=True) as db:
            db.execute(
                "UPDATE arbitrage_pairs SET state = ?, ended_at = ?, note = ? WHERE id = ?",
                (str(state), now.isoformat(), note, pair.id),
            )
            if exposure is not None and exposure.id:
                _write(db, exposure)
            elif exposure is not None:
                exposure = _insert(db, exposure)
        return state, exposure

    def going(self, bot: str) -> list[StoredPair]:
        """The pairs of a bot that have not ended, the oldest first."""
        sql = f"{PAIR} WHERE bot = ? AND state IN ({_GOING}) ORDER BY id"
        with self._transaction() as db:
            return [_pair(row) for row in db.execute(sql, (bot,))]

    def pair(self, number: int) -> StoredPair | None:
        """One pair by its number."""
        with self._transaction() as db:
            row = db.execute(f"{PAIR} WHERE id = ?", (number,)).fetchone()
            return None if row is None else _pair(row)

    def open_exposures(self, bot: str) -> list[Exposure]:
        """What is not hedged, the oldest first."""
        sql = f"{EXPOSURE} WHERE bot = ? AND closed_at IS NULL ORDER BY id"
        with self._transaction() as db:
            return [_exposure(row) for row in db.execute(sql, (bot,))]

    def note(self, exposure: Exposure) -> bool:
        """Write what is being done and what it is worth; False if it was closed meanwhile."""
        with self._transaction() as db:
            values = (exposure.doing, str(exposure.value), exposure.marked_at.isoformat())
            sql = (
                "UPDATE arbitrage_unhedged SET doing = ?, value = ?, marked_at = ? "
                "WHERE id = ? AND closed_at IS NULL"
            )
            return db.execute(sql, (*values, exposure.id)).rowcount == 1

    def resolve(self, number: int, now: datetime, how: str) -> Exposure:
        """Somebody has taken care of it: it counts no more.

        :raises NotOpen: there is none, it is closed, or an order of it is under way
        """
        with self._transaction(flush=True) as db:
            if db.execute(_UNDER_WAY, (number,)).fetchone() is not None:
                raise NotOpen(f"An order that closes exposure {number} is under way.")
            done = db.execute(
                "UPDATE arbitrage_unhedged SET closed_at = ?, closed_how = ? "
                "WHERE id = ? AND closed_at IS NULL",
                (now.isoformat(), how, number),
            )
            if done.rowcount != 1:
                raise NotOpen(f"There is no open exposure with the number {number}.")
            return _exposure(db.execute(f"{EXPOSURE} WHERE id = ?", (number,)).fetchone())

    @contextmanager
    def _transaction(self, *, flush: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction; with ``flush`` it survives a power cut, else a kill."""
        with self._lock, _trouble_told(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            mode = "rw" if self._was_there else "rwc"
            address = f"{self._path.absolute().as_uri()}?mode={mode}"
            # Closing takes back what was not committed.
            with closing(
                sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
            ) as db:
                db.execute(f"PRAGMA synchronous = {'EXTRA' if flush else 'NORMAL'}")
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("BEGIN IMMEDIATE")
                if db.execute(_IS_THERE).fetchone() is None:
                    for statement in _statements():
                        db.execute(statement)
                yield db
                db.execute("COMMIT")
            self._was_there = True


_UNDER_WAY = f"{PAIR} WHERE exposure = ? AND state IN ({_GOING})"
_CLOSED = "SELECT 1 FROM arbitrage_unhedged WHERE id = ? AND closed_at IS NOT NULL"
_IS_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'arbitrage_unhedged_close_once'"


def read_exposures(path: Path, *, also_closed: bool = False) -> list[Exposure]:
    """The exposures of all bots, the oldest first; for the console, which leaves no trace.

    :raises PairsUnavailable: the file cannot be read
    """
    with _trouble_told(path):
        if not path.exists():
            return []
        with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=1.0)) as db:
            if db.execute(_IS_THERE).fetchone() is None:
                return []
            where = "" if also_closed else " WHERE closed_at IS NULL"
            return [_exposure(row) for row in db.execute(f"{EXPOSURE}{where} ORDER BY id")]


def _statements() -> list[str]:
    """TABLES one by one: ``executescript`` would end the transaction."""
    found, statement = [], ""
    for line in TABLES.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


def _insert(db: sqlite3.Connection, exposure: Exposure) -> Exposure:
    names = NAMES[1:]
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO arbitrage_unhedged ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    cursor = db.execute(sql, [_cell(exposure, name) for name in names])
    row = db.execute(f"{EXPOSURE} WHERE id = ?", (cursor.lastrowid,)).fetchone()
    return _exposure(row)


def _write(db: sqlite3.Connection, exposure: Exposure) -> None:
    names = NAMES[1:]
    sets = ", ".join(f"{name} = ?" for name in names)
    sql = f"UPDATE arbitrage_unhedged SET {sets} WHERE id = ?"  # noqa: S608
    db.execute(sql, [*(_cell(exposure, name) for name in names), exposure.id])


def _cell(exposure: Exposure, name: str) -> object:
    value = getattr(exposure, name)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _exposure(row: Sequence[object]) -> Exposure:
    values: dict[str, object] = dict(zip(NAMES, row, strict=True))
    for name in AMOUNTS:
        values[name] = Decimal(str(values[name]))
    for name in MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(str(values[name]))
    return Exposure(**values)  # type: ignore[arg-type]


def _pair(row: Sequence[object]) -> StoredPair:
    number, bot, kind, state, tag, orders, told, exposure, made_at, note = row
    known = json.loads(str(told))
    return StoredPair(
        id=int(str(number)),
        bot=str(bot),
        kind=PairKind(str(kind)),
        state=PairState(str(state)),
        tag=None if tag is None else str(tag),
        orders=tuple(LegOrder.from_json(order) for order in json.loads(str(orders))),
        made_at=datetime.fromisoformat(str(made_at)),
        exposure=None if exposure is None else int(str(exposure)),
        told={one: VenueOrder.from_json(order) for one, order in known.items()},
        note=str(note),
    )


@contextmanager
def _trouble_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise PairsUnavailable(f"{path.name} cannot be used ({error})") from error
