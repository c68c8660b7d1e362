"""A pair on its way: what is known of each of its orders."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.ledger import Move, Reservation, State, Step
from freqtrade_balance_guard.money import ONE, ZERO, exact
from freqtrade_balance_guard.orders.tracked_order import FEE_ASSUMED


# An order that the exchange has told and then denies for so long is over, with what it had filled.
FORGOTTEN_SECONDS = 60.0


@dataclass(slots=True)
class LegRun:
    """One order. ``sent_at`` is monotonic; ``refused``: why it never was on the exchange."""

    order: LegOrder
    sent_at: float
    told: VenueOrder | None = None
    refused: str = ""
    # Since when the exchange says that it does not know it (monotonic).
    absent_since: float | None = None
    # What the ledger was told last; None: nothing.
    booked: Step | None = None

    @property
    def is_over(self) -> bool:
        """Is there nothing more to come?"""
        return bool(self.refused) or (self.told is not None and not self.told.is_open)

    @property
    def filled(self) -> Decimal:
        return ZERO if self.told is None else self.told.filled

    @property
    def cost(self) -> Decimal:
        return ZERO if self.told is None else self.told.cost

    def learn(self, told: VenueOrder) -> None:
        """Take up what the exchange says; what is late or told twice changes nothing."""
        known = self.told
        self.absent_since = None
        if known is not None and (not known.is_open or told.filled < known.filled):
            return
        # A word of the exchange outweighs the guess that it never got the order.
        self.refused = ""
        self.told = told

    def absent(self, now: float, late_seconds: float, twice_within: float) -> None:
        """The exchange does not know it. Believed when it says so twice, after it may be late."""
        if self.absent_since is None:
            self.absent_since = now
        if self.told is not None:
            # It was there: one such answer is none. An exchange may forget what has ended, and a
            # simulated order lives as long as its process.
            if now - self.absent_since >= FORGOTTEN_SECONDS:
                self.told = replace(self.told, is_open=False)
            return
        is_late = now - self.sent_at >= late_seconds
        if is_late and now - self.absent_since >= twice_within:
            self.refused = "the exchange does not know it"

    @exact
    def believe(self, row: Reservation) -> None:
        """Nobody answers, and the ledger knows the end: somebody else has seen or decided it."""
        if row.state is not State.COMMITTED:
            self.refused = f"{row.state} in the ledger"
            return
        order, used = self.order, row.committed
        price = order.price * (ONE + order.fee_rate)
        filled = used if order.side == "sell" else min(used / price, order.amount)
        self.told = VenueOrder(row.order_id or "", False, filled, filled * order.price)

    def step(self) -> Step | None:
        """What the ledger has to be told; None if there is nothing (new)."""
        step = self._step()
        return None if step == self.booked else step

    def _step(self) -> Step | None:
        one, told = self.order.client_order_id, self.told
        if self.refused:
            return Step(Move.RELEASE, one, why=self.refused)
        if told is None:
            return None
        report = told.report(self.order)
        if report.used <= ZERO:
            if told.is_open:
                return Step(Move.BIND, one, order_id=told.order_id)
            return Step(Move.RELEASE, one, why="ended without a fill")
        # More than was reserved may be used only at the end; until then the rest stays held.
        held = self.order.terms.holds.amount
        received = report.received
        return Step(
            Move.USE if told.is_open else Move.COMMIT,
            one,
            total=min(report.used, held) if told.is_open else report.used,
            order_id=told.order_id or None,
            received=received.amount if received else None,
            received_currency=received.currency if received else None,
            excess=not told.is_open,
            why="" if report.is_fee_known else FEE_ASSUMED,
        )


@dataclass(slots=True)
class RunningArbitrage:
    """A stored pair and its legs. ``has_left``: a request may have left this process, or an earlier
    one; until then everything may simply be released."""

    stored: ArbitrageRecord
    legs: list[LegRun]
    has_left: bool = False
    was_told_unresolved: bool = False
    # Its end is written, and nobody was told: the exposure it left, and why it ended so.
    to_tell: tuple[Exposure | None, str] | None = None
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

    def told(self) -> dict[str, VenueOrder]:
        return {leg.order.client_order_id: leg.told for leg in self.legs if leg.told is not None}
