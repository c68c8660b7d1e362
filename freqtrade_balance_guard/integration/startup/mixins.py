"""The mixins, alone in their file: hyperopt pickles this module by value into its workers.

So it must hold nothing but the classes: no state, no logger, no lock.
"""

from abc import ABCMeta
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import OperationalException
from freqtrade.strategy.interface import IStrategy


if TYPE_CHECKING:
    from decimal import Decimal

    from pandas import DataFrame

    from freqtrade_balance_guard.arbitrage.compare import Book
    from freqtrade_balance_guard.arbitrage.leg import Opportunity
    from freqtrade_balance_guard.arbitrage.outcomes.complement import OutcomeBook
    from freqtrade_balance_guard.arbitrage.venue import Venue
    from freqtrade_balance_guard.settings import EventSettings


class MixinFirst(ABCMeta):
    """Says in which order the bases are to be written; Python only says that it cannot."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any
    ) -> "MixinFirst":
        for number, base in enumerate(bases):
            for later in bases[number + 1 :]:
                if later is not base and issubclass(later, base):
                    raise OperationalException(
                        f"The base classes of the strategy {name} are swapped. Write the mixin "
                        f"first: class {name}({later.__name__}, {base.__name__})"
                    )
        return super().__new__(cls, name, bases, namespace, **more)


class BalanceGuard(IStrategy, metaclass=MixinFirst):
    """``class MyStrategy(BalanceGuard, IStrategy)``: this strategy's bot is guarded.

    It defines no callback: the strategy's own callbacks need not call ``super()``, and freqtrade
    copies no trade for a callback that is not there. Without a ``balance_guard`` section in the
    config it logs a warning and does nothing.
    """

    balance_guard_mixin = True

    def __init__(self, config: dict[str, Any]) -> None:
        from freqtrade_balance_guard.integration.startup.activation import activate_for_mixin

        activate_for_mixin(config)
        super().__init__(config)


class ReservedArbitrage(BalanceGuard):
    """``class MyStrategy(ReservedArbitrage, IStrategy)`` with ``find_opportunities``: two legs.

    Whatever else a strategy needs is here with defaults that trade nothing by themselves; any of it
    may be overridden. Backtesting knows no second exchange: there it is inert.
    """

    reserved_arbitrage_mixin = True

    INTERFACE_VERSION = 3
    timeframe = "5m"
    # The other leg stands against the coin; an arbitrage ends by ``should_close_arbitrage`` or by
    # the user.
    minimal_roi = {"0": 100}
    stoploss = -0.99

    def find_opportunities(self, current_time: datetime, **kwargs: Any) -> "Iterable[Opportunity]":
        """Return what to buy here and sell there; called once per loop of a live or dry-run bot.

        :param current_time: UTC
        """
        return ()

    def watched_books(self) -> "Iterable[tuple[str, str]]":
        """Return the (venue, pair) whose order books ``on_books`` is called with."""
        return ()

    def on_books(
        self,
        books: "Mapping[tuple[str, str], Book]",
        *,
        changed: "frozenset[tuple[str, str]]",
        **kwargs: Any,
    ) -> "Opportunity | Iterable[Opportunity] | None":
        """Return what to buy here and sell there; called at once for order books that changed.

        It runs in a thread of its own: it may look at ``books`` and at the strategy's own
        attributes, never at ``Trade``, ``self.dp`` or a database.

        :param books: by (venue, pair), those of ``watched_books`` that may be acted on
        :param changed: which of them show something new; all of them where something else has
            changed, such as a slot that is free again
        """
        return None

    on_books.is_default = True  # type: ignore[attr-defined]

    def should_close_arbitrage(
        self, trade: Any, current_time: datetime, **kwargs: Any
    ) -> str | bool | None:
        """Return whether to close both legs now; called once per loop for each hedged trade.

        Its old name, exit_opportunity, works for one release.

        :param trade: freqtrade's trade, the leg on the bot's own exchange
        :param current_time: UTC
        :return: True, or the exit reason as text
        """
        arguments = {"trade": trade, "current_time": current_time, **kwargs}
        answer: str | bool | None = self._by_old_name(
            "exit_opportunity", "should_close_arbitrage", None, **arguments
        )
        return answer

    def order_books(self, *markets: tuple[str, str]) -> "list[Book]":
        """Return the last order books with fees; they are read in the background.

        :param markets: (venue, pair), such as ``("bot", "BTC/USDT"), ("second", "BTC/USDT")``
        :raises TimeoutError: one is not there yet; ask again in the next loop
        :raises LookupError: no venue has that name
        """
        arbitrage = getattr(self, "_guard_arbitrage", None)
        if arbitrage is None:
            raise LookupError("There are no venues: the guard is not on.")
        books: list[Book] = arbitrage.order_books(markets)
        return books

    def events(self) -> "Mapping[str, EventSettings]":
        """Return the settings ``events``: which outcomes of which venues are one question."""
        arbitrage = getattr(self, "_guard_arbitrage", None)
        return {} if arbitrage is None else arbitrage.complements.events

    def outcome_books(self, *outcomes: tuple[str, str]) -> "list[OutcomeBook]":
        """Return the last order books of outcomes with their fees, read in the background.

        :param outcomes: (venue, the venue's id of the outcome)
        :raises TimeoutError: one is not there yet; ask again in the next loop
        :raises LookupError: no prediction market has that name, or it does not trade the outcome
        """
        arbitrage = getattr(self, "_guard_arbitrage", None)
        if arbitrage is None:
            raise LookupError("There are no venues: the guard is not on.")
        books: list[OutcomeBook] = arbitrage.complements.books(outcomes)
        return books

    def held_pairs(self, event: str) -> "Decimal":
        """Return how many pairs of shares of an event this bot holds, or is buying."""
        pairs: Decimal = self._guard_arbitrage.complements.held_pairs(event)
        return pairs

    def custom_venues(self) -> "Mapping[str, Venue]":
        """Venues of your own making, for exchanges that ccxt does not know, by lower-case name."""
        venues: Mapping[str, Venue] = self._by_old_name("own_venues", "custom_venues", {})
        return venues

    def _by_old_name(self, old: str, new: str, default: Any, **arguments: Any) -> Any:
        """What a strategy answers under a name that a method had before 0.2."""
        method = getattr(self, old, None)
        if method is None:
            return default
        from freqtrade_balance_guard.integration.startup.activation import warn_of_old_name

        warn_of_old_name(type(self).__name__, old, new)
        return method(**arguments)

    # A strategy needs these; an arbitrage needs none of them.

    def populate_indicators(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe

    def populate_entry_trend(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe

    def populate_exit_trend(self, dataframe: "DataFrame", metadata: dict[str, Any]) -> "DataFrame":
        return dataframe
