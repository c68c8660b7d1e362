"""A futures exchange's own part: positions, stops, upkeep, and what wallets looked like."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.core.matching import Matching
from freqtrade_balance_guard.sandbox.core.orders import Order, OrderRequest
from freqtrade_balance_guard.sandbox.futures.clearing import FuturesClearing
from freqtrade_balance_guard.sandbox.futures.margin import WalletView
from freqtrade_balance_guard.sandbox.futures.positions import FuturesState
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder, StopOrders
from freqtrade_balance_guard.sandbox.futures.upkeep import Upkeep
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


_VIEWS_KEPT = 10_000
Wallets = dict[str, WalletView]


class FuturesMarket:
    """Built around a matching engine, which asks its clearing and hands it every fill."""

    def __init__(self, scenario: Scenario, markets: Mapping[str, Market], books: Books) -> None:
        self.state = FuturesState(scenario.accounts)
        self._interval_s = scenario.funding_interval_s
        self._markets = markets
        self._books = books
        self._matching: Matching | None = None
        self._history: dict[str, deque[tuple[float, Wallets]]] = {}
        self.clearing = FuturesClearing(markets, books, self.state, self._open_orders)

    def begin(
        self,
        matching: Matching,
        place: Callable[[str, str, OrderRequest], Order],
        report: Callable[..., None],
        on_stop: Callable[[StopOrder], None],
        now: float,
    ) -> None:
        """Joins the matching engine that was built with this market's clearing."""
        self._matching = matching
        self.stops = StopOrders(self._markets, place, report, on_stop)
        self.upkeep = Upkeep(
            self._markets, self.state, self.clearing, matching, self._interval_s, report, now
        )

    def advance(self, now: float) -> None:
        self.stops.advance(now, self._what_to_place)
        self.upkeep.advance(now, self._books.accounts)

    def wallets(self, account: str, now: float) -> Wallets:
        """All coins that the account ever had, as they are now."""
        orders = self._open_orders(account)
        return {
            coin: self.clearing.margins.wallet(account, coin, orders, now)
            for coin in self._books.accounts[account].holdings()
        }

    def wallets_before(self, account: str, seconds: float, now: float) -> Wallets:
        """As they were some seconds ago, at the mark prices of their last change before that."""
        seen = self._history.get(account, deque())
        for at, wallets in reversed(seen):
            if at <= now - seconds:
                return wallets
        return seen[0][1] if seen else self.wallets(account, now)

    def note(self, now: float) -> None:
        """Remembers every account's wallets; called after each change."""
        for account in self._books.accounts:
            kept = self._history.setdefault(account, deque(maxlen=_VIEWS_KEPT))
            kept.append((now, self.wallets(account, now)))

    def _open_orders(self, account: str) -> list[Order]:
        return [] if self._matching is None else self._matching.open_orders(account)

    def _what_to_place(self, stop: StopOrder) -> OrderRequest | None:
        """The stop's order; one that closes the position takes the size that it has now."""
        if not stop.close_position:
            return stop.request
        request = stop.request
        position = self.state.position(stop.account, request.symbol, request.position_side)
        size = position.amount if request.side == "sell" else -position.amount
        return replace(request, amount=size, reduce_only=True) if size > 0 else None
