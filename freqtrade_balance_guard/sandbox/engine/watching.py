"""Who is notified of what happens on the exchange, and by which token a stream is known."""

import hashlib
from typing import Protocol

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.orders import Order, Trade
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder


class Watcher(Protocol):
    """Notified at once, while the change is made; reads what it needs and returns."""

    def order_changed(self, event: str, order: Order, trade: Trade | None) -> None: ...

    def balance_changed(self, account: str, currency: str, holding: Holding) -> None: ...

    def stop_changed(self, stop: StopOrder) -> None: ...


class StreamTokens:
    """Tokens of private streams; one per key, the same for a scenario's seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._owners: dict[str, tuple[str, str]] = {}

    def issue(self, account: str, key: str) -> str:
        token = hashlib.sha256(f"{self._seed}/stream/{account}/{key}".encode()).hexdigest()
        self._owners[token] = (account, key)
        return token

    def owner(self, token: str) -> tuple[str, str] | None:
        """Account and key of an issued token."""
        return self._owners.get(token)
