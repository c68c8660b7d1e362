"""``balance-guard reservations``: lists reservations, shows one, or releases one by hand.

A reservation whose owner is alive is released by its owner: only the owner knows what it is doing
with the order. For a dead owner the exchange is asked first, unless the user forces the release.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_command import ask_bot
from freqtrade_balance_guard.console.bot_source import LedgerView, NotPossible, describe, text
from freqtrade_balance_guard.console.reconcile import ExchangeOrder, Questions
from freqtrade_balance_guard.ledger import Moved, Reservation, open_ledger
from freqtrade_balance_guard.ledger.store import Entry


CONSOLE = "console"

FORCED = (
    "The exchange is not asked: if the order is still open there, its money will be given out "
    "a second time, and what it buys belongs to no trade. Look at the exchange first."
)


# Lists


def listed(
    ledger: LedgerView,
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

    unfinished = [row for row in ledger.unfinished() if wanted(row)]
    ended = [row for row in ledger.ended(None if limit else limit) if wanted(row)]
    return unfinished + ended[:limit]


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


# Release by hand


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was released, and the sentence about it."""

    released: bool
    sentence: str


def named(ledger: LedgerView, name: str) -> Reservation:
    """Return the reservation with this number or client order id.

    :raises NotPossible: there is none
    """
    row = ledger.find(name)
    if row is None:
        raise NotPossible(f"No reservation has the number or client order id {name}.")
    return row


def releasable(ledger: LedgerView, name: str) -> Reservation:
    """The reservation that is meant, if it can be released at all.

    One that has ended may still keep its bot from entering the pair: a bot that runs is asked.

    :raises NotPossible: there is none, or it has ended and its bot does not run
    """
    row = named(ledger, name)
    if not row.unfinished and not ledger.is_owner_alive(row):
        raise NotPossible(f"Reservation {row.id} has ended already ({row.state}).")
    return row


def release_by_its_bot(
    ledger: LedgerView,
    row: Reservation,
    clock: Clock,
    sleep: Callable[[float], None],
    *,
    force: bool = False,
) -> Outcome:
    """Ask the bot that owns it, and wait for its answer.

    :param force: release it also where the exchange does not say what happened to the order

    :raises LocalFileError: the table of commands cannot be used
    """
    payload = {"client_order_id": row.client_order_id, "why": "released by hand", "force": force}
    again = f"balance-guard reservations show {row.id}"
    answer = ask_bot(ledger, row.bot, "release", payload, clock, sleep, look_again=again)
    return Outcome(answer.done, answer.text)


def release_after_asking(
    ledger: LedgerView, row: Reservation, questions: Questions, clock: Clock
) -> Outcome:
    """Ask the exchange, and release only what it does not have.

    :raises NotPossible: the exchange gave no answer
    :raises LedgerUnavailable: it cannot be written
    """
    order = questions.find(row)
    if order is not None and not _is_over_without_use(order):
        state = f"{order.status}, {order.filled:f} of {order.amount:f} filled"
        return Outcome(
            False,
            f"Not released: the exchange has it as order {order.order_id} ({state}). Start the "
            "bot: it takes over what happened.",
        )
    found = f"cancelled order {order.order_id}" if order else "no order"
    return _release(ledger, row, clock, f"by hand: the exchange has {found}")


def release_by_force(ledger: LedgerView, row: Reservation, clock: Clock) -> Outcome:
    """Release it because the user says so.

    :raises LedgerUnavailable: it cannot be written
    """
    return _release(ledger, row, clock, "by hand: forced, the exchange was not asked")


def _is_over_without_use(order: ExchangeOrder) -> bool:
    return not order.filled and order.status in ("canceled", "cancelled", "expired", "rejected")


def _release(ledger: LedgerView, row: Reservation, clock: Clock, why: str) -> Outcome:
    writer = open_ledger(ledger.source.ledger_url, bot=CONSOLE, account=row.account, clock=clock)
    try:
        if row.committed:
            # It has fills: what they used stays used, the rest is free.
            moved = writer.commit(row.client_order_id, why=why)
        else:
            moved = writer.release(row.client_order_id, why)
    finally:
        writer.close()
    if isinstance(moved, Moved):
        return Outcome(True, f"Released: {describe(row)}. It is {moved.reservation.state} now.")
    return Outcome(False, f"Not released: it has changed meanwhile ({type(moved).__name__}).")
