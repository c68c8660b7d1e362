"""Turns two complements into two purchases: asks both markets, from now or from the last books."""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Any, TypeGuard

from freqtrade_balance_guard.arbitrage.books.feed import BookFeed
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.proposals import Proposals
from freqtrade_balance_guard.arbitrage.engine.runner import Intent
from freqtrade_balance_guard.arbitrage.gate.inventory import below_inventory
from freqtrade_balance_guard.arbitrage.held.outcome_venue import (
    FEE_RATE_STEP,
    OutcomeVenue,
)
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.complement import OutcomeBook
from freqtrade_balance_guard.arbitrage.outcomes.event_map import EventMap
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.outcomes.outcome_orders import pair_of
from freqtrade_balance_guard.arbitrage.outcomes.plan import (
    ComplementPlan,
    OutcomeMarket,
    PlannedOutcome,
    plan_complement,
)
from freqtrade_balance_guard.arbitrage.planning.plan import Rates
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.threads.queues import PUBLIC, Work
from freqtrade_balance_guard.arbitrage.venue import LegOrder
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal
from freqtrade_balance_guard.settings import EventSettings


class ComplementProposals:
    """Plans complements for one bot. Nothing is written here."""

    def __init__(
        self, context: ArbitrageContext, funds: Proposals, books: BookFeed, events: EventMap
    ) -> None:
        self._context = context
        self._funds = funds
        self._books = books
        self._events = events

    # What a strategy asks

    @property
    def events(self) -> Mapping[str, EventSettings]:
        """The settings ``events``, by name."""
        return self._events.settings

    def books(self, outcomes: Sequence[tuple[str, str]]) -> list[OutcomeBook]:
        """Return the last order books of (venue, outcome); no request.

        :raises LookupError: no prediction market has that name, or it does not trade the outcome
        :raises BooksNotReady: one has not been read yet, or is too old
        """
        venues = [self._outcome_venue(name) for name, _ in outcomes]
        self._want_all({name.lower() for name, _ in outcomes})
        found = []
        for venue, (name, outcome) in zip(venues, outcomes, strict=True):
            (book,) = self._books.read([(name.lower(), pair_of(outcome, venue.currency))])
            market = venue.known_market(outcome, None, None)
            found.append(
                OutcomeBook(
                    book.venue,
                    outcome,
                    book.bids,
                    book.asks,
                    market.fees,
                    rate=book.rate,
                    spends_money=market.rules.spends_money,
                    received_at=book.received_at,
                    sequence=book.sequence,
                    source=book.source,
                )
            )
        return found

    def _outcome_venue(self, name: str) -> OutcomeVenue:
        venue = self._context.venues.get(name.lower())
        if not isinstance(venue, OutcomeVenue):
            raise LookupError(f"{name} is no prediction market, or cannot be reached")
        return venue

    def _want_all(self, names: Collection[str]) -> None:
        """Read all mapped outcomes of these venues from now on: the strategy will ask for them."""
        wanted = [
            (name, pair_of(outcome, self._outcome_venue(name).currency))
            for name, outcome in self._events.outcomes()
            if name in names
        ]
        self._books.want(wanted)

    def held_pairs(self, event: str) -> Decimal:
        """Return how many shares of the scarcer answer are held; infinite while one is bought.

        :raises ArbitragesUnavailable: it cannot be read
        """
        store, bot = self._context.store, self._context.bot
        if any(one.event == event for one in store.unfinished(bot)):
            return Decimal("Infinity")
        shares = {"yes": ZERO, "no": ZERO}
        for one in store.open_holdings(bot):
            if one.event == event and one.answer in shares:
                shares[one.answer] += one.shares
        return min(shares.values())

    # Planning

    def plan(self, opportunity: Opportunity[OutcomeLeg]) -> ComplementPlan | ArbitrageDenied:
        """Return two purchases at the prices of now, or why there are none."""
        works = []
        for leg in opportunity.legs:
            venue = self._context.venues[leg.venue]
            if not isinstance(venue, OutcomeVenue):
                return _no_market(leg)
            rate = self._context.rates(venue.currency)
            works.append(Work(venue, partial(venue.market, leg.outcome, rate), PUBLIC))
        try:
            first, second = self._context.queues.together(works)
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, kind_and_words_of(error))
        return self._made(opportunity, (first, second))

    def plan_from_books(
        self, opportunity: Opportunity[OutcomeLeg]
    ) -> ComplementPlan | ArbitrageDenied:
        """Return two purchases at the last books' prices, or why there are none; no request."""
        markets = []
        for leg in opportunity.legs:
            market = self._in_book(leg, self._context.known_rates)
            if isinstance(market, ArbitrageDenied):
                return market
            markets.append(market)
        return self._made(opportunity, (markets[0], markets[1]))

    def _in_book(self, leg: OutcomeLeg, rates: Rates) -> OutcomeMarket | ArbitrageDenied:
        venue = self._context.venues[leg.venue]
        if not isinstance(venue, OutcomeVenue):
            return _no_market(leg)
        book = self._books.usable((leg.venue, pair_of(leg.outcome, venue.currency)))
        if isinstance(book, str):
            return ArbitrageDenied(
                ArbitrageDenialCode.MARKET_UNREADABLE,
                f"the order book of {leg.outcome} on {leg.venue}: {book}",
                leg.venue,
            )
        asks = list(book.asks)
        offered = to_decimal(asks[0][0]) if asks else None
        try:
            return venue.known_market(leg.outcome, rates(venue.currency), offered)
        except LookupError as error:
            sentence = kind_and_words_of(error)
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, sentence, leg.venue)

    def _made(
        self,
        opportunity: Opportunity[OutcomeLeg],
        markets: tuple[OutcomeMarket, OutcomeMarket],
    ) -> ComplementPlan | ArbitrageDenied:
        return plan_complement(
            opportunity,
            markets,
            self._events,
            self._context.clock.wall(),
            haircut_percent=self._context.settings.currency_haircut_percent,
        )

    def intent(
        self,
        opportunity: Opportunity[OutcomeLeg],
        inspect: Callable[[ComplementPlan], ArbitrageDenied | None],
        *,
        from_books: bool,
    ) -> Intent | ArbitrageDenied:
        """Return two purchases and what pays for them, or why there are none.

        :param inspect: a last check of the plan
        :param from_books: plan from the last books and balances, without a request
        :raises LedgerUnavailable: what may be spent cannot be said
        """
        plan = self.plan_from_books(opportunity) if from_books else self.plan(opportunity)
        if isinstance(plan, ArbitrageDenied):
            return plan
        if (denied := inspect(plan)) is not None:
            return denied
        orders = [self._order(each) for each in plan.legs]
        read = self._funds.believed_funds if from_books else self._funds.funds
        funds = read(orders)
        if isinstance(funds, ArbitrageDenied):
            return funds
        denied = below_inventory(orders, funds, self._context.settings.min_inventory)
        if denied is not None:
            return denied
        result = self._result(plan)
        return Intent(ArbitrageKind.TWO_LEGS, orders, funds, tag=opportunity.tag, result=result)

    @exact
    def _order(self, planned: PlannedOutcome) -> LegOrder:
        leg = planned.leg
        venue = self._context.venues[leg.venue]
        rate = planned.reserved.amount / planned.cost - ONE
        return LegOrder(
            venue=leg.venue,
            account=venue.account,
            pair=pair_of(leg.outcome, planned.reserved.currency),
            side="buy",
            amount=planned.shares,
            price=planned.limit,
            fee_rate=rate.quantize(FEE_RATE_STEP, ROUND_CEILING),
            client_order_id=venue.new_id(),
            made_at=self._context.clock.wall(),
            time_in_force=leg.time_in_force or self._context.settings.time_in_force,
        )

    def _result(self, plan: ComplementPlan) -> Mapping[str, str]:
        """Return what is stored of the plan with the arbitrage."""
        answers = [self._events.find(each.leg.venue, each.leg.outcome) for each in plan.legs]
        named = {
            f"answer_{number}": mapped.answer
            for number, mapped in enumerate(answers, 1)
            if mapped is not None
        }
        return {
            "event": plan.event.event,
            "closes": plan.event.closes.isoformat(),
            "quoted_profit": f"{plan.profit:f}",
            "value": f"{plan.value:f}",
            **named,
        }


def is_of_outcomes(opportunity: Opportunity[Any]) -> TypeGuard[Opportunity[OutcomeLeg]]:
    """Return whether its legs name outcomes."""
    return isinstance(opportunity.first, OutcomeLeg)


def _no_market(leg: OutcomeLeg) -> ArbitrageDenied:
    sentence = f"{leg.venue} is no prediction market"
    return ArbitrageDenied(ArbitrageDenialCode.UNKNOWN_VENUE, sentence, leg.venue)
