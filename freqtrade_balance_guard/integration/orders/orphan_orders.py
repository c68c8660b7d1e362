"""Orders of this bot that freqtrade does not know: a reply was lost for long, or a crash came.

What is done about an entry says the setting ``ledger.orphan_orders``. An exit is freqtrade's own
business: its search for unknown orders of a trade is started.
"""

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade

from freqtrade_balance_guard.integration.exchange.order_lookup import cancel_known
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.integration.host.bot_loop import adopting
from freqtrade_balance_guard.orders.events import OrphanFound
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import OPEN_STATUSES
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder
from freqtrade_balance_guard.settings.sections import OrphanPolicy


logger = logging.getLogger(__name__)

# A request takes at most so long: exits are waiting.
CANCEL_SECONDS = 1.0


class OrphanOrders:
    """What becomes of them in one bot."""

    def __init__(self, registry: OrderRegistry, policy: OrphanPolicy) -> None:
        self._registry = registry
        self._policy = policy
        self._told = set[str]()
        self._failed = set[str]()

    def care_for(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        """Act on ``order``, unless freqtrade knows it. What fails is tried again in the next loop.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        try:
            self._act_on(bot, tracked, order)
        except Exception as error:
            self._registry.unclaimed.append((tracked, order))
            if tracked.is_entry:
                self._registry.stranger(tracked)
            level = logging.DEBUG if tracked.client_order_id in self._failed else logging.WARNING
            self._failed.add(tracked.client_order_id)
            logger.log(
                level,
                "Order %s for %s is unknown to freqtrade, and nothing could be done about it yet "
                "(%s); it is tried again in every loop.",
                order["id"],
                tracked.pair,
                str(error)[:200],
            )

    def _act_on(self, bot: Any, tracked: TrackedOrder, order: Order) -> None:
        order_id = str(order["id"])
        if stored_order(order_id, tracked.pair) is not None:
            return
        is_open, filled = _is_open(order), order.get("filled") or 0
        if not is_open and not filled:
            return  # nothing is left of it
        if not tracked.is_entry:
            self._let_freqtrade_find(bot, tracked, order_id)
            return
        if tracked.client_order_id in self._told:
            return
        # What was listed late is no orphan: the time that its reply has is not over.
        policy = "adopt" if self._registry.is_late(tracked) else self._policy
        self._registry.hub.publish(OrphanFound(tracked.pair, order_id, policy))
        if policy == "adopt" and self._adopt(bot, tracked, order):
            self._unblock_pair(tracked)
            return
        if policy == "cancel" and is_open:
            final = self._cancelled(bot, tracked, order_id)
            is_open, filled = False, final.get("filled") or 0
            self._say(bot, f"Order {order_id} for {tracked.pair}, unknown to freqtrade, "
                           "was cancelled.")  # fmt: skip
            if not filled:
                self._unblock_pair(tracked)
                return
        self._registry.stranger(tracked)
        self._told.add(tracked.client_order_id)
        state = f"{filled:g} filled" + (", the rest is open" if is_open else "")
        self._say(
            bot,
            f"Order {order_id} for {tracked.pair} is on the exchange ({state}), and freqtrade has "
            f"no trade for it. No new entry on {tracked.pair} until the bot is restarted or "
            f"'balance-guard reservations release {tracked.client_order_id}' is given.",
        )

    def _cancelled(self, bot: Any, tracked: TrackedOrder, order_id: str) -> Order:
        """Cancel it; a fill that was faster counts.

        :raises Exception: nobody knows yet whether it is cancelled
        """
        cancel_known(bot.exchange, order_id, tracked.pair, timeout_seconds=CANCEL_SECONDS)
        final = self._registry.ask(tracked, CANCEL_SECONDS)
        if final is None or _is_open(final):
            raise TemporaryError("the exchange did not say yet that it is cancelled")
        self._registry.report(tracked, final)
        return final

    def _unblock_pair(self, tracked: TrackedOrder) -> None:
        if self._registry.blocking_order(tracked.pair) is tracked:
            self._registry.unblock_pair(tracked.pair)

    def _adopt(self, bot: Any, tracked: TrackedOrder, order: Order) -> bool:
        """Let freqtrade book an entry as if its reply had just come."""
        price = order.get("average") or order.get("price") or float(tracked.terms.price)
        trade = Trade.get_trades([Trade.pair == tracked.pair, Trade.is_open.is_(True)]).first()
        amount = order.get("filled") or order["amount"]
        try:
            with adopting(tracked, dict(order), amount * price):
                # "replace" asks neither for a price nor for a confirmation: the order is there.
                adopted = bot.execute_entry(
                    tracked.pair,
                    amount * price,
                    price,
                    is_short=tracked.terms.side == "sell",
                    enter_tag=tracked.terms.tag or None,
                    trade=trade,
                    mode="pos_adjust" if trade else "replace",
                )
        except Exception:
            logger.exception("Order %s of %s could not be adopted.", order["id"], tracked.pair)
            return False
        if adopted:
            self._say(bot, f"Order {order['id']} for {tracked.pair}, unknown to freqtrade, "
                           "is now one of its trades.")  # fmt: skip
        return bool(adopted)

    def _let_freqtrade_find(self, bot: Any, tracked: TrackedOrder, order_id: str) -> None:
        trades = Trade.get_trades([Trade.pair == tracked.pair, Trade.is_open.is_(True)]).all()
        logger.warning(
            "Exit order %s for %s is unknown to freqtrade; it is asked to look for it.",
            order_id,
            tracked.pair,
        )
        for trade in trades[:1]:
            bot.handle_onexchange_order(trade)

    def _say(self, bot: Any, text: str) -> None:
        logger.warning(text)
        bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)


def _is_open(order: Mapping[str, Any]) -> bool:
    return order.get("status") in OPEN_STATUSES
