"""freqtrade's ``Exchange`` with a last look at every entry, in live and dry-run.

freqtrade rounds an order after all its checks; ``create_order`` is the last place where the order
that the exchange will see can be looked at. The object is promoted in place, like the wallets.
"""

import logging
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.integration.context import current_entry
from freqtrade_balance_guard.integration.denial import EntryDenied
from freqtrade_balance_guard.integration.wallets import GuardedWallets
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.limits.last_look import RoundedOrder
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import to_decimal


logger = logging.getLogger(__name__)


class GuardedExchange(Exchange):
    """Mixed in front of the exchange's own class by ``guarded_class``."""

    _guarded_wallets: GuardedWallets | None = None

    def create_order(self, **order: Any) -> Any:
        """Send an order. freqtrade calls it with keywords only.

        :raises EntryDenied: the rounded entry would be refused, or could not be closed again.
            Exits are never refused here.
        """
        wallets = self._guarded_wallets
        if wallets is None:
            return super().create_order(**order)
        is_entry = self._is_entry(order)
        if is_entry:
            denied = self._last_look(wallets, order)
            if denied is not None:
                raise EntryDenied(denied)
        with wallets.sending():
            try:
                accepted = super().create_order(**order)
            except Exception as error:
                wallets.order_rejected(order, error, is_entry=is_entry)
                raise
            wallets.order_accepted(accepted, order)
        return accepted

    def create_stoploss(
        self, pair: str, amount: float, stop_price: float, *args: Any, **kwargs: Any
    ) -> Any:
        """A stop order on the exchange holds the coin until it fills or is cancelled."""
        wallets = self._guarded_wallets
        if wallets is None:
            return super().create_stoploss(pair, amount, stop_price, *args, **kwargs)
        side = kwargs.get("side", args[1] if len(args) > 1 else "sell")
        order = {"pair": pair, "amount": amount, "rate": stop_price, "side": side}
        with wallets.sending():
            accepted = super().create_stoploss(pair, amount, stop_price, *args, **kwargs)
            wallets.order_accepted(accepted, order)
        return accepted

    # Every answer about one of our orders tells the book what became of it.

    def fetch_order(self, *args: Any, **kwargs: Any) -> Any:
        return self._seen(super().fetch_order(*args, **kwargs))

    def fetch_stoploss_order(self, *args: Any, **kwargs: Any) -> Any:
        return self._seen(super().fetch_stoploss_order(*args, **kwargs))

    def cancel_order_with_result(self, *args: Any, **kwargs: Any) -> Any:
        return self._seen(super().cancel_order_with_result(*args, **kwargs))

    def cancel_stoploss_order_with_result(self, *args: Any, **kwargs: Any) -> Any:
        return self._seen(super().cancel_stoploss_order_with_result(*args, **kwargs))

    def get_trades_for_order(self, order_id: str, *args: Any, **kwargs: Any) -> Any:
        trades = super().get_trades_for_order(order_id, *args, **kwargs)
        wallets = self._guarded_wallets
        if wallets is not None and wallets.live is not None:
            wallets.live.trades_seen(order_id, trades)
        return trades

    def _seen(self, order: Any) -> Any:
        wallets = self._guarded_wallets
        if wallets is not None and wallets.live is not None:
            wallets.live.seen(order)
        return order

    def _is_entry(self, order: dict[str, Any]) -> bool:
        if self._config.get("trading_mode", "spot") == "spot":
            return bool(order["side"] == "buy")
        return not order.get("reduceOnly", False)

    def _last_look(self, wallets: GuardedWallets, order: dict[str, Any]) -> Denied | None:
        guard = wallets.guard
        if guard is None or guard.settings.is_neutral:
            return None
        pair = order["pair"]
        try:
            entry = current_entry.get()
            kind = entry.kind if entry is not None and entry.pair == pair else EntryKind.NEW
            if entry is None and not order.get("initial_order", True):
                kind = EntryKind.ADJUSTMENT
            amount = self._contracts_to_amount(
                pair,
                self.amount_to_precision(pair, self._amount_to_contracts(pair, order["amount"])),
            )
            price = order["rate"]
            if order["ordertype"] != "market":
                price = self.price_to_precision(pair, price)
            rounded = RoundedOrder(
                pair=pair,
                amount=to_decimal(amount),
                price=to_decimal(price),
                kind=kind,
                leverage=to_decimal(order.get("leverage") or 1),
                stoploss=wallets.stoploss(),
                is_short=order["side"] == "sell",
                # What a replaced order held may not be visible as free yet; its stake was
                # already held to the funds when it was sized.
                available=None if kind is EntryKind.REPLACEMENT else wallets.spendable_stake(),
            )
            return guard.look_at_entry(rounded, wallets.market_rules(pair), wallets.equity)
        except Exception as error:
            return wallets.fail_closed(pair, error)


def guarded_class(exchange_class: type[Exchange]) -> type[Exchange]:
    """``exchange_class`` with the last look in front, under its own name.

    freqtrade and its users read the class name here and there, so it stays.
    """
    if issubclass(exchange_class, GuardedExchange):
        return exchange_class
    return type(
        exchange_class.__name__,
        (GuardedExchange, exchange_class),
        {"__module__": exchange_class.__module__, "__doc__": exchange_class.__doc__},
    )
