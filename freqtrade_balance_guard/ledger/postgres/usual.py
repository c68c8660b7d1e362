"""The usual ways of the ledger in PostgreSQL, each one statement: one reservation, one step.

What does not fit comes back as None, with nothing done.
"""

from collections.abc import Iterator
from typing import Any

from freqtrade_balance_guard.ledger.postgres.link import Link
from freqtrade_balance_guard.ledger.postgres.statements import SQL
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import EXACT, NEVER, Move, Reservation, State
from freqtrade_balance_guard.ledger.results import Moved
from freqtrade_balance_guard.ledger.sql.tables import STATE, STATES
from freqtrade_balance_guard.ledger.store import Stamp
from freqtrade_balance_guard.money import ZERO


RESERVE = SQL["reserve"]
RESERVE_OLDER = SQL["reserve_older"]
RESERVE_SINCE = SQL["reserve_since"]
RESERVE_YOUNGER = SQL["reserve_younger"]
RESERVE_UNCHECKED = SQL["reserve_unchecked"]
STEPS = {move: SQL[f"step_{move}"] for move in Move}


class UsualWays:
    """Remembers which snapshots are not the newest any more, so that it is not asked twice."""

    def __init__(self) -> None:
        self._older: dict[tuple[str, str], int] = {}  # account and currency -> mark

    def reserve(self, link: Link, request: Request, stamp: Stamp, why: str) -> Reservation | None:
        client_order_id, account, pair, side, currency, amount, funds = request
        values: dict[str, Any] = {
            "client_order_id": client_order_id,
            "account": account,
            "pair": pair,
            "side": side,
            "currency": currency,
            "amount": amount,
            "bot": stamp.bot,
            "process": stamp.process,
            "at": stamp.at,
            "why": why,
        }
        if funds is not None:
            values["room"] = EXACT.subtract(funds.spendable, funds.floor)
            values["mark"], values["since"] = funds.mark, funds.since
        for way in self._ways(request):
            row = link.row(way, values)
            if row is not None:
                if way is RESERVE_OLDER and funds is not None:
                    self._older[(account, currency)] = funds.mark
                return reserved(row[0], request, None, stamp)
        return None

    def _ways(self, request: Request) -> Iterator[str]:
        """What to try, one after the other."""
        funds = request.funds
        if funds is None:
            yield RESERVE_UNCHECKED
        elif funds.since is not None:
            yield RESERVE_SINCE
            yield RESERVE_YOUNGER
        else:
            if funds.mark > self._older.get((request.account, request.currency), -1):
                yield RESERVE
            yield RESERVE_OLDER


def move(link: Link, step: Step, stamp: Stamp) -> Moved | None:
    values = {
        "client_order_id": step.client_order_id,
        "total": step.total,
        "order_id": step.order_id,
        "received": step.received,
        "received_currency": step.received_currency,
        "why": step.why,
        "at": stamp.at,
        "bot": stamp.bot,
        "process": stamp.process,
    }
    row = link.row(STEPS[step.move], values)
    return Moved(read_row(row[:-1])) if row else None


# Rows


def reserved(event: int, request: Request, group: str | None, stamp: Stamp) -> Reservation:
    """A reservation as it was made."""
    client_order_id, account, pair, side, currency, amount, _ = request
    who = (event, client_order_id, group, account, stamp.bot, stamp.process, pair, side, currency)
    amounts = (amount, amount, ZERO)
    return Reservation(*who, *amounts, State.RESERVED, stamp.at, None, None, NEVER)


def read_row(row: tuple[Any, ...]) -> Reservation:
    return Reservation._make((*row[:STATE], STATES[row[STATE]], *row[STATE + 1 :]))
