"""Named points on an order's way, from the check to its end.

A process may die at any of them, and the next start must come out right. Tests kill it at each; a
bot pays one comparison for a point.
"""

from collections.abc import Callable


CRASH_POINTS = {
    "checked": "the amount is known; nothing is reserved",
    "reserved": "the intent is on disk; the order has not been marked as sent",
    "sent": "marked as sent; the request has not left",
    "answered": "the exchange has answered, or the reply is lost; nothing of it is booked",
    "refused": "the exchange said no; the money is still reserved",
    "found": "a lost reply was found by asking; nothing of it is booked",
    "bound": "the exchange's order is booked; freqtrade does not know of it",
    "stored": "freqtrade has stored the order",
    "filled": "a fill was seen; it is not booked",
    "booked": "the fill is booked; freqtrade has not stored it",
}

# Who wants to know; None in every bot.
watcher: Callable[[str], None] | None = None


def crash_point(point: str) -> None:
    """An order has come to ``point``."""
    if watcher is not None:
        watcher(point)
