"""A connection to an exchange of coins: it is notified of orders, balances and stops."""

from collections.abc import Callable

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.orders import Order, Trade
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder
from freqtrade_balance_guard.sandbox.streams.wire_session import Message, WireSession


__all__ = ["Message", "Opener", "Session"]


class Session(WireSession):
    """A client's connection, which watches the exchange until it is closed."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.exchange = exchange
        exchange.watchers.append(self)

    def close(self) -> None:
        if self in self.exchange.watchers:
            self.exchange.watchers.remove(self)

    def order_changed(self, event: str, order: Order, trade: Trade | None) -> None:
        """An order was placed, filled, ended."""

    def balance_changed(self, account: str, currency: str, holding: Holding) -> None:
        """A holding has changed."""

    def stop_changed(self, stop: StopOrder) -> None:
        """A conditional order of a contract has changed."""


Opener = Callable[[Exchange, str, str], Session | None]  # of exchange, path and query
