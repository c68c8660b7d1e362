"""Arbitrages, exposures and positions as rows of a table, and back. No file is opened here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder


ARBITRAGE = (
    "SELECT id, bot, kind, state, tag, orders, reported, exposure, shares, made_at, note, result "
    "FROM arbitrages"
)
EXPOSURE_NAMES = tuple(Exposure.__dataclass_fields__)
EXPOSURE_AMOUNTS = {"net", "price", "other_price", "value"}
EXPOSURE_FLAGS = ("closes", "is_dust", "is_for_user")
POSITION_NAMES = tuple(Position.__dataclass_fields__)
POSITION_AMOUNTS = {"amount", "trade_amount", "accounted", "hedged", "other_price", "profit"}
# Names of our own, no input.
EXPOSURE = f"SELECT {', '.join(EXPOSURE_NAMES)} FROM arbitrage_exposures"  # noqa: S608
POSITION = f"SELECT {', '.join(POSITION_NAMES)} FROM arbitrage_positions"  # noqa: S608
# What the tables of release 0.1 have instead, for programs that only read.
OLD_NAMES = {
    "arbitrage_id": "pair_number",
    "is_dust": "0",
    "is_for_user": "0",
    "entry_order_id": "''",
}


def _put(table: str, names: Sequence[str]) -> str:
    marks = ", ".join("?" * (len(names) + 1))
    listed = ", ".join((*names, "owner"))
    return f"INSERT OR REPLACE INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608


# The last cell is the ledger account that the row belongs to.
PUT_POSITION = _put("arbitrage_positions", POSITION_NAMES)
INSERT_EXPOSURE = _put("arbitrage_exposures", EXPOSURE_NAMES[1:])
# Not by "replace": what is closed stays closed, says a trigger on updates.
_SETS = ", ".join(f"{name} = ?" for name in EXPOSURE_NAMES[1:])
UPDATE_EXPOSURE = f"UPDATE arbitrage_exposures SET {_SETS} WHERE id = ?"  # noqa: S608
MOMENTS = {"marked_at", "opened_at", "closed_at"}


@dataclass(slots=True)
class ArbitrageRecord:
    """Holds one row: an intent, and what is known of its orders.

    ``reported``: what the exchanges said of them, by client order id.
    """

    id: int
    bot: str
    kind: ArbitrageKind
    state: ArbitrageState
    tag: str | None
    orders: tuple[LegOrder, ...]
    made_at: datetime
    exposure: int | None = None
    reported: dict[str, VenueOrder] = field(default_factory=dict)
    note: str = ""
    # Of an order that closes several exposures: how much of each, in base currency.
    shares: dict[int, Decimal] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """The event whose two answers it buys or sells; empty where it trades a coin."""
        return str(self.result.get("event", ""))

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts: amounts as text with all digits."""
        return {
            "id": self.id,
            "bot": self.bot,
            "state": str(self.state),
            "tag": self.tag,
            "made_at": self.made_at.isoformat(),
            "note": self.note,
            "legs": [
                {
                    "venue": order.venue,
                    "pair": order.pair,
                    "side": order.side,
                    "amount": f"{order.amount:f}",
                    "limit_price": f"{order.price:f}",
                    "client_order_id": order.client_order_id,
                    "reported": None if one is None else one.as_json(),
                }
                for order in self.orders
                for one in [self.reported.get(order.client_order_id)]
            ],
            "result": self.result,
        }


def cells_of_exposure(exposure: Exposure) -> list[object]:
    """Return the cells of ``UPDATE_EXPOSURE``; its number follows, or the owner of a new one."""
    return [_cell(getattr(exposure, name)) for name in EXPOSURE_NAMES[1:]]


def exposure_of_row(row: Sequence[object]) -> Exposure:
    values = _values(EXPOSURE_NAMES, row, EXPOSURE_AMOUNTS)
    flags = {name: bool(values[name]) for name in EXPOSURE_FLAGS}
    return Exposure(**{**values, **flags})  # type: ignore[arg-type]


def cells_of_position(position: Position) -> list[object]:
    """Return the cells of ``PUT_POSITION`` but the owner."""
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


def arbitrage_of_row(row: Sequence[object]) -> ArbitrageRecord:
    number, bot, kind, state, tag, orders, reported, exposure, shares, made_at, note, result = row
    known = json.loads(str(reported))
    return ArbitrageRecord(
        id=int(str(number)),
        bot=str(bot),
        kind=ArbitrageKind(str(kind)),
        state=ArbitrageState(str(state)),
        tag=None if tag is None else str(tag),
        orders=tuple(LegOrder.from_json(order) for order in json.loads(str(orders))),
        made_at=datetime.fromisoformat(str(made_at)),
        exposure=None if exposure is None else int(str(exposure)),
        reported={one: VenueOrder.from_json(order) for one, order in known.items()},
        note=str(note),
        shares={int(one): Decimal(amount) for one, amount in json.loads(str(shares)).items()},
        result=json.loads(str(result)),
    )
