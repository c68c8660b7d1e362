"""``TwoLegExecutor``: buy here, sell there, and never one leg unknowingly.

    plan       prices, one size, minimums, fees: is it worth it?        nothing is written
    store      the intent with both client order ids, on disk
    reserve    both legs in the ledger, all or nothing
    gate       both marked as sent, in one step
    send       both at the same time, each in the thread of its key
    follow     ask, cancel after leg_timeout, book, end (``follow``)

Nothing is ever sent twice: a lost reply is resolved by asking. What fails before the send releases
both legs; what fails after it is asked for in every loop until there is an answer.
"""

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.answers import (
    PairDenied,
    PairEnded,
    PairRefusal,
    PairResult,
    PairUnresolved,
)
from freqtrade_balance_guard.arbitrage.events import LegUnresolved, PairRefused, UnhedgedFound
from freqtrade_balance_guard.arbitrage.follow import Follower
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.legs import LegRun, RunningPair
from freqtrade_balance_guard.arbitrage.milestones import reach
from freqtrade_balance_guard.arbitrage.parts import Parts, ReadFunds, funds_of
from freqtrade_balance_guard.arbitrage.plan import Rates
from freqtrade_balance_guard.arbitrage.proposals import Proposals
from freqtrade_balance_guard.arbitrage.queues import KeyQueues
from freqtrade_balance_guard.arbitrage.repair import Repairs
from freqtrade_balance_guard.arbitrage.states import PairKind, PairMove, PairState
from freqtrade_balance_guard.arbitrage.store import (
    NotOpen,
    PairStore,
    PairsUnavailable,
    StoredPair,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    Conflict,
    Funds,
    LedgerUnavailable,
    Move,
    Moved,
    Refused,
    Request,
    ReservationLedger,
    Reserved,
    Step,
)
from freqtrade_balance_guard.money import ZERO, exact, format_amount
from freqtrade_balance_guard.orders.terms import as_stored
from freqtrade_balance_guard.orders.ticket import LEG_OF
from freqtrade_balance_guard.settings import ArbitrageSettings


logger = logging.getLogger(__name__)

# Between two rounds of asking; doubled each time up to the second.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
# How long after leg_timeout a loop waits for the outcome, before later loops ask.
PATIENCE_SECONDS = 5.0


class GateClosed(BalanceGuardError):
    """The ledger did not let an order out."""


