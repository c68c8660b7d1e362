"""What became of orders: the balance book, the rejections and the ledger's registry are told."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import InsufficientFundsError
from freqtrade.persistence import Order

from freqtrade_balance_guard.integration.exchange.market_rules import reload_markets_soon


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
    from freqtrade_balance_guard.orders.registry import OrderRegistry


logger = logging.getLogger(__name__)


class OrderTracker:
    """Of one live or dry-run bot. Never raises: the order is out, and freqtrade must hear of it."""

    def __init__(self, wallets: "GuardedWallets", registry: "OrderRegistry") -> None:
        self._wallets = wallets
        self._registry = registry

    def sending(self) -> AbstractContextManager[None]:
        """Around an order, from before it leaves until its outcome is booked."""
        live = self._wallets.live
        return nullcontext() if live is None else live.sending()

    def accepted(self, accepted: Mapping[str, Any], order: Mapping[str, Any]) -> None:
        """The exchange took an order (freqtrade's arguments of ``create_order``)."""
        try:
            self._accepted(accepted, order)
        except Exception:
            # Losing it now would be worse than not following its fills.
            logger.exception("Could not follow an order of %s.", order["pair"])
            if self._wallets.live is not None:
                self._wallets.live.touched()

    def _accepted(self, accepted: Mapping[str, Any], order: Mapping[str, Any]) -> None:
        wallets = self._wallets
        if wallets.rejections is not None:
            # Also an entry makes a position that was too small another one.
            wallets.rejections.position_changed(order["pair"])
        if wallets.live is not None:
            wallets.live.placed(
                accepted,
                pair=order["pair"],
                side=order["side"],
                amount=order["amount"],
                rate=order["rate"],
                fee=wallets.market_rules(order["pair"]).fee,
            )

    def rejected(self, order: Mapping[str, Any], error: Exception, *, is_entry: bool) -> None:
        """The exchange refused an order, or nobody knows."""
        try:
            self._rejected(order, error, is_entry=is_entry)
        except Exception:
            # freqtrade is about to hear of ``error``, and must not hear of ours instead.
            logger.exception("Could not learn from a refused order of %s.", order["pair"])

    def _rejected(self, order: Mapping[str, Any], error: Exception, *, is_entry: bool) -> None:
        wallets, pair = self._wallets, order["pair"]
        if wallets.live is not None:
            wallets.live.touched()
        if wallets.rejections is None or not is_entry:
            return
        if isinstance(error, InsufficientFundsError):
            wallets.rejections.funds_rejected(pair, wallets.account.above_floor())
            return
        wallets.rejections.entry_rejected(pair, wallets.market_rules(pair), str(error))
        if wallets.rejections.wants_markets(pair):
            reload_markets_soon(wallets._exchange)

    def seen(self, order_id: str, order: Mapping[str, Any]) -> None:
        """An answer about an order that was asked for as ``order_id``."""
        if _is_made_up(order):
            return
        try:
            if self._wallets.live is not None:
                self._wallets.live.seen(order)
            self._registry.observe(order_id, order)
        except Exception:
            logger.exception("An answer about order %s could not be booked.", order_id)

    def trades_seen(self, order_id: str, trades: Sequence[Mapping[str, Any]]) -> None:
        """The trades of an order: some exchanges tell fees only there."""
        try:
            if self._wallets.live is not None:
                self._wallets.live.trades_seen(order_id, trades)
        except Exception:
            logger.exception("The trades of order %s could not be booked.", order_id)

    def follow_known(self, order: Order) -> None:
        """Follow an order of before the start, as far as freqtrade has it filled."""
        live = self._wallets.live
        if live is None or not order.order_id:
            return
        known = {"id": order.order_id, "filled": order.safe_filled, "status": "open",
                 "cost": order.safe_cost}  # fmt: skip
        live.follow(
            known,
            pair=order.ft_pair,
            side=order.ft_order_side if order.ft_order_side != "stoploss" else "sell",
            amount=order.safe_amount,
            rate=order.safe_price or 0,
            fee=self._wallets.market_rules(order.ft_pair).fee,
        )


def _is_made_up(order: Mapping[str, Any]) -> bool:
    """Is this what freqtrade puts in place of an answer about a cancelled order that it has not?

    Whether it was filled before the cancel is not known then; it will be asked for.
    """
    return order.get("info") == {} and order.get("fee") == {} and order.get("status") == "canceled"
