"""Orders of this bot that freqtrade does not know: a reply was lost for long, or a crash came.

What is done about an entry says the setting ``ledger.orphan_orders``. An exit is freqtrade's own
business: its search for unknown orders of a trade is started.
"""

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.persistence import Trade

from freqtrade_balance_guard.integration.asking import stored_order
from freqtrade_balance_guard.integration.context import handed_stake
from freqtrade_balance_guard.integration.ordering import handed_over
from freqtrade_balance_guard.orders.desk import OrderDesk
from freqtrade_balance_guard.orders.events import OrphanFound
from freqtrade_balance_guard.orders.terms import OPEN_STATUSES
from freqtrade_balance_guard.orders.ticket import Ticket
from freqtrade_balance_guard.settings.sections import OrphanPolicy


logger = logging.getLogger(__name__)


class Orphans:
    """What becomes of them in one bot."""

    def __init__(self, desk: OrderDesk, policy: OrphanPolicy) -> None:
        self._desk = desk
        self._policy = policy

    def care_for(self, bot: Any, ticket: Ticket, order: Mapping[str, Any]) -> None:
        """Act on ``order``, unless freqtrade knows it.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        order_id = str(order["id"])
        if stored_order(order_id, ticket.pair) is not None:
            return
        is_open, filled = order.get("status") in OPEN_STATUSES, order.get("filled") or 0
        if not is_open and not filled:
            return  # nothing is left of it
        if not ticket.is_entry:
            self._let_freqtrade_find(bot, ticket, order_id)
            return
        if self._desk.stranger_on(ticket.pair) is ticket:
            return  # it was said
        self._desk.hub.publish(OrphanFound(ticket.pair, order_id, self._policy))
        if self._policy == "adopt" and self._adopt(bot, ticket, order):
            return
        if self._policy == "cancel" and is_open:
            order = bot.exchange.cancel_order_with_result(order_id, ticket.pair, order["amount"])
            filled = order.get("filled") or 0
            self._say(bot, f"Order {order_id} for {ticket.pair}, unknown to freqtrade, "
                           "was cancelled.")  # fmt: skip
            if not filled:
                return
        self._desk.stranger(ticket)
        state = f"{filled:g} filled" + (", the rest is open" if is_open else "")
        self._say(
            bot,
            f"Order {order_id} for {ticket.pair} is on the exchange ({state}), and freqtrade has "
            f"no trade for it. No new entry on {ticket.pair} until the bot is restarted or "
            f"'balance-guard reservations release {ticket.client_order_id}' is given.",
        )

    def _adopt(self, bot: Any, ticket: Ticket, order: Mapping[str, Any]) -> bool:
        """Let freqtrade book an entry as if its reply had just come."""
        price = order.get("average") or order.get("price") or float(ticket.terms.price)
        trade = Trade.get_trades([Trade.pair == ticket.pair, Trade.is_open.is_(True)]).first()
        amount = order.get("filled") or order["amount"]
        token = handed_over.set((ticket, dict(order)))
        stake = handed_stake.set(amount * price)
        try:
            # "replace" asks neither for a price nor for a confirmation: the order is there.
            adopted = bot.execute_entry(
                ticket.pair,
                amount * price,
                price,
                is_short=ticket.terms.side == "sell",
                enter_tag=ticket.terms.tag or None,
                trade=trade,
                mode="pos_adjust" if trade else "replace",
            )
        except Exception:
            logger.exception("Order %s of %s could not be adopted.", order["id"], ticket.pair)
            return False
        finally:
            handed_stake.reset(stake)
            handed_over.reset(token)
        if adopted:
            self._say(bot, f"Order {order['id']} for {ticket.pair}, unknown to freqtrade, "
                           "is now one of its trades.")  # fmt: skip
        return bool(adopted)

    def _let_freqtrade_find(self, bot: Any, ticket: Ticket, order_id: str) -> None:
        trades = Trade.get_trades([Trade.pair == ticket.pair, Trade.is_open.is_(True)]).all()
        logger.warning(
            "Exit order %s for %s is unknown to freqtrade; it is asked to look for it.",
            order_id,
            ticket.pair,
        )
        for trade in trades[:1]:
            bot.handle_onexchange_order(trade)

    def _say(self, bot: Any, text: str) -> None:
        logger.warning(text)
        bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)
