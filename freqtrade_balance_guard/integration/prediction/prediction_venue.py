"""``Venue`` on a prediction market: live, or in dry-run on its real order books.

A leg's pair is the outcome and its collateral (``7132.../USDC``), its amount are shares. ccxt's
clients are asynchronous: each venue has a loop in a thread of its own, and every call here waits
for it with a deadline.
"""

import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any, TypeVar

from ccxt.prediction import Exchange

from freqtrade_balance_guard.arbitrage.held.outcome_venue import FEE_RATE_STEP
from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.arbitrage.outcomes.fees import Fill
from freqtrade_balance_guard.arbitrage.outcomes.holding import HoldingMove, Payout
from freqtrade_balance_guard.arbitrage.outcomes.outcome_orders import (
    NoAnswer,
    OutcomeInfo,
    OutcomeOrders,
    answer_of,
    outcome_of,
    pair_of,
)
from freqtrade_balance_guard.arbitrage.outcomes.plan import OutcomeMarket
from freqtrade_balance_guard.arbitrage.planning.depth import best_price_in
from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    LookUp,
    MarketRules,
    OrderRejected,
    PreparedOrder,
    Price,
    VenueOrder,
)
from freqtrade_balance_guard.clock import Clock, SystemClock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.prediction.order_answer import OrderAnswer, read_error
from freqtrade_balance_guard.money import ONE, ZERO, exact, round_down, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound


logger = logging.getLogger(__name__)

R = TypeVar("R")

CALL_SECONDS = 15.0
LATE_SECONDS = 10.0
REFRESH_SECONDS = 60.0


