"""Acts on exposures: hold, unwind, complete or (where the trade was sold) buy back.

It works on the net per coin and account. Each order has a reservation of its own.
"""

import logging
import re
import threading
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.ending import set_off
from freqtrade_balance_guard.arbitrage.engine.exposure_groups import (
    ExposureGroup,
    grouped,
    to_set_off,
)
from freqtrade_balance_guard.arbitrage.engine.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.engine.proposals import Proposals
from freqtrade_balance_guard.arbitrage.engine.runner import ArbitrageRunner, Intent
from freqtrade_balance_guard.arbitrage.events import UnhedgedClosed, UnhedgedOpened
from freqtrade_balance_guard.arbitrage.held.outcome_venue import amount_at, worst_fee_rate
from freqtrade_balance_guard.arbitrage.leg import Side
from freqtrade_balance_guard.arbitrage.planning.plan import purchase_for
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store import NotOpen
from freqtrade_balance_guard.arbitrage.store.announced import AnnouncedExposures
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, closing_limit, unwind_limit
from freqtrade_balance_guard.arbitrage.venue import (
    GOOD_TILL_CANCELLED,
    LegOrder,
    MarketRules,
    Price,
)
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.money import ZERO, exact, format_amount


logger = logging.getLogger(__name__)

# How often an exposure is valued anew.
MARK_SECONDS = 10.0
DIGITS = re.compile(r"[\d.]+")
FOR_USER = "its trade was deleted; unhedged resolve ends it when you have taken care of it"


