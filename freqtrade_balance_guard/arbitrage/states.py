"""A pair's states and the one table of what may follow what.

    planned ──deny──► denied                 nothing was reserved, nothing sent
       │  └───drop──► abandoned              reserved or not: nothing was sent, all is released
       └──send──► sent ──fail──► failed      neither leg has a fill
                   │  └──balance──► hedged   both legs filled by the same amount
                   │  └──differ──► unhedged  the difference lives on as an exposure of its own
                   └──repair──► filled       the single order of an exposure has a fill

The legs have no states of their own here: theirs are their reservations', in the ledger.
"""

from enum import StrEnum


class PairState(StrEnum):
    """Where a pair is. The names are stored and shown."""

    PLANNED = "planned"
    SENT = "sent"
    DENIED = "denied"
    ABANDONED = "abandoned"
    FAILED = "failed"
    HEDGED = "hedged"
    UNHEDGED = "unhedged"
    FILLED = "filled"


class PairMove(StrEnum):
    """What may happen to a pair."""

    SEND = "send"
    DENY = "deny"
    DROP = "drop"
    FAIL = "fail"
    BALANCE = "balance"
    DIFFER = "differ"
    REPAIR = "repair"


class PairKind(StrEnum):
    """Two legs, or the one order that closes what two legs (or the sale of a trade) have left."""

    PAIR = "pair"
    UNWIND = "unwind"
    COMPLETE = "complete"
    CLOSE = "close"


# What is not in this table is not allowed. The remark says why the row is here.
TRANSITIONS: dict[tuple[PairState, PairMove], tuple[PairState, str]] = {
    (PairState.PLANNED, PairMove.DENY): (PairState.DENIED, "one leg's money is not there"),
    (PairState.PLANNED, PairMove.DROP): (
        PairState.ABANDONED,
        "an error before sending, or a restart that finds neither an order nor a reservation",
    ),
    (PairState.PLANNED, PairMove.SEND): (
        PairState.SENT,
        "written before anything leaves: from here on the exchange is asked",
    ),
    (PairState.SENT, PairMove.DROP): (
        PairState.ABANDONED,
        "it was written that they are sent, and then they were not",
    ),
    (PairState.SENT, PairMove.FAIL): (PairState.FAILED, "both ended without a fill"),
    (PairState.SENT, PairMove.BALANCE): (PairState.HEDGED, "bought as much as was sold"),
    (PairState.SENT, PairMove.DIFFER): (PairState.UNHEDGED, "the difference is an exposure now"),
    (PairState.SENT, PairMove.REPAIR): (PairState.FILLED, "an exposure became smaller"),
    # A power cut may lose the mark "sent", which is not waited for; the exchange still has them.
    (PairState.PLANNED, PairMove.FAIL): (PairState.FAILED, "the mark was lost"),
    (PairState.PLANNED, PairMove.BALANCE): (PairState.HEDGED, "likewise"),
    (PairState.PLANNED, PairMove.DIFFER): (PairState.UNHEDGED, "likewise"),
    (PairState.PLANNED, PairMove.REPAIR): (PairState.FILLED, "likewise"),
}
UNFINISHED = (PairState.PLANNED, PairState.SENT)
ENDED = tuple(state for state in PairState if state not in UNFINISHED)


class NotAllowed(Exception):
    """The table of transitions forbids it: a pair ends exactly once."""


def after(state: PairState, move: PairMove) -> PairState:
    """:raises NotAllowed: no row of the table allows it"""
    row = TRANSITIONS.get((state, move))
    if row is None:
        raise NotAllowed(f"{move} is not allowed when a pair is {state}")
    return row[0]
