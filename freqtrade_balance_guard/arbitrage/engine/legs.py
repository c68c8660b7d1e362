"""An arbitrage on its way: what is known of each of its orders."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.ledger import Move, Reservation, State, Step
from freqtrade_balance_guard.money import ONE, ZERO, exact
from freqtrade_balance_guard.orders.tracked_order import FEE_ASSUMED


# An order that the exchange has shown and then denies for so long is over, with its fills.
FORGOTTEN_SECONDS = 60.0


@dataclass(slots=True)
class LegRun:
    """One order. ``sent_at`` is monotonic; ``refused``: why it never was on the exchange."""

    order: LegOrder
    sent_at: float
    reported: VenueOrder | None = None
    rejected: str = ""
    # Since when the exchange says that it does not know it (monotonic).
    absent_since: float | None = None
    # What the ledger was reported last; None: nothing.
    booked: Step | None = None

    @property
    def is_over(self) -> bool:
        """Is there nothing more to come?"""
        return bool(self.rejected) or (self.reported is not None and not self.reported.is_open)

    @property
    def filled(self) -> Decimal:
        return ZERO if self.reported is None else self.reported.filled

    @property
    def cost(self) -> Decimal:
        return ZERO if self.reported is None else self.reported.cost

    def learn(self, reported: VenueOrder) -> None:
        """Take up what the exchange says; what is late or reported twice changes nothing."""
        known = self.reported
        self.absent_since = None
        if known is not None and (not known.is_open or reported.filled < known.filled):
            return
        # A word of the exchange outweighs the guess that it never got the order.
        self.rejected = ""
        self.reported = reported

    def absent(self, now: float, late_seconds: float, twice_within: float) -> None:
        """The exchange does not know it. Believed when it says so twice, after it may be late."""
        if self.absent_since is None:
            self.absent_since = now
        if self.reported is not None:
            # It was there: one such answer is none. An exchange may forget what has ended, and a
            # simulated order lives as long as its process.
            if now - self.absent_since >= FORGOTTEN_SECONDS:
                self.reported = replace(self.reported, is_open=False)
            return
        is_late = now - self.sent_at >= late_seconds
        if is_late and now - self.absent_since >= twice_within:
            self.rejected = "the exchange does not know it"

    @exact
    def believe(self, row: Reservation) -> None:
        """Nobody answers, and the ledger knows the end: somebody else has seen or decided it."""
        if row.state is not State.COMMITTED:
            self.rejected = f"{row.state} in the ledger"
            return
        order, used = self.order, row.committed
        price = order.price * (ONE + order.fee_rate)
        filled = used if order.side == "sell" else min(used / price, order.amount)
        self.reported = VenueOrder(row.order_id or "", False, filled, filled * order.price)

    def step(self) -> Step | None:
        """What the ledger has to be reported; None if there is nothing (new)."""
        step = self._step()
        return None if step == self.booked else step

    def _step(self) -> Step | None:
        one, reported = self.order.client_order_id, self.reported
        if self.rejected:
            return Step(Move.RELEASE, one, why=self.rejected)
        if reported is None:
            return None
        report = reported.report(self.order)
        if report.used <= ZERO:
            if reported.is_open:
                return Step(Move.BIND, one, order_id=reported.order_id)
            return Step(Move.RELEASE, one, why="ended without a fill")
        # More than was reserved may be used only at the end; until then the rest stays held.
        held = self.order.terms.locks.amount
        received = report.received
        return Step(
            Move.USE if reported.is_open else Move.COMMIT,
            one,
            total=min(report.used, held) if reported.is_open else report.used,
            order_id=reported.order_id or None,
            received=received.amount if received else None,
            received_currency=received.currency if received else None,
            excess=not reported.is_open,
            why="" if report.is_fee_told else FEE_ASSUMED,
        )


@dataclass(slots=True)
class RunningArbitrage:
    """Follows a stored arbitrage and its legs.

    ``has_left``: a request may have left this process, or an earlier one; until then everything
    may simply be released.
    """

    record: ArbitrageRecord
    legs: list[LegRun]
    has_left: bool = False
    is_reported_unresolved: bool = False
    # Its end is written, and nobody was reported: the exposure it left, and why it ended so.
    to_report: tuple[Exposure | None, str] | None = None
    ids: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = tuple(leg.order.client_order_id for leg in self.legs)

    @property
    def is_over(self) -> bool:
        return all(leg.is_over for leg in self.legs)

    @property
    def net(self) -> Decimal:
        """What it did to the coin that is held."""
        return sum((leg.order.sign * leg.filled for leg in self.legs), ZERO)

    def filled(self, side: str) -> Decimal:
        """Base currency that was bought, or sold."""
        return sum((leg.filled for leg in self.legs if leg.order.side == side), ZERO)

    def reported(self) -> dict[str, VenueOrder]:
        return {
            leg.order.client_order_id: leg.reported for leg in self.legs if leg.reported is not None
        }
