"""From an opportunity to two orders: asks both markets and both balances, each at the same time."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from freqtrade_balance_guard.arbitrage.context import Parts
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.plan import (
    Market,
    Plan,
    PlannedLeg,
    limit_of,
    make_plan,
    moved,
)
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue
from freqtrade_balance_guard.ledger import Funds, LedgerUnavailable


Proposal = tuple[list[LegOrder], list[Funds | None]]


class Proposals:
    """Asks the venues of one bot. Nothing is written here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def orders_for(
        self, opportunity: Opportunity, inspect: Callable[[Plan], ArbitrageDenied | None]
    ) -> Proposal | ArbitrageDenied:
        """The two orders, and what each may be paid from.

        :raises LedgerUnavailable: what may be spent cannot be said
        """
        parts = self._parts
        markets = [self._learn_market(leg) for leg in opportunity.legs]
        try:
            first, second = parts.queues.together(markets)
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, _told(error))
        plan = make_plan(
            opportunity, (first, second), parts.rates, parts.settings.max_slippage_percent
        )
        if isinstance(plan, ArbitrageDenied):
            return plan
        if (denied := inspect(plan)) is not None:
            return denied
        orders = [self._order(leg) for leg in plan.legs]
        funds = self.funds(orders)
        return funds if isinstance(funds, ArbitrageDenied) else (orders, funds)

    def limit_of_sale(self, sale: Leg) -> Decimal | ArbitrageDenied:
        """How far down its order book a sale has to go now."""
        try:
            (market,) = self._parts.queues.together([self._learn_market(sale)])
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, _told(error), sale.venue)
        limit = limit_of(sale, market)
        return moved(sale, market.price, limit, self._parts.settings.max_slippage_percent) or limit

    def _learn_market(self, leg: Leg) -> tuple[Venue, Callable[[], Market]]:
        venue = self._parts.venues[leg.venue]

        def learn() -> Market:
            price = venue.best_price(leg.pair, leg.side, leg.amount)
            return Market(venue.rules(leg.pair), price)

        return venue, learn

    def _order(self, leg: PlannedLeg) -> LegOrder:
        venue = self._parts.venues[leg.leg.venue]
        return LegOrder(
            venue=leg.leg.venue,
            account=venue.account,
            pair=leg.leg.pair,
            side=leg.leg.side,
            amount=leg.amount,
            price=leg.limit,
            fee_rate=leg.fee_rate,
            client_order_id=venue.new_id(),
            made_at=self._parts.clock.wall(),
        )

    def funds(self, orders: list[LegOrder]) -> list[Funds | None] | ArbitrageDenied:
        """What may be spent for each order. An account is read once."""
        parts = self._parts
        works = []
        for account in dict.fromkeys(order.account for order in orders):
            of_it = [order for order in orders if order.account == account]
            name, wanted = of_it[0].venue, {order.terms.holds.currency for order in of_it}
            works.append((parts.venues[name], partial(self._read, account, name, wanted)))
        try:
            read = dict(parts.queues.together(works))
        except LedgerUnavailable:
            raise
        except Exception as error:
            return ArbitrageDenied(ArbitrageDenialCode.BALANCE_UNREADABLE, _told(error))
        return [read[order.account][order.terms.holds.currency] for order in orders]

    def _read(
        self, account: str, name: str, currencies: set[str]
    ) -> tuple[str, Mapping[str, Funds]]:
        return account, self._parts.funds[name](currencies)


def _told(error: Exception) -> str:
    """ccxt's errors may hold a whole page."""
    return f"{type(error).__name__}: {str(error)[:200]}"
