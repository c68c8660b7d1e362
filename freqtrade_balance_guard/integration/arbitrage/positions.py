"""Trades that have another leg: when freqtrade sells one, the other leg is bought back.

Whatever sells it (a stop-loss, /forceexit, a signal, ``should_close_arbitrage``), it is seen here
by what the trade still has. No exit waits for us.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.booked.flows import flow_of
from freqtrade_balance_guard.arbitrage.events import UnhedgedClosed, UnhedgedOpened
from freqtrade_balance_guard.arbitrage.planning.plan import Rates
from freqtrade_balance_guard.arbitrage.positions import (
    Position,
    exposure_of_missing_trade,
    follow,
)
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, NotOpen
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage.booking import trade_of_position
from freqtrade_balance_guard.money import ONE, ZERO, format_amount, to_decimal


logger = logging.getLogger(__name__)


class ArbitragePositions:
    """Of one bot.

    :param venues: by name
    :param rates: stake currency per quote currency
    :param say: tells the user
    """

    def __init__(
        self,
        store: ArbitrageStore,
        bot: str,
        venues: Callable[[str], Venue | None],
        rates: Rates,
        clock: Clock,
        stake_currency: str,
        say: Callable[[str], None],
        hub: EventHub,
        dead_bots: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._store = store
        self._bot = bot
        self._venues = venues
        self._rates = rates
        self._clock = clock
        self._stake_currency = stake_currency
        self._say = say
        self._hub = hub
        self._dead_bots = dead_bots
        self.open: list[Position] = []

    def load(self) -> None:
        """What is stored, after an arbitrage or an exposure has changed it."""
        self.open = self._store.positions(self._bot)

    def of_trade(self, trade_id: int) -> Position | None:
        """The open position that ``trade_id`` is the trade of."""
        return next((one for one in self.open if one.trade_id == trade_id), None)

    def follow_all(self, is_busy: Callable[[int], bool]) -> bool:
        """Act on what freqtrade has sold since.

        :param is_busy: whether an order of this arbitrage is in progress: looked at when that ended
        :return: whether something is to be bought back
        """
        has_work = False
        for position in list(self.open):
            if is_busy(position.arbitrage_id):
                continue
            trade = trade_of_position(position)
            if trade is None:
                self._trade_is_missing(position)
                continue
            has_work |= self._follow(position, trade)
        return has_work

    def _follow(self, position: Position, trade: Trade) -> bool:
        held = position.held(self._amount(position, trade)) if trade.is_open else ZERO
        if held < position.accounted:
            crash_point("arbitrage sold")
            exposures = [
                one
                for one in self._store.open_exposures(self._bot)
                if one.arbitrage_id == position.arbitrage_id and not one.closes
            ]
            followed = follow(
                position,
                held,
                exposures,
                step=self._step(position),
                rate=self._rates(position.other_pair.partition("/")[2]) or ONE,
                now=self._clock.wall(),
            )
            if followed is None:
                return False
            try:
                self._store.follow(followed.position, followed.exposures)
            except NotOpen:
                return False  # an order has just left; looked at again when it has ended
            self.load()
            for exposure in followed.exposures:
                if not exposure.is_open:
                    self._hub.publish(UnhedgedClosed(exposure))
            return followed.to_buy_back > ZERO
        if not trade.is_open:
            self._close_if_done(position, trade)
        return False

    @staticmethod
    def _amount(position: Position, trade: Trade) -> Decimal:
        """Return what the trade has. While it has sold nothing, less is a fee that became known."""
        # Exits and stops on the exchange alike: a stop has a side of its own in freqtrade.
        sales = [
            order
            for order in trade.orders
            if order.ft_order_side != trade.entry_side and order.safe_filled > 0
        ]
        if not sales:
            return position.trade_amount
        # freqtrade counts a sale when it has ended; what it has sold by now is gone all the same.
        resting = (to_decimal(order.safe_filled) for order in sales if order.ft_is_open)
        return max(to_decimal(trade.amount) - sum(resting, ZERO), ZERO)

    def _step(self, position: Position) -> Decimal:
        """Of amounts on the other venue; 0 while that cannot be said."""
        venue = self._venues(position.other_venue)
        try:
            return ZERO if venue is None else venue.rules(position.other_pair).amount_step
        except LookupError:
            return ZERO

    def _trade_is_missing(self, position: Position) -> None:
        """Close the position; what was sold for it is an exposure that only the user can end.

        The trade was deleted, or freqtrade has another database. Whether its coin was sold cannot
        be known here.
        """
        exposures: list[Exposure] = []
        if position.hedged > ZERO:
            exposures.append(exposure_of_missing_trade(position, self._rate(position), self._now))
        self._store.follow(replace(position, closed_at=self._now), exposures)
        self.load()
        self._say(
            f"The trade of arbitrage {position.arbitrage_id} ({position.pair}) is not in "
            f"freqtrade's database. {format_amount(position.hedged)} that was sold for it on "
            f"{position.other_venue} is unhedged until you have taken care of it: "
            "balance-guard unhedged resolve."
        )

    @property
    def _now(self) -> datetime:
        return self._clock.wall()

    def _rate(self, position: Position) -> Decimal:
        return self._rates(position.other_pair.partition("/")[2]) or ONE

    # What dead bots have left

    def take_over(self) -> None:
        """Go on with trades of dead bots that are in this database; report those that are not."""
        for bot in self._dead_bots():
            for position in self._store.positions(bot):
                self._take_over_one(position)
        for exposure in self._store.open_exposures(self._bot):
            if exposure.is_for_user and self._is_here_again(exposure):
                self._store.resolve(exposure.id, self._now, "its trade is here again")

    def _take_over_one(self, position: Position) -> None:
        trade = trade_of_position(position) if position.entry_order_id else None
        if trade is not None:
            moved = replace(position, bot=self._bot, trade_id=trade.id)
            if self._store.claim_position(position, self._bot):
                self._store.follow(moved, [])
                self.load()
                logger.warning("Took over arbitrage %s of %s.", position.arbitrage_id, position.bot)
            return
        known = self._store.exposures_of(position.arbitrage_id)
        if position.hedged <= ZERO or any(one.is_for_user for one in known):
            return
        # The position stays its bot's: that may come back with its database.
        exposure = exposure_of_missing_trade(position, self._rate(position), self._now)
        kept = self._store.record_exposure(replace(exposure, bot=self._bot))
        logger.error("Unhedged: %s.", kept.sentence())
        self._hub.publish(UnhedgedOpened(kept))

    def _is_here_again(self, exposure: Exposure) -> bool:
        position = self._store.position(exposure.arbitrage_id)
        if position is None or position.closed_at is not None or position.bot != self._bot:
            return False
        return trade_of_position(position) is not None

    # The end

    def _close_if_done(self, position: Position, trade: Trade) -> None:
        open_ones = [
            one
            for one in self._store.open_exposures(self._bot)
            if one.arbitrage_id == position.arbitrage_id
        ]
        if open_ones:
            return
        of_trade = to_decimal(trade.close_profit_abs or 0)
        of_other = self._flows(position.arbitrage_id)
        profit = None if of_other is None else of_trade + of_other
        closed = replace(position, closed_at=self._clock.wall(), profit=profit)
        self._store.follow(closed, [])
        self.load()
        if of_other is None or profit is None:
            self._say(f"Arbitrage {position.arbitrage_id} ({position.pair}) is closed.")
            return
        self._say(
            f"Arbitrage {position.arbitrage_id} ({position.pair}) is closed: {_signed(profit)} "
            f"{self._stake_currency} in all ({_signed(of_trade)} from the trade here, "
            f"{_signed(of_other)} on {position.other_venue})."
        )

    def _flows(self, arbitrage_id: int) -> Decimal | None:
        """What all legs but freqtrade's own brought in, less what they cost."""
        total = ZERO
        for pair in self._store.of_group(arbitrage_id):
            flow = flow_of(pair, self._rates, without_purchase=True)
            if flow is None:
                return None
            total += flow
        return total


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount >= 0 else '-'}{format_amount(abs(amount))}"
