"""Named points on a pair's way, from the plan to its end.

A process may die at any of them, and the next start must come out right. Tests kill it at each; a
bot pays one comparison for a point.
"""

from collections.abc import Callable


CRASH_POINTS = {
    "planned": "the pair is worth it; nothing is stored",
    "stored": "the intent is on disk; nothing is reserved",
    "reserved": "both legs are reserved; neither is marked as sent",
    "gated": "both legs are marked as sent in the ledger; the pair is not",
    "sent": "the pair is marked as sent; neither request has left",
    "leaving": "a request is about to leave; the other may have left",
    "answered": "an exchange has answered, or the reply is lost; nothing of it is stored",
    "asked": "an exchange was asked for an order; nothing of it is stored",
    "learned": "the fills are stored; the ledger does not know them",
    "booked": "the ledger knows them; the pair has not ended",
    "ended": "the pair has ended, and its exposure, if any, is stored in the same step",
    "tended": "the policy has done what it does; its own order, if any, has ended",
}
# What a bot does besides: in its loop, with freqtrade's trades.
OF_A_BOT = {
    "trade booked": "freqtrade has the trade; the pair is not marked as booked",
    "pair booked": "the pair is marked as booked, and its position is stored in the same step",
    "sale seen": "freqtrade has sold a trade; what is to be bought back is not stored",
    "sale followed": "what is to be bought back is stored; nothing is sent for it",
}

# Who wants to know; None in every bot.
watcher: Callable[[str], None] | None = None


def crash_point(point: str) -> None:
    """A pair has come to ``point``."""
    if watcher is not None:
        watcher(point)
