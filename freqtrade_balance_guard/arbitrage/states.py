"""An arbitrage's states and the one table of what may follow what.

    planned ──deny──► denied                 nothing was reserved, nothing sent
       │  └───drop──► abandoned              reserved or not: nothing was sent, all is released
       └──send──► sent ──fail──► failed      neither leg has a fill
                   │  └──balance──► hedged   both legs filled by the same amount
                   │  └──differ──► unhedged  the difference lives on as an exposure of its own
                   └──repair──► filled       the single order of an exposure has a fill

The legs have no states of their own here: theirs are their reservations', in the ledger.
"""

from enum import StrEnum


class ArbitrageState(StrEnum):
    """Where an arbitrage is. The names are stored and shown."""

    PLANNED = "planned"
    SENT = "sent"
    DENIED = "denied"
    ABANDONED = "abandoned"
    FAILED = "failed"
    HEDGED = "hedged"
    UNHEDGED = "unhedged"
    FILLED = "filled"


class ArbitrageMove(StrEnum):
    """What may happen to an arbitrage."""

    SEND = "send"
    DENY = "deny"
    DROP = "drop"
    FAIL = "fail"
    BALANCE = "balance"
    DIFFER = "differ"
    REPAIR = "repair"


class ArbitrageKind(StrEnum):
    """Two legs, or the one order that closes what two legs (or the sale of a trade) have left."""

    TWO_LEGS = "two_legs"
    UNWIND = "unwind"
    COMPLETE = "complete"
    CLOSE = "close"


# What is not in this table is not allowed. The remark says why the row is here.
TRANSITIONS: dict[tuple[ArbitrageState, ArbitrageMove], tuple[ArbitrageState, str]] = {
    (ArbitrageState.PLANNED, ArbitrageMove.DENY): (
        ArbitrageState.DENIED,
        "one leg's money is not there",
    ),
    (ArbitrageState.PLANNED, ArbitrageMove.DROP): (
        ArbitrageState.ABANDONED,
        "an error before sending, or a restart that finds neither an order nor a reservation",
    ),
    (ArbitrageState.PLANNED, ArbitrageMove.SEND): (
        ArbitrageState.SENT,
        "written before anything leaves: from here on the exchange is asked",
    ),
    (ArbitrageState.SENT, ArbitrageMove.DROP): (
        ArbitrageState.ABANDONED,
        "it was written that they are sent, and then they were not",
    ),
    (ArbitrageState.SENT, ArbitrageMove.FAIL): (ArbitrageState.FAILED, "both ended without a fill"),
    (ArbitrageState.SENT, ArbitrageMove.BALANCE): (
        ArbitrageState.HEDGED,
        "bought as much as was sold",
    ),
    (ArbitrageState.SENT, ArbitrageMove.DIFFER): (
        ArbitrageState.UNHEDGED,
        "the difference is an exposure now",
    ),
    (ArbitrageState.SENT, ArbitrageMove.REPAIR): (
        ArbitrageState.FILLED,
        "an exposure became smaller",
    ),
    # A power cut may lose the mark "sent", which is not waited for; the exchange still has them.
    (ArbitrageState.PLANNED, ArbitrageMove.FAIL): (ArbitrageState.FAILED, "the mark was lost"),
    (ArbitrageState.PLANNED, ArbitrageMove.BALANCE): (ArbitrageState.HEDGED, "likewise"),
    (ArbitrageState.PLANNED, ArbitrageMove.DIFFER): (ArbitrageState.UNHEDGED, "likewise"),
    (ArbitrageState.PLANNED, ArbitrageMove.REPAIR): (ArbitrageState.FILLED, "likewise"),
}
UNFINISHED = (ArbitrageState.PLANNED, ArbitrageState.SENT)
ENDED = tuple(state for state in ArbitrageState if state not in UNFINISHED)


class NotAllowed(Exception):
    """The table of transitions forbids it: an arbitrage ends exactly once."""


def after(state: ArbitrageState, move: ArbitrageMove) -> ArbitrageState:
    """:raises NotAllowed: no row of the table allows it"""
    row = TRANSITIONS.get((state, move))
    if row is None:
        raise NotAllowed(f"{move} is not allowed when an arbitrage is {state}")
    return row[0]
