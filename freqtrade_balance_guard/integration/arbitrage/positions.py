"""Trades that have another leg: when freqtrade sells one, the other leg is bought back.

Whatever sells it (a stop-loss, /forceexit, a signal, ``should_close_arbitrage``), it is seen here
by what the trade still has. No exit waits for us.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.events import UnhedgedClosed
from freqtrade_balance_guard.arbitrage.plan import Rates
from freqtrade_balance_guard.arbitrage.positions import Position, follow
from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, NotOpen
from freqtrade_balance_guard.arbitrage.venue import LegOrder, Venue, VenueOrder
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage.booking import purchase_of, trade_of
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount, to_decimal


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
    ) -> None:
        self._store = store
        self._bot = bot
        self._venues = venues
        self._rates = rates
        self._clock = clock
        self._stake_currency = stake_currency
        self._say = say
        self._hub = hub
        self.open: list[Position] = []

    def load(self) -> None:
        """What is stored, after a pair or an exposure has changed it."""
        self.open = self._store.positions(self._bot)

    def of_trade(self, trade_id: int) -> Position | None:
        """The open position that ``trade_id`` is the trade of."""
        return next((one for one in self.open if one.trade_id == trade_id), None)

    def follow_all(self, is_busy: Callable[[int], bool]) -> bool:
        """Act on what freqtrade has sold since.

        :param is_busy: whether an order of this pair is under way: it is looked at when that ended
        :return: whether something is to be bought back
        """
        has_work = False
        for position in list(self.open):
            if is_busy(position.pair_number):
                continue
            trade = trade_of(position.trade_id)
            # SQLite may give a deleted trade's number to the next one.
            if trade is None or trade.pair != position.pair:
                self._trade_was_deleted(position)
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
                if one.pair_number == position.pair_number and not one.closes
            ]
            followed = follow(
                *(position, held, exposures),
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
        """What the trade has. As long as it has sold nothing, less is a fee that became known."""
        has_sold = any(
            order.ft_order_side == trade.exit_side and order.safe_filled > 0
            for order in trade.orders
        )
        if not has_sold:
            return position.trade_amount
        # freqtrade counts an exit when it has ended; what it has sold by now is gone all the same.
        resting = (
            to_decimal(order.safe_filled)
            for order in trade.open_orders
            if order.ft_order_side == trade.exit_side
        )
        return max(to_decimal(trade.amount) - sum(resting, ZERO), ZERO)

    def _step(self, position: Position) -> Decimal:
        """Of amounts on the other venue; 0 while that cannot be said."""
        venue = self._venues(position.other_venue)
        try:
            return ZERO if venue is None else venue.rules(position.other_pair).amount_step
        except LookupError:
            return ZERO

    def _trade_was_deleted(self, position: Position) -> None:
        # The user has taken it out of freqtrade's hands; nobody knows whether the coin was sold.
        self._store.follow(replace(position, closed_at=self._clock.wall()), [])
        self.load()
        self._say(
            f"The trade of pair {position.pair_number} ({position.pair}) was deleted. "
            f"{format_amount(position.hedged)} that was sold for it on {position.other_venue} is "
            "yours to buy back."
        )

    # The end

    def _close_if_done(self, position: Position, trade: Trade) -> None:
        open_ones = [
            one
            for one in self._store.open_exposures(self._bot)
            if one.pair_number == position.pair_number
        ]
        if open_ones:
            return
        of_trade = to_decimal(trade.close_profit_abs or 0)
        of_other = self._flows(position.pair_number)
        profit = None if of_other is None else of_trade + of_other
        closed = replace(position, closed_at=self._clock.wall(), profit=profit)
        self._store.follow(closed, [])
        self.load()
        if of_other is None or profit is None:
            self._say(f"Pair {position.pair_number} ({position.pair}) is closed.")
            return
        self._say(
            f"Pair {position.pair_number} ({position.pair}) is closed: {_signed(profit)} "
            f"{self._stake_currency} in all ({_signed(of_trade)} from the trade here, "
            f"{_signed(of_other)} on {position.other_venue})."
        )

    def _flows(self, pair_number: int) -> Decimal | None:
        """What all legs but freqtrade's own brought in, less what they cost."""
        total = ZERO
        for pair in self._store.of_group(pair_number):
            flow = flow_of(pair, self._rates, without_purchase=True)
            if flow is None:
                return None
            total += flow
        return total


@exact
def flow_of(
    pair: ArbitrageRecord, rates: Rates, *, without_purchase: bool = False
) -> Decimal | None:
    """Sales less purchases less fees, in stake currency at the rates of now.

    :param without_purchase: leave out what freqtrade counts itself
    :return: None where a rate is not to be had
    """
    left_out = purchase_of(pair) if without_purchase else None
    total = ZERO
    for order in pair.orders:
        told = pair.told.get(order.client_order_id)
        if told is None or (left_out is not None and left_out[0] is order):
            continue
        rate = rates(order.terms.quote)
        if rate is None:
            return None
        total += (-order.sign * told.cost - _fee(order, told)) * rate
    return total


def _fee(order: LegOrder, told: VenueOrder) -> Decimal:
    """In quote currency; a fee in the coin at the price of the fill."""
    if told.fees is None:
        return told.cost * order.fee_rate
    price = told.cost / told.filled if told.filled else ZERO
    base, quote = order.pair.split("/")
    return told.fees.get(quote, ZERO) + told.fees.get(base, ZERO) * price


def _signed(amount: Decimal) -> str:
    return f"{'+' if amount >= 0 else '-'}{format_amount(abs(amount))}"
