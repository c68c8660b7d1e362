"""A reservation, its states, and the one table of what may follow what.

    reserved ──send──► in_flight ──bind──► open ──commit──► committed    ended with fills
       │                   │                 │
       │                   └────release──────┴──release──►  released     ended without use
       └──expire──► expired                                              never sent, timed out

Beside the arrows: ``use`` records fills of an order that goes on, and a look-up after a crash may
find an order of which the mark "sent" was lost, so that ``reserved`` may be bound, used, committed
or released too.
"""

from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from typing import NamedTuple


# Sums of amounts are exact, or an error: an amount has at most 40 digits on either side of the
# point (``requests``), and a book of 10**18 of them has at most 98.
EXACT = Context(prec=98, traps=[Inexact, InvalidOperation, Overflow])

# ``visible_from`` of what no snapshot shows yet, and of what there is nothing to see of.
NEVER = 2**63 - 1
ALWAYS = 0


class State(StrEnum):
    """Where a reservation is. The names are stored and shown."""

    RESERVED = "reserved"  # not sent
    IN_FLIGHT = "in_flight"  # sent, outcome unknown
    OPEN = "open"  # accepted, resting or partly filled
    COMMITTED = "committed"  # ended with fills; the unused part was released in the same step
    RELEASED = "released"  # ended without use
    EXPIRED = "expired"  # never sent, timed out

    # That of the text that it is equal to; Python's own for an enum is also the slower one.
    __hash__ = str.__hash__


class Move(StrEnum):
    """What may be done to a reservation."""

    SEND = "send"
    BIND = "bind"
    USE = "use"
    COMMIT = "commit"
    RELEASE = "release"
    EXPIRE = "expire"

    __hash__ = str.__hash__


UNFINISHED = (State.RESERVED, State.IN_FLIGHT, State.OPEN)
ENDED = (State.COMMITTED, State.RELEASED, State.EXPIRED)

# What is not in this table is not allowed. The remark says why the row is here.
TRANSITIONS: dict[tuple[State, Move], tuple[State, str]] = {
    (State.RESERVED, Move.SEND): (
        State.IN_FLIGHT,
        "the gate: written before the order leaves; without this answer the order must not leave",
    ),
    (State.RESERVED, Move.EXPIRE): (
        State.EXPIRED,
        "only by the process that made it: no other can know that it was never sent",
    ),
    (State.RESERVED, Move.RELEASE): (State.RELEASED, "an error before sending, or a second leg"),
    (State.RESERVED, Move.BIND): (
        State.OPEN,
        "found on the exchange after a crash that lost the mark 'sent'",
    ),
    (State.RESERVED, Move.USE): (State.OPEN, "likewise, and partly filled"),
    (State.RESERVED, Move.COMMIT): (State.COMMITTED, "likewise, and at its end"),
    (State.IN_FLIGHT, Move.BIND): (State.OPEN, "the exchange has accepted it"),
    (State.IN_FLIGHT, Move.USE): (State.OPEN, "the fill was reported before the acceptance"),
    (State.IN_FLIGHT, Move.COMMIT): (State.COMMITTED, "filled at once"),
    (State.IN_FLIGHT, Move.RELEASE): (
        State.RELEASED,
        "a definite rejection, or the exchange was asked and does not know it",
    ),
    (State.OPEN, Move.BIND): (
        State.OPEN,
        "the acceptance was reported after a fill; a second order id is not taken",
    ),
    (State.OPEN, Move.USE): (State.OPEN, "one more fill; what is left stays held"),
    (State.OPEN, Move.COMMIT): (State.COMMITTED, "filled, or cancelled with fills"),
    (State.OPEN, Move.RELEASE): (State.RELEASED, "cancelled without fills"),
}


class Reservation(NamedTuple):
    """Money promised to one order. A tuple and therefore frozen; every change is a new one.

    Amounts are in ``currency``: what the exchange locks (a buy: quote, with the fee where that is
    charged on top; a sell: base). Never NaN, never negative.
    """

    id: int
    client_order_id: str
    group_id: str | None  # the same for everything that was reserved in one step
    account: str
    bot: str
    process: str  # the run of that bot that made it
    pair: str
    side: str
    currency: str
    requested: Decimal
    held: Decimal
    committed: Decimal
    state: State
    created_at: datetime
    order_id: str | None
    known_at: int | None  # the ledger event since which the exchange is known to have it
    visible_from: int  # the mark from which snapshot on it is in the exchange's numbers

    @property
    def amount(self) -> Decimal:
        """What is still held."""
        return self.held

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def promised(self) -> Decimal:
        """What a snapshot that does not show it yet has too much: still held or already spent."""
        return EXACT.add(self.held, self.committed)

    def counts_against(self, mark: int) -> bool:
        """True if a balance with this mark does not show it yet."""
        return self.visible_from > mark

    def changed(
        self,
        state: State,
        held: Decimal,
        committed: Decimal,
        order_id: str | None,
        known_at: int | None,
        visible_from: int,
    ) -> "Reservation":
        """Itself with all that may ever change. (``_replace`` takes four times as long.)"""
        rest = (held, committed, state, self[13], order_id, known_at, visible_from)
        return tuple.__new__(Reservation, self[:10] + rest)

    def known_since(self, event: int) -> "Reservation":
        """Itself with the event that made it known to the exchange."""
        return tuple.__new__(Reservation, (*self[:15], event, self[16]))
