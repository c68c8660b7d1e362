"""Who is notified of what happens on a prediction market."""

from typing import Protocol

from freqtrade_balance_guard.sandbox.prediction.orders import BetOrder, Match


class BetWatcher(Protocol):
    """Notified at once, while the change is made; reads what it needs and returns."""

    def order_changed(self, event: str, order: BetOrder, match: Match | None) -> None: ...

    def match_changed(self, match: Match) -> None: ...
