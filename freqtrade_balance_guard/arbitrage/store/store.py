"""Stores arbitrages, exposures and positions in the guard's local SQLite file.

The intent of an arbitrage, and its end together with what it leaves unhedged, are each one
transaction that is flushed to the disk. The database rejects a second end by itself.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.states import ArbitrageMove, ArbitrageState, after
from freqtrade_balance_guard.arbitrage.store.file import (
    WAIT_SECONDS,
    unavailable,
)
from freqtrade_balance_guard.arbitrage.store.holdings import (
    ALL,
    IS_OPEN,
    OF_ARBITRAGE,
    OPEN_OF_BOT,
    holding_of_row,
    put_holdings,
)
from freqtrade_balance_guard.arbitrage.store.records import (
    ARBITRAGE,
    EXPOSURE,
    INSERT_EXPOSURE,
    POSITION,
    PUT_POSITION,
    UPDATE_EXPOSURE,
    ArbitrageRecord,
    arbitrage_of_row,
    cells_of_exposure,
    cells_of_position,
    exposure_of_row,
    position_of_row,
)
from freqtrade_balance_guard.arbitrage.store.tables import (
    UNFINISHED_STATES,
    are_there,
    make_tables,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.local_file import Connection, LocalFile
from freqtrade_balance_guard.money import ZERO


# An opportunity that is denied may come in every loop, for days: of those that sent nothing the
# last ones are kept.
KEPT = 500
FORGET_EVERY = 100


class NotOpen(BalanceGuardError):
    """The exposure is not there, is closed, or an order of it is in progress."""


class ArbitrageStore:
    """Stores the arbitrages of all bots of one user data directory, for several threads.

    By default the ledger is in the same file. So a file that was deleted while the bot runs is not
    made anew here: the ledger puts its own back.

    :param owner: the ledger account that new rows belong to
    :raises ArbitragesUnavailable: by every method, where the file cannot be used
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self._path = path
        self._owner = owner
        self._file = LocalFile(path, "", create=True, wait_seconds=WAIT_SECONDS)
        self._has_tables = False
        # How often something was written: what was read before may be kept while it stays the same.
        self.generation = 0

    # Arbitrages

    def insert(self, record: ArbitrageRecord) -> int:
        """Write an intent, flush it, and return its number.

        :raises NotOpen: the exposure that it is for was closed meanwhile
        """
        with self.transaction(flush=True) as db:
            return self._insert(db, record)

    @property
    def path(self) -> Path:
        """The file; a ledger in the same one writes an intent in its own transaction."""
        return self._path

    def insert_beside(self, db: Connection, record: ArbitrageRecord) -> None:
        """Write an intent in the transaction of another connection; sets its number."""
        if not are_there(db):
            make_tables(db)
        record.id = self._insert(db, record)

    def _insert(self, db: Connection, record: ArbitrageRecord) -> int:
        _check_open(db, record)
        values = (
            record.bot,
            self._owner,
            str(record.kind),
            str(record.state),
            record.tag,
            json.dumps([order.as_json() for order in record.orders]),
            record.exposure,
            _shares(record),
            record.made_at.isoformat(),
            json.dumps(record.result),
        )
        cursor = db.execute(
            "INSERT INTO arbitrages (bot, owner, kind, state, tag, orders, exposure, shares, "
            "made_at, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        number = int(cursor.lastrowid or 0)
        if number % FORGET_EVERY == 0:
            db.execute(_FORGET, (number - KEPT,))
        return number

    def mark_sent(self, record: ArbitrageRecord) -> ArbitrageState:
        """Write that its orders are about to leave."""
        state = after(record.state, ArbitrageMove.SEND)
        with self.transaction() as db:
            db.execute("UPDATE arbitrages SET state = ? WHERE id = ?", (str(state), record.id))
        return state

    def assign(self, record: ArbitrageRecord) -> None:
        """Write which exposure its order is to close.

        :raises NotOpen: it was closed meanwhile
        """
        sql = "UPDATE arbitrages SET exposure = ?, shares = ? WHERE id = ?"
        with self.transaction(flush=True) as db:
            _check_open(db, record)
            db.execute(sql, (record.exposure, _shares(record), record.id))

    def learn(self, record: ArbitrageRecord, reported: Mapping[str, VenueOrder]) -> None:
        """Write what the exchanges say of its orders."""
        text = json.dumps({one: order.as_json() for one, order in reported.items()})
        with self.transaction() as db:
            db.execute("UPDATE arbitrages SET reported = ? WHERE id = ?", (text, record.id))

    def end(
        self,
        record: ArbitrageRecord,
        move: ArbitrageMove,
        now: datetime,
        note: str,
        exposures: Sequence[Exposure] = (),
        *,
        drift: tuple[str, Decimal] | None = None,
        holdings: Sequence[Holding] = (),
    ) -> tuple[ArbitrageState, list[Exposure]]:
        """End an arbitrage, once, and write what it leaves, or what is left of its exposures.

        :param drift: base currency, and what its fees and rounding did to the coin that is held
        :param holdings: shares of outcomes that it has bought, or what is left of them
        :return: the new state, and the exposures with their numbers
        :raises states.NotAllowed: it has ended
        """
        state = after(record.state, move)
        with self.transaction(flush=True) as db:
            db.execute(
                "UPDATE arbitrages SET state = ?, ended_at = ?, note = ?, result = ? WHERE id = ?",
                (str(state), now.isoformat(), note, json.dumps(record.result), record.id),
            )
            kept = [self._write_exposure(db, exposure) for exposure in exposures]
            if drift is not None and drift[1]:
                self._add_drift(db, *drift)
            self._put(db, record.bot, record.id, holdings, now)
        return state, kept

    def unfinished(self, bot: str) -> list[ArbitrageRecord]:
        """Return the arbitrages of a bot that have not ended, the oldest first."""
        sql = f"{ARBITRAGE} WHERE bot = ? AND state IN ({UNFINISHED_STATES}) ORDER BY id"
        return [arbitrage_of_row(row) for row in self.rows(sql, bot)]

    def record(self, number: int) -> ArbitrageRecord | None:
        """Return one arbitrage by its number."""
        rows = self.rows(f"{ARBITRAGE} WHERE id = ?", number)
        return arbitrage_of_row(rows[0]) if rows else None

    def of_group(self, arbitrage_id: int) -> list[ArbitrageRecord]:
        """Return an arbitrage, and all orders that closed exposures of it."""
        exposures = {str(row[0]) for row in self.rows(_OF_ARBITRAGE, arbitrage_id)}
        sql = f"{ARBITRAGE} WHERE id = ? OR exposure IS NOT NULL ORDER BY id"
        found = [arbitrage_of_row(row) for row in self.rows(sql, arbitrage_id)]
        return [
            one
            for one in found
            if one.id == arbitrage_id
            or exposures & {str(one.exposure), *(str(number) for number in one.shares)}
        ]

    def ended_after(self, bot: str, number: int) -> list[ArbitrageRecord]:
        """Return ended arbitrages and orders with a higher number, the oldest first."""
        sql = f"{ARBITRAGE} WHERE bot = ? AND id > ? AND ended_at IS NOT NULL ORDER BY id"
        return [arbitrage_of_row(row) for row in self.rows(sql, bot, number)]

    # Whose they are

    def owners(self) -> set[str]:
        """Return the bots that have left something open in this account."""
        found: set[str] = set()
        for table, is_open in _OPEN.items():
            sql = f"SELECT DISTINCT bot FROM {table} WHERE {is_open} AND owner IN (?, '')"  # noqa: S608
            found |= {str(row[0]) for row in self.rows(sql, self._owner)}
        return found

    def claim(self, dead: Collection[str], bot: str) -> int:
        """Take over arbitrages and exposures of dead bots of this account; return how many rows.

        Each row goes to one bot: the second one to claim it finds another owner.
        """
        count = 0
        with self.transaction(flush=True) as db:
            for table in ("arbitrages", "arbitrage_exposures", "arbitrage_holdings"):
                is_open = _OPEN[table]
                for one in dead:
                    sql = (
                        f"UPDATE {table} SET bot = ?, owner = ? "  # noqa: S608
                        f"WHERE bot = ? AND {is_open} AND owner IN (?, '')"
                    )
                    count += db.execute(sql, (bot, self._owner, one, self._owner)).rowcount
        return count

    def claim_position(self, position: Position, bot: str) -> bool:
        """Take over the trade of a dead bot; False if another bot was quicker."""
        sql = "UPDATE arbitrage_positions SET bot = ?, owner = ? WHERE arbitrage_id = ? AND bot = ?"
        with self.transaction(flush=True) as db:
            values = (bot, self._owner, position.arbitrage_id, position.bot)
            return db.execute(sql, values).rowcount == 1

    def record_exposure(self, exposure: Exposure) -> Exposure:
        """Write a new exposure; return it with its number."""
        with self.transaction(flush=True) as db:
            return self._write_exposure(db, exposure)

    def exposures_of(self, arbitrage_id: int) -> list[Exposure]:
        """Return the open exposures that came of an arbitrage, whoever owns them."""
        sql = f"{EXPOSURE} WHERE arbitrage_id = ? AND closed_at IS NULL ORDER BY id"
        return [exposure_of_row(row) for row in self.rows(sql, arbitrage_id)]

    # What freqtrade has of it

    def to_book(self, bot: str) -> list[ArbitrageRecord]:
        """Return what ended with fills, and is not marked as booked in freqtrade."""
        sql = f"{ARBITRAGE} WHERE bot = ? AND {_TO_BOOK} ORDER BY id"
        return [arbitrage_of_row(row) for row in self.rows(sql, bot)]

    def booked(self, record: ArbitrageRecord, position: Position | None) -> None:
        """Mark that freqtrade knows its share; ``position``: its trade, if it has one."""
        with self.transaction(flush=True) as db:
            db.execute("UPDATE arbitrages SET booked = 1 WHERE id = ?", (record.id,))
            if position is not None:
                db.execute(PUT_POSITION, [*cells_of_position(position), self._owner])

    def positions(self, bot: str) -> list[Position]:
        """Return what is not closed, the oldest first."""
        sql = f"{POSITION} WHERE bot = ? AND closed_at IS NULL ORDER BY arbitrage_id"
        return [position_of_row(row) for row in self.rows(sql, bot)]

    def position(self, arbitrage_id: int) -> Position | None:
        """Return the trade that came of an arbitrage."""
        rows = self.rows(f"{POSITION} WHERE arbitrage_id = ?", arbitrage_id)
        return position_of_row(rows[0]) if rows else None

    def follow(self, position: Position, exposures: Sequence[Exposure]) -> None:
        """Write what the sale of a trade changed: new exposures have the number 0.

        :raises NotOpen: an order of one is in progress; to be tried again when it has ended
        """
        with self.transaction(flush=True) as db:
            for exposure in exposures:
                if exposure.id and _is_in_progress(db, exposure.id):
                    raise NotOpen(f"An order that closes exposure {exposure.id} is in progress.")
            db.execute(PUT_POSITION, [*cells_of_position(position), self._owner])
            for exposure in exposures:
                self._write_exposure(db, exposure)

    # Shares of outcomes

    def open_holdings(self, bot: str) -> list[Holding]:
        """Return shares that were not paid, sold or reverted."""
        return [holding_of_row(row) for row in self.rows(OPEN_OF_BOT, bot)]

    def holdings_of(self, arbitrage_id: int) -> list[Holding]:
        """Return all that an arbitrage and its repairs have bought of outcomes."""
        return [holding_of_row(row) for row in self.rows(OF_ARBITRAGE, arbitrage_id)]

    def all_holdings(self) -> list[Holding]:
        """Return those of all bots, also what is over."""
        return [holding_of_row(row) for row in self.rows(ALL)]

    def follow_holding(
        self, holding: Holding, bot: str, now: datetime, exposures: Sequence[Exposure] = ()
    ) -> list[Exposure]:
        """Write what has become known of shares, with what it leaves unhedged.

        :return: the exposures with their numbers
        :raises NotOpen: an order of one is in progress; to be tried again when it has ended
        """
        with self.transaction(flush=True) as db:
            for exposure in exposures:
                if exposure.id and _is_in_progress(db, exposure.id):
                    raise NotOpen(f"An order that closes exposure {exposure.id} is in progress.")
            self._put(db, bot, holding.arbitrage_id, [holding], now)
            return [self._write_exposure(db, exposure) for exposure in exposures]

    def _put(
        self, db: Connection, bot: str, number: int, holdings: Sequence[Holding], now: datetime
    ) -> None:
        put_holdings(db, holdings, bot=bot, owner=self._owner, arbitrage_id=number, now=now)

    # Exposures

    def open_exposures(self, bot: str) -> list[Exposure]:
        """Return what is not hedged, the oldest first."""
        sql = f"{EXPOSURE} WHERE bot = ? AND closed_at IS NULL ORDER BY id"
        return [exposure_of_row(row) for row in self.rows(sql, bot)]

    def exposure(self, number: int) -> Exposure | None:
        """Return one exposure by its number."""
        rows = self.rows(f"{EXPOSURE} WHERE id = ?", number)
        return exposure_of_row(rows[0]) if rows else None

    def note(self, exposure: Exposure) -> bool:
        """Write what is being done and what it is worth; False if it was closed meanwhile."""
        with self.transaction() as db:
            values = (
                exposure.doing,
                str(exposure.value),
                exposure.marked_at.isoformat(),
                exposure.is_dust,
            )
            sql = (
                "UPDATE arbitrage_exposures SET doing = ?, value = ?, marked_at = ?, is_dust = ? "
                "WHERE id = ? AND closed_at IS NULL"
            )
            return db.execute(sql, (*values, exposure.id)).rowcount == 1

    def change(self, exposures: Sequence[Exposure]) -> None:
        """Write exposures that were set off against each other.

        :raises NotOpen: an order of one is in progress, or it was closed meanwhile
        """
        with self.transaction(flush=True) as db:
            for exposure in exposures:
                row = db.execute(f"{EXPOSURE} WHERE id = ?", (exposure.id,)).fetchone()
                if row is None or not exposure_of_row(row).is_open:
                    raise NotOpen(f"Exposure {exposure.id} is closed.")
                if _is_in_progress(db, exposure.id):
                    raise NotOpen(f"An order that closes exposure {exposure.id} is in progress.")
            for exposure in exposures:
                self._write_exposure(db, exposure)

    def resolve(self, number: int, now: datetime, how: str) -> Exposure:
        """Close an exposure that the user has taken care of.

        :raises NotOpen: there is none, it is closed, or an order of it is in progress
        """
        with self.transaction(flush=True) as db:
            if _is_in_progress(db, number):
                raise NotOpen(f"An order that closes exposure {number} is in progress.")
            done = db.execute(
                "UPDATE arbitrage_exposures SET closed_at = ?, closed_how = ? "
                "WHERE id = ? AND closed_at IS NULL",
                (now.isoformat(), how, number),
            )
            if done.rowcount != 1:
                raise NotOpen(f"There is no open exposure with the number {number}.")
            return exposure_of_row(db.execute(f"{EXPOSURE} WHERE id = ?", (number,)).fetchone())

    # Drift: what fees in the coin and rounding did to the coin that is held

    def drift(self, base: str) -> Decimal:
        """Return what of ``base`` is held more (above 0) or less than the trades say."""
        sql = "SELECT net FROM arbitrage_drifts WHERE owner = ? AND base = ?"
        rows = self.rows(sql, self._owner, base)
        return Decimal(str(rows[0][0])) if rows else ZERO

    def _add_drift(self, db: Connection, base: str, change: Decimal) -> None:
        sql = "SELECT net FROM arbitrage_drifts WHERE owner = ? AND base = ?"
        row = db.execute(sql, (self._owner, base)).fetchone()
        net = (ZERO if row is None else Decimal(str(row[0]))) + change
        db.execute(
            "INSERT OR REPLACE INTO arbitrage_drifts (owner, base, net) VALUES (?, ?, ?)",
            (self._owner, base, str(net)),
        )

    # The file

    def _write_exposure(self, db: Connection, exposure: Exposure) -> Exposure:
        """Write an exposure; a new one gets its number."""
        cells = cells_of_exposure(exposure)
        if exposure.id:
            db.execute(UPDATE_EXPOSURE, [*cells, exposure.id])
            return exposure
        made = db.execute(INSERT_EXPOSURE, [*cells, self._owner])
        return replace(exposure, id=int(made.lastrowid or 0))

    @contextmanager
    def transaction(self, *, flush: bool = False) -> Iterator[Connection]:
        """Open one transaction; with ``flush`` it survives a power cut, else a kill."""
        with unavailable(self._path), self._file.transaction(flush=flush) as db:
            if not are_there(db):
                make_tables(db)
            self.generation += 1
            yield db
        self._has_tables = True
        self.generation += 1

    def rows(self, sql: str, *values: object) -> list[Sequence[Any]]:
        """Return what is there; no writer waits for it."""
        if not self._has_tables:
            with self.transaction():
                pass  # makes the tables
        with unavailable(self._path), self._file.connection() as db:
            return list(db.execute(sql, values))


_TO_BOOK = (
    "booked = 0 AND kind IN ('two_legs', 'complete') AND state IN ('hedged', 'unhedged', 'filled')"
)
# Of each table, what is not over.
_OPEN = {
    "arbitrages": f"(state IN ({UNFINISHED_STATES}) OR ({_TO_BOOK}))",
    "arbitrage_exposures": "closed_at IS NULL",
    "arbitrage_holdings": IS_OPEN,
    "arbitrage_positions": "closed_at IS NULL",
}
_OF_ARBITRAGE = "SELECT id FROM arbitrage_exposures WHERE arbitrage_id = ?"
_FORGET = "DELETE FROM arbitrages WHERE state IN ('denied', 'abandoned') AND id <= ?"
_ORDERS_IN_PROGRESS = (
    f"SELECT exposure, shares FROM arbitrages WHERE exposure IS NOT NULL "  # noqa: S608
    f"AND state IN ({UNFINISHED_STATES})"
)


def _shares(record: ArbitrageRecord) -> str:
    return json.dumps({str(number): str(amount) for number, amount in record.shares.items()})


def _is_in_progress(db: Connection, number: int) -> bool:
    """An order that closes this exposure, perhaps with others, has not ended."""
    return any(
        number == exposure or str(number) in json.loads(str(shares))
        for exposure, shares in db.execute(_ORDERS_IN_PROGRESS)
    )


def _check_open(db: Connection, record: ArbitrageRecord) -> None:
    """An order may only close what is there: the user may have been quicker.

    :raises NotOpen: an exposure is closed, or they are smaller than the order by now
    """
    if record.exposure is None:
        return
    total = ZERO
    for number in record.shares or {record.exposure: ZERO}:
        row = db.execute(f"{EXPOSURE} WHERE id = ?", (number,)).fetchone()
        exposure = None if row is None else exposure_of_row(row)
        if exposure is None or not exposure.is_open:
            raise NotOpen(f"Exposure {number} is closed.")
        total += exposure.amount
    if any(_closes(order, record) > total for order in record.orders):
        raise NotOpen(f"Exposure {record.exposure} is smaller by now.")


def _closes(order: LegOrder, record: ArbitrageRecord) -> Decimal:
    """What the order is to close: a purchase may be larger by its fee in the coin."""
    return sum(record.shares.values(), ZERO) or order.amount
