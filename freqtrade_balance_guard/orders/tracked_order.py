"""One order of this run: what it is, how far it got, and what the ledger was told of it."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from freqtrade_balance_guard.ledger import Move, Reservation, Step
from freqtrade_balance_guard.money import ONE, ZERO, Money, to_decimal
from freqtrade_balance_guard.orders.terms import Purpose, Report, Side, Terms, currencies


# Why a step's amount may be a little too high; the account's other bots read it.
FEE_ASSUMED = "fee not told, assumed"
# How the reason of an arbitrage leg's reservation begins. Its pair owns it and follows it to its
# end; to freqtrade it is no order at all.
LEG_OF = "leg of "


@dataclass(slots=True)
class TrackedOrder:
    """An order from its intent to its end.

    ``sent_at`` is monotonic, ``made_at`` wall time. ``is_booked``: the ledger has a reservation for
    it; ``is_told``: the ledger knows the newest of it. ``is_refused``: it will never be on the
    exchange.
    """

    client_order_id: str
    terms: Terms
    made_at: datetime
    sent_at: float
    is_booked: bool = False
    is_told: bool = True
    is_refused: bool = False
    is_of_this_run: bool = True
    # False: of another bot, which is dead; nothing but its books is our business.
    is_own: bool = True
    is_leg: bool = False
    order_id: str | None = None
    report: Report | None = None
    why_released: str = ""
    # Since when the exchange says that it does not know it (monotonic); None: it was not asked, or
    # did not answer.
    absent_since: float | None = None
    asked_at: float = field(default=float("-inf"))

    @property
    def pair(self) -> str:
        return self.terms.pair

    @property
    def is_entry(self) -> bool:
        return self.terms.purpose is Purpose.ENTRY

    @property
    def is_resolved(self) -> bool:
        """Do we know whether the exchange has it?"""
        return self.is_refused or self.order_id is not None

    @property
    def is_over(self) -> bool:
        """Is there nothing more to come?"""
        return self.is_refused or (self.report is not None and not self.report.is_open)

    def learn(self, report: Report) -> bool:
        """Take up what the exchange says; False if that is no news (late, or told twice)."""
        known = self.report
        self.order_id = self.order_id or report.order_id
        if known is not None:
            if self.is_over or report.filled < known.filled:
                return False
            if report == known:
                return False
        self.report = report
        self.is_told = False
        return True

    def refuse(self, why: str) -> None:
        """It never was on the exchange, or is not any more without a fill."""
        self.is_refused = True
        self.why_released = why
        self.is_told = False

    def step(self) -> Step | None:
        """What the ledger has to be told; None if there is nothing."""
        one, report = self.client_order_id, self.report
        if self.is_refused:
            return Step(Move.RELEASE, one, why=self.why_released)
        if report is None:
            return Step(Move.SEND, one)
        used, received = report.used, report.received
        if used <= 0:
            if report.is_open:
                return Step(Move.BIND, one, order_id=report.order_id)
            return Step(Move.RELEASE, one, why="ended without a fill")
        # More than was reserved may be used only at the end; until then the rest stays held.
        total = min(used, self.terms.locks.amount) if report.is_open else used
        return Step(
            Move.USE if report.is_open else Move.COMMIT,
            one,
            total=total,
            order_id=report.order_id,
            received=received.amount if received else None,
            received_currency=received.currency if received else None,
            excess=not report.is_open,
            why="" if report.is_fee_told else FEE_ASSUMED,
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
    row: Reservation, why: str, now: float, *, is_margin: bool = False
) -> TrackedOrder:
    """The tracked of a reservation that an earlier run, or another bot, has left.

    :param why: what ``why_of`` made of its terms
    """
    # A leg's reason begins with its pair.
    told = _WHY.search(why)
    side: Side = "buy" if row.side == "buy" else "sell"
    guess = Purpose.ENTRY if row.currency == currencies(row.pair)[1] else Purpose.EXIT
    terms = Terms(
        row.pair,
        side,
        Purpose(told["purpose"]) if told else guess,
        to_decimal(told["amount"]) if told else ZERO,
        to_decimal(told["price"]) if told else ZERO,
        Money(row.requested, row.currency),
        row.requested,
        leverage=to_decimal(told["leverage"]) if told and told["leverage"] else ONE,
        is_margin=is_margin,
        tag=told["tag"] or "" if told else "",
    )
    tracked = TrackedOrder(
        row.client_order_id,
        terms,
        row.created_at,
        now,
        is_booked=True,
        is_of_this_run=False,
        is_leg=why.startswith(LEG_OF),
        order_id=row.order_id,
    )
    if row.committed > ZERO and row.order_id:
        tracked.report = Report(row.order_id, True, ZERO, row.committed, None)
    return tracked
