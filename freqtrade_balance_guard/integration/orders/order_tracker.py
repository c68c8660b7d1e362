"""Takes every answer about an order to the registry; rejections to what learns from them."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from freqtrade.persistence import Order

from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.market_rules import reload_markets_soon
from freqtrade_balance_guard.integration.exchange.order_error import is_insufficient_funds
from freqtrade_balance_guard.integration.orders.order_terms import known_terms
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.reader import OPEN_STATUSES


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
    from freqtrade_balance_guard.orders.registry import OrderRegistry


logger = logging.getLogger(__name__)


class OrderTracker:
    """Of one live or dry-run bot. Never raises: the order is out, and freqtrade must have it."""

    def __init__(self, wallets: "GuardedWallets", registry: "OrderRegistry") -> None:
        self._wallets = wallets
        self._registry = registry

    def sending(self) -> AbstractContextManager[None]:
        """Around an order, from before it leaves until its outcome is booked."""
        live = self._wallets.live
        return nullcontext() if live is None else live.sending()

    def accepted(self, order: Mapping[str, Any]) -> None:
        """The exchange took an order (freqtrade's arguments of ``create_order``)."""
        try:
            self._accepted(order)
        except Exception:
            # Losing it now would be worse than not following its fills.
            logger.exception("Could not follow an order of %s.", order["pair"])
            if self._wallets.live is not None:
                self._wallets.live.touched()

    def _accepted(self, order: Mapping[str, Any]) -> None:
        wallets = self._wallets
        if wallets.rejections is not None:
            # Also an entry makes a position that was too small another one.
            wallets.rejections.position_changed(order["pair"])
        if wallets.live is not None:
            wallets.live.touched()

    def rejected(self, order: Mapping[str, Any], error: Exception, *, is_entry: bool) -> None:
        """The exchange rejected an order, or its reply was lost."""
        try:
            self._rejected(order, error, is_entry=is_entry)
        except Exception:
            # freqtrade has to get ``error``, not ours instead.
            logger.exception("Could not learn from a rejected order of %s.", order["pair"])

    def _rejected(self, order: Mapping[str, Any], error: Exception, *, is_entry: bool) -> None:
        wallets, pair = self._wallets, order["pair"]
        if wallets.live is not None:
            wallets.live.touched()
        if wallets.rejections is None or not is_entry:
            return
        if is_insufficient_funds(error):
            noise = ZERO if wallets.live is None else wallets.live.moves_alone()
            wallets.rejections.funds_rejected(pair, wallets.account.above_floor(), noise)
            return
        wallets.rejections.entry_rejected(pair, wallets.market_rules(pair), str(error))
        if wallets.rejections.wants_markets(pair):
            reload_markets_soon(wallets._exchange)

    def answered(self, pair: str, order_id: str, order: Mapping[str, Any]) -> None:
        """An answer about an order that was asked for as ``order_id``."""
        if _is_made_up(order):
            return
        try:
            self._registry.answered(pair, order_id, order)
        except Exception as error:
            # What cannot be read cannot be booked: the exchange's balance decides.
            logger.warning("An answer about order %s cannot be read: %s", order_id, words_of(error))
            if self._wallets.live is not None:
                self._wallets.live.touched()

    def cancelled(self, pair: str, order_id: str, order: Any, *, by_user: bool) -> None:
        """What the exchange replied to a cancel; where that says little it is asked soon.

        :param order: in ccxt's shape; None if the request failed (it may have ended before)
        :param by_user: together with its trade: freqtrade will not ask for it again
        """
        if isinstance(order, Mapping) and _is_complete(order):
            self.answered(pair, order_id, order)
        tracked = self._registry.find(pair, order_id)
        if tracked is None:
            return
        tracked.is_deleted = tracked.is_deleted or by_user
        if not tracked.is_over:
            self._registry.check_soon(tracked)

    def traded(self, pair: str, order_id: str, trades: Sequence[Mapping[str, Any]]) -> None:
        """The trades of an order: some exchanges report fees only there."""
        try:
            self._registry.traded(pair, order_id, trades)
        except Exception as error:
            logger.warning("The trades of order %s cannot be read: %s", order_id, words_of(error))

    def listed(self, orders: Sequence[Mapping[str, Any]]) -> None:
        """A list of orders: freqtrade's recovery."""
        for order in orders:
            if order.get("id") and order.get("symbol"):
                self.answered(str(order["symbol"]), str(order["id"]), order)

    def follow_known(self, order: Order, leverage: float, *, is_short: bool) -> None:
        """Follow an order of before the start, as far as freqtrade has it filled."""
        if not order.order_id or self._registry.book is None:
            return
        known = {
            "id": order.order_id,
            "status": "open",
            "filled": order.safe_filled,
            "cost": order.safe_cost,
        }
        try:
            terms = known_terms(self._wallets._exchange, order, to_decimal(leverage or 1), is_short)
            self._registry.follow_known(terms, known)
        except Exception:
            # The bot has to start: its balance shows what the order does.
            logger.exception("Order %s could not be followed.", order.order_id)


def _is_complete(order: Mapping[str, Any]) -> bool:
    """Whether a reply to a cancel says how the order ended, fills included."""
    said = (order.get("status"), order.get("filled"), order.get("amount"))
    return None not in said and order["status"] not in OPEN_STATUSES


def _is_made_up(order: Mapping[str, Any]) -> bool:
    """Whether freqtrade has put this in place of an answer about a cancelled order that it lacks.

    Whether it was filled before the cancel is not known then; it will be asked for.
    """
    return order.get("info") == {} and order.get("fee") == {} and order.get("status") == "canceled"
