"""Turns an opportunity into two orders: asks both markets and both balances, at the same time."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity, Side
from freqtrade_balance_guard.arbitrage.planning.depth import price_of
from freqtrade_balance_guard.arbitrage.planning.plan import (
    Market,
    Plan,
    PlannedLeg,
    Rates,
    limit_of,
    make_plan,
    moved,
)
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.threads.queues import PUBLIC, Work
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    Price,
    Venue,
    rounded_amount,
    rounded_price,
)
from freqtrade_balance_guard.errors import UnreadableBalance, kind_and_words_of, words_of
from freqtrade_balance_guard.ledger import Funds, LedgerUnavailable


# The usable book of a (venue, pair), or in words why there is none.
BookOf = Callable[[tuple[str, str]], Book | str]


class Proposals:
    """Asks the venues of one bot. Nothing is written here."""

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context

    def plan(self, opportunity: Opportunity) -> Plan | ArbitrageDenied:
        """Return two legs at the prices of now, or why there are none.

        :raises ArbitragesUnavailable: the drift of the coin cannot be read
        """
        context = self._context
        works = [
            self._learning(leg.venue, leg.pair, leg.side, leg.amount) for leg in opportunity.legs
        ]
        try:
            first, second = context.queues.together(works)
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, brief(error))
        return self._made(opportunity, (first, second), context.rates)

    def plan_from_books(self, opportunity: Opportunity, books: BookOf) -> Plan | ArbitrageDenied:
        """Return two legs at the prices of the last books, or why there are none; no request.

        :raises ArbitragesUnavailable: the drift of the coin cannot be read
        """
        markets = []
        for leg in opportunity.legs:
            market = self._in_book(leg, books((leg.venue, leg.pair)))
            if isinstance(market, ArbitrageDenied):
                return market
            markets.append(market)
        return self._made(opportunity, (markets[0], markets[1]), self._context.known_rates)

    def _in_book(self, leg: Leg, book: Book | str) -> Market | ArbitrageDenied:
        venue = self._context.venues[leg.venue]
        why = book if isinstance(book, str) else ""
        if not isinstance(book, str):
            try:
                price = price_of(book.asks if leg.side == "buy" else book.bids, leg.amount)
                return _market(venue, leg.pair, price)
            except LookupError as error:
                why = words_of(error)
        return ArbitrageDenied(
            ArbitrageDenialCode.MARKET_UNREADABLE,
            f"the order book of {leg.pair} on {leg.venue}: {why}",
            leg.venue,
        )

    def _made(
        self, opportunity: Opportunity, markets: tuple[Market, Market], rates: Rates
    ) -> Plan | ArbitrageDenied:
        context = self._context
        drift = context.store.drift(opportunity.first.base)
        slippage = context.settings.max_slippage_percent
        return make_plan(opportunity, markets, rates, slippage, drift)

    def market(self, name: str, pair: str, side: Side, amount: Decimal) -> Market:
        """Return what one venue's market is like now.

        :raises Exception: what the venue raised, or it has not answered in time
        """
        (market,) = self._context.queues.together([self._learning(name, pair, side, amount)])
        return market

    def limit_of_sale(self, sale: Leg) -> Decimal | ArbitrageDenied:
        """Return how far down its order book a sale has to go now."""
        try:
            market = self.market(sale.venue, sale.pair, sale.side, sale.amount)
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, brief(error), sale.venue)
        limit = limit_of(sale, market)
        most = self._context.settings.max_slippage_percent
        return moved(sale, market.price, limit, most) or limit

    def _learning(self, name: str, pair: str, side: Side, amount: Decimal) -> Work[Market]:
        venue = self._context.venues[name]
        return Work(venue, lambda: _learn(venue, pair, side, amount), PUBLIC)

    def order(self, planned: PlannedLeg) -> LegOrder:
        """Return the order of a planned leg, with an id of its own."""
        leg = planned.leg
        venue = self._context.venues[leg.venue]
        return LegOrder(
            venue=leg.venue,
            account=venue.account,
            pair=leg.pair,
            side=leg.side,
            amount=planned.amount,
            price=planned.limit,
            fee_rate=planned.fee_rate,
            client_order_id=venue.new_id(),
            made_at=self._context.clock.wall(),
            time_in_force=leg.time_in_force or self._context.settings.time_in_force,
            is_fee_in_base=planned.is_fee_in_base,
        )

    def believed_funds(self, orders: Sequence[LegOrder]) -> list[Funds | None] | ArbitrageDenied:
        """Return what may be spent for each order as of the last balances; no request.

        :raises LedgerUnavailable: it cannot be said
        """
        read: dict[str, Mapping[str, Funds]] = {}
        for account in dict.fromkeys(order.account for order in orders):
            wanted = {one.terms.holds.currency for one in orders if one.account == account}
            try:
                read[account] = self._context.believed(account, wanted)
            except UnreadableBalance as error:
                return ArbitrageDenied(ArbitrageDenialCode.BALANCE_UNREADABLE, words_of(error))
        return [read[order.account][order.terms.holds.currency] for order in orders]

    def funds(self, orders: Sequence[LegOrder]) -> list[Funds | None] | ArbitrageDenied:
        """Return what may be spent for each order. An account is read once, whatever its keys.

        :raises LedgerUnavailable: it cannot be said
        """
        context = self._context
        works = []
        for account in dict.fromkeys(order.account for order in orders):
            of_it = [order for order in orders if order.account == account]
            wanted = {order.terms.holds.currency for order in of_it}
            venue = context.venues[of_it[0].venue]
            works.append(Work(venue, partial(self._read, account, wanted)))
        try:
            read = dict(context.queues.together(works))
        except LedgerUnavailable:
            raise
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.BALANCE_UNREADABLE, brief(error))
        return [read[order.account][order.terms.holds.currency] for order in orders]

    def _read(self, account: str, currencies: set[str]) -> tuple[str, Mapping[str, Funds]]:
        return account, self._context.funds[account](currencies)


def unreachable(opportunity: Opportunity, venues: Mapping[str, Venue]) -> ArbitrageDenied | None:
    """Return why a leg's venue cannot be used now."""
    for leg in opportunity.legs:
        if leg.venue not in venues:
            sentence = f'no venue is called "{leg.venue}"'
            return ArbitrageDenied(ArbitrageDenialCode.UNKNOWN_VENUE, sentence, leg.venue)
        if venues.get(leg.venue) is None:
            sentence = f"{leg.venue} cannot be reached"
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, sentence, leg.venue)
    return None


def _learn(venue: Venue, pair: str, side: Side, amount: Decimal) -> Market:
    return _market(venue, pair, venue.best_price(pair, side, amount))


def _market(venue: Venue, pair: str, price: Price) -> Market:
    round_price: Callable[[Side, Decimal], Decimal] = partial(rounded_price, venue, pair)
    return Market(
        rules=venue.rules(pair),
        price=price,
        round_price=round_price,
        round_amount=partial(rounded_amount, venue, pair),
    )


def brief(error: Exception) -> str:
    """Return an error in one line: ccxt's may hold a whole page."""
    return kind_and_words_of(error)