class TwoLegExecutor:
    """Carries out opportunities, one at a time. Not to be called from two threads.

    :param venues: by the names that legs use
    :param rates: stake currency per unit of a currency, None where nobody knows
    :param funds: by venue, who says what may be spent there, where that is not simply the venue's
        own balance (the bot's own exchange)
    :param wait: sleeps so many seconds
    :param settle_seconds: how far a venue's balance may lag behind fills
    """

    def __init__(
        self,
        ledger: ReservationLedger,
        venues: Mapping[str, Venue],
        store: PairStore,
        settings: ArbitrageSettings,
        *,
        hub: EventHub,
        clock: Clock,
        wait: Callable[[float], None],
        rates: Rates,
        funds: Mapping[str, ReadFunds] | None = None,
        settle_seconds: float = 30.0,
    ) -> None:
        by_name = funds_of(venues, ledger, clock, funds or {}, settle_seconds)
        self._parts = Parts(
            *(ledger, venues, by_name, store, settings, hub, clock, wait, rates, KeyQueues())
        )
        self._proposals = Proposals(self._parts)
        self._follower = Follower(self._parts)
        self._repairs = Repairs(self._parts, self._close_exposure)
        self._going: dict[int, RunningPair] = {}
        self._is_recovered = False

    # What a loop calls

    def execute(self, opportunity: Opportunity) -> PairResult:
        """Take an opportunity, and follow it until both legs have ended or patience has.

        :return: never raises for anything that an exchange, the ledger or the disk does
        """
        try:
            self._take_up()
            planned = self._planned(opportunity)
        except LedgerUnavailable as error:
            planned = PairDenied(PairRefusal.LEDGER_UNAVAILABLE, f"the ledger: {error}")
        except PairsUnavailable as error:
            planned = PairDenied(PairRefusal.LEDGER_UNAVAILABLE, str(error))
        except Exception as error:
            logger.exception("An opportunity could not be planned.")
            planned = PairDenied(PairRefusal.GUARD_ERROR, f"{type(error).__name__}: {error}")
        if isinstance(planned, PairDenied):
            return self._denied(planned)
        reach("planned")
        orders, funds = planned
        result = self._run(PairKind.PAIR, orders, funds, tag=opportunity.tag)
        if isinstance(result, PairDenied):
            return self._denied(result)
        if isinstance(result, PairEnded) and result.exposure is not None:
            self._quietly(lambda exposure=result.exposure: self._repairs.tend(exposure))  # type: ignore[misc]
        return result

    def work(self) -> None:
        """Once per loop, and at the start: go on with what is not resolved, tend exposures."""
        self._quietly(self._take_up)
        for pair in list(self._going.values()):
            self._quietly(lambda pair=pair: self._advance(pair))  # type: ignore[misc]
        self._quietly(self._tend_all)

    def unresolved(self) -> list[RunningPair]:
        """Pairs of which it is not known yet how they end."""
        return list(self._going.values())

    def exposures(self) -> list[Exposure]:
        """What is not hedged.

        :raises PairsUnavailable: it cannot be read
        """
        return self._parts.store.open_exposures(self._parts.bot)

    def close(self) -> None:
        """Wait for requests that are under way. What is not resolved stays stored."""
        self._parts.queues.close()

    # Planning

    def _planned(
        self, opportunity: Opportunity
    ) -> tuple[list[LegOrder], list[Funds | None]] | PairDenied:
        for leg in opportunity.legs:
            if leg.venue not in self._parts.venues:
                return PairDenied(
                    PairRefusal.UNKNOWN_VENUE, f'no venue is called "{leg.venue}"', leg.venue
                )
        return self._blocked() or self._proposals.orders_for(opportunity)

    @exact
    def _blocked(self) -> PairDenied | None:
        """Too much is unhedged; what is not resolved may turn out to be, with its whole amount."""
        parts = self._parts
        exposures = self.exposures()
        unhedged = sum((one.value for one in exposures), ZERO)
        in_doubt = sum((self._value(pair) for pair in self._going.values()), ZERO)
        most = parts.settings.max_unhedged
        if unhedged + in_doubt <= most:
            return None
        return PairDenied(
            PairRefusal.UNHEDGED,
            f"{format_amount(unhedged)} in stake currency is unhedged and "
            f"{format_amount(in_doubt)} is not resolved; {format_amount(most)} is allowed",
            numbers={"unhedged": unhedged, "in_doubt": in_doubt, "max_unhedged": most},
        )

    def _value(self, pair: RunningPair) -> Decimal:
        orders = pair.stored.orders
        return max(o.amount * o.price * self._parts.rate(o.terms.quote) for o in orders)

    # Reserving and sending

    def _run(
        self,
        kind: PairKind,
        orders: list[LegOrder],
        funds: list[Funds | None],
        *,
        tag: str | None = None,
        exposure: int | None = None,
    ) -> PairResult:
        parts = self._parts
        made_at = parts.clock.wall()
        stored = StoredPair(
            *(0, parts.bot, kind, PairState.PLANNED, tag, tuple(orders), made_at, exposure)
        )
        try:
            stored.id = parts.store.insert(stored)
        except (PairsUnavailable, NotOpen) as error:
            return PairDenied(PairRefusal.LEDGER_UNAVAILABLE, str(error))
        pair = RunningPair(stored, [LegRun(order, parts.clock.monotonic()) for order in orders])
        self._going[stored.id] = pair
        try:
            reach("stored")
            denial = self._reserve(pair, funds)
            if denial is not None:
                parts.store.end(stored, PairMove.DENY, parts.clock.wall(), denial.sentence, None)
                del self._going[stored.id]
                return denial
            reach("reserved")
            for order in orders:
                parts.venues[order.venue].check(order)
            self._send(pair)
        except Exception as error:
            stored.note = f"{type(error).__name__}: {error}"
            logger.exception("Pair %s: an error before its end.", stored.id)
        return self._see_through(pair)

    def _reserve(self, pair: RunningPair, funds: list[Funds | None]) -> PairDenied | None:
        """Both, or none.

        :raises LedgerUnavailable: nothing is known to be reserved
        """
        requests = [
            Request(
                client_order_id=order.client_order_id,
                account=order.account,
                pair=order.pair,
                side=order.side,
                currency=order.terms.locks.currency,
                amount=as_stored(order.terms.locks.amount),
                funds=money,
            )
            for order, money in zip(pair.stored.orders, funds, strict=True)
        ]
        why = f"{LEG_OF}{pair.stored.kind} {pair.stored.id}"
        result = self._parts.ledger.reserve(requests, why)
        if isinstance(result, Reserved):
            return None
        if isinstance(result, Conflict):
            return PairDenied(PairRefusal.GUARD_ERROR, result.sentence)
        return _refusal(result, pair.stored.orders)

    def _send(self, pair: RunningPair) -> None:
        """Both at the same time. After this line only the exchanges know.

        :raises GateClosed: the ledger did not let both out; nothing was sent
        """
        parts = self._parts
        results = parts.ledger.settle(*[Step(Move.SEND, one) for one in pair.ids])
        if not all(isinstance(result, Moved) for result in results):
            raise GateClosed(f"the ledger let the orders not out: {results}")
        reach("gated")
        pair.stored.state = parts.store.mark_sent(pair.stored)
        reach("sent")
        pair.has_left = True
        now = parts.clock.monotonic()
        works: list[tuple[Venue, Callable[[], None]]] = []
        for leg in pair.legs:
            leg.sent_at = now
            venue = parts.venues[leg.order.venue]
            works.append((venue, lambda leg=leg, venue=venue: self._follower.place(leg, venue)))  # type: ignore[misc]
        parts.queues.together(works)

    # Following

    def _see_through(self, pair: RunningPair) -> PairResult:
        """Ask until it has ended, or for as long as a loop may wait."""
        parts = self._parts
        ends = parts.clock.monotonic() + parts.settings.leg_timeout + PATIENCE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            result = self._quietly(lambda: self._advance(pair))
            if result is not None:
                return result
            if parts.clock.monotonic() + pause >= ends or not pair.has_left:
                return self._unresolved(pair)
            parts.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _advance(self, pair: RunningPair) -> PairEnded | None:
        ended = self._follower.advance(pair)
        if ended is not None:
            self._going.pop(pair.stored.id, None)
        return ended

    def _unresolved(self, pair: RunningPair) -> PairUnresolved:
        unknown = [leg for leg in pair.legs if not leg.is_over]
        names = ", ".join(
            f"{leg.order.side} of {leg.order.pair} on {leg.order.venue}" for leg in unknown
        )
        sentence = f"the outcome of {names or 'its booking'} is not known"
        if not pair.was_told_unresolved:
            pair.was_told_unresolved = True
            logger.error("Pair %s: %s; it is asked for in every loop.", pair.stored.id, sentence)
            for leg in unknown:
                order = leg.order
                event = LegUnresolved(
                    pair.stored.id, order.venue, order.pair, order.client_order_id
                )
                self._parts.hub.publish(event)
        return PairUnresolved(pair.stored.id, sentence)

    def _take_up(self) -> None:
        """At the first call: what an earlier run has left."""
        if self._is_recovered:
            return
        for stored in self._parts.store.going(self._parts.bot):
            logger.warning("Pair %s was left by an earlier run; it is looked up.", stored.id)
            self._going[stored.id] = self._follower.taken_up(stored)
        for exposure in self.exposures():
            logger.error("Unhedged since %s: %s.", exposure.opened_at, exposure.told())
            self._parts.hub.publish(UnhedgedFound(exposure))
        self._is_recovered = True

    # Exposures

    def _tend_all(self) -> None:
        busy = {pair.stored.exposure for pair in self._going.values()}
        for exposure in self.exposures():
            if exposure.id not in busy:
                self._repairs.tend(exposure)

    def _close_exposure(self, kind: PairKind, order: LegOrder, exposure: Exposure) -> PairResult:
        funds = self._proposals.funds([order])
        if isinstance(funds, PairDenied):
            return funds
        return self._run(kind, [order], funds, exposure=exposure.id)

    # Inside

    def _denied(self, denial: PairDenied) -> PairDenied:
        logger.info("No pair: %s", denial)
        self._parts.hub.publish(PairRefused(denial))
        return denial

    def _quietly(self, work: Callable[[], PairEnded | None]) -> PairEnded | None:
        """What cannot be written now is tried again in the next loop; a bug stops nobody."""
        try:
            return work()
        except (LedgerUnavailable, PairsUnavailable) as error:
            logger.warning("Pairs wait: %s", error)
        except Exception:
            logger.exception("A pair could not be followed; it is tried again.")
        return None


def _refusal(refused: Refused, orders: tuple[LegOrder, ...]) -> PairDenied:
    """Names the venue and the amounts."""
    (order,) = [one for one in orders if one.client_order_id == refused.client_order_id]
    return PairDenied(
        PairRefusal(str(refused.code)),
        f"{order.venue}: {refused.sentence}",
        order.venue,
        refused.numbers,
    )
