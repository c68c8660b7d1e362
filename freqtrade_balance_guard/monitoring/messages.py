"""What is worth a message: facts, and figures that cross a border. Sending is elsewhere.

An incident needs a person: it is reported once, and once more when it is over. News is reported
once. A border has hysteresis: what is above it has to fall clearly below before it counts again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from freqtrade_balance_guard.arbitrage.events import (
    BreakerResumed,
    BreakerTripped,
    LegUnresolved,
    UnhedgedClosed,
    UnhedgedFound,
    UnhedgedOpened,
)
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    Event,
    ExitBackedOff,
    PairsLocked,
    PairsUnlocked,
    StopMissing,
    StopRestored,
)
from freqtrade_balance_guard.ledger.facts import ReservationCommitted, ReservationReleased
from freqtrade_balance_guard.money import HUNDRED, format_amount
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures
from freqtrade_balance_guard.orders.events import (
    ExitUnresolved,
    LostReplyFound,
    OrderAccepted,
    OrderUnresolved,
)
from freqtrade_balance_guard.settings import AlertSettings


# A balance that is unreadable for less is the exchange's hiccup.
UNREADABLE_SECONDS = 60.0
# A difference that is gone sooner is an own order of which the bot had not heard yet.
DISCREPANCY_SECONDS = 15.0
# Utilisation must fall so far below its border, in percent points, before it is reported again.
UTILIZATION_GAP = Decimal(10)


class Kind(StrEnum):
    """How a message is sent: a warning, news, an answer, or freqtrade's own about a lock."""

    INCIDENT = "incident"
    RECOVERY = "recovery"
    NEWS = "news"
    ANSWER = "answer"
    LOCK = "lock"
    UNLOCK = "unlock"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``details``: what freqtrade's own message about a lock needs."""

    kind: Kind
    code: str
    text: str
    details: dict[str, Any] = field(default_factory=dict)


