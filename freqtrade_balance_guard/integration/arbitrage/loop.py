"""Two-leg arbitrage in a live or dry-run bot: what its loop does, once per pass.

    opportunities of the strategy -> what freqtrade cannot serve is denied -> the pairs' thread
    what a pair has bought        -> a trade of freqtrade's, in the same loop where it can be
    what freqtrade sells of it    -> the other leg is bought back

It comes after freqtrade's own exits of the loop. The loop waits for a pair ``WAIT_SECONDS`` at
most; what takes longer goes on in a thread of its own.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.events import ArbitrageFinished
from freqtrade_balance_guard.arbitrage.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.integration.arbitrage.booking import ArbitrageBooking, trade_of
from freqtrade_balance_guard.integration.arbitrage.exits import ArbitrageExits
from freqtrade_balance_guard.integration.arbitrage.inventory import Inventory
from freqtrade_balance_guard.integration.arbitrage.messages import ArbitrageMessages
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions, flow_of
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.integration.arbitrage.worker import ArbitrageWorker
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.money import to_float
from freqtrade_balance_guard.orders.bot_loop import Loop, current_loop
from freqtrade_balance_guard.settings import ArbitrageSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

R = TypeVar("R")

# Of one loop, for all its pairs together: exits of the next loop wait for no more than this.
WAIT_SECONDS = 2.0
# Their purchases on the bot's exchange become trades of freqtrade's.
OF_TRADES = (ArbitrageKind.PAIR, ArbitrageKind.COMPLETE)
# The order books that a strategy compares; they come before anything is decided.
BOOKS_SECONDS = 2.0


class ArbitrageLoop:
    """Of one bot. ``step`` belongs to the bot's loop; ``exit_left`` may come from any thread."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        strategy: Any,
        executor: TwoLegExecutor,
        thread: ArbitrageWorker,
        store: ArbitrageStore,
        booking: ArbitrageBooking,
        positions: ArbitragePositions,
        checks: Preconditions,
        words: ArbitrageMessages,
        inventory: Inventory,
        settings: ArbitrageSettings,
        clock: Clock,
    ) -> None:
        self._wallets = wallets
        self._strategy = strategy
        self._executor = executor
        self._thread = thread
        self._store = store
        self._booking = booking
        self._positions = positions
        self._checks = checks
        self._words = words
        self._inventory = inventory
        self._settings = settings
        self._clock = clock
        # Set by what the pairs' thread does (``heard``): there may be something to book.
        self._has_news = True
        self._waited = 0.0
        self._loop: Loop | None = None
        # What the pairs' thread is planning or following, and what it would buy for freqtrade.
        self._taking: tuple[Future[ArbitrageResult], set[str]] | None = None
        self._bot_name = executor.bot
        self._failed: set[str] = set()
        self._lock = RLock()
        self._exits = ArbitrageExits(
            *(strategy, executor, thread, positions, checks, words, settings, clock, self._wait)
        )

    # What the rest of the bot asks

    def why_not_enter(self, pair: str) -> str | None:
        """A purchase of ``pair`` is under way, or not freqtrade's yet: then it enters nothing."""
        if not self._executor.is_recovered:
            return "nobody knows yet which pairs of legs an earlier run has left"
        try:
            is_busy = pair in self._under_way()
        except Exception as error:
            return f"the pairs of legs cannot be read: {error}"
        return f"a pair of legs is buying {pair}" if is_busy else None

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: see ``why_not_enter``."""
        why = self.why_not_enter(entry.pair)
        return None if why is None else Denied(DenialCode.ORDER_UNRESOLVED, why)

    def slots_taken(self) -> int:
        """How many trades are about to come."""
        try:
            coming = self._under_way()
        except Exception:
            coming = set(self._checks.unbooked)  # no entry leaves then: see above
        if not coming:
            return 0
        return len(coming - {trade.pair for trade in Trade.get_open_trades()})

    def _under_way(self) -> set[str]:
        """:raises ArbitragesUnavailable: nobody can say"""
        going = [pair.stored for pair in self._executor.unresolved()]
        orders = [order for one in going if one.kind in OF_TRADES for order in one.orders]
        found = {o.pair for o in orders if o.venue == BOT_VENUE and o.side == "buy"}
        # Asked after the pairs that go on: one that has just ended is there.
        if self._has_news:
            self._checks.unbooked = self._checks.purchases_to_book(self._store)
        if self._taking is not None and not self._taking[0].done():
            found |= self._taking[1]
        return found | set(self._checks.unbooked)

    def legs_among(self, order_ids: set[str]) -> set[str]:
        """Which of these are legs on the bot's own exchange: none that freqtrade looks for."""
        return self._checks.legs_among(order_ids)

    def client_order_ids(self) -> set[str]:
        """Our ids of legs that are under way."""
        return {one for pair in self._executor.unresolved() for one in pair.ids}

    def dry_run_changes(self) -> dict[str, float]:
        """What legs did to the simulated balances of the bot's exchange, besides its trades."""
        return {one: to_float(amount) for one, amount in self._inventory.changes().items()}

    def order_books(self, markets: Iterable[tuple[str, str]]) -> list[Book]:
        """For the strategy: order books of (venue, pair), read at the same time.

        :raises Exception: one could not be read in time
        """
        asked = [(venue.lower(), pair) for venue, pair in markets]
        with self._counted():
            try:
                return self._executor.order_books(asked, max(BOOKS_SECONDS - self._waited, 0.0))
            except TimeoutError as error:
                raise TimeoutError("the order books did not come in time") from error

    def heard(self, event: Event) -> None:
        """Whatever is said in the bot; what became of a pair comes from the pairs' thread."""
        if isinstance(event, ArbitrageFinished):
            self._has_news = True
        self._words(event)

    def begin(self) -> None:
        """From now on pairs are followed, and exposures tended."""
        self._thread.start(self._executor)

    def end(self) -> None:
        """The bot stops."""
        self._thread.stop()

    # Once per loop

    def step(self, bot: Any) -> None:
        """Everything that is due. Never raises: freqtrade's loop goes on.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        self._begin_loop()
        with self._lock:
            for work in (
                self._checks.look,
                self._book,
                self._follow,
                self._tidy,
                self._exits.sell_unhedged,
                self._close,
                self._opportunities,
            ):
                self._safely(work, bot)

    def exit_left(self, bot: Any) -> None:
        """freqtrade has just sent an exit: what it sold has another leg, perhaps."""
        with self._lock:
            for work in (self._ask_for_exits, self._follow):
                self._safely(work, bot)

    def _safely(self, work: Callable[[Any], None], bot: Any) -> None:
        name = getattr(work, "__name__", "an exit")
        try:
            work(bot)
        except ArbitragesUnavailable as error:
            self._tell_once(name, f"Pairs wait: {error}", None)
        except Exception as error:
            text = f"Two legs: {name} failed ({type(error).__name__}); tried again in every loop."
            self._tell_once(f"{name} {type(error).__name__}", text, error)
        else:
            self._failed = {one for one in self._failed if one.split()[0] != name}

    def _tell_once(self, what: str, text: str, error: Exception | None) -> None:
        level = logging.DEBUG if what in self._failed else logging.ERROR
        self._failed.add(what)
        logger.log(level, text, exc_info=error)

    def _tidy(self, bot: Any) -> None:
        self._exits.tidy()

    # What was bought becomes a trade

    def _book(self, bot: Any) -> None:
        if not self._has_news:
            return
        self._has_news = False
        is_done = False
        try:
            is_done = self._booking.book_all(bot, self._booked)
            self._checks.unbooked = {} if is_done else self._checks.purchases_to_book(self._store)
            self._positions.load()
        except ArbitragesUnavailable:
            is_done = False
            raise
        finally:
            self._has_news |= not is_done

    def _booked(self, pair: ArbitrageRecord, position: Position | None) -> None:
        rates = self._checks.rates.known
        self._words.booked(pair, position, flow_of(pair, rates))
        if position is None and pair.state is ArbitrageState.HEDGED:
            self._wallets.update()

    # What freqtrade sold is bought back

    def _follow(self, bot: Any) -> None:
        if not self._positions.open:
            return
        busy = self._busy_groups()
        if self._positions.follow_all(busy.__contains__):
            crash_point("arbitrage followed")
            self._exits.has_prepared = False
            self._wait(self._thread.submit(self._executor.work))
            self._has_news = True
            self._positions.follow_all(self._busy_groups().__contains__)

    def _ask_for_exits(self, bot: Any) -> None:
        """Some exchanges answer an order without its fills; freqtrade asks in its next loop.

        The other leg must not wait for that.
        """
        self._begin_loop()
        for trade, order_id in self._exits.open_exits():
            if self._waited >= WAIT_SECONDS:
                return  # other exits wait; freqtrade will ask
            with self._counted():
                order = self._checks.ask_exit(bot.exchange, order_id, trade.pair)
            if order is not None:
                bot.update_trade_state(trade, order_id, order)

    def _busy_groups(self) -> set[int]:
        """Whose orders are under way, or have ended and are not booked here: their exposures and
        positions change."""
        found = set()
        going = [pair.stored for pair in self._executor.unresolved()]
        # Asked after those that go on: one that has just ended is there.
        for pair in [*going, *self._store.to_book(self._bot_name)]:
            exposure = None if pair.exposure is None else self._store.exposure(pair.exposure)
            found.add(pair.id if exposure is None else exposure.pair_number)
        return found

    # Both legs together

    def _close(self, bot: Any) -> None:
        for position in list(self._positions.open):
            trade = trade_of(position.trade_id)
            if trade is None or not trade.is_open or trade.has_open_orders:
                continue
            # What fails in one holds up no other.
            self._safely(partial(self._close_one, position, trade), bot)

    def _close_one(self, position: Position, trade: Trade, bot: Any) -> None:
        try:
            reason = self._exits.decision(trade)
        except Exception as error:
            self._strategy_failed("should_close_arbitrage failed", error)
            return
        if reason is not None:
            self._exits.close(bot, position, trade, reason)

    # New pairs

    def _opportunities(self, bot: Any) -> None:
        for found in self._found():
            opportunity = _folded(found)
            if opportunity is None:
                text = f"find_opportunities gave {found!r}; it must be an Opportunity."
                self._tell_once("no opportunity", text, None)
                continue
            denied = self._checks.unservable(bot, opportunity)
            if denied is None and self._thread.is_busy:
                denied = ArbitrageDenied(
                    ArbitrageDenialCode.PAIR_UNDER_WAY, "an earlier pair is under way"
                )
            elif denied is None and self._waited >= WAIT_SECONDS:
                too_long = "the exchanges took too long to answer in this loop"
                denied = ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, too_long)
            if denied is not None:
                self._executor.denied(denied, opportunity)
                continue
            self._take(bot, opportunity)

    def _found(self) -> list[Any]:
        try:
            return list(self._strategy.find_opportunities(current_time=self._clock.wall()) or ())
        except Exception as error:
            self._strategy_failed("find_opportunities failed", error)
            return []

    def _strategy_failed(self, name: str, error: Exception) -> None:
        kind = type(error).__name__
        self._tell_once(f"{name} {kind}", f"{name}: {kind}: {error}", error)

    def _take(self, bot: Any, opportunity: Opportunity) -> None:
        with self._counted():
            self._checks.refresh(bot)
        inspect = self._checks.inspector(bot)
        future = self._thread.submit(lambda: self._executor.execute(opportunity, inspect))
        purchases = {
            leg.pair for leg in opportunity.legs if leg.venue == BOT_VENUE and leg.side == "buy"
        }
        self._taking = (future, purchases)
        self._wait(future)
        self._book(bot)

    def _wait(self, future: "Future[R]") -> R | None:
        """What became of it; None if that takes longer than this loop may wait."""
        with self._counted():
            try:
                return future.result(timeout=max(WAIT_SECONDS - self._waited, 0.0))
            except StillRunning:
                self._has_news = True
                return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """What exits of this loop, or of the next, wait for."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self._waited += self._clock.monotonic() - began

    def _begin_loop(self) -> None:
        """The time to wait is that of one loop; an RPC thread has its own."""
        loop = current_loop.get()
        if loop is None or loop is not self._loop:
            self._loop, self._waited = loop, 0.0


def _folded(found: Any) -> Opportunity | None:
    """Venue names are matched without case, as in the settings."""
    if not isinstance(found, Opportunity):
        return None
    first, second = (replace(leg, venue=leg.venue.lower()) for leg in found.legs)
    return replace(found, first=first, second=second)
