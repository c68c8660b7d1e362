"""Pairs and exposures in the guard's local SQLite file: what is written together, and when.

The intent of a pair, and its end together with what it leaves unhedged, are each one transaction
that is flushed to the disk. The database refuses a second end of a pair by itself.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.records import (
    EXPOSURE,
    GOING,
    INSERT_EXPOSURE,
    PAIR,
    POSITION,
    PUT_POSITION,
    TABLES,
    UPDATE_EXPOSURE,
    ArbitrageRecord,
    cells_of_exposure,
    cells_of_position,
    exposure_of_row,
    pair_of_row,
    position_of_row,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageMove, ArbitrageState, after
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.sqlite_address import read_only_address


R = TypeVar("R")

# The loop must not wait long for another program that writes to the same file.
WAIT_SECONDS = 1.0
# An opportunity that is refused may come in every loop, for days: of those that sent nothing the
# last ones are kept.
KEPT = 500
FORGET_EVERY = 100


class ArbitragesUnavailable(BalanceGuardError):
    """Pairs cannot be read or written; then none is started."""


class NotOpen(BalanceGuardError):
    """The exposure is not there, is closed, or an order of it is under way."""


class ArbitrageStore:
    """The pairs of all bots of one user data directory. Safe to call from several threads.

    By default the ledger is in the same file. So a file that was deleted while the bot runs is not
    made anew here: the ledger puts its own back.

    :raises ArbitragesUnavailable: by every method, where the file cannot be used
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._was_there = False

    def insert(self, pair: ArbitrageRecord) -> int:
        """Write an intent and flush it; its number.

        :raises NotOpen: the exposure that it is for was closed meanwhile
        """
        values = (
            *(pair.bot, str(pair.kind), str(pair.state), pair.tag),
            json.dumps([order.as_json() for order in pair.orders]),
            *(pair.exposure, pair.made_at.isoformat()),
        )
        with self._transaction(flush=True) as db:
            if pair.exposure is not None:
                _check_open(db, pair.exposure, pair.orders)
            cursor = db.execute(
                "INSERT INTO arbitrage_pairs (bot, kind, state, tag, orders, exposure, made_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            number = int(cursor.lastrowid or 0)
            if number % FORGET_EVERY == 0:
                db.execute(_FORGET, (number - KEPT,))
            return number

    def mark_sent(self, pair: ArbitrageRecord) -> ArbitrageState:
        """Its orders are about to leave."""
        state = after(pair.state, ArbitrageMove.SEND)
        with self._transaction() as db:
            db.execute("UPDATE arbitrage_pairs SET state = ? WHERE id = ?", (str(state), pair.id))
        return state

    def assign(self, pair: ArbitrageRecord) -> None:
        """Write which exposure its order is to close.

        :raises NotOpen: it was closed meanwhile
        """
        sql = "UPDATE arbitrage_pairs SET exposure = ? WHERE id = ?"
        with self._transaction(flush=True) as db:
            if pair.exposure is not None:
                _check_open(db, pair.exposure, pair.orders)
            db.execute(sql, (pair.exposure, pair.id))

    def learn(self, pair: ArbitrageRecord, told: Mapping[str, VenueOrder]) -> None:
        """What the exchanges say of its orders."""
        text = json.dumps({one: order.as_json() for one, order in told.items()})
        with self._transaction() as db:
            db.execute("UPDATE arbitrage_pairs SET told = ? WHERE id = ?", (text, pair.id))

    def end(
        self,
        pair: ArbitrageRecord,
        move: ArbitrageMove,
        now: datetime,
        note: str,
        exposure: Exposure | None,
    ) -> tuple[ArbitrageState, Exposure | None]:
        """End a pair, once, and write what it leaves, or what is left of the exposure it was for.

        :raises states.NotAllowed: it has ended
        """
        state = after(pair.state, move)
        with self._transaction(flush=True) as db:
            db.execute(
                "UPDATE arbitrage_pairs SET state = ?, ended_at = ?, note = ? WHERE id = ?",
                (str(state), now.isoformat(), note, pair.id),
            )
            if exposure is not None:
                exposure = _write_exposure(db, exposure)
        return state, exposure

    def going(self, bot: str) -> list[ArbitrageRecord]:
        """The pairs of a bot that have not ended, the oldest first."""
        sql = f"{PAIR} WHERE bot = ? AND state IN ({GOING}) ORDER BY id"
        return [pair_of_row(row) for row in self._rows(sql, bot)]

    def pair(self, number: int) -> ArbitrageRecord | None:
        """One pair by its number."""
        rows = self._rows(f"{PAIR} WHERE id = ?", number)
        return pair_of_row(rows[0]) if rows else None

    def open_exposures(self, bot: str) -> list[Exposure]:
        """What is not hedged, the oldest first."""
        sql = f"{EXPOSURE} WHERE bot = ? AND closed_at IS NULL ORDER BY id"
        return [exposure_of_row(row) for row in self._rows(sql, bot)]

    # What freqtrade has of it

    def to_book(self, bot: str) -> list[ArbitrageRecord]:
        """Pairs and completions that ended with fills, and that freqtrade was not told of."""
        sql = (
            f"{PAIR} WHERE bot = ? AND booked = 0 AND kind IN ('pair', 'complete') "
            "AND state IN ('hedged', 'unhedged', 'filled') ORDER BY id"
        )
        return [pair_of_row(row) for row in self._rows(sql, bot)]

    def booked(self, pair: ArbitrageRecord, position: Position | None) -> None:
        """freqtrade knows its share of the pair; ``position``: its trade, if it has one."""
        with self._transaction(flush=True) as db:
            db.execute("UPDATE arbitrage_pairs SET booked = 1 WHERE id = ?", (pair.id,))
            if position is not None:
                db.execute(PUT_POSITION, cells_of_position(position))

    def positions(self, bot: str) -> list[Position]:
        """What is not closed, the oldest first."""
        sql = f"{POSITION} WHERE bot = ? AND closed_at IS NULL ORDER BY pair_number"
        return [position_of_row(row) for row in self._rows(sql, bot)]

    def position(self, pair_number: int) -> Position | None:
        """The trade that came of a pair."""
        rows = self._rows(f"{POSITION} WHERE pair_number = ?", pair_number)
        return position_of_row(rows[0]) if rows else None

    def follow(self, position: Position, exposures: Sequence[Exposure]) -> None:
        """Write what the sale of a trade changed: new exposures have the number 0.

        :raises NotOpen: an order of one is under way; to be tried again when it has ended
        """
        with self._transaction(flush=True) as db:
            for exposure in exposures:
                if exposure.id and db.execute(_UNDER_WAY, (exposure.id,)).fetchone() is not None:
                    raise NotOpen(f"An order that closes exposure {exposure.id} is under way.")
            db.execute(PUT_POSITION, cells_of_position(position))
            for exposure in exposures:
                _write_exposure(db, exposure)

    def of_group(self, pair_number: int) -> list[ArbitrageRecord]:
        """A pair, and all orders for exposures that came of it."""
        sql = f"{PAIR} WHERE id = ? OR exposure IN ({_OF_PAIR}) ORDER BY id"
        return [pair_of_row(row) for row in self._rows(sql, pair_number, pair_number)]

    def ended_after(self, bot: str, number: int) -> list[ArbitrageRecord]:
        """Ended pairs and orders with a higher number, the oldest first."""
        sql = f"{PAIR} WHERE bot = ? AND id > ? AND ended_at IS NOT NULL ORDER BY id"
        return [pair_of_row(row) for row in self._rows(sql, bot, number)]

    # Exposures, by who takes care of them

    def exposure(self, number: int) -> Exposure | None:
        """One exposure by its number."""
        rows = self._rows(f"{EXPOSURE} WHERE id = ?", number)
        return exposure_of_row(rows[0]) if rows else None

    def note(self, exposure: Exposure) -> bool:
        """Write what is being done and what it is worth; False if it was closed meanwhile."""
        with self._transaction() as db:
            values = (exposure.doing, str(exposure.value), exposure.marked_at.isoformat())
            sql = (
                "UPDATE arbitrage_exposures SET doing = ?, value = ?, marked_at = ? "
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
                "UPDATE arbitrage_exposures SET closed_at = ?, closed_how = ? "
                "WHERE id = ? AND closed_at IS NULL",
                (now.isoformat(), how, number),
            )
            if done.rowcount != 1:
                raise NotOpen(f"There is no open exposure with the number {number}.")
            return exposure_of_row(db.execute(f"{EXPOSURE} WHERE id = ?", (number,)).fetchone())

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

    def _rows(self, sql: str, *values: object) -> list[Sequence[object]]:
        """What is there; nobody who writes waits for it."""
        if not self._was_there:
            with self._transaction():
                pass  # makes the tables
        with self._lock, _trouble_told(self._path):
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as db:
                return list(db.execute(sql, values))


_OF_PAIR = "SELECT id FROM arbitrage_exposures WHERE pair_number = ?"
_UNDER_WAY = f"{PAIR} WHERE exposure = ? AND state IN ({GOING})"
_FORGET = "DELETE FROM arbitrage_pairs WHERE state IN ('denied', 'abandoned') AND id <= ?"
_IS_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'arbitrage_exposures_close_once'"


def read_positions(path: Path) -> list[Position]:
    """The open positions of all bots; for the console, which leaves no trace.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    return _read(path, f"{POSITION} WHERE closed_at IS NULL ORDER BY pair_number", position_of_row)


def read_profit(path: Path, bot: str) -> Decimal:
    """The sum of what a bot's closed arbitrages have earned or lost, in stake currency.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    sql = f"{POSITION} WHERE profit IS NOT NULL"
    positions = _read(path, sql, position_of_row)
    return sum((one.profit for one in positions if one.bot == bot and one.profit), Decimal(0))


def read_exposures(path: Path, *, also_closed: bool = False) -> list[Exposure]:
    """The exposures of all bots, the oldest first; for the console, which leaves no trace.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    where = "" if also_closed else " WHERE closed_at IS NULL"
    return _read(path, f"{EXPOSURE}{where} ORDER BY id", exposure_of_row)


def _read(path: Path, sql: str, made: Callable[[Sequence[object]], R]) -> list[R]:
    with _trouble_told(path):
        if not path.exists():
            return []
        with closing(sqlite3.connect(read_only_address(path), uri=True, timeout=1.0)) as db:
            if db.execute(_IS_THERE).fetchone() is None:
                return []
            return [made(row) for row in db.execute(sql)]


def _statements() -> list[str]:
    """TABLES one by one: ``executescript`` would end the transaction."""
    found, statement = [], ""
    for line in TABLES.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


def _check_open(db: sqlite3.Connection, number: int, orders: Sequence[LegOrder]) -> None:
    """An order may only close what is there: somebody else may have been quicker.

    :raises NotOpen: it is closed, or smaller than the order by now
    """
    row = db.execute(f"{EXPOSURE} WHERE id = ?", (number,)).fetchone()
    exposure = None if row is None else exposure_of_row(row)
    if exposure is None or not exposure.is_open:
        raise NotOpen(f"Exposure {number} is closed.")
    if any(order.amount > exposure.amount for order in orders):
        raise NotOpen(f"Exposure {number} is smaller by now.")


def _write_exposure(db: sqlite3.Connection, exposure: Exposure) -> Exposure:
    """A new one gets its number."""
    cells = cells_of_exposure(exposure)
    if exposure.id:
        db.execute(UPDATE_EXPOSURE, [*cells, exposure.id])
        return exposure
    return replace(exposure, id=int(db.execute(INSERT_EXPOSURE, cells).lastrowid or 0))


@contextmanager
def _trouble_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ArbitragesUnavailable(f"{path.name} cannot be used ({error})") from error
