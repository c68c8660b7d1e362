"""Matches orders with the market maker and with one another, and holds what they may cost.

An order takes the best offer first and gets the offer's price, not its own. Offers on the other
outcome count as well: who buys the second outcome at q sells the first at 1 - q.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.prediction.fees import (
    highest_fee,
    kalshi_fee,
    polymarket_fee,
)
from freqtrade_balance_guard.sandbox.prediction.market import BinaryMarket, crosses, cut
from freqtrade_balance_guard.sandbox.prediction.market_rules import PredictionDialect
from freqtrade_balance_guard.sandbox.prediction.orders import (
    BetOrder,
    BetRejected,
    BetStatus,
    Match,
    Part,
    Reason,
    complement,
)
from freqtrade_balance_guard.sandbox.prediction.purses import (
    Purses,
    cost_of,
    counter_cost,
    counter_price,
    share_of,
)


OrderEvent = Callable[[str, BetOrder, Match | None], None]
SHARE_UNIT = Decimal("0.000001")
# What a fill may be cut to where money is spent: below that the rest of the money stays.
_LEAST_FILL = SHARE_UNIT


@dataclass(frozen=True)
class Offer:
    """What a taker can have: at a price of its own outcome."""

    price: Decimal
    shares: Decimal
    order: BetOrder | None  # None: the market maker's

    def is_same_outcome(self, taker: BetOrder) -> bool:
        return self.order is None or self.order.bet.outcome == taker.bet.outcome


class Matching:
    """The order books of all markets of one exchange."""

    def __init__(
        self,
        dialect: PredictionDialect,
        markets: Mapping[str, BinaryMarket],
        purses: Purses,
        new_match_id: Callable[[int], str],
        on_event: OrderEvent,
        settle_after_s: float,
        settle: Callable[[Match], None],
    ) -> None:
        self._dialect = dialect
        self._markets = markets
        self._purses = purses
        self._new_match_id = new_match_id
        self._on_event = on_event
        self._settle_after_s = settle_after_s
        self._settle = settle
        self.orders: dict[str, BetOrder] = {}
        self.matches: list[Match] = []

    def open_orders(self, account: str | None = None, market: str | None = None) -> list[BetOrder]:
        return [
            order
            for order in self.orders.values()
            if order.is_open
            and account in (None, order.account)
            and market in (None, order.bet.market)
        ]

    # Placing

    def accept(self, order: BetOrder, now: float) -> None:
        """Takes an order in and holds what it may cost. Raises BetRejected; then nothing is held.

        It is matched at once, or when its delay is over.
        """
        market = self._markets[order.bet.market]
        needed, name = self._needed(order), self._held_in(order)
        if needed > self._purses.free(order.account, name):
            raise BetRejected(Reason.INSUFFICIENT_FUNDS)
        offers = self._offers(order, now)
        self._check_at_once(order, offers)
        self._hold(order, needed, now)
        self.orders[order.order_id] = order
        order.updated_at = now
        if offers and market.rules.delay_s:
            order.status, order.delayed_until = "delayed", now + market.rules.delay_s
            self._on_event("order_delayed", order, None)
            return
        self._on_event("order_placed", order, None)
        self._take(order, now)

    def _check_at_once(self, order: BetOrder, offers: list[Offer]) -> None:
        bet = order.bet
        if bet.post_only and offers:
            raise BetRejected(Reason.WOULD_TAKE)
        if self._dialect == "sxbet":
            return  # it answers with the order's end, not with an error
        if bet.time_in_force == "FOK" and not self._is_whole(order, offers):
            raise BetRejected(Reason.NOT_FILLABLE)
        if self._dialect == "polymarket" and bet.time_in_force == "IOC" and not offers:
            raise BetRejected(Reason.NO_MATCH)

    def _is_whole(self, order: BetOrder, offers: list[Offer]) -> bool:
        if order.cap is not None:
            return False
        bet = order.bet
        if bet.budget is not None:
            return sum((offer.shares * offer.price for offer in offers), ZERO) >= bet.budget
        return sum((offer.shares for offer in offers), ZERO) >= bet.shares

    def resume(self, order: BetOrder, now: float) -> None:
        """Matches an order whose delay is over."""
        order.status, order.delayed_until = "live", None
        whole = self._is_whole(order, self._offers(order, now))
        if order.bet.time_in_force == "FOK" and not whole:
            self.end(order, "canceled", "FOK_ORDER_NOT_FILLED", now)
            return
        self._take(order, now)

    def _take(self, order: BetOrder, now: float) -> None:
        whole = order.bet.time_in_force != "FOK" or self._is_whole(order, self._offers(order, now))
        for offer in self._offers(order, now) if whole else []:
            shares = self._takeable(order, offer)
            if shares > ZERO:
                self._match(order, offer, shares, now)
            if not order.is_open:
                return
        if not order.bet.rests:
            status: BetStatus = "filled" if self._is_spent(order) else "canceled"
            self.end(order, status, None if status == "filled" else "NO_LIQUIDITY", now)

    def rematch(self, order: BetOrder, now: float) -> None:
        """Fills a resting order at its own price when the market maker's book has reached it."""
        market = self._markets[order.bet.market]
        if order.cap is not None or not market.is_trading(now):
            return
        book = market.maker_book(order.bet.outcome, now)
        levels = book.asks if order.bet.side == "buy" else book.bids
        if levels and crosses(order.bet.side, order.bet.limit, levels[0].price):
            self.fill(order, None, now)

    def fill(self, order: BetOrder, shares: Decimal | None, now: float) -> None:
        """Fills a resting order, or some of it, at its own price. Raises BetRejected."""
        if not order.is_open:
            raise BetRejected(Reason.NOT_OPEN)
        wanted = cut(order.remaining, SHARE_UNIT)
        amount = wanted if shares is None else min(shares, wanted)
        offer = Offer(order.bet.limit, amount, None)
        self._match(order, offer, amount, now, is_maker=True)

    # The book

    def _offers(self, order: BetOrder, now: float) -> list[Offer]:
        """All that the order can take within its limit, the best first."""
        bet = order.bet
        book = self._markets[bet.market].maker_book(bet.outcome, now)
        levels = book.asks if bet.side == "buy" else book.bids
        found = [Offer(level.price, level.shares, None) for level in levels]
        found += self._customers_offers(order)
        within = [offer for offer in found if crosses(bet.side, bet.limit, offer.price)]
        sign = 1 if bet.side == "buy" else -1
        return sorted(within, key=lambda offer: sign * offer.price)

    def _customers_offers(self, taker: BetOrder) -> Iterator[Offer]:
        bet = taker.bet
        for order in self.open_orders(market=bet.market):
            other = order.bet
            if order is taker or order.account == taker.account or order.status != "live":
                continue
            same = other.outcome == bet.outcome
            if same == (other.side == bet.side):
                continue  # both want the same thing
            price = counter_price(other.limit, is_same_outcome=same)
            yield Offer(price, cut(order.remaining, SHARE_UNIT), order)

    def _takeable(self, order: BetOrder, offer: Offer) -> Decimal:
        wanted = order.bet.shares - order.filled
        if order.bet.budget is not None:
            wanted = cut((order.bet.budget - order.cost) / offer.price, SHARE_UNIT)
        if order.cap is not None:
            wanted = min(wanted, order.cap - order.filled)
        return max(min(wanted, offer.shares), ZERO)

    # Filling

    def _match(
        self, order: BetOrder, offer: Offer, shares: Decimal, now: float, *, is_maker: bool = False
    ) -> None:
        taker = self._part(order, offer.price, shares, cost_of(offer.price, shares), is_maker)
        maker = None
        if offer.order is not None:
            same = offer.is_same_outcome(order)
            price = counter_price(offer.price, is_same_outcome=same)
            cost = counter_cost(taker, is_same_outcome=same)
            maker = self._part(offer.order, price, shares, cost, True)
        number = len(self.matches) + 1
        match = Match(
            match_id=self._new_match_id(number),
            number=number,
            market=order.bet.market,
            taker=taker,
            maker=maker,
            at=now,
            settles_at=now + self._settle_after_s,
            updated_at=now,
        )
        self.matches.append(match)
        parts = [(order, taker)]
        if offer.order is not None and maker is not None:
            parts.append((offer.order, maker))
        for each, part in parts:
            self._book(each, part, match, now)
        if not self._settle_after_s:
            self._settle(match)
        for each, _ in parts:
            self._on_event("order_filled", each, match)
            if each.is_open and self._is_spent(each):
                self.end(each, "filled", None, now)

    def _part(
        self, order: BetOrder, price: Decimal, shares: Decimal, cost: Decimal, is_maker: bool
    ) -> Part:
        return Part(
            order_id=order.order_id,
            account=order.account,
            outcome=order.bet.outcome,
            side=order.bet.side,
            price=price,
            shares=shares,
            cost=cost,
            fee=self._fee(order, price, shares, cost, is_maker),
            is_maker=is_maker,
        )

    def _fee(
        self, order: BetOrder, price: Decimal, shares: Decimal, cost: Decimal, is_maker: bool
    ) -> Decimal:
        rules = self._markets[order.bet.market].rules
        if self._dialect == "polymarket":
            return polymarket_fee(rules, shares, price, is_maker=is_maker)
        if self._dialect == "sxbet":
            return ZERO  # taken from what is won, when the bet is settled
        rate = rules.maker_fee_rate if is_maker else rules.fee_rate
        revenue = -cost if order.bet.side == "buy" else cost
        fee, order.rounding = kalshi_fee(rate, shares, price, revenue, order.rounding)
        return fee

    def _book(self, order: BetOrder, part: Part, match: Match, now: float) -> None:
        """Counts a fill and moves what it needs from what the order holds."""
        order.filled += part.shares
        order.cost += part.cost
        order.fee += part.fee
        order.matches.append(match)
        order.updated_at = now
        needs = self._needed(order) if order.is_open else ZERO
        self._release(order, order.held - needs, now)
        if self._settle_after_s:
            part.held = part.paid if part.side == "buy" else part.shares
            self._purses.account(order.account).hold(
                self._held_in(order), part.held, part.side, now
            )

    def _is_spent(self, order: BetOrder) -> bool:
        if order.bet.budget is not None:
            return order.bet.budget - order.cost < order.bet.limit * _LEAST_FILL * 2
        return order.filled >= order.bet.shares

    def end(self, order: BetOrder, status: BetStatus, reason: str | None, now: float) -> None:
        """Ends an order and gives back what it still holds."""
        self._release(order, order.held, now)
        order.status, order.reason, order.updated_at = status, reason, now
        self._on_event(f"order_{status}", order, None)

    # What is held

    def _needed(self, order: BetOrder) -> Decimal:
        """What the rest of an order may still take from the account."""
        bet = order.bet
        if bet.side == "sell":
            return bet.shares - order.filled
        rules = self._markets[bet.market].rules
        if bet.budget is not None:
            left = bet.budget - order.cost
            return left + highest_fee(self._dialect, rules, ZERO, bet.limit, left)
        shares = bet.shares - order.filled
        fee = highest_fee(self._dialect, rules, shares, bet.limit)
        closed = min(shares, self._closing(order)) if self._dialect == "kalshi" else ZERO
        # What is closed brings money, the fee comes out of it.
        brought = cost_of(complement(bet.limit), closed)
        return max(cost_of(bet.limit, shares - closed) + fee - brought, ZERO)

    def _closing(self, order: BetOrder) -> Decimal:
        """Kalshi: shares of the other outcome that a purchase pays itself with."""
        bet = order.bet
        held = self._purses.shares(order.account, bet.market, 1 - bet.outcome)
        others = sum(
            (
                each.bet.shares - each.filled
                for each in self.open_orders(order.account, bet.market)
                if each is not order and each.bet.outcome == bet.outcome
            ),
            ZERO,
        )
        return max(held - others, ZERO)

    def _held_in(self, order: BetOrder) -> str:
        if order.bet.side == "buy":
            return self._purses.currency
        return share_of(order.bet.market, order.bet.outcome)

    def _hold(self, order: BetOrder, amount: Decimal, now: float) -> None:
        self._purses.account(order.account).hold(self._held_in(order), amount, "order", now)
        order.held += amount

    def _release(self, order: BetOrder, amount: Decimal, now: float) -> None:
        given = min(amount, order.held)
        self._hold(order, -given, now)


def release(match: Match, purses: Purses, now: float) -> None:
    """Gives back what the parts of a failed match held; no money and no shares have moved."""
    for part in match.parts:
        name = purses.currency if part.side == "buy" else share_of(match.market, part.outcome)
        purses.account(part.account).hold(name, -part.held, "failed", now)
        part.held = ZERO
