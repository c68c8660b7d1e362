"""The bot's side of the engine: what freqtrade allows is published once per loop."""

import logging
from collections.abc import Callable, Collection
from typing import Any

from freqtrade.enums import State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.books.cache import Market
from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.gate.book_trigger import ArbitrageEngine
from freqtrade_balance_guard.arbitrage.gate.permits import PermitDesk, Permits
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.settings import ArbitrageSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE


logger = logging.getLogger(__name__)

# What was published holds for so long beside two loops: a loop that analyses may take its time.
VALID_SECONDS = 30.0
DEFAULT_LOOP_SECONDS = 5.0
# More arbitrages than are allowed at a time may be waited for: those that are late.
LATE_FOLLOWERS = 4


class Streaming:
    """Connects the strategy's ``on_books`` with the engine; without one it only lets go of claims.

    :param paused: why the guard's own pause lets nothing begin, if so
    """

    def __init__(
        self,
        strategy: Any,
        executor: TwoLegExecutor,
        preconditions: Preconditions,
        settings: ArbitrageSettings,
        config: dict[str, Any],
        clock: Clock,
        paused: Callable[[], str | None],
        *,
        is_checked: bool = False,
    ) -> None:
        self._strategy = strategy
        self._executor = executor
        self._preconditions = preconditions
        self._clock = clock
        self._paused = paused
        self._bot: Any = None
        internals = config.get("internals") or {}
        loop_seconds = float(internals.get("process_throttle_secs", DEFAULT_LOOP_SECONDS))
        self._valid_seconds = VALID_SECONDS + 2 * loop_seconds
        self.desk = PermitDesk(clock, self._why_stopped)
        self._markets: frozenset[Market] = frozenset()
        self._engine: ArbitrageEngine | None = None
        if watches_books(strategy):
            self._engine = ArbitrageEngine(
                executor,
                self.desk,
                strategy.on_books,
                clock,
                followers=settings.max_in_flight + LATE_FOLLOWERS,
                is_checked=is_checked,
            )

    def publish(self, bot: Any, going: Callable[[], Collection[int]], coming: set[str]) -> None:
        """Publish what freqtrade allows now, and let go of claims that are its trades by now.

        :param going: returns the arbitrages that have not ended or are not freqtrade's yet
        :param coming: pairs whose purchase is under way or not freqtrade's yet
        """
        self._bot = bot
        before = self.desk.over()
        if self._engine is None:
            self.desk.publish(Permits(valid_until=float("-inf")), before, going())
            return
        wanted = frozenset((name.lower(), pair) for name, pair in self._strategy.watched_books())
        self._preconditions.refresh(bot)
        self._executor.balances.refresh(wanted)
        trades = Trade.get_open_trades()
        pairs = {pair for name, pair in wanted if name == BOT_VENUE}
        permits = Permits(
            valid_until=self._clock.monotonic() + self._valid_seconds,
            denied=self._why_stopped(),
            purchases=self._preconditions.purchases_allowed(bot, pairs, trades),
            no_sale=self._preconditions.coins_not_for_sale(trades),
            slots=FreqtradeBot.get_free_open_trades(bot),
            open_pairs=frozenset(trade.pair for trade in trades),
            coming=frozenset(coming),
            inspect=self._preconditions.inspector(bot),
        )
        self.desk.publish(permits, before, going())
        # After it: a book of a new market may be there at once, and finds its permit.
        self._watch(self._engine, wanted)
        # What was denied for a reason that is gone is found again without a change of a book.
        self._engine.look_again()

    def close(self) -> None:
        """Begin nothing more."""
        if self._engine is not None:
            self._engine.close()

    def _watch(self, engine: ArbitrageEngine, wanted: frozenset[Market]) -> None:
        if wanted == self._markets:
            return
        try:
            engine.watch(wanted)
        except LookupError as error:
            logger.warning("Order books of on_books: %s; tried again in the next loop.", error)
            return
        self._markets = wanted

    def _why_stopped(self) -> ArbitrageDenied | None:
        """freqtrade's state is one attribute: a /stop holds from the moment it is said."""
        if self._bot is not None and self._bot.state != State.RUNNING:
            name = self._bot.state.name.lower()
            return ArbitrageDenied(ArbitrageDenialCode.PAUSED, f"the bot is {name}")
        paused = self._paused()
        return None if paused is None else ArbitrageDenied(ArbitrageDenialCode.PAUSED, paused)


def watches_books(strategy: Any) -> bool:
    """Return whether the strategy has an ``on_books`` of its own."""
    theirs = getattr(type(strategy), "on_books", None)
    return theirs is not None and not getattr(theirs, "is_default", False)
