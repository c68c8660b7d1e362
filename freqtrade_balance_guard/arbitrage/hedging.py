"""What is done about an exposure: hold, unwind, complete or (where its trade was sold) buy back.

Each order has a reservation of its own.
"""

import logging
import re
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.context import Parts
from freqtrade_balance_guard.arbitrage.events import UnhedgedOpened
from freqtrade_balance_guard.arbitrage.leg import Side
from freqtrade_balance_guard.arbitrage.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.proposals import Proposals
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.runner import ArbitrageRunner
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, closing_limit, unwind_limit
from freqtrade_balance_guard.arbitrage.venue import LegOrder, MarketRules, Price
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.money import ZERO, exact, format_amount, round_down, round_up


logger = logging.getLogger(__name__)

# How often an exposure is valued anew.
MARK_SECONDS = 10.0
DIGITS = re.compile(r"[\d.]+")


class Repairs:
    """Carries out ``unhedged_policy``. One order at a time for each exposure."""

    def __init__(self, parts: Parts, proposals: Proposals, runner: ArbitrageRunner) -> None:
        self._parts = parts
        self._proposals = proposals
        self._runner = runner
        # Reserved before the sale of its trade, by the number of the pair.
        self._prepared: dict[int, RunningArbitrage] = {}
        self._alerted = set[int]()
        self._said: dict[int, str] = {}
        self._next_try: dict[int, float] = {}
        self._marked: dict[int, float] = {}

    def tend(self, exposure: Exposure) -> None:
        """Do what the policy says, if it is time for it. Whatever fails is tried again later.

        :raises ArbitragesUnavailable: nothing can be written
        """
        parts, policy = self._parts, self._parts.settings.unhedged_policy
        exposure = self._valued(exposure)
        if exposure.closes:
            kind = ArbitrageKind.CLOSE
        elif policy == "hold":
            self._say(exposure, "held by the policy; unhedged resolve closes it")
            return
        else:
            kind = ArbitrageKind.UNWIND if policy == "unwind" else ArbitrageKind.COMPLETE
        if kind is ArbitrageKind.UNWIND and parts.is_with_trade(exposure):
            self._say(exposure, "freqtrade sells it: it is part of a trade")
            return
        now = parts.clock.monotonic()
        if now < self._next_try.get(exposure.id, now):
            return
        self._next_try[exposure.id] = now + parts.settings.leg_timeout
        age = exposure.age_seconds(parts.clock.wall())
        if kind is ArbitrageKind.COMPLETE and age > parts.settings.leg_timeout:
            self._say(exposure, "not completed in time: held")
            return
        self._close(kind, exposure)
        if exposure.closes:
            self._alert_if_left(exposure)
        crash_point("arbitrage tended")

    def _close(self, kind: ArbitrageKind, exposure: Exposure) -> None:
        held = self._take_prepared(exposure) if kind is ArbitrageKind.CLOSE else None
        result: ArbitrageResult
        if held is not None:
            result = self._runner.send_held(held, exposure.id)
        else:
            order = self._order_or_words(kind, exposure)
            if isinstance(order, str):
                self._say(exposure, order)
                return
            funds = self._proposals.funds([order])
            if isinstance(funds, ArbitrageDenied):
                result = funds
            else:
                result = self._runner.run(kind, [order], funds, exposure=exposure.id)
        if isinstance(result, ArbitrageDenied):
            self._say(exposure, f"waiting: {result.sentence}")

    def _order_or_words(self, kind: ArbitrageKind, exposure: Exposure) -> LegOrder | str:
        try:
            return self._order(kind, exposure)
        except Exception as error:
            return f"waiting: {type(error).__name__}: {str(error)[:200]}"

    def _alert_if_left(self, exposure: Exposure) -> None:
        """A sold trade's other leg is bought back at once; it is news only where that failed."""
        left = self._parts.store.exposure(exposure.id)
        if left is None or not left.is_open or exposure.id in self._alerted:
            return
        self._alerted.add(exposure.id)
        logger.error("Unhedged: %s.", left.told())
        self._parts.hub.publish(UnhedgedOpened(left))

    def _say(self, exposure: Exposure, doing: str) -> None:
        if doing != exposure.doing:
            told = replace(exposure, doing=doing)
            is_usual = exposure.closes and exposure.id not in self._alerted
            level = logging.INFO if is_usual else logging.WARNING
            # The same with other numbers is no news.
            kind = DIGITS.sub("", doing)
            if self._said.get(exposure.id) == kind:
                level = logging.DEBUG
            self._said[exposure.id] = kind
            logger.log(level, "Unhedged: %s.", told.told())
            self._parts.store.note(told)

    # Before a trade is sold

    def prepare(self, draft: Exposure) -> ArbitrageDenied | None:
        """Reserve what buying back will cost. What was prepared before is let go.

        :raises LedgerUnavailable: what may be spent cannot be said
        """
        self._let_go(draft.pair_number)
        order = self._order_or_words(ArbitrageKind.CLOSE, draft)
        if isinstance(order, str):
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, order, draft.venue)
        funds = self._proposals.funds([order])
        if isinstance(funds, ArbitrageDenied):
            return funds
        held = self._runner.hold(ArbitrageKind.CLOSE, [order], funds)
        if isinstance(held, ArbitrageDenied):
            return held
        self._prepared[draft.pair_number] = held
        return None

    def _take_prepared(self, exposure: Exposure) -> RunningArbitrage | None:
        """What is reserved already, if it is still, and of the right size."""
        held = self._prepared.get(exposure.pair_number)
        if held is None:
            return None
        row = self._parts.ledger.find(held.ids[0])
        if held.stored.orders[0].amount == exposure.amount and row is not None and row.unfinished:
            return self._prepared.pop(exposure.pair_number)
        self._let_go(exposure.pair_number)
        return None

    def _let_go(self, pair_number: int) -> None:
        held = self._prepared.pop(pair_number, None)
        if held is not None:
            self._runner.let_go(held)

    def let_go_all(self) -> None:
        """What was reserved for sales that did not come."""
        for pair_number in list(self._prepared):
            self._let_go(pair_number)

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

    def _order(self, kind: ArbitrageKind, exposure: Exposure) -> LegOrder | str:
        """The order that closes it, or in words why there is none now."""
        parts = self._parts
        is_missing = kind is ArbitrageKind.COMPLETE
        name = exposure.other_venue if is_missing else exposure.venue
        pair = exposure.other_pair if is_missing else exposure.pair
        venue = parts.venues.get(name)
        if venue is None:
            return f"waiting: no venue is called {name} any more"
        is_sale = exposure.net > ZERO
        side: Side = "sell" if is_sale else "buy"
        (rules,) = parts.queues.together([(venue, lambda: venue.rules(pair))])
        amount = round_down(exposure.amount, rules.amount_step)
        if not amount:
            return f"too small for {name}: held"
        (price,) = parts.queues.together([(venue, lambda: venue.best_price(pair, side, amount))])
        if is_missing:
            worst = exposure.other_price
        elif kind is ArbitrageKind.CLOSE:
            worst = closing_limit(exposure, price.best, parts.settings)
        else:
            worst = unwind_limit(exposure, parts.settings)
        limit = (round_up if is_sale else round_down)(worst, rules.price_step)
        if _is_too_small(amount, limit, rules):
            return f"too small for {name}: held"
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