@dataclass
class PredictionVenue:
    """Trades outcomes on one account. With a ``dry_wallet`` nothing is ever sent.

    :param orders: speaks the venue's own protocol over ``client``
    :param client: ccxt's, which belongs to the loop of this venue from now on
    """

    name: str
    account: str
    queue: str
    orders: OutcomeOrders
    client: Exchange
    dry_wallet: DryWallet | None = None
    late_seconds: float = LATE_SECONDS
    clock: Clock = field(default_factory=SystemClock)
    _infos: dict[str, OutcomeInfo] = field(default_factory=dict)
    _learnt_at: dict[str, float] = field(default_factory=dict)
    _prepared: dict[str, PreparedOrder] = field(default_factory=dict)
    _simulated: dict[str, VenueOrder] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loop: EventLoopThread = field(default_factory=EventLoopThread)

    def open(self, outcomes: Sequence[str] = ()) -> None:
        """Connect, and learn the outcomes that are named; raises ccxt's errors."""
        if self.dry_wallet is None or self.client.id == "sxbet":
            self._wait(self.orders.open())
        for outcome in outcomes:
            self.learn(outcome)

    def close(self) -> None:
        self._wait(self.client.close())
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, R]) -> R:
        future = self._loop.run(work)
        try:
            return future.result(CALL_SECONDS)
        except StillRunning:
            future.cancel()
            raise NoAnswer(f"{self.name} has not answered in {CALL_SECONDS:g} s") from None

    # The market: from memory, once it was learnt

    def learn(self, outcome: str) -> OutcomeInfo:
        """Read an outcome's rules and fees; one or more requests.

        :raises LookupError: the venue has none of this id
        """
        info = self._wait(self.orders.load(outcome))
        self._infos[outcome] = info
        self._learnt_at[outcome] = self.clock.monotonic()
        return info

    def info(self, pair: str) -> OutcomeInfo:
        """:raises LookupError: it was not learnt, or does not trade"""
        found = self._infos.get(outcome_of(pair))
        if found is None or not found.is_open:
            raise LookupError(f"{self.name} has no open outcome {outcome_of(pair)}")
        return found

    @property
    def expiry_seconds(self) -> float | None:
        return None if self.dry_wallet is not None else self.orders.expiry_seconds

    def new_id(self) -> str:
        return self.orders.new_id()

    @exact
    def rules(self, pair: str) -> MarketRules:
        """``taker_fee`` is the highest share of the cost that a fee can be; plans use the fees."""
        info = self.info(pair)
        first = info.rules.first_price
        return MarketRules(
            amount_step=info.rules.share_step,
            price_step=first,
            amount_min=info.rules.shares_min,
            cost_min=info.rules.cost_min,
            taker_fee=info.fees.margin(first) / first,
        )

    def round_price(self, pair: str, side: Side, price: Decimal) -> Decimal:
        """Return ``price`` itself where the grid has nothing no worse; ``check`` rejects it."""
        return self.info(pair).rules.round_price(side, price) or price

    def round_amount(self, pair: str, amount: Decimal) -> Decimal:
        return round_down(amount, self.info(pair).rules.share_step)

    @property
    def currency(self) -> str:
        return self.orders.currency

    def market(self, outcome: str, rate: Decimal | None = ONE) -> OutcomeMarket:
        info = self.learn(outcome)
        asks: Sequence[Level] = ()
        if info.is_open:
            _, asks = self.order_book(pair_of(outcome, info.rules.currency))
        return _market(info, rate, to_decimal(asks[0][0]) if asks else None)

    def known_market(
        self, outcome: str, rate: Decimal | None, offered: Decimal | None
    ) -> OutcomeMarket:
        return _market(self.info(pair_of(outcome, self.currency)), rate, offered)

    @exact
    def amount_at(self, pair: str, amount: Decimal, price: Decimal) -> Decimal:
        return round_down(amount, self.info(pair).rules.shares_unit(price))

    @exact
    def worst_fee_rate(self, pair: str, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        info, cost = self.info(pair), amount * price
        if cost <= ZERO:
            return ZERO
        worst = info.fees.worst(side, amount, price)
        if side == "buy" and info.rules.spends_money:
            worst = max(worst, info.fees.worst_of_budget(cost, price, info.rules.first_price))
        return (worst / cost).quantize(FEE_RATE_STEP, ROUND_CEILING)

    def refresh_if_due(self) -> None:
        """Read grids, fees and whether it still trades anew for what was learnt long ago."""
        now = self.clock.monotonic()
        for outcome, learnt_at in list(self._learnt_at.items()):
            if now - learnt_at >= REFRESH_SECONDS:
                self._learnt_at[outcome] = now  # also where it fails: the next one in its time
                self.learn(outcome)

    def ask(self, name: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the raw answer of one of ccxt's methods.

        :raises NoAnswer: it is none
        """
        return answer_of(self._wait(getattr(self.client, name)(dict(request))), self.name)

    # Public requests

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        """Return prices of a share, and shares: SX shows its offers in stakes."""
        book = self._wait(self.client.fetch_order_book(outcome_of(pair)))
        return self._levels(book["bids"]), self._levels(book["asks"])

    @exact
    def _levels(self, rows: Sequence[Sequence[float]]) -> list[Level]:
        levels: list[Level] = []
        for row in rows:
            price, size = to_decimal(row[0]), to_decimal(row[1])
            if self.client.id == "sxbet" and price > ZERO:
                size = round_down(size / price, Decimal("0.000001"))
            levels.append((price, size))
        return levels

    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        return best_price_in(self.order_book(pair), side, amount, f"{pair} on {self.name}")

    # Private requests

    def balances(self) -> Mapping[str, Decimal]:
        if self.dry_wallet is not None:
            return self.dry_wallet.balances()
        return self._wait(self.orders.balances())

    def check(self, order: LegOrder) -> None:
        """Sign it too, so that nothing but the request is left when it is placed."""
        try:
            info = self.info(order.pair)
        except LookupError as error:
            raise OrderRejected(str(error)) from error
        if info.rules.round_price(order.side, order.price) != order.price:
            raise OrderRejected(f"{self.name} has no price {order.price}")
        if order.amount % info.rules.shares_unit(order.price):
            raise OrderRejected(f"{self.name} takes no {order.amount} shares at {order.price}")
        if self.dry_wallet is None:
            self.prepare(order)

    def prepare(self, order: LegOrder) -> PreparedOrder:
        """Return the signed order: built once, and the same whenever it is asked for.

        :raises OrderRejected: the venue would make another order of it
        """
        with self._lock:
            known = self._prepared.get(order.client_order_id)
            if known is None:
                info = self._infos.get(outcome_of(order.pair)) or self.learn(outcome_of(order.pair))
                known = self.orders.prepare(order, info)
                self._prepared[order.client_order_id] = known
            return known

    def place(self, order: LegOrder) -> VenueOrder:
        if self.dry_wallet is not None:
            return self._simulate(order)
        prepared = self.prepare(order)
        try:
            return self._with_fees(order, self._wait(self.orders.send(order, prepared)))
        except (OrderRejected, NoAnswer):
            raise
        except Exception as error:
            if read_error(error) in (OrderAnswer.REJECTED, OrderAnswer.NOT_FOUND):
                raise OrderRejected(str(error)[-200:]) from error
            raise

    def _with_fees(self, order: LegOrder, reply: VenueOrder) -> VenueOrder:
        """Return a reply whose fee is known; as open where it is to be looked up once more."""
        if reply.fees is not None or not reply.filled or reply.is_open:
            return reply
        try:
            found = self._wait(self.orders.find(order, self.prepare(order), reply.order_id))
        except Exception as error:
            logger.debug("The fee of an order on %s: %s", self.name, words_of(error))
            found = None
        if isinstance(found, VenueOrder) and found.filled >= reply.filled:
            return found
        return replace(reply, is_open=True)

    def cancel(self, order: LegOrder, order_id: str) -> None:
        if self.dry_wallet is None:
            self._wait(self.orders.cancel(order_id))

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        if self.dry_wallet is not None:
            return self._simulated.get(order.client_order_id) or NotFound()
        return self._wait(self.orders.find(order, self.prepare(order), order_id))

    def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        """Return SETTLE when all matches are final, REVERT when one failed; None: not yet."""
        if self.dry_wallet is not None:
            return HoldingMove.SETTLE
        return self._wait(self.orders.settlement(order, order_id))

    def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        """Return how shares ended when their event was resolved; None: it is not yet."""
        if self.dry_wallet is not None:
            return self._wait(self.orders.simulated_payout(order, shares))
        return self._wait(self.orders.payout(order, order_id, shares))

    @exact
    def _simulate(self, order: LegOrder) -> VenueOrder:
        """Fill on the real book what is within the limit; what is left is cancelled."""
        bids, asks = self.order_book(order.pair)
        info, fills, left = self.info(order.pair), list[Fill](), order.amount
        for level in asks if order.side == "buy" else bids:
            price, there = to_decimal(level[0]), to_decimal(level[1])
            beyond = price > order.price if order.side == "buy" else price < order.price
            if beyond or left <= ZERO:
                break
            fills.append(Fill(min(left, there), price))
            left -= fills[-1].shares
        if order.time_in_force == "FOK" and left > ZERO:
            raise OrderRejected(f"{self.name} cannot fill {order.amount} at {order.price}")
        made = VenueOrder(
            order_id=f"dry-{order.client_order_id}",
            is_open=False,
            filled=order.amount - left,
            cost=sum((fill.shares * fill.price for fill in fills), ZERO),
            fees={info.rules.currency: info.fees.of_fills(order.side, fills)},
        )
        self._simulated[order.client_order_id] = made
        return made


def _market(info: OutcomeInfo, rate: Decimal | None, offered: Decimal | None) -> OutcomeMarket:
    return OutcomeMarket(
        rules=info.rules,
        fees=info.fees,
        offered=offered,
        rate=rate,
        is_open=info.is_open,
        neg_risk_augmented=info.neg_risk_augmented,
    )
