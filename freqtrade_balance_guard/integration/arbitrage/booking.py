"""A purchase of a pair becomes a normal trade of freqtrade's, as if freqtrade had sent it."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.util import dt_ts

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.money import ZERO, to_decimal, to_float
from freqtrade_balance_guard.orders.bot_loop import adopting
from freqtrade_balance_guard.settings.model import BOT_VENUE


logger = logging.getLogger(__name__)

# Under this name freqtrade's /list_custom_data and its API show what a trade's other leg is.
CUSTOM_DATA = "balance_guard_pair"


class NotBooked(Exception):
    """freqtrade did not take it; it is tried again in the next loop."""


class ArbitrageBooking:
    """Of one bot. What is booked is marked so in the store, after freqtrade has it on disk."""

    def __init__(self, store: ArbitrageStore, bot: str, clock: Clock) -> None:
        self._store = store
        self._bot = bot
        self._clock = clock
        # Pairs that freqtrade did not take, with what was said of it.
        self._told: dict[int, str] = {}

    def book_all(
        self, bot: Any, booked: Callable[[ArbitrageRecord, Position | None], None]
    ) -> bool:
        """Tell freqtrade of everything that has ended since.

        :param bot: freqtrade's ``FreqtradeBot``
        :param booked: is told of each
        :return: whether all of it is booked
        """
        waiting: set[int] = set()
        for pair in self._store.to_book(self._bot):
            root = self._root(pair)
            try:
                if root.id in waiting:
                    raise NotBooked("its pair comes first")
                position = self._book(bot, pair, root)
            except ArbitragesUnavailable:
                raise
            except Exception as error:
                waiting.add(root.id)
                self._tell(pair, error)
                continue
            self._store.booked(pair, position)
            crash_point("arbitrage marked")
            booked(pair, position)
        return not waiting

    def _tell(self, pair: ArbitrageRecord, error: Exception) -> None:
        text = str(error)[:200]
        level = logging.DEBUG if self._told.get(pair.id) == text else logging.ERROR
        self._told[pair.id] = text
        logger.log(
            level,
            "Pair %s has bought, and freqtrade did not take it as a trade yet (%s); it is "
            "tried again in every loop.",
            pair.id,
            text,
        )

    def _book(self, bot: Any, pair: ArbitrageRecord, root: ArbitrageRecord) -> Position | None:
        """:raises NotBooked: it has to be tried again"""
        position = self._store.position(root.id)
        bought = purchase_of(pair)
        if bought is None:
            return None if position is None else position.sold_more(_sold(pair, position))
        order, told = bought
        known = stored_order(told.order_id, order.pair)
        if known is None:
            self._enter(bot, root, order, told, position)
            known = stored_order(told.order_id, order.pair)
        if known is None:
            raise NotBooked("it refused the order")
        trade = trade_of(known.ft_trade_id)
        if trade is None:
            raise NotBooked("the order has no trade")
        crash_point("arbitrage traded")
        gained = to_decimal(known.safe_amount_after_fee)
        position = self._position(root, order, told, trade, gained, position)
        trade.set_custom_data(CUSTOM_DATA, _shown(position))
        return position

    def _root(self, pair: ArbitrageRecord) -> ArbitrageRecord:
        """The pair that an order for an exposure belongs to."""
        if pair.kind is ArbitrageKind.PAIR or pair.exposure is None:
            return pair
        exposure = self._store.exposure(pair.exposure)
        root = None if exposure is None else self._store.pair(exposure.pair_number)
        return root or pair

    def _enter(
        self,
        bot: Any,
        root: ArbitrageRecord,
        order: LegOrder,
        told: VenueOrder,
        position: Position | None,
    ) -> None:
        price, amount = to_float(told.cost / told.filled), to_float(told.filled)
        trade = None if position is None else trade_of(position.trade_id)
        if trade is not None and not trade.is_open:
            trade = None
        if trade is not None and trade.has_open_orders:
            # freqtrade would cancel them, and one may be an exit.
            raise NotBooked("its trade has an open order")
        with adopting(None, _as_ccxt(order, told, self._clock), amount * price):
            # "replace" asks neither for a price nor for a confirmation: the order is filled.
            bot.execute_entry(
                order.pair,
                amount * price,
                price,
                enter_tag=root.tag,
                trade=trade,
                mode="pos_adjust" if trade else "replace",
            )

    def _position(
        self,
        root: ArbitrageRecord,
        order: LegOrder,
        told: VenueOrder,
        trade: Trade,
        gained: Decimal,
        position: Position | None,
    ) -> Position:
        amount = to_decimal(trade.amount)
        if position is not None and position.closed_at is None:
            if position.trade_id != trade.id:
                return position.moved(trade.id, told.filled, amount)
            return position.more(told.filled, gained, amount)
        (other,) = [one for one in root.orders if one.client_order_id != _own(root, order)]
        sold = root.told.get(other.client_order_id)
        hedged = min(told.filled, ZERO if sold is None else sold.filled)
        return Position(
            pair_number=root.id,
            bot=self._bot,
            trade_id=trade.id,
            pair=order.pair,
            amount=told.filled,
            trade_amount=amount,
            accounted=told.filled,
            hedged=hedged,
            other_venue=other.venue,
            other_account=other.account,
            other_pair=other.pair,
            other_price=_price(other, sold),
            opened_at=self._clock.wall(),
        )


def purchase_of(pair: ArbitrageRecord) -> tuple[LegOrder, VenueOrder] | None:
    """What the pair has bought on the bot's own exchange for freqtrade."""
    if pair.kind not in (ArbitrageKind.PAIR, ArbitrageKind.COMPLETE):
        return None  # bought back: that is inventory
    for order in pair.orders:
        told = pair.told.get(order.client_order_id)
        if order.venue == BOT_VENUE and order.side == "buy" and told is not None and told.filled:
            return order, told
    return None


