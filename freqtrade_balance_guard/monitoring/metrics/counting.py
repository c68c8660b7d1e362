"""Which counter each fact moves: the one table behind the metrics, the page and the report.

A counter's key is its metric's name and its labels beyond ``bot`` and ``account``, in the order of
``COUNTERS``.
"""

from collections.abc import Iterator

from freqtrade_balance_guard.arbitrage.events import ArbitrageFinished, OpportunityDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.events import (
    BalanceCacheMissed,
    BalanceChangedExternally,
    BalanceRead,
    BalanceServedFromCache,
    BalanceUnreadable,
    EntryApproved,
    Event,
    ExitBackedOff,
    OrderDenied,
    RebalanceEnded,
    StakeReduced,
)
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.orders.events import (
    ExitUnresolved,
    LostReplyFound,
    OrderAccepted,
    OrderRejected,
    OrderReplyLost,
    OrderUnresolved,
)


# Metric (without `balance_guard_` and `_total`) -> its labels, and what it counts.
COUNTERS: dict[str, tuple[tuple[str, ...], str]] = {
    "balance_reads": (("reason", "result"), "Balances asked of the exchange."),
    "cache_lookups": (("result",), "Entries sized on the believed balance, or after a read."),
    "external_changes": (("currency", "direction"), "Changes beyond own orders."),
    "entries": (("decision", "code"), "Decisions about entries."),
    "exits": (
        ("result",),
        "Exits sent, too small to be sold, with a lost reply, or not waited for any longer.",
    ),
    "orders": (("purpose", "result"), "Orders by what came of them."),
    "rejections": (("reason",), "Orders that the exchange rejected."),
    "rebalance_attempts": (("result",), "Emergency rebalances."),
    "arbitrages": (("result",), "Arbitrages by how they ended."),
}

# Series that are there from the start at 0: an alert on an increase would miss the first one.
PURPOSES = ("entry", "exit", "stop", "leg")
ALWAYS_SHOWN = {
    "cache_lookups": (("hit",), ("miss",)),
    "entries": (("approved", ""),),
    "exits": (("sent",), ("backed_off",), ("lost",), ("unresolved",)),
    "orders": tuple(
        (purpose, result)
        for purpose in PURPOSES
        for result in ("accepted", "rejected", "lost", "found", "unresolved")
    ),
    "rejections": (("minimum",), ("funds",), ("margin",), ("other",)),
    "rebalance_attempts": (("sold",), ("failed",)),
    "arbitrages": (("hedged",), ("unhedged",), ("failed",), ("abandoned",), ("denied",)),
}

Key = tuple[str, tuple[str, ...]]

# Denials of partial exits are no decisions about entries.
NOT_ENTRIES = {str(DenialCode.PARTIAL_EXIT_TOO_SMALL)}
EXITS = {"exit", "stop"}


class EventCounter:
    """Turns facts into the counters that they move. Keeps only which entries were made smaller."""

    def __init__(self) -> None:
        self._reduced: dict[str, str] = {}

    def keys(self, event: Event) -> Iterator[Key]:
        """The counters that ``event`` moves by one."""
        yield from self._of_balances(event)
        yield from self._of_decisions(event)
        yield from _of_orders(event)
        if isinstance(event, RebalanceEnded):
            yield "rebalance_attempts", ("sold" if event.sold else "failed",)
        elif isinstance(event, ArbitrageFinished) and event.kind is ArbitrageKind.TWO_LEGS:
            yield "arbitrages", (str(event.state),)
        elif isinstance(event, OpportunityDenied):
            yield "arbitrages", ("denied",)

    def _of_balances(self, event: Event) -> Iterator[Key]:
        if isinstance(event, BalanceRead):
            yield "balance_reads", (event.reason, "ok")
        elif isinstance(event, BalanceUnreadable):
            yield "balance_reads", (event.read_for or "unknown", "unreadable")
        elif isinstance(event, BalanceServedFromCache):
            yield "cache_lookups", ("hit",)
        elif isinstance(event, BalanceCacheMissed):
            yield "cache_lookups", ("miss",)
        elif isinstance(event, BalanceChangedExternally):
            direction = "in" if event.amount > 0 else "out"
            yield "external_changes", (event.currency, direction)

    def _of_decisions(self, event: Event) -> Iterator[Key]:
        if isinstance(event, StakeReduced):
            self._reduced[event.pair] = event.limit
        elif isinstance(event, EntryApproved):
            limit = self._reduced.pop(event.pair, None)
            decision = "approved" if limit is None else "reduced"
            yield "entries", (decision, limit or "")
        elif isinstance(event, OrderDenied) and event.code not in NOT_ENTRIES:
            self._reduced.pop(event.pair, None)
            yield "entries", ("denied", event.code)


def _of_orders(event: Event) -> Iterator[Key]:
    if isinstance(event, OrderAccepted):
        yield "orders", (event.purpose, "accepted")
        if event.purpose in EXITS:
            yield "exits", ("sent",)
    elif isinstance(event, OrderRejected):
        yield "orders", (event.purpose, "rejected")
        yield "rejections", (event.reason,)
    elif isinstance(event, OrderReplyLost):
        yield "orders", (event.purpose, "lost")
        if event.purpose in EXITS:
            yield "exits", ("lost",)
    elif isinstance(event, LostReplyFound):
        yield "orders", (event.purpose, "found")
    elif isinstance(event, OrderUnresolved):
        yield "orders", (event.purpose, "unresolved")
    elif isinstance(event, ExitUnresolved):
        yield "exits", ("unresolved",)
    elif isinstance(event, ExitBackedOff):
        yield "exits", ("backed_off",)
