"""Rebalancing in backtesting and hyperopt: candle time, no I/O, the same run gives the same sales.

Decided once per candle before its first pair, on the open rates of the candle, which is what
freqtrade's backtest sells at. Each sale goes out when freqtrade comes to its trade.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freqtrade.optimize.backtesting import DATE_IDX, OPEN_IDX

from freqtrade_balance_guard.integration.rebalance.entry_locks import EntryLocks
from freqtrade_balance_guard.integration.rebalance.inputs import FreqtradeInputs
from freqtrade_balance_guard.integration.rebalance.selling import exit_of
from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.rebalance.plan import Plan, Sale
from freqtrade_balance_guard.rebalance.policy import decide
from freqtrade_balance_guard.rebalance.rebalancer import Rebalancer, Sight
from freqtrade_balance_guard.rebalance.waiting import Since


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


Rows = Mapping[str, Sequence[tuple[Any, ...]]]


class CandleClock:
    """The time of the candle that is being played, on both of its clocks."""

    def __init__(self) -> None:
        self.now = datetime.fromtimestamp(0, UTC)

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()


class CandleRebalancer(Rebalancer):
    """Of one backtest; each run of it begins anew. Pickled into hyperopt's workers."""

    def __init__(
        self, wallets: "GuardedWallets", config: dict[str, Any], *, with_protections: bool
    ) -> None:
        self._candle_clock = CandleClock()
        log = AttemptLog(None, "backtest", "backtest", self._candle_clock)
        super().__init__(FreqtradeInputs(wallets, config), log, self._candle_clock)
        self._wallets = wallets
        self._config = config
        self._with_protections = with_protections
        self._locks: EntryLocks | None = None
        self._rows: Rows = {}
        self._due: dict[int, Sale] = {}

    def follow(self, steps: Iterable[tuple[Any, ...]], rows: Rows) -> Iterator[tuple[Any, ...]]:
        """Go with freqtrade through a run.

        :param steps: what freqtrade's ``time_pair_generator`` yields: the time comes first
        :param rows: its candles by pair
        """
        self._rows, is_begun = rows, False
        try:
            for step in steps:
                if not is_begun or step[0] != self._candle_clock.now:
                    self._candle_clock.now = step[0]
                    if not is_begun:
                        self._begin()
                        is_begun = True
                    self._candle(step[0])
                yield step
        finally:
            self._rows = {}

    def _begin(self) -> None:
        self.log = AttemptLog(None, "backtest", "backtest", self._candle_clock)
        self._since = Since(self._candle_clock)
        self._first_start = None
        self._due = {}
        # Hyperopt tries other durations in each run.
        wallets = self._wallets
        self._locks = (
            EntryLocks(wallets, wallets.protections(), self._config, self)
            if self._with_protections
            else None
        )

    def _candle(self, now: datetime) -> None:
        if self._due:
            self._end_attempt()  # a pair without a candle
        limits = self.limits()
        if not self.is_quiet(limits):
            answer = decide(self.picture(limits, Sight(), self._rate))
            if isinstance(answer, Plan):
                self.log.begin(answer, self.currency)
                self._due = {sale.trade_id: sale for sale in answer.sales}
        if self._locks is not None:
            self._locks.keep(now)

    def _rate(self, trade: Any) -> float | None:
        rows = self._rows.get(trade.pair, ())
        index = bisect_right(rows, self._candle_clock.now, key=lambda row: row[DATE_IDX])
        return float(rows[index - 1][OPEN_IDX]) if index else None

    # A sale

    def is_due(self, trade: Any) -> bool:
        """Whether this trade is to be sold now."""
        return bool(self._due) and trade.id in self._due

    def sell(self, backtesting: Any, trade: Any, check: Any, row: Any, now: Any) -> Any:
        """Let freqtrade sell, and go on with what it does with a trade.

        :param check: freqtrade's own ``_check_trade_exit`` with its arguments
        """
        sale = self._due.pop(trade.id)
        exit_ = exit_of(sale, self._wallets.market_rules(trade.pair))
        self.record(sale.trade_id, Outcome.SENDING)
        # freqtrade's own exit of a whole position comes first, as it does in a live bot.
        closing = check() if sale.is_whole else None
        sold = closing
        if sold is None:
            sold = backtesting._get_exit_for_signal(trade, row, exit_.check, now, exit_.amount)
        if sold is not None:
            self.record(sale.trade_id, Outcome.ORDERED, order_id=str(sold.orders[-1].order_id))
            if not sale.is_whole:
                backtesting._process_exit_order(sold.orders[-1], sold, now, row, trade.pair)
        else:
            self.record(sale.trade_id, Outcome.VETOED if sale.is_whole else Outcome.FAILED)
        if not self._due:
            self._end_attempt()
        return sold if sale.is_whole else check()

    def _end_attempt(self) -> None:
        self._due = {}
        self.end()