class Hedging:
    """Carries out ``unhedged_policy``. One order at a time for each coin and account."""

    def __init__(
        self, context: ArbitrageContext, proposals: Proposals, runner: ArbitrageRunner
    ) -> None:
        self._context = context
        self._proposals = proposals
        self._runner = runner
        self._announced = AnnouncedExposures(context.store, context.hub)
        # Reserved before the sale of its trade, by the number of the arbitrage.
        self._prepared: dict[int, tuple[RunningArbitrage, Decimal]] = {}
        self._alerted = set[int]()
        self._noted: dict[int, str] = {}
        self._next_try: dict[tuple[int, ...], float] = {}
        self._marked: dict[int, float] = {}
        self._lock = threading.Lock()

    def due(self, busy: Collection[int]) -> list[tuple[Hashable, Callable[[], None]]]:
        """Return a task for each group of exposures, after what covers itself was set off.

        :param busy: exposures that an order is in progress for; their group waits
        :raises ArbitragesUnavailable: nothing can be read or written
        """
        context = self._context
        every = context.store.open_exposures(context.bot)
        self._announced.publish_ends({one.id for one in every})
        exposures = [one for one in every if one.id not in busy]
        if self._set_off(exposures):
            exposures = [
                one for one in context.store.open_exposures(context.bot) if one.id not in busy
            ]
        is_complete = context.settings.unhedged_policy == "complete"
        groups = grouped(exposures, context.is_with_trade, by_other_venue=is_complete)
        return [(group.key, lambda group=group: self.tend(group)) for group in groups]  # type: ignore[misc]

    def _set_off(self, exposures: list[Exposure]) -> bool:
        context = self._context
        has_changed = False
        for both in to_set_off(exposures, context.is_with_trade):
            changed = set_off(both, context.clock.wall())
            try:
                context.store.change(changed)
            except NotOpen:
                continue  # the user was quicker, or an order of one has just left
            has_changed = True
            for exposure in changed:
                if not exposure.is_open:
                    logger.info(
                        "Hedged again: exposure %s was %s.", exposure.id, exposure.closed_how
                    )
                    context.hub.publish(UnhedgedClosed(exposure))
        return has_changed

    def tend(self, group: ExposureGroup) -> None:
        """Do what the policy says, if it is time for it. Whatever fails is tried again later.

        :raises ArbitragesUnavailable: nothing can be written
        """
        context, policy = self._context, self._context.settings.unhedged_policy
        group = self._valued(group)
        leader = group.leader
        if leader.is_for_user:
            self._note(group, FOR_USER)
            return
        if leader.closes:
            kind = ArbitrageKind.CLOSE
        elif policy == "hold":
            self._note(group, "held by the policy; unhedged resolve closes it")
            return
        else:
            kind = ArbitrageKind.UNWIND if policy == "unwind" else ArbitrageKind.COMPLETE
        if kind is ArbitrageKind.UNWIND and context.is_with_trade(leader):
            self._note(group, "freqtrade sells it: it is part of a trade")
            return
        if kind is ArbitrageKind.UNWIND and not self._is_final(leader):
            self._note(group, "waiting: the match is not final, so its shares must not be sold")
            return
        now = context.clock.monotonic()
        with self._lock:
            # A group that has grown is not the one that was tried.
            tried = tuple(one.id for one in group.members)
            if now < self._next_try.get(tried, now):
                return
            self._next_try = {one: at for one, at in self._next_try.items() if at > now}
            self._next_try[tried] = now + context.settings.leg_timeout
        age = leader.age_seconds(context.clock.wall())
        if kind is ArbitrageKind.COMPLETE and age > context.settings.leg_timeout:
            self._note(group, "not completed in time: held")
            return
        self._close(kind, group)
        if leader.closes:
            self._alert_if_left(group)
        crash_point("arbitrage tended")

    def _is_final(self, exposure: Exposure) -> bool:
        """Return whether what is to be sold exists for certain: shares may still be settling."""
        if not exposure.is_outcome:
            return True
        final = [
            one.shares
            for one in self._context.store.holdings_of(exposure.arbitrage_id)
            if one.outcome == exposure.base and one.may_be_sold
        ]
        return sum(final, ZERO) >= exposure.amount

    def _close(self, kind: ArbitrageKind, group: ExposureGroup) -> None:
        held = self._take_prepared(group) if kind is ArbitrageKind.CLOSE else None
        result: ArbitrageResult
        if held is not None:
            result = self._runner.send_held(held, group.shares(group.amount))
        else:
            order = self._order_or_words(kind, group)
            if isinstance(order, str):
                self._note(group, order)
                return
            funds = self._proposals.funds([order])
            if isinstance(funds, ArbitrageDenied):
                result = funds
            else:
                shares = group.shares(min(order.amount, group.amount))
                result = self._runner.run(Intent(kind, [order], funds, shares=shares))
        if isinstance(result, ArbitrageDenied):
            self._note(group, f"waiting: {result.sentence}")

    def _order_or_words(self, kind: ArbitrageKind, group: ExposureGroup) -> LegOrder | str:
        try:
            return self._order(kind, group)
        except Exception as error:
            return f"waiting: {kind_and_words_of(error)}"

    def _alert_if_left(self, group: ExposureGroup) -> None:
        """Alert where a sold trade's other leg could not be bought back at once."""
        for exposure in group.members:
            left = self._context.store.exposure(exposure.id)
            if left is None or not left.is_open or left.is_dust or exposure.id in self._alerted:
                continue
            self._alerted.add(exposure.id)
            logger.error("Unhedged: %s.", left.sentence())
            self._context.hub.publish(UnhedgedOpened(left))

    def _note(self, group: ExposureGroup, doing: str) -> None:
        for exposure in group.members:
            if doing == exposure.doing:
                continue
            changed = replace(exposure, doing=doing)
            is_usual = exposure.closes and exposure.id not in self._alerted
            level = logging.INFO if is_usual else logging.WARNING
            # The same with other numbers is no news.
            kind = DIGITS.sub("", doing)
            if self._noted.get(exposure.id) == kind:
                level = logging.DEBUG
            self._noted[exposure.id] = kind
            logger.log(level, "Unhedged: %s.", changed.sentence())
            self._context.store.note(changed)

    # Before a trade is sold

    def prepare(self, draft: Exposure) -> ArbitrageDenied | None:
        """Reserve what buying back will cost. What was prepared before is released.

        What is below the minimum of its venue is left for a later order; nothing is reserved.

        :raises LedgerUnavailable: what may be spent cannot be said
        """
        self._release_held(draft.arbitrage_id)
        group = ExposureGroup((draft,))
        try:
            order = self._order(ArbitrageKind.CLOSE, group)
        except Exception as error:
            sentence = kind_and_words_of(error)
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, sentence, draft.venue)
        if isinstance(order, str):
            if order.startswith(TOO_SMALL):
                return None
            return ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, order, draft.venue)
        funds = self._proposals.funds([order])
        if isinstance(funds, ArbitrageDenied):
            return funds
        held = self._runner.hold(Intent(ArbitrageKind.CLOSE, [order], funds))
        if isinstance(held, ArbitrageDenied):
            return held
        self._prepared[draft.arbitrage_id] = (held, draft.amount)
        return None

    def _take_prepared(self, group: ExposureGroup) -> RunningArbitrage | None:
        """Return what is reserved already, if it still is, and of the right size."""
        exposure = group.leader
        prepared = self._prepared.get(exposure.arbitrage_id)
        if prepared is None:
            return None
        held, amount = prepared
        row = self._context.ledger.find(held.ids[0])
        if amount == group.amount and row is not None and row.unfinished:
            del self._prepared[exposure.arbitrage_id]
            return held
        self._release_held(exposure.arbitrage_id)
        return None

    def _release_held(self, arbitrage_id: int) -> None:
        prepared = self._prepared.pop(arbitrage_id, None)
        if prepared is not None:
            self._runner.release_held(prepared[0])

    def release_all_held(self) -> None:
        """Release what was reserved for sales that did not come."""
        for arbitrage_id in list(self._prepared):
            self._release_held(arbitrage_id)

    # Value and order

    def _valued(self, group: ExposureGroup) -> ExposureGroup:
        """Return it with its value at the price of now, from time to time; else the last one."""
        context = self._context
        now = context.clock.monotonic()
        leader = group.leader
        # What it is worth right after it came about is known.
        is_new = leader.id not in self._marked
        since = self._marked.setdefault(leader.id, now)
        if not is_new and now - since < MARK_SECONDS:
            return group
        self._marked[leader.id] = now
        side: Side = "sell" if leader.net > ZERO else "buy"
        try:
            market = self._proposals.market(leader.venue, leader.pair, side, group.amount)
        except Exception as error:
            logger.debug("Exposure %s is not valued: %s", leader.id, error)
            return group
        amount = market.round_amount(group.amount)
        is_dust = _is_too_small(amount, market.price.best, market.rules)
        rate = context.rate(leader.pair.partition("/")[2])
        members = []
        for exposure in group.members:
            value = exposure.value if is_new else _value(exposure, market.price, rate)
            marked = replace(exposure, value=value, marked_at=context.clock.wall(), is_dust=is_dust)
            if not is_new or is_dust != exposure.is_dust:
                context.store.note(marked)
            members.append(marked)
        return ExposureGroup(tuple(members))

    def _order(self, kind: ArbitrageKind, group: ExposureGroup) -> LegOrder | str:
        """Return the order that closes it, or in words why there is none now."""
        context, leader = self._context, group.leader
        is_missing = kind is ArbitrageKind.COMPLETE
        name = leader.other_venue if is_missing else leader.venue
        pair = leader.other_pair if is_missing else leader.pair
        venue = context.venues.get(name)
        if venue is None:
            return f"waiting: no venue is called {name} any more"
        is_sale = leader.net > ZERO
        if is_missing and leader.is_outcome:
            is_sale = False  # the other answer is bought, too
        side: Side = "sell" if is_sale else "buy"
        market = self._proposals.market(name, pair, side, group.amount)
        price = market.price
        if is_missing:
            worst = leader.other_price
        elif kind is ArbitrageKind.CLOSE:
            worst = closing_limit(leader, price.best, context.settings)
        else:
            worst = unwind_limit(replace(leader, price=group.price), context.settings)
        limit = market.round_price(side, worst)
        amount = amount_at(venue, pair, market.round_amount(group.amount), limit)
        if _is_too_small(amount, limit, market.rules):
            return f"{TOO_SMALL} {name}: held"
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
            amount=amount if is_sale else purchase_for(amount, market),
            price=limit,
            fee_rate=worst_fee_rate(venue, pair, side, amount, limit, market.rules),
            client_order_id=venue.new_id(),
            made_at=context.clock.wall(),
            time_in_force="IOC" if leader.is_outcome else GOOD_TILL_CANCELLED,
            is_fee_in_base=market.rules.is_fee_in_base,
        )


# Words that begin so mean: not now and not alone, but perhaps with others.
TOO_SMALL = "too small for"


@exact
def _value(exposure: Exposure, price: Price, rate: Decimal) -> Decimal:
    return exposure.amount * price.average * rate


@exact
def _is_too_small(amount: Decimal, limit: Decimal, rules: MarketRules) -> bool:
    return not amount or amount < rules.amount_min or amount * limit < rules.cost_min
