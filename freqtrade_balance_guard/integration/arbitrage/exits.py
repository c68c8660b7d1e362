"""Begins exits of arbitrages: both legs together, and ``unwind`` for a coin that a trade holds.

freqtrade sends the orders; its own exits need nothing of this.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from typing import Any

from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.exceptions import DependencyException, ExchangeError
from freqtrade.persistence import Trade

from freqtrade_balance_guard.arbitrage.booked.messages import ArbitrageMessages
from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.leg import Leg
from freqtrade_balance_guard.arbitrage.positions import Position, draft_of
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.threads.worker import ArbitrageWorker
from freqtrade_balance_guard.arbitrage.unhedged import Exposure, unwind_limit
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.arbitrage.booking import trade_of_position
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.money import ONE, to_decimal, to_float
from freqtrade_balance_guard.settings import ArbitrageSettings
from freqtrade_balance_guard.settings.model import BOT_VENUE


logger = logging.getLogger(__name__)

UNHEDGED = "unhedged"
EXIT = "should_close_arbitrage"
# Where something of ours is broken, or the arbitrage thread is busy, an exit goes out after this.
LONGEST_SECONDS = 2.5
OURS = (ArbitrageDenialCode.LEDGER_UNAVAILABLE, ArbitrageDenialCode.GUARD_ERROR)


class ArbitrageExits:
    """Of one bot; in its loop.

    :param wait: for what the arbitrage thread does; None if that takes longer than a loop may wait
    """

    def __init__(
        self,
        strategy: Any,
        executor: TwoLegExecutor,
        worker: ArbitrageWorker,
        positions: ArbitragePositions,
        preconditions: Preconditions,
        messages: ArbitrageMessages,
        settings: ArbitrageSettings,
        clock: Clock,
        wait: Callable[["Future[Any]"], Any],
    ) -> None:
        self._strategy = strategy
        self._executor = executor
        self._worker = worker
        self._positions = positions
        self._preconditions = preconditions
        self._messages = messages
        self._settings = settings
        self._clock = clock
        self._wait = wait
        # Money for the other leg of a sale may be reserved.
        self.has_prepared = False
        self._unwound_at: dict[int, float] = {}
        # By the number of the trade: what is reserved for its other leg just now, and since when
        # something keeps it.
        self._preparing: dict[int, Future[Decimal | ArbitrageDenied]] = {}
        self._kept_since: dict[int, float] = {}
        self._vetoed: set[int] = set()

    def tidy(self) -> None:
        """Release what was reserved for the other leg of a sale that did not come."""
        if self.has_prepared and not self._preparing and not self.open_exits():
            self.has_prepared = False
            self._worker.submit(self._executor.release_prepared)

    def open_exits(self) -> list[tuple[Trade, str]]:
        """Return exits that have left and not ended: trade, the exchange's order id."""
        trades = [trade_of_position(position) for position in self._positions.open]
        return [
            (trade, order.order_id)
            for trade in trades
            if trade is not None and trade.is_open
            for order in trade.open_orders
            if order.ft_order_side != trade.entry_side
        ]

    # Both legs together

    def decision(self, trade: Trade) -> str | None:
        """The strategy's reason to close both legs now.

        :raises Exception: the strategy's
        """
        reason = self._strategy.should_close_arbitrage(trade=trade, current_time=self._clock.wall())
        if reason:
            return reason if isinstance(reason, str) else EXIT
        self._kept_since.pop(trade.id, None)
        self._preparing.pop(trade.id, None)
        self._vetoed.discard(trade.id)
        return None

    def close(self, bot: Any, position: Position, trade: Trade, reason: str) -> None:
        """Sell the trade, with the money for buying the other leg back reserved before.

        While the other exchange says no, both legs stay: that is the safer half of "together".
        Stop-losses, /forceexit and freqtrade's signals do not come here, and wait for nothing.
        """
        if not position.hedged or not position.accounted or trade.id in self._vetoed:
            self._sell_as_freqtrade_does(bot, trade, reason)
            return
        limit = self._prepared(position, trade)
        if isinstance(limit, ArbitrageDenied):
            self._messages.denied(trade.pair, limit)
            if limit.code in OURS and self._is_kept_for(trade, LONGEST_SECONDS):
                self._sell_as_freqtrade_does(bot, trade, reason)
        elif limit is None:
            # What was asked for has been waited for as long as an exit may wait.
            if trade.id in self._preparing or self._is_kept_for(trade, LONGEST_SECONDS):
                self._sell_as_freqtrade_does(bot, trade, reason)
        elif not self._sell(bot, trade, limit, reason, "limit"):
            # The strategy's veto: reserving in each loop what is not used is no use.
            self._vetoed.add(trade.id)

    def _prepared(self, position: Position, trade: Trade) -> Decimal | ArbitrageDenied | None:
        """The limit of the sale; None: not yet."""
        future = self._preparing.get(trade.id)
        if future is None:
            if self._worker.is_busy:
                return None
            future = self._preparing[trade.id] = self._prepare(position, trade)
        limit: Decimal | ArbitrageDenied | None = self._wait(future)
        if future.done():
            del self._preparing[trade.id]
        return limit

    def _prepare(self, position: Position, trade: Trade) -> "Future[Decimal | ArbitrageDenied]":
        sale = Leg(BOT_VENUE, trade.pair, "sell", to_decimal(trade.amount))
        rate = self._preconditions.rates.known(position.other_pair.partition("/")[2]) or ONE
        draft = draft_of(position, rate, self._clock.wall())
        self.has_prepared = True
        return self._worker.submit(lambda: self._executor.prepare_exit(draft, sale))

    def _is_kept_for(self, trade: Trade, seconds: float) -> bool:
        now = self._clock.monotonic()
        return now - self._kept_since.setdefault(trade.id, now) >= seconds

    def _sell_as_freqtrade_does(self, bot: Any, trade: Trade, reason: str) -> None:
        price = bot.exchange.get_rate(trade.pair, side="exit", is_short=False, refresh=True)
        self._sell(bot, trade, to_decimal(price), reason, None)

    def _sell(
        self,
        bot: Any,
        trade: Trade,
        limit: Decimal,
        reason: str,
        order_type: str | None,
        part: float | None = None,
    ) -> bool:
        """:return: whether it has left. The hook behind an exit follows it, if it has filled."""
        try:
            has_left: bool = bot.execute_trade_exit(
                trade,
                to_float(limit),
                ExitCheckTuple(ExitType.CUSTOM_EXIT, reason),
                exit_tag=reason,
                ordertype=order_type,
                sub_trade_amt=part,
                skip_custom_exit_price=order_type is not None,
            )
        except (DependencyException, ExchangeError) as error:
            logger.warning("Unable to exit trade %s: %s", trade.pair, words_of(error))
            return False
        return has_left

    # What only freqtrade may sell

    def sell_unhedged(self, bot: Any) -> None:
        """Policy ``unwind`` for a coin that is part of a trade."""
        if self._settings.unhedged_policy != "unwind" or not self._positions.open:
            return
        for exposure in self._executor.exposures():
            if not self._preconditions.is_with_trade(exposure):
                continue
            position = next(
                (p for p in self._positions.open if p.arbitrage_id == exposure.arbitrage_id), None
            )
            trade = None if position is None else trade_of_position(position)
            if trade is not None and trade.is_open and not trade.has_open_orders:
                self._unwind(bot, exposure, trade)

    def _unwind(self, bot: Any, exposure: Exposure, trade: Trade) -> None:
        now = self._clock.monotonic()
        if now < self._unwound_at.get(exposure.id, now):
            return
        self._unwound_at[exposure.id] = now + self._settings.leg_timeout
        amount = min(exposure.net, to_decimal(trade.amount))
        sale = Leg(BOT_VENUE, trade.pair, "sell", amount)
        limit = self._wait(self._worker.submit(lambda: self._executor.limit_of_sale(sale)))
        if not isinstance(limit, Decimal) or limit < unwind_limit(exposure, self._settings):
            return
        is_whole = amount >= to_decimal(trade.amount)
        if not is_whole and not self._preconditions.is_sellable(trade.pair, amount, limit):
            return  # the exchange would reject it each time; it is held
        self._sell(bot, trade, limit, UNHEDGED, "limit", None if is_whole else to_float(amount))
