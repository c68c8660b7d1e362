"""Reservations as lists and one by one."""

from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.console.bot_source import Books
from freqtrade_balance_guard.ledger import Reservation
from freqtrade_balance_guard.ledger.store import Entry


def listed(
    books: Books,
    *,
    limit: int | None,
    account: str | None = None,
    bot: str | None = None,
    pair: str | None = None,
) -> list[Reservation]:
    """All without an end, then the newest ``limit`` of those that have ended (None: all).

    :raises LedgerUnavailable: it cannot be read
    """

    def wanted(row: Reservation) -> bool:
        return (
            (account is None or row.account == account)
            and (bot is None or row.bot == bot)
            and (pair is None or row.pair.upper() == pair.upper())
        )

    unfinished = [row for row in books.unfinished() if wanted(row)]
    ended = [row for row in books.ended(None if limit else limit) if wanted(row)]
    return unfinished + ended[:limit]


def text(amount: Decimal) -> str:
    """An amount for JSON: exact, never with an exponent."""
    return f"{amount:f}"


def as_json(row: Reservation) -> dict[str, Any]:
    """One reservation, as scripts may rely on it. ``amount`` is what is still held."""
    return {
        "id": row.id,
        "client_order_id": row.client_order_id,
        "account": row.account,
        "bot": row.bot,
        "pair": row.pair,
        "side": row.side,
        "currency": row.currency,
        "amount": text(row.held),
        "committed": text(row.committed),
        "state": row.state.value,
        "created_at": row.created_at.isoformat(),
        "order_id": row.order_id,
    }


def with_history(row: Reservation, history: list[Entry]) -> dict[str, Any]:
    """The same with all that happened to it."""
    return {
        **as_json(row),
        "requested": text(row.requested),
        "group_id": row.group_id,
        "history": [
            {
                "event": line.event,
                "at": line.at.isoformat(),
                "bot": line.bot,
                "what": line.what,
                "state": line.state,
                "amount": text(line.held),
                "committed": text(line.committed),
                "order_id": line.order_id,
                "why": line.why,
            }
            for line in history
        ],
    }
