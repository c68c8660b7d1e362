"""Pairs, exposures and positions as rows of a table, and back. No file is opened here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.states import (
    ENDED,
    UNFINISHED,
    ArbitrageKind,
    ArbitrageState,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder


_ENDS = ", ".join(f"'{state}'" for state in ENDED)
GOING = ", ".join(f"'{state}'" for state in UNFINISHED)
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
    note     TEXT NOT NULL DEFAULT '',
    booked   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS arbitrage_pairs_going ON arbitrage_pairs (bot)
    WHERE state IN ({GOING});
CREATE TRIGGER IF NOT EXISTS arbitrage_pairs_end_once
    BEFORE UPDATE OF state, orders, told, ended_at, note ON arbitrage_pairs
    WHEN old.state IN ({_ENDS})
    BEGIN SELECT raise(ABORT, 'this pair has ended'); END;
CREATE TABLE IF NOT EXISTS arbitrage_exposures (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    bot         TEXT NOT NULL,
    pair_number INTEGER NOT NULL,
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
    closed_how  TEXT NOT NULL DEFAULT '',
    closes      INTEGER NOT NULL DEFAULT 0
);
CREATE TRIGGER IF NOT EXISTS arbitrage_exposures_close_once BEFORE UPDATE ON arbitrage_exposures
    WHEN old.closed_at IS NOT NULL
    BEGIN SELECT raise(ABORT, 'this exposure is closed'); END;
CREATE TABLE IF NOT EXISTS arbitrage_positions (
    pair_number   INTEGER PRIMARY KEY,
    bot           TEXT NOT NULL,
    trade_id      INTEGER NOT NULL,
    pair          TEXT NOT NULL,
    amount        TEXT NOT NULL,
    trade_amount  TEXT NOT NULL,
    accounted     TEXT NOT NULL,
    hedged        TEXT NOT NULL,
    other_venue   TEXT NOT NULL,
    other_account TEXT NOT NULL,
    other_pair    TEXT NOT NULL,
    other_price   TEXT NOT NULL,
    opened_at     TEXT NOT NULL,
    closed_at     TEXT,
    profit        TEXT
);
"""
PAIR = (
    "SELECT id, bot, kind, state, tag, orders, told, exposure, made_at, note FROM arbitrage_pairs"
)
EXPOSURE_NAMES = tuple(Exposure.__dataclass_fields__)
# Names of our own, no input.
EXPOSURE = f"SELECT {', '.join(EXPOSURE_NAMES)} FROM arbitrage_exposures"  # noqa: S608
EXPOSURE_AMOUNTS = {"net", "price", "other_price", "value"}
POSITION_NAMES = tuple(Position.__dataclass_fields__)
POSITION = f"SELECT {', '.join(POSITION_NAMES)} FROM arbitrage_positions"  # noqa: S608
POSITION_AMOUNTS = {"amount", "trade_amount", "accounted", "hedged", "other_price", "profit"}


def _put(table: str, names: Sequence[str]) -> str:
    marks = ", ".join("?" * len(names))
    listed = ", ".join(names)
    return f"INSERT OR REPLACE INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608


PUT_POSITION = _put("arbitrage_positions", POSITION_NAMES)
INSERT_EXPOSURE = _put("arbitrage_exposures", EXPOSURE_NAMES[1:])
# Not by "replace": what is closed stays closed, says a trigger on updates.
_SETS = ", ".join(f"{name} = ?" for name in EXPOSURE_NAMES[1:])
UPDATE_EXPOSURE = f"UPDATE arbitrage_exposures SET {_SETS} WHERE id = ?"  # noqa: S608
MOMENTS = {"marked_at", "opened_at", "closed_at"}


@dataclass(slots=True)
class ArbitrageRecord:
    """One row: an intent, and what is known of its orders. ``told`` by client order id."""

    id: int
    bot: str
    kind: ArbitrageKind
    state: ArbitrageState
    tag: str | None
    orders: tuple[LegOrder, ...]
    made_at: datetime
    exposure: int | None = None
    told: dict[str, VenueOrder] = field(default_factory=dict)
    note: str = ""


def cells_of_exposure(exposure: Exposure) -> list[object]:
    """For ``INSERT_EXPOSURE``, and with the number after it for ``UPDATE_EXPOSURE``."""
    return [_cell(getattr(exposure, name)) for name in EXPOSURE_NAMES[1:]]


def exposure_of_row(row: Sequence[object]) -> Exposure:
    values = _values(EXPOSURE_NAMES, row, EXPOSURE_AMOUNTS)
    return Exposure(**{**values, "closes": bool(values["closes"])})  # type: ignore[arg-type]


def cells_of_position(position: Position) -> list[object]:
    """For ``PUT_POSITION``."""
    return [_cell(getattr(position, name)) for name in POSITION_NAMES]


def position_of_row(row: Sequence[object]) -> Position:
    return Position(**_values(POSITION_NAMES, row, POSITION_AMOUNTS))  # type: ignore[arg-type]


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _values(names: Sequence[str], row: Sequence[object], amounts: set[str]) -> dict[str, object]:
    values: dict[str, object] = dict(zip(names, row, strict=True))
    for name in values:
        if values[name] is not None and name in amounts:
            values[name] = Decimal(str(values[name]))
        elif values[name] is not None and name in MOMENTS:
            values[name] = datetime.fromisoformat(str(values[name]))
    return values


def pair_of_row(row: Sequence[object]) -> ArbitrageRecord:
    number, bot, kind, state, tag, orders, told, exposure, made_at, note = row
    known = json.loads(str(told))
    return ArbitrageRecord(
        id=int(str(number)),
        bot=str(bot),
        kind=ArbitrageKind(str(kind)),
        state=ArbitrageState(str(state)),
        tag=None if tag is None else str(tag),
        orders=tuple(LegOrder.from_json(order) for order in json.loads(str(orders))),
        made_at=datetime.fromisoformat(str(made_at)),
        exposure=None if exposure is None else int(str(exposure)),
        told={one: VenueOrder.from_json(order) for one, order in known.items()},
        note=str(note),
    )
