"""One order from its intent to its end: what it is, how far it got, what the ledger has of it."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from freqtrade_balance_guard.ledger import Move, Reservation, Step
from freqtrade_balance_guard.money import ONE, ZERO, Money, to_decimal
from freqtrade_balance_guard.orders.lookup_result import (
    EXIT_LATE_SECONDS,
    LATE_SECONDS,
    Absence,
)
from freqtrade_balance_guard.orders.reader import OrderAnswer
from freqtrade_balance_guard.orders.terms import (
    Purpose,
    Report,
    Side,
    Terms,
    currencies,
    report_of,
)


# Why a step's amount may be a little too high; the account's other bots read it.
FEE_ASSUMED = "fee not reported, assumed"
# How the reason of an arbitrage leg's reservation begins. Its arbitrage owns it and follows it to
# its end; to freqtrade it is no order at all.
LEG_OF = "leg of "
# The placed order of a fired stop is known so soon. A stop that is "closed" with nothing filled
# for longer has ended so.
FIRED_STOP_SECONDS = 60.0

# Exchanges number orders per market: an id alone names none.
OrderKey = tuple[str, str]


@dataclass(slots=True)
class TrackedOrder:
    """Follows one order to its end.

    ``made_at`` is wall time, ``sent_at`` monotonic. ``is_in_ledger``: it has, or shall have, a
    reservation; ``is_reserved``: the ledger has it; ``is_written``: the ledger has the newest of
    it. ``is_rejected``: it will never be on the exchange.
    """

    client_order_id: str
    terms: Terms
    made_at: datetime
    sent_at: float
    is_in_ledger: bool = True
    is_reserved: bool = False
    is_written: bool = True
    is_rejected: bool = False
    is_of_this_run: bool = True
    # False: it belongs to another bot, which is dead; only its reservation is ours to settle.
    is_own: bool = True
    is_leg: bool = False
    # An exit that did not wait any longer for this one went out.
    is_given_up: bool = False
    # The exchange was asked for it, had time enough, and could not say.
    was_unanswered: bool = False
    # The user has deleted its trade: an order that freqtrade does not know on purpose.
    is_deleted: bool = False
    order_id: str | None = None
    # Of a fired stop: the order that it placed.
    placed_id: str | None = None
    answer: OrderAnswer | None = None
    report: Report | None = None
    why_released: str = ""
    absence: Absence = field(default_factory=Absence)
    # When the exchange was asked for it last, or said something of it; when it ended.
    asked_at: float = field(default=float("-inf"))
    ended_at: float = field(default=float("inf"))
    _fired_at: float | None = None

    @property
    def pair(self) -> str:
        return self.terms.pair

    @property
    def is_entry(self) -> bool:
        return self.terms.purpose is Purpose.ENTRY

    @property
    def keys(self) -> list[OrderKey]:
        """What answers about it are recognised by; empty while the exchange has not named it."""
        ids = (self.order_id, self.placed_id)
        return [(self.pair, order_id) for order_id in ids if order_id is not None]

    @property
    def is_resolved(self) -> bool:
        """It is known whether the exchange has it."""
        return self.is_rejected or self.order_id is not None

    @property
    def is_resting(self) -> bool:
        """The exchange has it, and it may still be filled."""
        return self.order_id is not None and not self.is_over

    @property
    def is_over(self) -> bool:
        """Nothing more will come of it."""
        return self.is_rejected or (self.answer is not None and not self.answer.is_open)

    @property
    def late_seconds(self) -> float:
        """How long after its reply was lost "not found" proves nothing."""
        return LATE_SECONDS if self.is_entry and not self.is_given_up else EXIT_LATE_SECONDS

    def is_late(self, now: float) -> bool:
        """Whether the exchange lacked it a moment ago, though it had it, or was not asked yet.

        Its lists may be behind. Where it was asked and could not answer, the order is an orphan.
        """
        absence = self.absence
        since = absence.lost_at if absence.since is None else absence.since
        if since is None or not self.is_of_this_run:
            return False
        if absence.since is None and self.was_unanswered:
            return False
        return now - since <= self.late_seconds

    def learn(self, answer: OrderAnswer, now: float) -> bool:
        """Take up what the exchange says; False if that is no news (late, or said before)."""
        self.order_id = self.order_id or answer.order_id
        if self.terms.purpose is Purpose.STOP:
            self.placed_id = self.placed_id or answer.placed_id
            if answer.is_fired_stop and self._waits_for_placed(now):
                return False
        known = self.answer
        if known is not None and (self.is_over or answer.filled < known.filled):
            return False
        answer = answer.with_known(known)
        report = report_of(answer, self.terms)
        if report == self.report and answer == known:
            return False
        self.answer, self.report = answer, report
        self.is_written = False
        if self.is_over:
            self.ended_at = now
        return True

    def _waits_for_placed(self, now: float) -> bool:
        """Whether the order that a fired stop has placed may still report what was filled."""
        if self._fired_at is None:
            self._fired_at = now
        return now - self._fired_at < FIRED_STOP_SECONDS

    def reject(self, why: str, now: float) -> None:
        """It never was on the exchange."""
        self.is_rejected = True
        self.why_released = why
        self.is_written = False
        self.ended_at = now

    def step(self) -> Step | None:
        """What is to be written to the ledger next."""
        one, report = self.client_order_id, self.report
        if self.is_rejected:
            return Step(Move.RELEASE, one, why=self.why_released)
        if report is None:
            return Step(Move.SEND, one)
        used, received = report.used, report.received
        if used <= 0:
            if report.is_open:
                return Step(Move.BIND, one, order_id=report.order_id)
            return Step(Move.RELEASE, one, why="ended without a fill")
        # More than was reserved may be used only at the end; until then the rest stays held.
        total = min(used, self.terms.holds.amount) if report.is_open else used
        return Step(
            Move.USE if report.is_open else Move.COMMIT,
            one,
            total=total,
            order_id=report.order_id,
            received=received.amount if received else None,
            received_currency=received.currency if received else None,
            excess=not report.is_open,
            why="" if report.is_fee_known else FEE_ASSUMED,
        )


# What the reservation's first line of history says, for people and for who takes it up again.
_WHY = re.compile(
    r"(?P<purpose>\w+) of (?P<amount>\S+) at (?P<price>\S+?)"
    r"(, leverage (?P<leverage>\S+?))?(, tag (?P<tag>.*))?$"
)


def why_of(terms: Terms) -> str:
    """The reason that is stored with the intent: all that a later run needs to know the order."""
    tag = f", tag {terms.tag}" if terms.tag else ""
    leverage = f", leverage {terms.leverage:f}" if terms.leverage != ONE else ""
    return f"{terms.purpose} of {terms.amount:f} at {terms.price:f}{leverage}{tag}"


def tracked_order_of(
    row: Reservation, why: str, now: float, *, is_margin: bool = False, proxy_coin: str = ""
) -> TrackedOrder:
    """The order behind a reservation that an earlier run, or another bot, has left.

    Its request may have left until ``now``: that is when its reply counts as lost.

    :param why: what ``why_of`` made of its terms
    """
    # A leg's reason begins with its arbitrage.
    stored = _WHY.search(why)
    side: Side = "buy" if row.side == "buy" else "sell"
    is_entry = row.currency in (currencies(row.pair)[1], proxy_coin)
    guess = Purpose.ENTRY if is_entry else Purpose.EXIT
    terms = Terms(
        row.pair,
        side,
        Purpose(stored["purpose"]) if stored else guess,
        to_decimal(stored["amount"]) if stored else ZERO,
        to_decimal(stored["price"]) if stored else ZERO,
        Money(row.requested, row.currency),
        row.requested,
        leverage=to_decimal(stored["leverage"]) if stored and stored["leverage"] else ONE,
        is_margin=is_margin,
        tag=stored["tag"] or "" if stored else "",
        proxy_coin=proxy_coin,
    )
    tracked = TrackedOrder(
        row.client_order_id,
        terms,
        row.created_at,
        now,
        is_reserved=True,
        is_of_this_run=False,
        is_leg=why.startswith(LEG_OF),
        order_id=row.order_id,
        absence=Absence(lost_at=now),
    )
    if row.committed > ZERO and row.order_id:
        tracked.report = Report(row.order_id, True, ZERO, row.committed, None)
    return tracked