class Notices:
    """Turns facts and figures into messages. One thread at a time."""

    def __init__(self, alerts: AlertSettings, stake_currency: str) -> None:
        self._alerts = alerts
        self._stake_currency = stake_currency
        self._open: set[tuple[str, str]] = set()  # incidents that are not over, and crossed borders
        self._unresolved: dict[str, str] = {}  # client order id -> pair
        self._unreadable_since: dict[str, float] = {}
        self._apart_since: dict[str, float] = {}

    # Facts

    def of_event(self, event: Event) -> Iterator[Message]:
        """The messages of one fact."""
        yield from self._of_orders(event)
        yield from self._of_legs(event)
        if isinstance(event, BalanceChangedExternally) and self._alerts.balance_change:
            verb = "rose" if event.amount > 0 else "fell"
            yield Message(
                Kind.NEWS,
                "balance_change",
                f"{event.currency} {verb} by {format_amount(abs(event.amount))} beyond own orders, "
                f"to {format_amount(event.total)} in all: {event.guess}.",
            )
        elif isinstance(event, PairsLocked):
            yield Message(Kind.LOCK, "locked", event.reason, dict(event.lock))
        elif isinstance(event, PairsUnlocked):
            pairs = "all pairs" if event.pair == "*" else event.pair
            yield Message(Kind.UNLOCK, "unlocked", f"{pairs} can be bought again: {event.reason}.")

    def _of_orders(self, event: Event) -> Iterator[Message]:
        if isinstance(event, OrderUnresolved):
            self._unresolved[event.client_order_id] = event.pair
            yield from self._begins(
                "order_unresolved",
                event.client_order_id,
                f"The reply to an order of {event.pair} ({event.client_order_id}) was lost, and "
                "the exchange could not say what happened to it. No new entry on "
                f"{event.pair} until it can; exits go on.",
            )
        elif isinstance(event, ExitUnresolved):
            self._unresolved[event.client_order_id] = event.pair
            yield from self._begins(
                "exit_unresolved",
                event.client_order_id,
                f"The outcome of an exit of {event.pair} ({event.client_order_id}) stays unknown; "
                "the next exit goes out all the same, for no more than the exchange shows.",
            )
        elif isinstance(event, ReservationCommitted | ReservationReleased):
            row = event.reservation
            if self._unresolved.pop(row.client_order_id, None) is not None:
                ended = "it was filled" if row.committed else "nothing of it was filled"
                text = f"The outcome of the order of {row.pair} ({row.client_order_id}) is known: "
                # One message for both: an exit may be unresolved in either way.
                ends = [
                    *self._ends("exit_unresolved", row.client_order_id, f"{text}{ended}."),
                    *self._ends("order_unresolved", row.client_order_id, f"{text}{ended}."),
                ]
                yield from ends[:1]
        elif isinstance(event, LostReplyFound):
            yield Message(
                Kind.NEWS,
                "lost_reply_found",
                f"The reply to an order of {event.pair} was lost; it was found as order "
                f"{event.order_id} and is booked as usual.",
            )
        elif isinstance(event, ExitBackedOff):
            yield from self._begins(
                "exit_too_small",
                event.pair,
                f"{event.pair} cannot be sold: its position is below the exchange's minimum. It is "
                "tried again with growing pauses. Buy more of it, or sell it on the exchange.",
            )
        elif isinstance(event, OrderAccepted) and event.purpose == "exit":
            yield from self._ends("exit_too_small", event.pair, f"{event.pair} could be sold.")
        elif isinstance(event, StopMissing):
            yield from self._begins(
                "stop_missing",
                str(event.trade_id),
                f"{event.pair} (trade {event.trade_id}) has had no stop on the exchange for "
                f"{event.seconds:.0f} s; the strategy wants one. freqtrade tries again in every "
                "loop, and watches the stop-loss itself while the bot runs.",
            )
        elif isinstance(event, StopRestored):
            text = f"{event.pair} (trade {event.trade_id}): {event.how}."
            yield from self._ends("stop_missing", str(event.trade_id), text)

    def _of_legs(self, event: Event) -> Iterator[Message]:
        if isinstance(event, BreakerTripped):
            text = (
                f"No new arbitrage begins on {event.account}: {event.why}. Look at them "
                "(balance-guard arbitrages list), then: balance-guard arbitrages resume."
            )
            yield from self._begins("breaker", event.account, text)
        elif isinstance(event, BreakerResumed):
            text = f"Arbitrages on {event.account} may begin again."
            yield from self._ends("breaker", event.account, text)
        elif isinstance(event, UnhedgedOpened | UnhedgedFound):
            one = event.exposure
            yield from self._begins("unhedged", str(one.id), f"Unhedged: {one.sentence()}.")
        elif isinstance(event, UnhedgedClosed):
            one = event.exposure
            if one.closes:
                # The buying back of a trade that was sold is part of its end.
                self._open.discard(("unhedged", str(one.id)))
                return
            what = f"{one.base} of arbitrage {one.arbitrage_id}"
            text = f"Hedged again: {what} was {one.closed_how}."
            if event.is_by_hand:
                text = f"No longer unhedged: {what} was closed by hand: {one.closed_how}."
            yield from self._ends("unhedged", str(one.id), text)
        elif isinstance(event, LegUnresolved):
            yield from self._begins(
                "leg_unresolved",
                event.client_order_id,
                f"Arbitrage {event.number}: the outcome of an order of {event.pair} on "
                f"{event.venue} is unknown; the exchange is asked again.",
            )

    # Figures

    def of_figures(self, figures: Figures, now: float) -> Iterator[Message]:
        """The messages of a look; ``now`` in monotonic seconds."""
        if figures.is_ledger_up:
            yield from self._ends("ledger_unavailable", "", "The ledger can be used again.")
        else:
            yield from self._begins(
                "ledger_unavailable",
                "",
                "The ledger cannot be used. No new entry until it can; exits go on.",
            )
        yield from self._of_verdicts(figures.balances, now)
        for one in figures.balances:
            if one.currency == self._stake_currency:
                yield from self._of_utilization(one)
            yield from self._of_discrepancy(one, now)

    def _of_verdicts(self, balances: Iterable[BalanceFigures], now: float) -> Iterator[Message]:
        """One message for all coins of one answer that could not be read, and one at the end."""
        begun, ended = [], []
        for one in balances:
            place = f"{one.account} {one.currency}"
            if one.verdict != Verdict.UNREADABLE:
                self._unreadable_since.pop(place, None)
                if list(self._ends("balance_unreadable", place, "")):
                    ended.append(one.currency)
            elif now - self._unreadable_since.setdefault(place, now) >= UNREADABLE_SECONDS and list(
                self._begins("balance_unreadable", place, "")
            ):
                begun.append(one.currency)
        if begun:
            text = (
                f"The balance of {', '.join(begun)} has been unreadable for a minute. No new entry "
                "that needs it until it is readable; exits go on."
            )
            yield Message(Kind.INCIDENT, "balance_unreadable", text)
        if ended:
            text = f"The balance of {', '.join(ended)} is readable again."
            yield Message(Kind.RECOVERY, "balance_unreadable", text)

    def _of_utilization(self, one: BalanceFigures) -> Iterator[Message]:
        if one.utilization is None:
            return
        percent, border = one.utilization * HUNDRED, self._alerts.utilization_percent
        if percent > border:
            yield from self._begins(
                "utilization",
                f"{one.account} {one.currency}",
                f"{percent:.0f} % of {one.currency} is in use (held by orders or reserved), more "
                f"than {format_amount(border)} %.",
                Kind.NEWS,
            )
        elif percent < border - UTILIZATION_GAP:
            self._open.discard(("utilization", f"{one.account} {one.currency}"))

    def _of_discrepancy(self, one: BalanceFigures, now: float) -> Iterator[Message]:
        # While own money is under way a difference is expected, and no news.
        place = f"{one.account} {one.currency}"
        if one.discrepancy is None or one.verdict == Verdict.LAGGING:
            self._apart_since.pop(place, None)
            return
        percent, border = one.discrepancy * HUNDRED, self._alerts.discrepancy_percent
        if percent <= border:
            self._apart_since.pop(place, None)
            if percent < border / 2:
                self._open.discard(("discrepancy", place))
        elif now - self._apart_since.setdefault(place, now) >= DISCREPANCY_SECONDS:
            yield from self._begins(
                "discrepancy",
                place,
                f"The exchange says {_text(one.seen)} {one.currency}, {_text(one.expected)} is "
                f"expected: {percent:.1f} % apart, more than {format_amount(border)} %.",
                Kind.NEWS,
            )

    # Once at the begin, once at the end

    def _begins(
        self, code: str, what: str, text: str, kind: Kind = Kind.INCIDENT
    ) -> Iterator[Message]:
        if (code, what) not in self._open:
            self._open.add((code, what))
            yield Message(kind, code, text)

    def _ends(self, code: str, what: str, text: str) -> Iterator[Message]:
        if (code, what) in self._open:
            self._open.remove((code, what))
            yield Message(Kind.RECOVERY, code, text)


def _text(amount: Decimal | None) -> str:
    return "?" if amount is None else format_amount(amount)
