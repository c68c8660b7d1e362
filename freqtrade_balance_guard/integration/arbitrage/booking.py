"""A purchase of an arbitrage becomes a normal trade of freqtrade's, as if freqtrade had sent it."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.util import dt_ts

from freqtrade_balance_guard.arbitrage.booked.flows import purchase_of
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.money import ZERO, to_decimal, to_float
from freqtrade_balance_guard.orders.bot_loop import adopting


logger = logging.getLogger(__name__)

# Under this name freqtrade's /list_custom_data and its API show what a trade's other leg is.
CUSTOM_DATA = "balance_guard_arbitrage"


class NotBooked(Exception):
    """freqtrade did not take it; it is tried again in the next loop."""


class ArbitrageBooking:
    """Of one bot. What is booked is marked so in the store, after freqtrade has it on disk."""

    def __init__(self, store: ArbitrageStore, bot: str, clock: Clock) -> None:
        self._store = store
        self._bot = bot
        self._clock = clock
        # Arbitrages that freqtrade did not take, with what was said of it.
        self._told: dict[int, str] = {}

    def book_all(
        self, bot: Any, booked: Callable[[ArbitrageRecord, Position | None], None]
    ) -> bool:
        """Tell freqtrade of everything that has ended since.

        :param bot: freqtrade's ``FreqtradeBot``
        :param booked: is reported of each
        :return: whether all of it is booked
        """
        waiting: set[int] = set()
        for record in self._store.to_book(self._bot):
            root = self._root(record)
            try:
                if root.id in waiting:
                    raise NotBooked("its arbitrage comes first")
                position = self._book(bot, record, root)
            except ArbitragesUnavailable:
                raise
            except Exception as error:
                waiting.add(root.id)
                self._log(record, error)
                continue
            self._store.booked(record, position)
            crash_point("arbitrage marked")
            booked(record, position)
        return not waiting

    def _log(self, record: ArbitrageRecord, error: Exception) -> None:
        text = words_of(error)
        level = logging.DEBUG if self._told.get(record.id) == text else logging.ERROR
        self._told[record.id] = text
        logger.log(
            level,
            "Arbitrage %s has bought, and freqtrade did not take it as a trade yet (%s); it is "
            "tried again in every loop.",
            record.id,
            text,
        )

    def _book(self, bot: Any, record: ArbitrageRecord, root: ArbitrageRecord) -> Position | None:
        """:raises NotBooked: it has to be tried again"""
        position = self._store.position(root.id)
        bought = purchase_of(record)
        if bought is None:
            return None if position is None else position.sold_more(_sold(record, position))
        order, reported = bought
        known = stored_order(reported.order_id, order.pair)
        if known is None:
            self._enter(bot, root, order, reported, position)
            known = stored_order(reported.order_id, order.pair)
        if known is None:
            raise NotBooked("it denied the order")
        trade = trade_of(known.ft_trade_id)
        if trade is None:
            raise NotBooked("the order has no trade")
        crash_point("arbitrage traded")
        gained = to_decimal(known.safe_amount_after_fee)
        position = self._position(root, order, reported, trade, gained, position)
        trade.set_custom_data(CUSTOM_DATA, _shown(position))
        return position

    def _root(self, record: ArbitrageRecord) -> ArbitrageRecord:
        """Return the arbitrage that an order for an exposure belongs to."""
        if record.kind is ArbitrageKind.TWO_LEGS or record.exposure is None:
            return record
        exposure = self._store.exposure(record.exposure)
        root = None if exposure is None else self._store.record(exposure.arbitrage_id)
        return root or record

    def _enter(
        self,
        bot: Any,
        root: ArbitrageRecord,
        order: LegOrder,
        reported: VenueOrder,
        position: Position | None,
    ) -> None:
        price, amount = to_float(reported.cost / reported.filled), to_float(reported.filled)
        trade = None if position is None else trade_of_position(position)
        if trade is not None and not trade.is_open:
            trade = None
        if trade is not None and trade.has_open_orders:
            # freqtrade would cancel them, and one may be an exit.
            raise NotBooked("its trade has an open order")
        with adopting(None, _as_ccxt(order, reported, self._clock), amount * price):
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
        reported: VenueOrder,
        trade: Trade,
        gained: Decimal,
        position: Position | None,
    ) -> Position:
        amount = to_decimal(trade.amount)
        if position is not None and position.closed_at is None:
            if position.trade_id != trade.id:
                return position.moved(trade.id, reported.filled, amount, reported.order_id)
            return position.more(reported.filled, gained, amount)
        (other,) = [one for one in root.orders if one.client_order_id != _own(root, order)]
        sold = root.reported.get(other.client_order_id)
        hedged = min(reported.filled, ZERO if sold is None else sold.filled)
        return Position(
            arbitrage_id=root.id,
            bot=self._bot,
            trade_id=trade.id,
            pair=order.pair,
            amount=reported.filled,
            trade_amount=amount,
            accounted=reported.filled,
            hedged=hedged,
            other_venue=other.venue,
            other_account=other.account,
            other_pair=other.pair,
            other_price=_price(other, sold),
            opened_at=self._clock.wall(),
            entry_order_id=reported.order_id,
        )


def _sold(record: ArbitrageRecord, position: Position) -> Decimal:
    """What an order has sold on the position's other venue."""
    (order,) = record.orders
    reported = record.reported.get(order.client_order_id)
    is_its_sale = order.side == "sell" and order.venue == position.other_venue
    return reported.filled if reported is not None and is_its_sale else ZERO


def _own(root: ArbitrageRecord, order: LegOrder) -> str:
    """The client order id of the root's own leg on the side of ``order``."""
    (own,) = [one for one in root.orders if one.venue == order.venue and one.pair == order.pair]
    return own.client_order_id


def _price(order: LegOrder, reported: VenueOrder | None) -> Decimal:
    return (
        reported.cost / reported.filled if reported is not None and reported.filled else order.price
    )


def trade_of_position(position: Position) -> Trade | None:
    """Return freqtrade's trade of a position, also if it is closed.

    It is known by the exchange's id of its purchase: numbers of trades begin anew with another
    database, and SQLite may give a deleted trade's number to the next one.
    """
    if position.entry_order_id:
        order = stored_order(position.entry_order_id, position.pair)
        return None if order is None else trade_of(order.ft_trade_id)
    trade = trade_of(position.trade_id)
    return trade if trade is not None and trade.pair == position.pair else None


def trade_of(trade_id: int) -> Trade | None:
    """Return freqtrade's trade, also if it is closed."""
    trade: Trade | None = Trade.get_trades([Trade.id == trade_id]).first()
    return trade


def _as_ccxt(order: LegOrder, reported: VenueOrder, clock: Clock) -> dict[str, Any]:
    """The order as ccxt would tell it, ended with what it has filled."""
    now = dt_ts(clock.wall())
    fees = [
        {"currency": currency, "cost": to_float(cost), "rate": to_float(order.fee_rate)}
        for currency, cost in (reported.fees or {}).items()
    ]
    amount, price = to_float(reported.filled), to_float(reported.cost / reported.filled)
    return {
        "id": reported.order_id,
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
        "cost": to_float(reported.cost),
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
        "arbitrage": position.arbitrage_id,
        "sold_on": position.other_venue,
        "sold_pair": position.other_pair,
        "sold_amount": f"{position.hedged:f}",
        "sold_price": f"{position.other_price:f}",
    }
