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
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.books import OrderBooks
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.context import Parts, ReadFunds, VenueFunds
from freqtrade_balance_guard.arbitrage.events import OpportunityDenied, UnhedgedFound
from freqtrade_balance_guard.arbitrage.hedging import Repairs
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.plan import Plan, Rates
from freqtrade_balance_guard.arbitrage.proposals import Proposals
from freqtrade_balance_guard.arbitrage.queues import KeyQueues
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.runner import ArbitrageRunner
from freqtrade_balance_guard.arbitrage.settlement import Follower
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    Funds,
    LedgerUnavailable,
    ReservationLedger,
)
from freqtrade_balance_guard.money import ZERO, exact, format_amount
from freqtrade_balance_guard.settings import ArbitrageSettings


logger = logging.getLogger(__name__)

# The last word on a plan: a refusal, or None.
Inspect = Callable[[Plan], ArbitrageDenied | None]


class TwoLegExecutor:
    """Carries out opportunities, one at a time. Not to be called from two threads.

    :param venues: by the names that legs use
    :param rates: stake currency per unit of a currency, None where nobody knows
    :param funds: by venue, who says what may be spent there, where that is not simply the venue's
        own balance (the bot's own exchange)
    :param wait: sleeps so many seconds
    :param settle_seconds: how far a venue's balance may lag behind fills
    :param is_with_trade: is this coin held by a trade of freqtrade's, which alone sells it?
    :param is_stopping: does the bot end? Then what is not resolved is left to the next run
    :param is_wanted: is something else to be done? Then a pair is followed later
    :param explain: puts a refusal for funds as whoever knows the account better would
    """

    def __init__(
        self,
        ledger: ReservationLedger,
        venues: Mapping[str, Venue],
        store: ArbitrageStore,
        settings: ArbitrageSettings,
        *,
        hub: EventHub,
        clock: Clock,
        wait: Callable[[float], None],
        rates: Rates,
        funds: Mapping[str, ReadFunds] | None = None,
        settle_seconds: float = 30.0,
        is_with_trade: Callable[[Exposure], bool] = lambda exposure: False,
        is_stopping: Callable[[], bool] = lambda: False,
        is_wanted: Callable[[], bool] = lambda: False,
        explain: Callable[[ArbitrageDenied], ArbitrageDenied] = lambda denial: denial,
    ) -> None:
        by_name = VenueFunds(venues, ledger, clock, funds or {}, settle_seconds)
        self._parts = Parts(
            *(ledger, venues, by_name, store, settings, hub, clock, wait, rates, KeyQueues()),
            is_with_trade=is_with_trade,
            is_stopping=is_stopping,
            is_wanted=is_wanted,
            explain=explain,
        )
        self._proposals = Proposals(self._parts)
        self._books = OrderBooks(self._parts)
        self._follower = Follower(self._parts)
        self._runner = ArbitrageRunner(self._parts, self._follower)
        self._repairs = Repairs(self._parts, self._proposals, self._runner)
        self._is_recovered = False

    # What a loop calls

    def execute(
        self, opportunity: Opportunity, inspect: Inspect = lambda plan: None
    ) -> ArbitrageResult:
        """Take an opportunity, and follow it until both legs have ended or patience has.

        :param inspect: a last word on the plan, before anything is written
        :return: never raises for anything that an exchange, the ledger or the disk does
        """
        try:
            self._take_up()
            planned = self._planned(opportunity, inspect)
        except LedgerUnavailable as error:
            planned = ArbitrageDenied(
                ArbitrageDenialCode.LEDGER_UNAVAILABLE, f"the ledger: {error}"
            )
        except ArbitragesUnavailable as error:
            planned = ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        except Exception as error:
            logger.exception("An opportunity could not be planned.")
            planned = ArbitrageDenied(
                ArbitrageDenialCode.GUARD_ERROR, f"{type(error).__name__}: {error}"
            )
        if isinstance(planned, ArbitrageDenied):
            return self.denied(planned, opportunity)
        crash_point("arbitrage planned")
        orders, funds = planned
        result = self._runner.run(ArbitrageKind.PAIR, orders, funds, tag=opportunity.tag)
        if isinstance(result, ArbitrageDenied):
            return self.denied(result, opportunity)
        if isinstance(result, ArbitrageEnded) and result.exposure is not None:
            self._runner.or_none(lambda exposure=result.exposure: self._repairs.tend(exposure))  # type: ignore[misc]
        return result

    def work(self) -> None:
        """Once per loop, and at the start: go on with what is not resolved, tend exposures."""
        self._runner.or_none(self._take_up)
        for pair in list(self._runner.going.values()):
            self._runner.or_none(lambda pair=pair: self._runner.advance(pair))  # type: ignore[misc]
        self._runner.or_none(self._tend_all)

    @property
    def bot(self) -> str:
        """The bot's name in the ledger."""
        return self._parts.bot

    @property
    def is_recovered(self) -> bool:
        """Is it known what an earlier run has left?"""
        return self._is_recovered

    def unresolved(self) -> list[RunningArbitrage]:
        """Pairs of which it is not known yet how they end."""
        return list(self._runner.going.values())

    def exposures(self) -> list[Exposure]:
        """What is not hedged.

        :raises ArbitragesUnavailable: it cannot be read
        """
        return self._parts.store.open_exposures(self._parts.bot)

    def close(self) -> None:
        """Wait for requests that are under way. What is not resolved stays stored."""
        self._parts.queues.close()

    # Planning

    def _planned(
        self, opportunity: Opportunity, inspect: Inspect
    ) -> tuple[list[LegOrder], list[Funds | None]] | ArbitrageDenied:
        for leg in opportunity.legs:
            if leg.venue not in self._parts.venues:
                return ArbitrageDenied(
                    ArbitrageDenialCode.UNKNOWN_VENUE,
                    f'no venue is called "{leg.venue}"',
                    leg.venue,
                )
            if self._parts.venues.get(leg.venue) is None:
                return ArbitrageDenied(
                    ArbitrageDenialCode.MARKET_UNREADABLE,
                    f"{leg.venue} cannot be reached",
                    leg.venue,
                )
        return self._blocked() or self._proposals.orders_for(opportunity, inspect)

    @exact
    def _blocked(self) -> ArbitrageDenied | None:
        """Too much is unhedged; what is not resolved may turn out to be, with its whole amount."""
        parts = self._parts
        exposures = self.exposures()
        unhedged = sum((one.value for one in exposures), ZERO)
        in_doubt = sum((self._value(pair) for pair in self._runner.going.values()), ZERO)
        most = parts.settings.max_unhedged
        if unhedged + in_doubt <= most:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.UNHEDGED,
            f"{format_amount(unhedged)} in stake currency is unhedged and "
            f"{format_amount(in_doubt)} is not resolved; {format_amount(most)} is allowed",
            numbers={"unhedged": unhedged, "in_doubt": in_doubt, "max_unhedged": most},
        )

    def _value(self, pair: RunningArbitrage) -> Decimal:
        orders = pair.stored.orders
        return max(o.amount * o.price * self._parts.rate(o.terms.quote) for o in orders)

    def _take_up(self) -> None:
        """At the first call: what an earlier run has left."""
        if self._is_recovered:
            return
        for stored in self._parts.store.going(self._parts.bot):
            logger.warning("Pair %s was left by an earlier run; it is looked up.", stored.id)
            self._runner.going[stored.id] = self._follower.taken_up(stored)
        for exposure in self.exposures():
            logger.error("Unhedged since %s: %s.", exposure.opened_at, exposure.told())
            self._parts.hub.publish(UnhedgedFound(exposure))
        self._is_recovered = True

    # Exposures

    def _tend_all(self) -> None:
        busy = {pair.stored.exposure for pair in self._runner.going.values()}
        for exposure in self.exposures():
            if exposure.id not in busy:
                self._repairs.tend(exposure)

    def prepare_exit(self, draft: Exposure, sale: Leg) -> Decimal | ArbitrageDenied:
        """Reserve what buying back the other leg will cost, before freqtrade sells the trade.

        Nothing is sent. What is not used in time expires by itself.

        :param draft: what there will be to buy back
        :param sale: what freqtrade will sell; its price must not be too far from the best
        :return: the limit price of the sale, as far as the order book needs it to go
        """
        try:
            self._take_up()
            limit = self._proposals.limit_of_sale(sale)
            if isinstance(limit, ArbitrageDenied):
                return limit
            return self._repairs.prepare(draft) or limit
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        except Exception as error:
            logger.exception("An exit could not be prepared.")
            return ArbitrageDenied(
                ArbitrageDenialCode.GUARD_ERROR, f"{type(error).__name__}: {error}"
            )

    def limit_of_sale(self, sale: Leg) -> Decimal | ArbitrageDenied:
        """How far down its order book a sale has to go now."""
        return self._proposals.limit_of_sale(sale)

    def let_go_prepared(self) -> None:
        """The sale did not come: release what was reserved for it."""
        self._repairs.let_go_all()

    def order_books(self, markets: Sequence[tuple[str, str]], at_most: float) -> list[Book]:
        """The order books of (venue, pair), read at the same time. From any thread.

        :param at_most: seconds to wait
        :raises LookupError: no venue has that name
        :raises Exception: what a venue raised, or there was no answer in time
        """
        return self._books.read(markets, at_most)

    # Inside

    def denied(self, denial: ArbitrageDenied, opportunity: Opportunity) -> ArbitrageDenied:
        """State a refusal and hand it back. A signal repeats: who listens says it once."""
        logger.debug("No pair: %s", denial)
        self._parts.hub.publish(OpportunityDenied(denial, opportunity))
        return denial
