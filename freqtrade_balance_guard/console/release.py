"""``balance-guard reservations release``: end by hand what nobody ends.

Who owns a reservation and is alive does it itself, for only the owner knows what it is doing with
it. For a dead one the exchange is asked first, unless the user takes that upon himself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_command import ask_bot
from freqtrade_balance_guard.console.bot_source import Books, NotPossible
from freqtrade_balance_guard.console.exchange_view import ExchangeOrder, Questions
from freqtrade_balance_guard.console.reconcile import describe
from freqtrade_balance_guard.ledger import Moved, Reservation, open_ledger


CONSOLE = "console"

FORCED = (
    "The exchange is not asked: if the order is still open there, its money will be given out "
    "a second time, and what it buys belongs to no trade. Look at the exchange first."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was released, and the sentence about it."""

    released: bool
    sentence: str


def check(books: Books, name: str) -> Reservation:
    """The reservation that is meant, if it can be released at all.

    One that has ended may still keep its bot from entering the pair: a bot that runs is asked.

    :raises NotPossible: there is none, or it has ended and its bot does not run
    """
    row = books.find(name)
    if row is None:
        raise NotPossible(f"No reservation has the number or client order id {name}.")
    if not row.unfinished and not books.is_owner_alive(row):
        raise NotPossible(f"Reservation {row.id} has ended already ({row.state}).")
    return row


def by_its_bot(
    books: Books, row: Reservation, clock: Clock, sleep: Callable[[float], None]
) -> Outcome:
    """Ask the bot that owns it, and wait for what it says.

    :raises LocalFileError: the table of commands cannot be used
    """
    payload = {"client_order_id": row.client_order_id, "why": "released by hand"}
    again = f"balance-guard reservations show {row.id}"
    answer = ask_bot(books, row.bot, "release", payload, clock, sleep, look_again=again)
    return Outcome(answer.done, answer.text)


def after_asking(books: Books, row: Reservation, questions: Questions, clock: Clock) -> Outcome:
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
    return _release(books, row, clock, f"by hand: the exchange has {found}")


def without_asking(books: Books, row: Reservation, clock: Clock) -> Outcome:
    """Release it because the user says so.

    :raises LedgerUnavailable: it cannot be written
    """
    return _release(books, row, clock, "by hand: forced, the exchange was not asked")


def _is_over_without_use(order: ExchangeOrder) -> bool:
    return not order.filled and order.status in ("canceled", "cancelled", "expired", "rejected")


def _release(books: Books, row: Reservation, clock: Clock, why: str) -> Outcome:
    ledger = open_ledger(books.source.ledger_url, bot=CONSOLE, account=row.account, clock=clock)
    try:
        if row.committed:
            # It has fills: what they used stays used, the rest is free.
            moved = ledger.commit(row.client_order_id, why=why)
        else:
            moved = ledger.release(row.client_order_id, why)
    finally:
        ledger.close()
    if isinstance(moved, Moved):
        return Outcome(True, f"Released: {describe(row)}. It is {moved.reservation.state} now.")
    return Outcome(False, f"Not released: it has changed meanwhile ({type(moved).__name__}).")
