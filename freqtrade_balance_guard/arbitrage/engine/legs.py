"""Holds what is known of each order of an arbitrage in progress."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, LookUp, PreparedOrder, VenueOrder
from freqtrade_balance_guard.ledger import Move, Reservation, Reserved, State, Step
from freqtrade_balance_guard.money import ONE, ZERO, exact
from freqtrade_balance_guard.orders.lookup_result import Absence
from freqtrade_balance_guard.orders.tracked_order import FEE_ASSUMED


# An order that the exchange has shown and then denies for so long is over, with its fills.
FORGOTTEN_SECONDS = 60.0
# An exchange that lets no request expire may process one very late. For so long a leg that was not
# found is asked for again; then it is taken as one that never arrived.
LOST_SECONDS = 4 * 3600.0
# Between two questions about a lost leg; doubled each time up to the second.
LOST_PAUSE_SECONDS = 2.0
LONGEST_LOST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class LegRun:
    """Follows one order. Moments are monotonic.

    ``sent_at``: when ``place`` began; ``placed_at``: when it ended, None before; ``rejected``: why
    the exchange does not have it, and never will.
    """

    order: LegOrder
    sent_at: float
    # What a venue that sends in the engine's loop made of the order before.
    prepared: PreparedOrder | None = None
    placed_at: float | None = None
    reported: VenueOrder | None = None
    rejected: str = ""
    absence: Absence = field(default_factory=Absence)
    # It was not found after the time in which a request usually arrives, and nothing proves that it
    # cannot arrive any more.
    is_lost: bool = False
    ask_after: float = 0.0
    pause: float = LOST_PAUSE_SECONDS
    # The answer of ``place``, and the look-up that goes on: they end in the thread of the key.
    answer: VenueOrder | str | None = None
    look_up: "Future[LookUp] | None" = None
    # What the ledger was given last; None: nothing.
    booked: Step | None = None

    @property
    def is_over(self) -> bool:
        """Nothing more is to come."""
        return bool(self.rejected) or (self.reported is not None and not self.reported.is_open)

    @property
    def filled(self) -> Decimal:
        return ZERO if self.reported is None else self.reported.filled

    @property
    def cost(self) -> Decimal:
        return ZERO if self.reported is None else self.reported.cost

    @property
    def coin(self) -> Decimal:
        """What it did to the coin that is held, after fees that were paid in it."""
        return ZERO if self.reported is None else self.reported.coin(self.order)

    def take_answer(self) -> None:
        """Take up what ``place`` has returned: an order, or why it was rejected."""
        answer, self.answer = self.answer, None
        if isinstance(answer, VenueOrder):
            self.learn(answer)
        elif answer is not None:
            self.rejected = answer

    def learn(self, reported: VenueOrder) -> None:
        """Take up what the exchange says; what is late or said twice changes nothing."""
        known = self.reported
        self.absence.begin_anew()
        self.is_lost, self.pause = False, LOST_PAUSE_SECONDS
        if known is not None and (not known.is_open or reported.filled < known.filled):
            return
        # What the exchange shows outweighs the conclusion that it never got the order.
        self.rejected = ""
        self.reported = reported

    def not_found(self, now: float, late_seconds: float, expiry_seconds: float | None) -> None:
        """Take up that the exchange does not know it.

        It is concluded that it does not exist when the exchange says so twice, after it would not
        take the request any more; where it sets no limit, hours later. Until then it is lost.
        """
        absence = self.absence
        absence.lost_at = self.placed_at
        expired_after = LOST_SECONDS if expiry_seconds is None else expiry_seconds
        is_proven = absence.note_not_found(now, max(late_seconds, expired_after))
        if self.reported is not None:
            # It was there: one such answer is none. An exchange may forget what has ended, and a
            # simulated order lives as long as its process.
            if absence.has_lasted(now, FORGOTTEN_SECONDS):
                self.reported = replace(self.reported, is_open=False)
        elif is_proven:
            self.is_lost = False
            self.rejected = "the exchange does not know it"
        elif absence.note_not_found(now, late_seconds):
            self.is_lost = True
            self.ask_after = now + self.pause
            self.pause = min(2 * self.pause, LONGEST_LOST_PAUSE_SECONDS)

    @exact
    def believe(self, row: Reservation) -> None:
        """Take the ledger's end: another program has seen or decided it; no exchange answers."""
        if row.state is not State.COMMITTED:
            self.rejected = f"{row.state} in the ledger"
            return
        order, used = self.order, row.committed
        price = order.price * (ONE + order.fee_rate)
        filled = used if order.side == "sell" else min(used / price, order.amount)
        self.reported = VenueOrder(row.order_id or "", False, filled, filled * order.price)

    def step(self) -> Step | None:
        """Return what the ledger has to be given; None if there is nothing (new)."""
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
        held = self.order.terms.holds.amount
        received = report.received
        return Step(
            Move.USE if reported.is_open else Move.COMMIT,
            one,
            total=min(report.used, held) if reported.is_open else report.used,
            order_id=reported.order_id or None,
            received=received.amount if received else None,
            received_currency=received.currency if received else None,
            excess=not reported.is_open,
            why="" if report.is_fee_known else FEE_ASSUMED,
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
    # It is being stored, reserved or sent by the thread that made it: no other follows it yet.
    is_preparing: bool = False
    is_reported_unresolved: bool = False
    # Its end is written and not published yet: the exposures it left, and why it ended so.
    to_report: tuple[list[Exposure], str] | None = None
    # Whether its intent and its reservations were written is unknown; nothing has left.
    is_doubtful: bool = False
    # When its order book changed, or when it was planned; monotonic.
    began_at: float | None = None
    # The requests that carry its orders, while they are waited for.
    placing: "list[Future[None]]" = field(default_factory=list, repr=False)
    # What was reserved with the intent, until it is published.
    reserved: Reserved | None = None
    # Under which the runner has it.
    key: int = 0
    # Held by the one thread that does a round.
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    ids: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = tuple(leg.order.client_order_id for leg in self.legs)

    @property
    def is_over(self) -> bool:
        """Every leg is over."""
        return all(leg.is_over for leg in self.legs)

    @property
    def coin(self) -> Decimal:
        """What it did to the coin that is held, after fees that were paid in it."""
        return sum((leg.coin for leg in self.legs), ZERO)

    def filled(self, side: str) -> Decimal:
        """Return base currency that was bought, or sold."""
        return sum((leg.filled for leg in self.legs if leg.order.side == side), ZERO)

    def reported(self) -> dict[str, VenueOrder]:
        """Return what the exchanges said, by client order id."""
        known = {leg.order.client_order_id: leg.reported for leg in self.legs}
        return {one: reported for one, reported in known.items() if reported is not None}
