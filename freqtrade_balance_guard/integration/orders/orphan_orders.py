"""Orders of this bot that freqtrade does not know: a reply was lost for long, or a crash came.

What is done about an entry says the setting ``ledger.orphan_orders``. An exit that was filled is
freqtrade's own business: its search for unknown orders of a trade is started. One that rests is
handed over or cancelled: it holds the coins that the next exit needs.
"""

import logging
from typing import Any

from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import cancel_known
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.integration.exchange.order_search import CLOCK_MARGIN
from freqtrade_balance_guard.integration.orders.lost_exits import is_open
from freqtrade_balance_guard.orders.bot_loop import adopting
from freqtrade_balance_guard.orders.events import OrphanFound
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.lookups import ASK_SECONDS, KEPT_BY_HOUSEKEEPING_SECONDS
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder
from freqtrade_balance_guard.settings.sections import OrphanPolicy


logger = logging.getLogger(__name__)

# A stop that was found rests so long for freqtrade's next one to take its place.
STOP_KEPT_SECONDS = 30.0


class OrphanOrders:
    """Takes care of one bot's orders that freqtrade does not know."""

    def __init__(
        self, registry: OrderRegistry, client: GuardClient, policy: OrphanPolicy, clock: Clock
    ) -> None:
        self._registry = registry
        self._client = client
        self._policy = policy
        self._clock = clock
        self._reported = set[str]()
        self._failed = set[str]()
        # Stops that wait for freqtrade's next one, and since when.
        self._kept: dict[str, float] = {}

    def care_for(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        """Act on ``order``, unless freqtrade knows it. What fails is tried again in the next loop.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        try:
            self._act_on(bot, tracked, order)
        except Exception as error:
            self._registry.unclaimed.append((tracked, order))
            if tracked.is_entry:
                self._registry.block_pair(tracked)
            level = logging.DEBUG if tracked.client_order_id in self._failed else logging.WARNING
            self._failed.add(tracked.client_order_id)
            logger.log(
                level,
                "Order %s for %s is unknown to freqtrade, and nothing could be done about it yet "
                "(%s); it is tried again in every loop.",
                order["id"],
                tracked.pair,
                words_of(error),
            )

    def _act_on(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        order_id = str(order["id"])
        if tracked.is_deleted or stored_order(order_id, tracked.pair) is not None:
            self._unblock_pair(tracked)
            return
        if not is_open(order) and not order.get("filled"):
            return  # nothing is left of it
        if tracked.is_entry:
            self._care_for_entry(bot, tracked, order)
        else:
            self._care_for_exit(bot, tracked, order)

    def _care_for_entry(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        if tracked.client_order_id in self._reported:
            return
        order_id, goes_on, filled = str(order["id"]), is_open(order), order.get("filled") or 0
        # What was listed late is no orphan: the time that its reply has is not over.
        policy = "adopt" if self._registry.is_late(tracked) else self._policy
        self._registry.hub.publish(OrphanFound(tracked.pair, order_id, policy))
        if policy == "adopt" and self._adopt(bot, tracked, order):
            self._unblock_pair(tracked)
            return
        if policy == "cancel" and goes_on:
            final = self._cancelled(tracked, order_id)
            goes_on, filled = False, final.get("filled") or 0
            self._notify(
                bot, f"Order {order_id} for {tracked.pair}, unknown to freqtrade, was cancelled."
            )
            if not filled:
                self._unblock_pair(tracked)
                return
        self._registry.block_pair(tracked)
        self._reported.add(tracked.client_order_id)
        state = f"{filled:g} filled" + (", the rest is open" if goes_on else "")
        self._notify(
            bot,
            f"Order {order_id} for {tracked.pair} is on the exchange ({state}), and freqtrade has "
            f"no trade for it. No new entry on {tracked.pair} until "
            f"'balance-guard reservations release {tracked.client_order_id}' is given, also after "
            "a restart.",
        )

    def _cancelled(self, tracked: TrackedOrder, order_id: str) -> Order:
        """Cancel it; a fill that was faster counts.

        :raises Exception: it is unknown whether it is cancelled
        """
        registry, is_stop = self._registry, tracked.terms.purpose is Purpose.STOP
        with registry.waits.wait(ASK_SECONDS, keep=KEPT_BY_HOUSEKEEPING_SECONDS) as deadline:
            cancel_known(self._client, order_id, tracked.pair, deadline=deadline, is_stop=is_stop)
        final = registry.lookups.check(tracked)
        if final is None or is_open(final):
            raise TemporaryError("the exchange did not say yet that it is cancelled")
        registry.report(tracked, final)
        return final

    def _unblock_pair(self, tracked: TrackedOrder) -> None:
        blocking = self._registry.blocking_order(tracked.pair)
        if blocking is not None and blocking.client_order_id == tracked.client_order_id:
            self._registry.unblock_pair(tracked.pair)

    def _adopt(self, bot: Any, tracked: TrackedOrder, order: Order) -> bool:
        """Let freqtrade book an entry as if its reply had just come."""
        price = order.get("average") or order.get("price") or float(tracked.terms.price)
        trade = _open_trade(tracked.pair)
        amount = order.get("filled") or order["amount"]
        # freqtrade's stake is before leverage.
        leverage = float(tracked.terms.leverage)
        stake = amount * price / leverage
        try:
            with adopting(tracked, dict(order), stake):
                # "replace" asks neither for a price nor for a confirmation: the order is there.
                adopted = bot.execute_entry(
                    tracked.pair,
                    stake,
                    price,
                    is_short=tracked.terms.side == "sell",
                    enter_tag=tracked.terms.tag or None,
                    trade=trade,
                    mode="pos_adjust" if trade else "replace",
                    leverage_=leverage,
                )
        except Exception:
            logger.exception("Order %s of %s could not be adopted.", order["id"], tracked.pair)
            return False
        if adopted:
            self._notify(
                bot,
                f"Order {order['id']} for {tracked.pair}, unknown to freqtrade, is now one of its "
                "trades.",
            )
        return bool(adopted)

    # Exits

    def _care_for_exit(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        trade, order_id = _open_trade(tracked.pair), str(order["id"])
        if is_open(order):
            if trade is not None and not _has_other(trade, tracked):
                if tracked.terms.purpose is Purpose.STOP:
                    if self._waits_for_stop(tracked):
                        self._registry.unclaimed.append((tracked, order))
                        return
                else:
                    self._let_freqtrade_find(bot, tracked, trade, order_id)
                    return
            order = self._cancelled(tracked, order_id)
            self._notify(
                bot,
                f"Exit order {order_id} for {tracked.pair} turned up late and was cancelled.",
            )
            if not order.get("filled"):
                return
        if trade is None:
            self._notify(
                bot,
                f"Exit order {order_id} for {tracked.pair} turned up late with {order['filled']:g} "
                "filled, and no trade of this bot is open: look at your balance.",
            )
            return
        self._let_freqtrade_find(bot, tracked, trade, order_id)

    def _waits_for_stop(self, tracked: TrackedOrder) -> bool:
        """Whether a stop that rests is left for freqtrade's next one to take its place."""
        since = self._kept.setdefault(tracked.client_order_id, self._clock.monotonic())
        return self._clock.monotonic() - since < STOP_KEPT_SECONDS

    def _let_freqtrade_find(
        self, bot: Any, tracked: TrackedOrder, trade: Trade, order_id: str
    ) -> None:
        logger.warning(
            "Exit order %s for %s is unknown to freqtrade; it is asked to look for it.",
            order_id,
            tracked.pair,
        )
        lists = self._registry.lists
        lists[trade.pair] = self._orders_since(trade)
        try:
            bot.handle_onexchange_order(trade)
        finally:
            del lists[trade.pair]

    def _orders_since(self, trade: Trade) -> list[Order]:
        """The list that freqtrade is about to ask for: it would ask for up to a minute.

        :raises Exception: there is none in time
        """
        waits, since = self._registry.waits, trade.open_date_utc - CLOCK_MARGIN
        with waits.wait(ASK_SECONDS, keep=KEPT_BY_HOUSEKEEPING_SECONDS) as deadline:
            with self._client.connection(deadline) as exchange:
                return list(exchange.fetch_orders(trade.pair, since))

    def _notify(self, bot: Any, text: str) -> None:
        logger.warning(text)
        bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)


def _open_trade(pair: str) -> Trade | None:
    trades = Trade.get_trades([Trade.pair == pair, Trade.is_open.is_(True)])
    found: Trade | None = trades.first()
    return found


def _has_other(trade: Trade, tracked: TrackedOrder) -> bool:
    """Whether freqtrade has another order out that sells the same coins."""
    is_stop = tracked.terms.purpose is Purpose.STOP
    sides = ("stoploss", trade.exit_side) if is_stop else (trade.exit_side,)
    return any(order.ft_is_open and order.ft_order_side in sides for order in trade.orders)
