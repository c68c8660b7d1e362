"""Two-leg arbitrage in a live or dry-run bot: what its loop does, once per pass.

    opportunities of the strategy -> what freqtrade cannot serve is denied -> the pairs' thread
    what a pair has bought        -> a trade of freqtrade's, in the same loop where it can be
    what freqtrade sells of it    -> the other leg is bought back

It comes after freqtrade's own exits of the loop. The loop waits for a pair ``WAIT_SECONDS`` at
most; what takes longer goes on in a thread of its own.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import replace
from decimal import Decimal
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.exceptions import DependencyException, ExchangeError
from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.answers import PairDenied, PairRefusal
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.events import PairFinished
from freqtrade_balance_guard.arbitrage.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.positions import Position, draft_of
from freqtrade_balance_guard.arbitrage.rows import StoredPair
from freqtrade_balance_guard.arbitrage.states import PairState
from freqtrade_balance_guard.arbitrage.store import PairStore, PairsUnavailable
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, unwind_limit
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.integration.inventory import Inventory
from freqtrade_balance_guard.integration.pair_booking import PairBooking, trade_of
from freqtrade_balance_guard.integration.pair_checks import PairChecks
from freqtrade_balance_guard.integration.pair_positions import PairPositions, flow_of
from freqtrade_balance_guard.integration.pair_thread import PairThread
from freqtrade_balance_guard.integration.pair_words import PairWords
from freqtrade_balance_guard.money import ONE, to_decimal, to_float
from freqtrade_balance_guard.settings import ArbitrageSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets import GuardedWallets


logger = logging.getLogger(__name__)

R = TypeVar("R")

# Of one loop, for all its pairs together: exits of the next loop wait for no more than this.
WAIT_SECONDS = 2.0
# The order books that a strategy compares; they come before anything is decided.
BOOKS_SECONDS = 2.0
UNHEDGED = "unhedged"
EXIT = "exit_opportunity"


class LivePairs:
    """Of one bot. ``step`` belongs to the bot's loop; ``exit_left`` may come from any thread."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        strategy: Any,
        executor: TwoLegExecutor,
        thread: PairThread,
        store: PairStore,
        booking: PairBooking,
        positions: PairPositions,
        checks: PairChecks,
        words: PairWords,
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
        self._has_prepared = False
        self._waited = 0.0
        self._unwound_at: dict[int, float] = {}
        self._failed: set[str] = set()
        self._lock = RLock()

    # What the rest of the bot asks

    def is_busy_with(self, pair: str) -> bool:
        """Is a purchase of ``pair`` under way, or not freqtrade's yet? Then it enters nothing."""
        return pair in self._under_way()

    def slots_taken(self) -> int:
        """How many trades are about to come."""
        return len(self._under_way() - {trade.pair for trade in Trade.get_open_trades()})

    def _under_way(self) -> set[str]:
        going = [pair.stored.orders for pair in self._executor.unresolved()]
        orders = [order for one in going for order in one]
        found = {o.pair for o in orders if o.venue == BOT_VENUE and o.side == "buy"}
        return found | self._checks.unbooked

    def order_ids(self) -> set[str]:
        """Orders of legs on the bot's own exchange: none that freqtrade has to look for."""
        return self._checks.order_ids()

    def dry_run_changes(self) -> dict[str, float]:
        """What legs did to the simulated balances of the bot's exchange, besides its trades."""
        return {one: to_float(amount) for one, amount in self._inventory.changes().items()}

    def order_books(self, markets: Iterable[tuple[str, str]]) -> list[Book]:
        """For the strategy: order books of (venue, pair), read at the same time.

        :raises Exception: one could not be read in time
        """
        asked = [(venue.lower(), pair) for venue, pair in markets]
        return self._executor.order_books(asked, BOOKS_SECONDS)

    def heard(self, event: Event) -> None:
        """Whatever is said in the bot; what became of a pair comes from the pairs' thread."""
        if isinstance(event, PairFinished):
            self._has_news = True
        self._words(event)

    def end(self) -> None:
        """The bot stops."""
        self._thread.stop()

    # Once per loop

    def step(self, bot: Any) -> None:
        """Everything that is due. Never raises: freqtrade's loop goes on.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        self._waited = 0.0
        with self._lock:
            for work in (
                self._checks.look,
                self._book,
                self._follow,
                self._tidy,
                self._sell_unhedged,
                self._exits,
                self._opportunities,
            ):
                self._safely(work, bot)

    def exit_left(self, bot: Any) -> None:
        """freqtrade has just sent an exit: what it sold has another leg, perhaps."""
        with self._lock:
            for work in (self._ask_for_exits, self._follow):
                self._safely(work, bot)

    def _safely(self, work: Callable[[Any], None], bot: Any) -> None:
        try:
            work(bot)
        except PairsUnavailable as error:
            self._tell_once(f"Pairs wait: {error}", None)
        except Exception as error:
            self._tell_once(f"Two legs: {work.__name__} failed; tried again in every loop.", error)

    def _tell_once(self, text: str, error: Exception | None) -> None:
        level = logging.DEBUG if text in self._failed else logging.ERROR
        self._failed.add(text)
        logger.log(level, text, exc_info=error)

    def _tidy(self, bot: Any) -> None:
        """What was reserved for the other leg of a sale that is not to be waited for any more."""
        if self._has_prepared and not self._open_exits():
            self._has_prepared = False
            self._thread.submit(self._executor.let_go_prepared)

    # What was bought becomes a trade

    def _book(self, bot: Any) -> None:
        if not self._has_news:
            return
        self._has_news = False
        is_done = self._booking.book_all(bot, self._booked)
        self._checks.unbooked = set() if is_done else self._checks.purchases_to_book(self._store)
        self._has_news |= not is_done
        self._positions.load()

    def _booked(self, pair: StoredPair, position: Position | None) -> None:
        rates = self._checks.rates
        self._words.booked(pair, position, flow_of(pair, rates))
        if position is None and pair.state is PairState.HEDGED:
            self._wallets.update()

    # What freqtrade sold is bought back

    def _follow(self, bot: Any) -> None:
        busy = self._busy_groups()
        if self._positions.follow_all(busy.__contains__):
            self._has_prepared = False
            self._wait(self._thread.submit(self._executor.work))
            self._has_news = True
            self._positions.follow_all(self._busy_groups().__contains__)

    def _ask_for_exits(self, bot: Any) -> None:
        """Some exchanges answer an order without its fills; freqtrade asks in its next loop.

        The other leg must not wait for that.
        """
        for trade, order_id in self._open_exits():
            bot.update_trade_state(trade, order_id)

    def _open_exits(self) -> list[tuple[Trade, str]]:
        trades = [trade_of(position.trade_id) for position in self._positions.open]
        return [
            (trade, order.order_id)
            for trade in trades
            if trade is not None and trade.is_open
            for order in trade.open_orders
            if order.ft_order_side == trade.exit_side
        ]

    def _busy_groups(self) -> set[int]:
        found = set()
        for pair in self._executor.unresolved():
            exposure = pair.stored.exposure
            stored = None if exposure is None else self._store.exposure(exposure)
            found.add(pair.stored.id if stored is None else stored.pair_number)
        return found

    # What only freqtrade may sell

    def _sell_unhedged(self, bot: Any) -> None:
        """Policy ``unwind`` for a coin that is part of a trade."""
        if self._settings.unhedged_policy != "unwind" or not self._positions.open:
            return
        for exposure in self._executor.exposures():
            if not self._checks.is_with_trade(exposure):
                continue
            position = next(
                (p for p in self._positions.open if p.pair_number == exposure.pair_number), None
            )
            trade = None if position is None else trade_of(position.trade_id)
            if trade is not None and trade.is_open and not trade.has_open_orders:
                self._unwind(bot, exposure, trade)

    def _unwind(self, bot: Any, exposure: Exposure, trade: Trade) -> None:
        now = self._clock.monotonic()
        if now < self._unwound_at.get(exposure.id, now):
            return
        self._unwound_at[exposure.id] = now + self._settings.leg_timeout
        price = to_decimal(bot.exchange.get_rate(trade.pair, side="exit", is_short=False,
                                                 refresh=True))  # fmt: skip
        if price < unwind_limit(exposure, self._settings):
            return
        amount = min(exposure.net, to_decimal(trade.amount))
        is_whole = amount >= to_decimal(trade.amount)
        self._sell(bot, trade, price, UNHEDGED, None if is_whole else to_float(amount))

    def _sell(
        self, bot: Any, trade: Trade, limit: Decimal, reason: str, part: float | None = None
    ) -> None:
        try:
            bot.execute_trade_exit(
                trade,
                to_float(limit),
                ExitCheckTuple(ExitType.CUSTOM_EXIT, reason),
                exit_tag=reason,
                ordertype="limit",
                sub_trade_amt=part,
                skip_custom_exit_price=True,
            )
        except (DependencyException, ExchangeError) as error:
            logger.warning("Unable to exit trade %s: %s", trade.pair, error)

    # Both legs together

    def _exits(self, bot: Any) -> None:
        for position in list(self._positions.open):
            trade = trade_of(position.trade_id)
            if trade is None or not trade.is_open or trade.has_open_orders:
                continue
            decision = self._strategy.exit_opportunity(trade=trade, current_time=self._clock.wall())
            if decision:
                reason = decision if isinstance(decision, str) else EXIT
                self._exit(bot, position, trade, reason)

    def _exit(self, bot: Any, position: Position, trade: Trade, reason: str) -> None:
        sale = Leg(BOT_VENUE, trade.pair, "sell", to_decimal(trade.amount))
        if position.hedged and position.accounted:
            rate = self._checks.rates(position.other_pair.partition("/")[2]) or ONE
            draft = draft_of(position, rate, self._clock.wall())
            limit = self._wait(
                self._thread.submit(lambda: self._executor.prepare_exit(draft, sale))
            )
            if limit is None:
                self._has_prepared = True  # it may still come
                return
        else:
            limit = to_decimal(bot.exchange.get_rate(trade.pair, side="exit", is_short=False,
                                                     refresh=True))  # fmt: skip
        if isinstance(limit, PairDenied):
            self._words.denied(trade.pair, limit)
            return
        self._has_prepared = True
        self._sell(bot, trade, limit, reason)
        # The hook behind the exit has followed it already, if it has filled.

    # New pairs

    def _opportunities(self, bot: Any) -> None:
        for found in self._found():
            opportunity = _folded(found)
            if opportunity is None:
                text = f"find_opportunities gave {found!r}; it must be an Opportunity."
                self._tell_once(text, None)
                continue
            denied = self._checks.unservable(bot, opportunity)
            if denied is None and (self._thread.is_busy or self._waited >= WAIT_SECONDS):
                denied = PairDenied(PairRefusal.PAIR_UNDER_WAY, "an earlier pair is under way")
            if denied is not None:
                self._executor.denied(denied, opportunity)
                continue
            self._take(bot, opportunity)

    def _found(self) -> list[Any]:
        try:
            return list(self._strategy.find_opportunities(current_time=self._clock.wall()) or ())
        except Exception as error:
            self._tell_once(f"find_opportunities failed: {type(error).__name__}: {error}", error)
            return []

    def _take(self, bot: Any, opportunity: Opportunity) -> None:
        self._checks.refresh(bot)
        inspect = self._checks.inspector(bot)
        self._wait(self._thread.submit(lambda: self._executor.execute(opportunity, inspect)))
        self._book(bot)

    def _wait(self, future: "Future[R]") -> R | None:
        """What became of it; None if that takes longer than this loop may wait."""
        began = self._clock.monotonic()
        try:
            return future.result(timeout=max(WAIT_SECONDS - self._waited, 0.0))
        except StillRunning:
            self._has_news = True
            return None
        finally:
            self._waited += self._clock.monotonic() - began


def _folded(found: Any) -> Opportunity | None:
    """Venue names are matched without case, as in the settings."""
    if not isinstance(found, Opportunity):
        return None
    first, second = (replace(leg, venue=leg.venue.lower()) for leg in found.legs)
    return replace(found, first=first, second=second)
