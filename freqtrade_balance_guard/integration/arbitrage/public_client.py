"""Reads public data with a ccxt object of its own: no thread shares it, no order waits for it."""

import copy
import threading
from typing import Any

from freqtrade.exchange import Exchange


def public_client(api: Any) -> Any:
    """Return a ccxt object like ``api`` without its key, with a connection of its own."""
    own = copy.copy(api)
    for name in ("fetch2", "_balance_guard_turns"):
        own.__dict__.pop(name, None)
    own.options = copy.deepcopy(api.options)
    own.apiKey = own.secret = own.password = own.uid = None
    own.walletAddress = own.privateKey = None
    session = getattr(api, "session", None)
    if session is not None:
        own.session = type(session)()
        own.session.trust_env = session.trust_env
    return own


class PublicBooks:
    """Reads order books of one exchange, one at a time, from any thread.

    It does not use freqtrade's functions: they would try again for up to a minute.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.client: Any = public_client(exchange._api)
        self._lock = threading.Lock()

    @property
    def markets(self) -> Any:
        """The markets of the exchange, from memory."""
        return self._exchange.markets

    def fetch_l2_order_book(self, pair: str, levels: int) -> Any:
        """Return ccxt's order book with at least ``levels`` levels, where there are so many."""
        own = self._exchange
        allowed = own.get_next_limit_in_list(
            levels,
            own._ft_has["l2_limit_range"],
            own._ft_has["l2_limit_range_required"],
            own._ft_has["l2_limit_upper"],
        )
        with self._lock:
            return self.client.fetch_l2_order_book(pair, allowed)
