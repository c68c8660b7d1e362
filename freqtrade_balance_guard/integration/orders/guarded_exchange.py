"""freqtrade's ``Exchange`` with a last look at every entry, in live and dry-run.

freqtrade rounds an order after all its checks; ``create_order`` is the last place where the order
that the exchange will see can be looked at. The object is promoted in place, like the wallets.
"""

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.host.relied_on import relies_on
from freqtrade_balance_guard.integration.orders.order_gateway import OrderGateway, current_id
from freqtrade_balance_guard.integration.orders.order_tracker import OrderTracker
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.limits.order_check import RoundedOrder
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.orders.bot_loop import MinimumQuery, adopted_order
from freqtrade_balance_guard.orders.terms import Purpose


logger = logging.getLogger(__name__)


class _Nesting(threading.local):
    """Per thread: how many of freqtrade's functions stand around the request that is being made."""

    depth = 0


_nesting = _Nesting()


class GuardedExchange(Exchange):
    """Mixed in front of the exchange's own class by ``guarded_class``."""

    _guarded_wallets: GuardedWallets | None = None
    last_minimum_query: MinimumQuery | None = None
    _order_tracker: OrderTracker
    _gateway: OrderGateway

    def put_guard(
        self, wallets: GuardedWallets, tracker: OrderTracker, gateway: OrderGateway
    ) -> None:
        """From now on every order passes these."""
        self._order_tracker = tracker
        self._gateway = gateway
        self._guarded_wallets = wallets

    @relies_on(
        "Exchange.create_order(self, *, pair, ordertype, side, amount, rate, leverage, "
        "time_in_force, reduceOnly, initial_order)",
        "the last look at a rounded entry",
    )
    def create_order(self, **order: Any) -> Any:
        """Send an order. freqtrade calls it with keywords only.

        :raises EntryDenied: the rounded entry would be rejected, could not be closed again, or its
            money could not be reserved. Exits are never denied here.
        """
        wallets = self._guarded_wallets
        go = functools.partial(super().create_order, **order)
        if wallets is None:
            return go()
        with self._gateway.registry.waits.work():
            return self._create_order(wallets, order, go)

    def _create_order(
        self, wallets: GuardedWallets, order: dict[str, Any], go: Callable[..., Any]
    ) -> Any:
        is_entry = self._is_entry(order)
        entry = wallets.entry
        kind = EntryKind.NEW
        if entry is not None and entry.pair == order["pair"]:
            kind, order["tag"] = entry.kind, entry.tag
        elif not order.get("initial_order", True):
            kind = EntryKind.ADJUSTMENT
        if is_entry and adopted_order.get() is None:
            denied = self._last_look(wallets, order, kind)
            if denied is not None:
                raise EntryDenied(denied)
        return self._send(order, Purpose.ENTRY if is_entry else Purpose.EXIT, kind, go)

    @relies_on(
        "Exchange.create_stoploss(self, pair, amount, stop_price, order_types, side, leverage)",
        "a stop order on the exchange holds the coin",
    )
    def create_stoploss(
        self, pair: str, amount: float, stop_price: float, *args: Any, **kwargs: Any
    ) -> Any:
        """A stop order on the exchange holds the coin until it fills or is cancelled."""
        more = dict(zip(("order_types", "side", "leverage"), args, strict=False)) | kwargs
        go = functools.partial(
            super().create_stoploss, pair=pair, amount=amount, stop_price=stop_price, **more
        )
        if self._guarded_wallets is None:
            return go()
        side = more.get("side", "sell")
        order = {"pair": pair, "amount": amount, "rate": stop_price, "side": side}
        with self._gateway.registry.waits.work():
            return self._send({**order, "ordertype": "stop"}, Purpose.STOP, EntryKind.NEW, go)

    def _send(
        self, order: dict[str, Any], purpose: Purpose, kind: EntryKind, go: Callable[..., Any]
    ) -> Any:
        waits = self._gateway.registry.waits

        def go_uncharged(**changed: Any) -> Any:
            with waits.left_out():
                return go(**changed)

        with self._order_tracker.sending():
            try:
                accepted = self._gateway.send(order, purpose, kind, go_uncharged)
            except EntryDenied:
                raise
            except Exception as error:
                self._order_tracker.rejected(order, error, is_entry=purpose is Purpose.ENTRY)
                raise
            adopted = adopted_order.get()
            if adopted is None or adopted.tracked is not None:
                self._order_tracker.accepted(order)
        return accepted

    @relies_on(
        "Exchange.get_min_pair_stake_amount(self, pair, price, stoploss, leverage)",
        "the price of an entry is noted just before its stake is validated",
    )
    def get_min_pair_stake_amount(
        self, pair: str, price: float, stoploss: float, leverage: float = 1.0, *args: Any
    ) -> float | None:
        """freqtrade's minimum; the wallets read the price that it was asked for."""
        self.last_minimum_query = MinimumQuery(pair, price, leverage)
        return super().get_min_pair_stake_amount(pair, price, stoploss, leverage, *args)

    # The order that is being sent carries our id, and when it expires, where the exchange takes it.

    @relies_on(
        "Exchange._get_params(self, side, ordertype, leverage, reduceOnly, time_in_force)",
        "an order carries our client order id",
    )
    def _get_params(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_id(super()._get_params(*args, **kwargs), is_stop=False)

    @relies_on(
        "Exchange._get_stop_params(self, side, ordertype, stop_price)",
        "a stop order carries our client order id",
    )
    def _get_stop_params(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_id(super()._get_stop_params(*args, **kwargs), is_stop=True)

    def _with_id(self, params: dict[str, Any], *, is_stop: bool) -> dict[str, Any]:
        client_order_id = current_id.get()
        if client_order_id is not None:
            params.update(self._gateway.ids.order_params(client_order_id, stop=is_stop))
            params.update(self._gateway.expiry.deadline_params())
        return params

    # Every answer about an order goes to the registry. Those that freqtrade asks for on the way to
    # another answer are left out: the stop behind a fired stop is "closed" with nothing filled.

    @relies_on(
        "Exchange.fetch_order(self, order_id, pair, params)",
        "every answer about an order goes to the registry",
    )
    def fetch_order(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        answer = super().fetch_order(order_id, pair, *args, **kwargs)
        return self._answered(pair, order_id, answer)

    @relies_on(
        "Exchange.fetch_stoploss_order(self, order_id, pair, params)",
        "every answer about an order goes to the registry",
    )
    def fetch_stoploss_order(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        with self._on_the_way():
            answer = super().fetch_stoploss_order(order_id, pair, *args, **kwargs)
        return self._answered(pair, order_id, answer)

    @relies_on(
        "Exchange.cancel_order(self, order_id, pair, params)",
        "every answer about an order goes to the registry",
    )
    def cancel_order(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        go = functools.partial(super().cancel_order, order_id, pair, *args, **kwargs)
        return self._cancelled(pair, order_id, go)

    @relies_on(
        "Exchange.cancel_stoploss_order(self, order_id, pair, params)",
        "every answer about an order goes to the registry",
    )
    def cancel_stoploss_order(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        go = functools.partial(super().cancel_stoploss_order, order_id, pair, *args, **kwargs)
        return self._cancelled(pair, order_id, go)

    @relies_on(
        "Exchange.cancel_order_with_result(self, order_id, pair, amount)",
        "every answer about an order goes to the registry",
    )
    def cancel_order_with_result(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        with self._on_the_way():
            answer = super().cancel_order_with_result(order_id, pair, *args, **kwargs)
        return self._answered(pair, order_id, answer)

    @relies_on(
        "Exchange.cancel_stoploss_order_with_result(self, order_id, pair, amount)",
        "every answer about an order goes to the registry",
    )
    def cancel_stoploss_order_with_result(
        self, order_id: str, pair: str, *args: Any, **kwargs: Any
    ) -> Any:
        with self._on_the_way():
            answer = super().cancel_stoploss_order_with_result(order_id, pair, *args, **kwargs)
        return self._answered(pair, order_id, answer)

    @relies_on(
        "Exchange.get_trades_for_order(self, order_id, pair, since, params)",
        "every answer about an order goes to the registry",
    )
    def get_trades_for_order(self, order_id: str, pair: str, *args: Any, **kwargs: Any) -> Any:
        trades = super().get_trades_for_order(order_id, pair, *args, **kwargs)
        if self._guarded_wallets is not None:
            self._order_tracker.traded(pair, str(order_id), trades)
        return trades

    @relies_on(
        "Exchange.fetch_orders(self, pair, since, params)",
        "freqtrade's search for unknown orders does not see other bots' ones",
    )
    def fetch_orders(self, pair: str, *args: Any, **kwargs: Any) -> Any:
        """For freqtrade's search for unknown orders of a trade: without those of other bots."""
        if self._guarded_wallets is None:
            return super().fetch_orders(pair, *args, **kwargs)
        known = self._gateway.registry.lists.get(pair)
        if known is not None:
            return known
        orders = super().fetch_orders(pair, *args, **kwargs)
        self._order_tracker.listed(orders)
        return self._gateway.without_other_bots(orders)

    def _answered(self, pair: str, order_id: str, order: Any) -> Any:
        if self._guarded_wallets is not None and isinstance(order, Mapping):
            if not _nesting.depth:
                self._order_tracker.answered(pair, str(order_id), order)
        return order

    def _cancelled(self, pair: str, order_id: str, go: Callable[[], Any]) -> Any:
        """Outside of freqtrade's own handling a plain cancel is that of /delete."""
        if self._guarded_wallets is None or _nesting.depth:
            return go()
        reply = None
        try:
            with self._on_the_way():
                reply = go()
        finally:
            self._order_tracker.cancelled(pair, str(order_id), reply, by_user=True)
        return reply

    @staticmethod
    @contextmanager
    def _on_the_way() -> Iterator[None]:
        _nesting.depth += 1
        try:
            yield
        finally:
            _nesting.depth -= 1

    def _is_entry(self, order: dict[str, Any]) -> bool:
        if self._config.get("trading_mode", "spot") == "spot":
            return bool(order["side"] == "buy")
        return not order.get("reduceOnly", False)

    def _last_look(
        self, wallets: GuardedWallets, order: dict[str, Any], kind: EntryKind
    ) -> Denied | None:
        guard = wallets.guard
        if guard is None or guard.settings.is_neutral:
            return None
        pair = order["pair"]
        try:
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
                available=None if kind is EntryKind.REPLACEMENT else wallets.account.above_floor(),
            )
            return guard.look_at_entry(rounded, wallets.market_rules(pair), wallets.account.equity)
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
