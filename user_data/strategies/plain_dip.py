"""A strategy that knows nothing of the guard: buys dips, sells when they are over.

    balance-guard trade -c user_data/config-sandbox.json --strategy PlainDip

The launcher guards it as it is. Started with plain ``freqtrade`` it runs unguarded.
An example to read, not a way to make money.
"""

import talib.abstract as ta
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class PlainDip(IStrategy):
    """Buys when the relative strength index is low, sells when it is back in the middle."""

    INTERFACE_VERSION = 3

    timeframe = "5m"
    can_short = False
    startup_candle_count = 30
    process_only_new_candles = True

    minimal_roi = {"0": 0.04, "120": 0.01}
    stoploss = -0.08

    low = 30
    middle = 55

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dip = (dataframe["rsi"] < self.low) & (dataframe["volume"] > 0)
        dataframe.loc[dip, ["enter_long", "enter_tag"]] = (1, "dip")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["rsi"] > self.middle, ["exit_long", "exit_tag"]] = (1, "over")
        return dataframe

    def confirm_trade_entry(
        self, pair, order_type, amount, rate, time_in_force, current_time, entry_tag, side, **kwargs
    ):
        # Many strategies have a callback like this one and call no super(). The guard does not
        # stand in the callbacks, so nothing is lost.
        return True