def _sold(pair: ArbitrageRecord, position: Position) -> Decimal:
    """What an order has sold on the position's other venue."""
    (order,) = pair.orders
    told = pair.told.get(order.client_order_id)
    is_its_sale = order.side == "sell" and order.venue == position.other_venue
    return told.filled if told is not None and is_its_sale else ZERO


def _own(root: ArbitrageRecord, order: LegOrder) -> str:
    """The client order id of the root's own leg on the side of ``order``."""
    (own,) = [one for one in root.orders if one.venue == order.venue and one.pair == order.pair]
    return own.client_order_id


def _price(order: LegOrder, told: VenueOrder | None) -> Decimal:
    return told.cost / told.filled if told is not None and told.filled else order.price


def trade_of(trade_id: int) -> Trade | None:
    """freqtrade's trade, also if it is closed."""
    trade: Trade | None = Trade.get_trades([Trade.id == trade_id]).first()
    return trade


def _as_ccxt(order: LegOrder, told: VenueOrder, clock: Clock) -> dict[str, Any]:
    """The order as ccxt would tell it, ended with what it has filled."""
    now = dt_ts(clock.wall())
    fees = [
        {"currency": currency, "cost": to_float(cost), "rate": to_float(order.fee_rate)}
        for currency, cost in (told.fees or {}).items()
    ]
    amount, price = to_float(told.filled), to_float(told.cost / told.filled)
    return {
        "id": told.order_id,
        "clientOrderId": order.client_order_id,
        "symbol": order.pair,
        "type": "limit",
        "side": order.side,
        "status": "closed",
        "price": price,
        "average": price,
        "amount": amount,
        "filled": amount,
        "remaining": 0.0,
        "cost": to_float(told.cost),
        "timestamp": now,
        "datetime": clock.wall().isoformat(),
        "lastTradeTimestamp": now,
        "fee": fees[0] if len(fees) == 1 else None,
        "fees": fees,
        "trades": None,
        "info": {},
    }


def _shown(position: Position) -> dict[str, str | int]:
    return {
        "pair": position.pair_number,
        "sold_on": position.other_venue,
        "sold_pair": position.other_pair,
        "sold_amount": f"{position.hedged:f}",
        "sold_price": f"{position.other_price:f}",
    }
