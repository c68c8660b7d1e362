"""Shares of outcomes as rows: what arbitrages of complements hold, until the money is there."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from freqtrade_balance_guard.arbitrage.outcomes.holding import ENDED, Holding
from freqtrade_balance_guard.arbitrage.store.file import unavailable
from freqtrade_balance_guard.arbitrage.store.tables import are_there
from freqtrade_balance_guard.local_file import Connection, read_only
from freqtrade_balance_guard.money import ZERO


_ENDED_STATES = ", ".join(f"'{state}'" for state in ENDED)
IS_OPEN = f"state NOT IN ({_ENDED_STATES})"
_SELECT = "SELECT holding FROM arbitrage_holdings"
OPEN_OF_BOT = f"{_SELECT} WHERE bot = ? AND {IS_OPEN} ORDER BY arbitrage_id, client_order_id"
OF_ARBITRAGE = f"{_SELECT} WHERE arbitrage_id = ? ORDER BY client_order_id"
ALL = f"{_SELECT} ORDER BY arbitrage_id, client_order_id"
# What a dead bot's row belongs to by now is kept.
_PUT = (
    "INSERT INTO arbitrage_holdings "
    "(client_order_id, arbitrage_id, bot, owner, state, holding, changed_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client_order_id) DO UPDATE SET "
    "state = excluded.state, holding = excluded.holding, changed_at = excluded.changed_at"
)


def put_holdings(
    db: Connection,
    holdings: Sequence[Holding],
    *,
    bot: str,
    owner: str,
    arbitrage_id: int,
    now: datetime,
) -> list[Holding]:
    """Write them in a transaction; new ones get the number of the arbitrage that bought them."""
    kept = []
    for one in holdings:
        each = one if one.arbitrage_id else replace(one, arbitrage_id=arbitrage_id)
        cells = (each.client_order_id, each.arbitrage_id, bot, owner, str(each.state))
        db.execute(_PUT, (*cells, json.dumps(each.as_json()), now.isoformat()))
        kept.append(each)
    return kept


def holding_of_row(row: Sequence[object]) -> Holding:
    return Holding.from_json(json.loads(str(row[0])))


def read_holdings(path: Path, *, also_ended: bool = False) -> list[Holding]:
    """Return the shares that all bots hold, for the console, which leaves no trace.

    :raises ArbitragesUnavailable: the file cannot be read
    """
    with unavailable(path):
        if not path.exists():
            return []
        with read_only(path) as db:
            found = [holding_of_row(row) for row in db.execute(ALL)] if are_there(db) else []
    return [one for one in found if also_ended or one.state not in ENDED]


def paid_to(holdings: Sequence[Holding], account: str) -> dict[str, Decimal]:
    """Return what venues have paid to an account, by currency."""
    found: dict[str, Decimal] = {}
    for one in holdings:
        if one.account == account:
            found[one.currency] = found.get(one.currency, ZERO) + one.paid
    return found
