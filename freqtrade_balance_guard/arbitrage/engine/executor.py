"""``TwoLegExecutor``: buy here, sell there, and never one leg unknowingly.

    plan       prices, one size, minimums, fees: is it worth it?        nothing is written
    store      the intent with both client order ids, on disk
    reserve    both legs in the ledger, all or nothing
    gate       both marked as sent, in one step
    send       both at the same time, each in the thread of its key
    settle     ask, cancel after leg_timeout, book, end (``settlement``)

Nothing is ever sent twice: a lost reply is resolved by asking. What fails before the send releases
both legs; what fails after it is looked up in every loop until there is an answer.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.books.feed import BookFeed
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.context import (
    AccountFunds,
    ArbitrageContext,
    ReadFunds,
)
from freqtrade_balance_guard.arbitrage.engine.dead_bots import DeadBotClaims
from freqtrade_balance_guard.arbitrage.engine.hedging import Hedging
from freqtrade_balance_guard.arbitrage.engine.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.engine.proposals import Proposals, unreachable
from freqtrade_balance_guard.arbitrage.engine.runner import ArbitrageRunner, Intent
from freqtrade_balance_guard.arbitrage.events import OpportunityDenied, UnhedgedFound
from freqtrade_balance_guard.arbitrage.gate.balances import BalanceRefresher
from freqtrade_balance_guard.arbitrage.gate.breaker import Breaker
from freqtrade_balance_guard.arbitrage.gate.inventory import below_inventory
from freqtrade_balance_guard.arbitrage.gate.limits import StartLimits
from freqtrade_balance_guard.arbitrage.held.follower import HoldingFollower
from freqtrade_balance_guard.arbitrage.held.proposals import ComplementProposals, is_of_outcomes
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap
from freqtrade_balance_guard.arbitrage.outcomes.plan import ComplementPlan
from freqtrade_balance_guard.arbitrage.planning.plan import Plan, Rates
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.sending.connections import closed, kept_warm
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.threads.queues import PUBLIC, KeyQueues
from freqtrade_balance_guard.arbitrage.threads.tasks import Tasks
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import KeepsConnections, LegOrder, Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, LedgerUnavailable, ReservationLedger
from freqtrade_balance_guard.settings import ArbitrageSettings


logger = logging.getLogger(__name__)

# How often venues are asked whether something is to be loaded again.
REFRESH_SECONDS = 5.0
# The last check of a plan: a denial, or None.
Inspect = Callable[[Plan | ComplementPlan], ArbitrageDenied | None]


class TwoLegExecutor:
    """Carries out opportunities, one at a time. Not to be called from two threads.

    :param venues: by the names that legs use
    :param rates: stake currency per unit of a currency, None where it is unknown
    :param known_rates: the same from memory, without a request
    :param funds: by account, who says what may be spent there, where that is not simply the balance
        of a venue (the bot's own exchange)
    :param believed: likewise, as of the last balance and without a request
    :param wait: sleeps so many seconds
    :param settle_seconds: how far a venue's balance may lag behind fills
    :param floors: currency (upper case) -> what is never spent, on any account
    :param is_with_trade: a trade of freqtrade's holds this coin, and only freqtrade sells it
    :param is_stopping: the bot ends; what is not resolved is left to the next run
    :param is_wanted: other work waits; an arbitrage is followed later
    :param explain: puts a denial for funds as the part that knows the account better would
    :param loop: the engine's, where venues use it as well
    :param events: which outcomes of prediction markets answer one question
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
        known_rates: Rates | None = None,
        funds: Mapping[str, ReadFunds] | None = None,
        believed: Mapping[str, ReadFunds] | None = None,
        settle_seconds: float = 30.0,
        floors: Mapping[str, Decimal] | None = None,
        is_with_trade: Callable[[Exposure], bool] = lambda exposure: False,
        is_stopping: Callable[[], bool] = lambda: False,
        is_wanted: Callable[[], bool] = lambda: False,
        explain: Callable[[ArbitrageDenied], ArbitrageDenied] = lambda denial: denial,
        loop: EventLoopThread | None = None,
        events: EventMap | None = None,
    ) -> None:
        by_account = AccountFunds(
            venues, ledger, clock, funds, believed, settle_seconds=settle_seconds, floors=floors
        )
        self.loop = loop or EventLoopThread()
        self._context = ArbitrageContext(
            ledger=ledger,
            venues=venues,
            funds=by_account,
            believed=by_account.believed,
            store=store,
            settings=settings,
            hub=hub,
            clock=clock,
            wait=wait,
            rates=rates,
            known_rates=known_rates or rates,
            queues=KeyQueues(clock, self.loop),
            is_with_trade=is_with_trade,
            is_stopping=is_stopping,
            is_wanted=is_wanted,
            explain=explain,
        )
        self._proposals = Proposals(self._context)
        self.books = BookFeed(self._context, self.loop)
        self.complements = ComplementProposals(
            self._context, self._proposals, self.books, events or EventMap({})
        )
        self._holdings = HoldingFollower(self._context)
        self._breaker = Breaker(self._context)
        self._runner = ArbitrageRunner(self._context, self._breaker.judge)
        self._hedging = Hedging(self._context, self._proposals, self._runner)
        self._dead_bots = DeadBotClaims(self._context)
        self.balances = BalanceRefresher(self._context, (funds or {}).keys())
        self._limits = StartLimits(self._context, self._breaker, self.unresolved)
        self._tasks = Tasks()
        self._refresh_at, self._is_recovered = 0.0, False

    # What a loop calls

    def execute(
        self, opportunity: Opportunity, inspect: Inspect = lambda plan: None
    ) -> ArbitrageResult:
        """Take an opportunity, and follow it until both legs have ended or patience has.

        :param inspect: a last check of the plan, before anything is written
        :return: never raises for anything that an exchange, the ledger or the disk does
        """
        try:
            self._resume()
            intent = self._planned(opportunity, inspect)
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            what = "the ledger: " if isinstance(error, LedgerUnavailable) else ""
            intent = ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, f"{what}{error}")
        except Exception as error:
            logger.exception("An opportunity could not be planned.")
            intent = ArbitrageDenied(ArbitrageDenialCode.GUARD_ERROR, kind_and_words_of(error))
        if isinstance(intent, ArbitrageDenied):
            return self.denied(intent, opportunity)
        crash_point("arbitrage planned")
        result = self._runner.run(intent)
        if isinstance(result, ArbitrageDenied):
            return self.denied(result, opportunity)
        if isinstance(result, ArbitrageEnded) and result.exposure is not None:
            self._runner.or_none(self._tend_all)
        return result

    def begin(
        self,
        opportunity: Opportunity,
        inspect: Inspect = lambda plan: None,
        *,
        triggered_at: float | None = None,
    ) -> RunningArbitrage | ArbitrageDenied:
        """Plan it from the last books and balances, and send both orders: no request before.

        From the engine's thread. What is begun is followed by ``see_through``, in another one.

        :param triggered_at: when the order book changed, monotonic
        """
        try:
            intent = self._planned_at_once(opportunity, inspect)
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            what = "the ledger: " if isinstance(error, LedgerUnavailable) else ""
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, f"{what}{error}")
        except Exception as error:
            logger.exception("An opportunity could not be planned.")
            return ArbitrageDenied(ArbitrageDenialCode.GUARD_ERROR, kind_and_words_of(error))
        if isinstance(intent, ArbitrageDenied):
            return intent
        crash_point("arbitrage planned")
        return self._runner.start(intent, triggered_at)

    def see_through(self, running: RunningArbitrage) -> ArbitrageResult:
        """Follow what was begun until both legs have ended or patience has. Never raises."""
        result = self._runner.see_through(running)
        if isinstance(result, ArbitrageEnded) and result.exposure is not None:
            self._runner.or_none(self._tend_all)
        return result

    def work(self) -> None:
        """Go on with what is not resolved and tend exposures: once per loop, and at the start."""
        self._runner.or_none(self._resume)
        self._runner.or_none(self._dead_bots.claim)
        self._runner.or_none(self._breaker.judge)
        self._refresh_venues()
        self._tasks.run_each(
            (("arbitrage", one.key), lambda one=one: self._follow(one))  # type: ignore[misc]
            for one in list(self._runner.going.values())
        )
        self._runner.or_none(self._follow_shares)
        self._runner.or_none(self._tend_all)

    def _refresh_venues(self) -> None:
        """Let venues load what is old, in the lane of public data: nothing waits for it."""
        now = self._context.clock.monotonic()
        if now < self._refresh_at:
            return
        self._refresh_at = now + REFRESH_SECONDS
        for venue in list(self._context.venues.values()):
            refresh = getattr(venue, "refresh_if_due", None)
            if refresh is not None and not self._context.queues.is_stuck(venue, PUBLIC):
                self._context.queues.submit(venue, refresh, PUBLIC)
            if isinstance(venue, KeepsConnections):
                self.loop.run(kept_warm(venue))

    def _follow_shares(self) -> None:
        self._tasks.run_each(
            (key, lambda ask=ask: self._runner.or_none(ask))  # type: ignore[misc]
            for key, ask in self._holdings.due()
        )

    def _follow(self, running: RunningArbitrage) -> None:
        self._runner.or_none(lambda: self._runner.advance(running))

    @property
    def bot(self) -> str:
        """The bot's name in the ledger."""
        return self._context.bot

    @property
    def dead_bots(self) -> set[str]:
        """Bots of this account that left something open and have been silent for the time-out."""
        return self._dead_bots.dead

    @property
    def is_recovered(self) -> bool:
        """What an earlier run has left is loaded."""
        return self._is_recovered

    def unresolved(self) -> list[RunningArbitrage]:
        """Return arbitrages whose end is not known yet."""
        return list(self._runner.going.values())

    def exposures(self) -> list[Exposure]:
        """Return what is not hedged.

        :raises ArbitragesUnavailable: it cannot be read
        """
        return self._context.store.open_exposures(self._context.bot)

    def close(self) -> None:
        """Wait for requests that are in progress. What is not resolved stays stored."""
        self._tasks.close()
        # Orders that leave from the loop are waited for, so it ends last.
        self._context.queues.close()
        if self.loop.is_started:
            self.loop.finish(closed(list(self._context.venues.values())))
        self.loop.close()

    # Planning

    def _planned_at_once(
        self, opportunity: Opportunity, inspect: Inspect
    ) -> Intent | ArbitrageDenied:
        if not self._is_recovered:
            return ArbitrageDenied(
                ArbitrageDenialCode.LEDGER_UNAVAILABLE,
                "arbitrages of the previous run are not loaded yet",
            )
        denied = unreachable(opportunity, self._context.venues) or self._limits.why_not()
        if denied is not None:
            return denied
        if is_of_outcomes(opportunity):
            return self.complements.intent(opportunity, inspect, from_books=True)
        plan = self._proposals.plan_from_books(opportunity, self.books.usable)
        return self._intent(plan, opportunity, inspect, self._proposals.believed_funds)

    def _intent(
        self,
        plan: Plan | ArbitrageDenied,
        opportunity: Opportunity,
        inspect: Inspect,
        funds_for: Callable[[Sequence[LegOrder]], list[Funds | None] | ArbitrageDenied],
    ) -> Intent | ArbitrageDenied:
        if isinstance(plan, ArbitrageDenied):
            return plan
        if (denied := inspect(plan)) is not None:
            return denied
        orders = [self._proposals.order(leg) for leg in plan.legs]
        funds = funds_for(orders)
        if isinstance(funds, ArbitrageDenied):
            return funds
        denied = below_inventory(orders, funds, self._context.settings.min_inventory)
        if denied is not None:
            return denied
        quoted = {"quoted_profit": f"{plan.profit:f}", "value": f"{plan.value:f}"}
        ages = [self.books.age((leg.venue, leg.pair)) for leg in opportunity.legs]
        known = [age for age in ages if age is not None]
        if known:
            quoted["book_age_seconds"] = f"{max(known):.6f}"
        return Intent(ArbitrageKind.TWO_LEGS, orders, funds, tag=opportunity.tag, result=quoted)

    def _planned(self, opportunity: Opportunity, inspect: Inspect) -> Intent | ArbitrageDenied:
        denied = unreachable(opportunity, self._context.venues) or self._limits.why_not()
        if denied is not None:
            return denied
        if is_of_outcomes(opportunity):
            return self.complements.intent(opportunity, inspect, from_books=False)
        plan = self._proposals.plan(opportunity)
        return self._intent(plan, opportunity, inspect, self._proposals.funds)

    def _resume(self) -> None:
        """Load what an earlier run has left, at the first call and after a claim."""
        if self._is_recovered and not self._dead_bots.has_claimed:
            return
        self._dead_bots.has_claimed = False
        self._breaker.judge()
        context = self._context
        for record in context.store.unfinished(context.bot):
            # Read after them: what has just begun is not taken for left.
            if record.id not in self._runner.begun | {one.record.id for one in self.unresolved()}:
                logger.warning(
                    "Arbitrage %s was left by an earlier run; it is looked up.", record.id
                )
                self._runner.resume(record)
        if not self._is_recovered:
            for exposure in self.exposures():
                logger.error("Unhedged since %s: %s.", exposure.opened_at, exposure.sentence())
                context.hub.publish(UnhedgedFound(exposure))
        self._is_recovered = True

    # Exposures

    def _tend_all(self) -> None:
        busy: set[int] = set()
        for running in self.unresolved():
            busy |= {*running.record.shares, running.record.exposure or 0}
        self._tasks.run_each(
            (key, lambda tend=tend: self._runner.or_none(tend))  # type: ignore[misc]
            for key, tend in self._hedging.due(busy)
        )

    def prepare_exit(self, draft: Exposure, sale: Leg) -> Decimal | ArbitrageDenied:
        """Reserve what buying back the other leg will cost, before freqtrade sells the trade.

        Nothing is sent. What is not used in time expires by itself.

        :param draft: what there will be to buy back
        :param sale: what freqtrade will sell; its price must not be too far from the best
        :return: the limit price of the sale, as far as the order book needs it to go
        """
        try:
            self._resume()
            limit = self._proposals.limit_of_sale(sale)
            if isinstance(limit, ArbitrageDenied):
                return limit
            return self._hedging.prepare(draft) or limit
        except (LedgerUnavailable, ArbitragesUnavailable) as error:
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, str(error))
        except Exception as error:
            logger.exception("An exit could not be prepared.")
            return ArbitrageDenied(ArbitrageDenialCode.GUARD_ERROR, kind_and_words_of(error))

    def limit_of_sale(self, sale: Leg) -> Decimal | ArbitrageDenied:
        """Return how far down its order book a sale has to go now."""
        return self._proposals.limit_of_sale(sale)

    def release_prepared(self) -> None:
        """Release what was reserved for a sale that did not come."""
        self._hedging.release_all_held()

    def order_books(self, markets: Sequence[tuple[str, str]]) -> list[Book]:
        """Return the last order books of (venue, pair); no request. From any thread.

        :raises LookupError: no venue has that name
        :raises BooksNotReady: one has not been read yet, or is too old
        """
        return self.books.read(markets)

    def want_books(self, markets: Sequence[tuple[str, str]]) -> None:
        """Read these order books from now on, if their venues can be reached."""
        self.books.want([one for one in markets if self._context.venues.get(one[0]) is not None])

    # Inside

    def denied(self, denial: ArbitrageDenied, opportunity: Opportunity) -> ArbitrageDenied:
        """Publish a denial and return it. A signal repeats: who listens reports it once."""
        logger.debug("No arbitrage: %s", denial)
        self._context.hub.publish(OpportunityDenied(denial, opportunity))
        return denial
