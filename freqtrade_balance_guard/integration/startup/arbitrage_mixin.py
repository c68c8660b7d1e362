"""The mixin for two legs, alone in its file: hyperopt pickles this module by value into its
workers, so it must hold nothing but the class (no state, no logger, no lock)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.integration.startup.guard_mixin import BalanceGuard


if TYPE_CHECKING:
    from pandas import DataFrame

    from freqtrade_balance_guard.arbitrage.compare import Book
    from freqtrade_balance_guard.arbitrage.leg import Opportunity
    from freqtrade_balance_guard.arbitrage.venue import Venue


class ReservedArbitrage(BalanceGuard):
    """``class MyStrategy(ReservedArbitrage, IStrategy)`` with ``find_opportunities``: two legs.

    Whatever else a strategy needs is here with defaults that trade nothing by themselves; any of it
    may be overridden. Backtesting knows no second exchange: there it is inert.
    """

    reserved_arbitrage_mixin = True

    INTERFACE_VERSION = 3
    timeframe = "5m"
    # The other leg stands against the coin; what ends an arbitrage is ``should_close_arbitrage`` or the user.
    minimal_roi = {"0": 100}
    stoploss = -0.99

    def find_opportunities(self, current_time: datetime, **kwargs: Any) -> "Iterable[Opportunity]":
        """Return what to buy here and sell there; called once per loop of a live or dry-run bot.

        :param current_time: UTC
        """
        return ()

    def should_close_arbitrage(
        self, trade: Any, current_time: datetime, **kwargs: Any
    ) -> str | bool | None:
        """Return whether to close both legs now; called once per loop for each hedged trade.

        Its old name, exit_opportunity, works for one release.

        :param trade: freqtrade's trade, the leg on the bot's own exchange
        :param current_time: UTC
        :return: True, or the exit reason as text
        """
        return None

    def order_books(self, *markets: tuple[str, str]) -> "list[Book]":
        """Return the last order books with fees; they are read in the background.

        :param markets: (venue, pair), such as ``("bot", "BTC/USDT"), ("second", "BTC/USDT")``
        :raises TimeoutError: one is not there yet; ask again in the next loop
        :raises LookupError: no venue has that name
        """
        arbitrages = getattr(self.wallets, "pairs", None)
        if arbitrages is None:
            raise LookupError("There are no venues: the guard is not on.")
        books: list[Book] = arbitrages.order_books(markets)
        return books

    def custom_venues(self) -> "Mapping[str, Venue]":
        """Return venues of your own making, for exchanges that ccxt lacks, by lower-case name.

        Its old name, own_venues, works for one release.
        """
        return {}

    # A strategy needs these; an arbitrage needs none of them.

    def populate_indicators(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe

    def populate_entry_trend(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe

    def populate_exit_trend(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe
