"""Names the points at which a process may die, and reports to tests that one was reached.

The next start must come out right wherever the last one ended. Tests kill a bot at each point; a
bot pays one comparison for it. The first word of a name says whose way it lies on.
"""

from collections.abc import Callable


# On the way of an order of freqtrade's, from the check to its end.
ORDER_POINTS = {
    "order checked": "the amount is known; nothing is reserved",
    "order reserved": "the intent is on disk; the order has not been marked as sent",
    "order sent": "marked as sent; the request has not left",
    "order answered": "the exchange has answered, or the reply is lost; nothing of it is booked",
    "order rejected": "the exchange rejected it; the money is still reserved",
    "order found": "a lost reply was found by asking; nothing of it is booked",
    "order bound": "the exchange's order is booked; freqtrade does not know of it",
    "order stored": "freqtrade has stored the order",
    "order filled": "a fill was seen; it is not booked",
    "order booked": "the fill is booked; freqtrade has not stored it",
}
# On the way of an arbitrage, from the plan to its end.
ARBITRAGE_POINTS = {
    "arbitrage planned": "it is worth it; nothing is stored",
    "arbitrage stored": "the intent is on disk; nothing is reserved",
    "arbitrage reserved": "both legs are reserved; neither is marked as sent",
    "arbitrage gated": "both legs are marked as sent in the ledger; the arbitrage is not",
    "arbitrage sent": "the arbitrage is marked as sent; neither request has left",
    "arbitrage leaving": "a request is about to leave; the other may have left",
    "arbitrage answered": "an exchange has answered, or the reply is lost; nothing is stored of it",
    "arbitrage asked": "an exchange was asked for an order; nothing of the answer is stored",
    "arbitrage learned": "the fills are stored; the ledger does not know them",
    "arbitrage booked": "the ledger knows them; the arbitrage has not ended",
    "arbitrage ended": "it has ended, and its exposure, if any, is stored in the same step",
    "arbitrage tended": "the policy was carried out; its own order, if any, has ended",
}
# What a bot does for an arbitrage besides: in its loop, with freqtrade's trades.
ARBITRAGE_BOT_POINTS = {
    "arbitrage traded": "freqtrade has the trade; the arbitrage is not marked as booked",
    "arbitrage marked": "it is marked as booked, and its position is stored in the same step",
    "arbitrage sold": "freqtrade has sold a trade; what is to be bought back is not stored",
    "arbitrage followed": "what is to be bought back is stored; nothing is sent for it",
}
# What becomes known of shares on prediction markets.
SHARES_POINTS = {
    "match asked": "a venue was asked whether a match is final; nothing of the answer is stored",
    "match reverted": "a match failed; that and the exposure are stored in the same step",
    "payout asked": "a venue was asked what an event has paid; nothing of the answer is stored",
    "shares moved": "the new state of shares is stored; it is not published",
}
CRASH_POINTS = ORDER_POINTS | ARBITRAGE_POINTS | ARBITRAGE_BOT_POINTS | SHARES_POINTS

# Called with the name of each point; None in every bot.
watcher: Callable[[str], None] | None = None


def crash_point(name: str) -> None:
    """Report to the watcher that ``name`` of ``CRASH_POINTS`` was reached."""
    if watcher is not None:
        watcher(name)
