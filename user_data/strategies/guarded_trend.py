"""A strategy with the mixin: follows a trend, sells a part early, and lets the rest run.

    freqtrade trade -c user_data/config-sandbox.json --strategy GuardedTrend

The guard is the first base class and nothing else: no callback of this strategy calls ``super()``.
An example to read, not a way to make money.
"""

import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_balance_guard import BalanceGuard


class GuardedTrend(BalanceGuard, IStrategy):
    """Buys when the fast average crosses above the slow one, sells when it crosses below."""

    INTERFACE_VERSION = 3

    timeframe = "5m"
    can_short = False
    startup_candle_count = 40
    process_only_new_candles = True

    minimal_roi = {"0": 0.05, "240": 0.02, "720": 0.005}
    # The guard leaves room to sell down here: a position that falls by 6 % is still above the
    # exchange's minimum.
    stoploss = -0.06

    # Partial exits need this switch of freqtrade's.
    position_adjustment_enable = True
    # Sell half of a position once it has gained this much.
    part_at_profit = 0.02

    fast_candles = 8
    slow_candles = 21

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["fast"] = ta.EMA(dataframe, timeperiod=self.fast_candles)
        dataframe["slow"] = ta.EMA(dataframe, timeperiod=self.slow_candles)
        dataframe["rising"] = dataframe["fast"] > dataframe["slow"]
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        was_rising = dataframe["rising"].shift(1, fill_value=False)
        crossed = dataframe["rising"] & ~was_rising & (dataframe["volume"] > 0)
        dataframe.loc[crossed, ["enter_long", "enter_tag"]] = (1, "crossed up")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        was_rising = dataframe["rising"].shift(1, fill_value=False)
        crossed = ~dataframe["rising"] & was_rising
        dataframe.loc[crossed, ["exit_long", "exit_tag"]] = (1, "crossed down")
        return dataframe

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        """Half of it goes at a small profit.

        What remains may be too small to be sold; the guard then makes this part smaller, or
        refuses it with the reason. Nothing here has to know the exchange's minimums.
        """
        if trade.has_open_orders or trade.nr_of_successful_exits:
            return None
        if current_profit >= self.part_at_profit:
            return -trade.stake_amount / 2, "first half"
        return None
