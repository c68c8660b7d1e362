"""What is done about an exposure: hold, unwind or complete, each order with its own reservation."""

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.answers import PairDenied, PairResult
from freqtrade_balance_guard.arbitrage.leg import Side
from freqtrade_balance_guard.arbitrage.milestones import reach
from freqtrade_balance_guard.arbitrage.parts import Parts
from freqtrade_balance_guard.arbitrage.states import PairKind
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, unwind_limit
from freqtrade_balance_guard.arbitrage.venue import LegOrder, MarketRules, Price
from freqtrade_balance_guard.money import ZERO, exact, format_amount, round_down, round_up


logger = logging.getLogger(__name__)

# How often an exposure is valued anew.
MARK_SECONDS = 10.0

# Sends one order for an exposure and follows it: (kind, order, exposure).
Send = Callable[[PairKind, LegOrder, Exposure], PairResult]


class Repairs:
    """Carries out ``unhedged_policy``. One order at a time for each exposure."""

    def __init__(self, parts: Parts, send: Send) -> None:
        self._parts = parts
        self._send = send
        self._next_try: dict[int, float] = {}
        self._marked: dict[int, float] = {}

    def tend(self, exposure: Exposure) -> None:
        """Do what the policy says, if it is time for it. Whatever fails is tried again later.

        :raises PairsUnavailable: nothing can be written
        """
        parts, policy = self._parts, self._parts.settings.unhedged_policy
        exposure = self._valued(exposure)
        if policy == "hold":
            self._say(exposure, "held by the policy; unhedged resolve closes it")
            return
        now = parts.clock.monotonic()
        if now < self._next_try.get(exposure.id, now):
            return
        self._next_try[exposure.id] = now + parts.settings.leg_timeout
        kind = PairKind.UNWIND if policy == "unwind" else PairKind.COMPLETE
        age = exposure.age_seconds(parts.clock.wall())
        if kind is PairKind.COMPLETE and age > parts.settings.leg_timeout:
            self._say(exposure, "not completed in time: held")
            return
        try:
            order = self._order(kind, exposure)
        except Exception as error:
            order = f"waiting: {type(error).__name__}: {error}"
        if isinstance(order, str):
            self._say(exposure, order)
            return
        self._say(exposure, f"{order.side} of {format_amount(order.amount)} on {order.venue}")
        result = self._send(kind, order, exposure)
        if isinstance(result, PairDenied):
            self._say(exposure, f"waiting: {result.sentence}")
        reach("tended")

    def _say(self, exposure: Exposure, doing: str) -> None:
        if doing != exposure.doing:
            logger.warning("Unhedged: %s.", replace(exposure, doing=doing).told())
            self._parts.store.note(replace(exposure, doing=doing))

    def _valued(self, exposure: Exposure) -> Exposure:
        """With its value at the price of now, from time to time; the last one where none is to be
        had."""
        parts = self._parts
        now = parts.clock.monotonic()
        venue = parts.venues.get(exposure.venue)
        # What it is worth right after it came about is known.
        since = self._marked.setdefault(exposure.id, now)
        if venue is None or now - since < MARK_SECONDS:
            return exposure
        self._marked[exposure.id] = now
        side: Side = "sell" if exposure.net > ZERO else "buy"
        try:
            (price,) = parts.queues.together(
                [(venue, lambda: venue.best_price(exposure.pair, side, exposure.amount))]
            )
        except Exception as error:
            logger.debug("Exposure %s is not valued: %s", exposure.id, error)
            return exposure
        rate = parts.rate(exposure.pair.partition("/")[2])
        value = _value(exposure, price, rate)
        marked = replace(exposure, value=value, marked_at=parts.clock.wall())
        parts.store.note(marked)
        return marked

    def _order(self, kind: PairKind, exposure: Exposure) -> LegOrder | str:
        """The order that closes it, or in words why there is none now."""
        parts = self._parts
        is_unwinding = kind is PairKind.UNWIND
        name = exposure.venue if is_unwinding else exposure.other_venue
        pair = exposure.pair if is_unwinding else exposure.other_pair
        worst = unwind_limit(exposure, parts.settings) if is_unwinding else exposure.other_price
        venue = parts.venues.get(name)
        if venue is None:
            return f"waiting: no venue is called {name} any more"
        is_sale = exposure.net > ZERO
        (rules,) = parts.queues.together([(venue, lambda: venue.rules(pair))])
        limit = (round_up if is_sale else round_down)(worst, rules.price_step)
        amount = round_down(exposure.amount, rules.amount_step)
        if _is_too_small(amount, limit, rules):
            return f"too small for {name}: held"
        side: Side = "sell" if is_sale else "buy"
        (price,) = parts.queues.together([(venue, lambda: venue.best_price(pair, side, amount))])
        if price.best < limit if is_sale else price.best > limit:
            return (
                f"waiting: {pair} is at {format_amount(price.best)} on {name}, beyond the limit "
                f"{format_amount(limit)}"
            )
        return LegOrder(
            venue=name,
            account=venue.account,
            pair=pair,
            side=side,
            amount=amount,
            price=limit,
            fee_rate=rules.taker_fee,
            client_order_id=venue.new_id(),
            made_at=parts.clock.wall(),
        )


@exact
def _value(exposure: Exposure, price: Price, rate: Decimal) -> Decimal:
    return exposure.amount * price.average * rate


@exact
def _is_too_small(amount: Decimal, limit: Decimal, rules: MarketRules) -> bool:
    return not amount or amount < rules.amount_min or amount * limit < rules.cost_min
