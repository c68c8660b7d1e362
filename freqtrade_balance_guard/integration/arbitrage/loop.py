"""Two-leg arbitrage in a live or dry-run bot: what its loop does, once per pass.

    opportunities of the strategy -> what freqtrade cannot serve is denied -> the arbitrage thread
    what an arbitrage has bought        -> a trade of freqtrade's, in the same loop where it can be
    what freqtrade sells of it    -> the other leg is bought back

It comes after freqtrade's own exits of the loop. The loop waits ``WAIT_SECONDS`` at most; what
takes longer goes on in a thread of its own.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.booked.flows import flow_of
from freqtrade_balance_guard.arbitrage.booked.inventory import Inventory
from freqtrade_balance_guard.arbitrage.booked.messages import ArbitrageMessages
from freqtrade_balance_guard.arbitrage.books.feed import BooksNotReady
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.events import ArbitrageFinished
from freqtrade_balance_guard.arbitrage.gate.book_trigger import folded
from freqtrade_balance_guard.arbitrage.gate.permits import Claim
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageResult,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.threads.worker import ArbitrageWorker
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.integration.arbitrage.booking import (
    ArbitrageBooking,
    trade_of_position,
)
from freqtrade_balance_guard.integration.arbitrage.exits import ArbitrageExits
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.integration.arbitrage.streaming import Streaming
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

# Of one loop, for all its arbitrages together: exits of the next loop wait for no more than this.
WAIT_SECONDS = 2.0
# Their purchases on the bot's exchange become trades of freqtrade's.
OF_TRADES = (ArbitrageKind.TWO_LEGS, ArbitrageKind.COMPLETE)


class ArbitrageLoop:
    """Runs one bot's arbitrages from its loop. ``exit_left`` may come from any thread."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        strategy: Any,
        executor: TwoLegExecutor,
        worker: ArbitrageWorker,
        store: ArbitrageStore,
        booking: ArbitrageBooking,
        positions: ArbitragePositions,
        preconditions: Preconditions,
        messages: ArbitrageMessages,
        streaming: Streaming,
        inventory: Inventory,
        settings: ArbitrageSettings,
        clock: Clock,
        waits: WaitBudget,
    ) -> None:
        """:param waits: what may be waited in front of an exit, with everything else that waits"""
        self._waits = waits
        self._wallets = wallets
        self._strategy = strategy
        self._executor = executor
        self._worker = worker
        self._store = store
        self._booking = booking
        self._positions = positions
        self._preconditions = preconditions
        self._messages = messages
        self._inventory = inventory
        self._settings = settings
        self._clock = clock
        # Set by what the arbitrage thread does (``heard``): there may be something to book.
        self._has_news = True
        self._waited = 0.0
        self._loop: Loop | None = None
        self.streaming = streaming
        self._bot_name = executor.bot
        # What a strategy asks of prediction markets.
        self.complements = executor.complements
        self._failed: set[str] = set()
        self._lock = RLock()
        self._exits = ArbitrageExits(
            strategy=strategy,
            executor=executor,
            worker=worker,
            positions=positions,
            preconditions=preconditions,
            messages=messages,
            settings=settings,
            clock=clock,
            wait=self._wait,
        )

    # What the rest of the bot asks

    def why_not_enter(self, pair: str) -> str | None:
        """Return why freqtrade must not enter ``pair`` now, if it must not.

        An arbitrage buys it, or sells its coin: what freqtrade bought meanwhile might be sold.
        """
        if not self._executor.is_recovered:
            return "arbitrages of the previous run are not loaded yet"
        try:
            is_bought = pair in self._in_progress()
            is_sold = pair.partition("/")[0] in self._coins_being_sold()
        except Exception as error:
            return f"the arbitrages cannot be read: {error}"
        if is_bought:
            return f"an arbitrage is buying {pair}"
        return f"an arbitrage is selling the coin of {pair}" if is_sold else None

    def _coins_being_sold(self) -> set[str]:
        """Return the coins that legs on the bot's exchange sell or are about to sell."""
        legs = [leg for one in self._executor.unresolved() for leg in one.legs]
        found = {
            leg.order.base
            for leg in legs
            if leg.order.venue == BOT_VENUE and leg.order.side == "sell" and not leg.is_over
        }
        return found | self.streaming.desk.sold()

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: see ``why_not_enter``."""
        why = self.why_not_enter(entry.pair)
        return None if why is None else Denied(DenialCode.ORDER_UNRESOLVED, why)

    def slots_taken(self) -> int:
        """Return how many trades are about to come."""
        try:
            coming = self._in_progress()
        except Exception:
            coming = set(self._preconditions.unbooked)  # no entry leaves then: see above
        if not coming:
            return 0
        return len(coming - {trade.pair for trade in Trade.get_open_trades()})

    def _in_progress(self) -> set[str]:
        """Return the pairs that are bought for freqtrade, or are not freqtrade's yet.

        :raises ArbitragesUnavailable: it cannot be read
        """
        going = [one.record for one in self._executor.unresolved()]
        orders = [order for one in going if one.kind in OF_TRADES for order in one.orders]
        found = {o.pair for o in orders if o.venue == BOT_VENUE and o.side == "buy"}
        # Read after those that are in progress: one that has just ended is there.
        if self._has_news:
            self._preconditions.unbooked = self._preconditions.purchases_to_book(self._store)
        return found | self.streaming.desk.bought() | set(self._preconditions.unbooked)

    def legs_among(self, order_ids: set[str]) -> set[str]:
        """Return which of these are legs on the bot's exchange: none that freqtrade looks for."""
        return self._preconditions.legs_among(order_ids)

    def client_order_ids(self) -> set[str]:
        """Return our ids of legs that are in progress."""
        return {one for running in self._executor.unresolved() for one in running.ids}

    def dry_run_changes(self) -> dict[str, float]:
        """Return what legs did to the simulated balances of the bot's exchange."""
        return {one: to_float(amount) for one, amount in self._inventory.changes().items()}

    def order_books(self, markets: Iterable[tuple[str, str]]) -> list[Book]:
        """Return the last order books of (venue, pair) for the strategy; no request.

        :raises LookupError: no venue has that name
        :raises BooksNotReady: one was not read yet, or is too old
        """
        asked = [(venue.lower(), pair) for venue, pair in markets]
        try:
            return self._executor.order_books(asked)
        except BooksNotReady:
            self._executor.want_books(self._like(asked))
            raise

    def _like(self, markets: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the markets that a strategy will ask for next: other pairs on the same venues.

        A strategy that looks at its whitelist in turn gets no further than the first book that is
        not there yet; without this it would need one loop for each.
        """
        if len({pair for _, pair in markets}) != 1:
            return []
        dp = getattr(self._strategy, "dp", None)
        pairs = dp.current_whitelist() if dp is not None else []
        return [(venue, pair) for venue, _ in markets for pair in pairs]

    def heard(self, event: Event) -> None:
        """Take note of an event; the end of an arbitrage comes from its thread."""
        if isinstance(event, ArbitrageFinished):
            self._has_news = True
        self._messages(event)

    def begin(self) -> None:
        """Begin to follow arbitrages and to tend exposures."""
        self._worker.start(self._executor)

    def end(self) -> None:
        """Stop with the bot."""
        self._worker.stopping.set()  # nothing more is begun that no thread would follow
        self.streaming.close()
        self._worker.stop()

    # Once per loop

    def step(self, bot: Any) -> None:
        """Do everything that is due. Never raises: freqtrade's loop goes on.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        self._begin_loop()
        with self._lock:
            for work in (
                self._preconditions.look,
                self._book,
                self._follow,
                self._tidy,
                self._exits.sell_unhedged,
                self._close,
                self._publish,
                self._opportunities,
            ):
                self._safely(work, bot)

    def exit_left(self, bot: Any) -> None:
        """Buy back the other leg of what freqtrade has just sold, if it has one."""
        with self._lock:
            for work in (self._ask_for_exits, self._follow):
                self._safely(work, bot)

    def _safely(self, work: Callable[[Any], None], bot: Any) -> None:
        name = getattr(work, "__name__", "an exit")
        try:
            work(bot)
        except ArbitragesUnavailable as error:
            self._log_once(name, f"Arbitrages wait: {error}", None)
        except Exception as error:
            text = f"Two legs: {name} failed ({type(error).__name__}); tried again in every loop."
            self._log_once(f"{name} {type(error).__name__}", text, error)
        else:
            self._failed = {one for one in self._failed if one.split()[0] != name}

    def _log_once(self, what: str, text: str, error: Exception | None) -> None:
        level = logging.DEBUG if what in self._failed else logging.ERROR
        self._failed.add(what)
        logger.log(level, text, exc_info=error)

    def _tidy(self, bot: Any) -> None:
        self._exits.tidy()
        self._positions.take_over()

    def hedged_trades(self) -> set[int]:
        """Return the numbers of freqtrade's trades that have another leg."""
        return {position.trade_id for position in self._positions.open if position.hedged}

    # What was bought becomes a trade

    def _book(self, bot: Any) -> None:
        if not self._has_news:
            return
        self._has_news = False
        is_done = False
        try:
            is_done = self._booking.book_all(bot, self._booked)
            self._preconditions.unbooked = (
                {} if is_done else self._preconditions.purchases_to_book(self._store)
            )
            self._positions.load()
        except ArbitragesUnavailable:
            is_done = False
            raise
        finally:
            self._has_news |= not is_done

    def _booked(self, pair: ArbitrageRecord, position: Position | None) -> None:
        rates = self._preconditions.rates.known
        self._messages.booked(pair, position, flow_of(pair, rates))
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
            self._wait(self._worker.submit(self._executor.work))
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
                order = self._preconditions.ask_exit(bot.exchange, order_id, trade.pair)
            if order is not None:
                bot.update_trade_state(trade, order_id, order)

    def _busy_groups(self) -> set[int]:
        """Whose orders are under way, or have ended and are not booked here: their exposures and
        positions change."""
        found = set()
        going = [pair.record for pair in self._executor.unresolved()]
        # Asked after those that go on: one that has just ended is there.
        for pair in [*going, *self._store.to_book(self._bot_name)]:
            exposure = None if pair.exposure is None else self._store.exposure(pair.exposure)
            found.add(pair.id if exposure is None else exposure.arbitrage_id)
        return found

    # Both legs together

    def _close(self, bot: Any) -> None:
        for position in list(self._positions.open):
            trade = trade_of_position(position)
            if trade is None or not trade.is_open or trade.has_open_orders:
                continue
            # What fails in one holds up no other.
            self._safely(partial(self._close_one, position, trade), bot)

    def _close_one(self, position: Position, trade: Trade, bot: Any) -> None:
        try:
            reason = self._exits.decision(trade)
        except BooksNotReady as error:
            logger.debug("should_close_arbitrage: %s", error)
            return
        except Exception as error:
            self._strategy_failed("should_close_arbitrage failed", error)
            return
        if reason is not None:
            self._exits.close(bot, position, trade, reason)

    # New arbitrages

    def _opportunities(self, bot: Any) -> None:
        for found in self._found():
            if not isinstance(found, Opportunity):
                text = f"find_opportunities gave {found!r}; it must be an Opportunity."
                self._log_once("no opportunity", text, None)
                continue
            opportunity = folded(found)
            denied = self._preconditions.unservable(bot, opportunity)
            if denied is None and self._worker.is_busy:
                denied = ArbitrageDenied(
                    ArbitrageDenialCode.ARBITRAGE_IN_PROGRESS,
                    "an earlier arbitrage is in progress",
                )
            elif denied is None and self._waited >= WAIT_SECONDS:
                too_long = "the exchanges took too long to answer in this loop"
                denied = ArbitrageDenied(ArbitrageDenialCode.MARKET_UNREADABLE, too_long)
            if denied is not None:
                self._executor.denied(denied, opportunity)
                continue
            self._take(bot, opportunity)

    def _found(self) -> Iterator[Any]:
        """Yield one opportunity after the other: what is found is tried before the next is sought.

        What the strategy raises ends its search; what it has found before is in progress by then.
        """
        try:
            yield from self._strategy.find_opportunities(current_time=self._clock.wall()) or ()
        except BooksNotReady as error:
            logger.debug("find_opportunities: %s", error)
        except Exception as error:
            self._strategy_failed("find_opportunities failed", error)

    def _strategy_failed(self, name: str, error: Exception) -> None:
        kind = type(error).__name__
        self._log_once(f"{name} {kind}", f"{name}: {kind_and_words_of(error)}", error)

    def _take(self, bot: Any, opportunity: Opportunity) -> None:
        with self._counted():
            self._preconditions.refresh(bot)
        inspect = self._preconditions.inspector(bot)
        # Before it is planned: an entry of the same coin is denied from here on.
        claim = self.streaming.desk.claim_found(opportunity)
        if isinstance(claim, ArbitrageDenied):
            self._executor.denied(claim, opportunity)
            return
        future = self._worker.submit(lambda: self._executor.execute(opportunity, inspect))
        future.add_done_callback(partial(self._taken, claim))
        self._wait(future)
        self._book(bot)

    def _taken(self, claim: Claim, future: "Future[ArbitrageResult]") -> None:
        """In the arbitrage thread: what has begun is claimed until freqtrade has its purchase."""
        result = None if future.cancelled() or future.exception() else future.result()
        if result is None or isinstance(result, ArbitrageDenied):
            self.streaming.desk.release(claim)
        else:
            claim.number = result.number

    def _publish(self, bot: Any) -> None:
        with self._counted():
            self.streaming.publish(bot, self._going, self._in_progress())

    def _going(self) -> set[int]:
        """Return the arbitrages that have not ended, or are not freqtrade's yet."""
        found = {one.record.id for one in self._executor.unresolved()}
        # Asked after those that go on: one that has just ended is there.
        return found | {one.id for one in self._store.to_book(self._bot_name)}

    def _wait(self, future: "Future[R]") -> R | None:
        """Return its result; None if that takes longer than this loop may wait."""
        left = max(WAIT_SECONDS - self._waited, 0.0)
        with self._counted(), self._waits.wait(left) as deadline:
            try:
                return future.result(timeout=deadline.seconds_left)
            except StillRunning:
                self._has_news = True
                return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """What exits of this loop, or of the next, wait for."""
        began = self._clock.monotonic()
        try:
            with self._waits.work():
                yield
        finally:
            self._waited += self._clock.monotonic() - began

    def _begin_loop(self) -> None:
        """The time to wait is that of one loop; an RPC thread has its own."""
        loop = current_loop.get()
        if loop is None or loop is not self._loop:
            self._loop, self._waited = loop, 0.0
