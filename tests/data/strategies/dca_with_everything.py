"""A strategy with additions, partial exits, stakes of its own and a stop-loss on the exchange."""

import talib.abstract as ta
from freqtrade.strategy import IStrategy


class DcaWithEverything(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "5m"
    startup_candle_count = 30
    process_only_new_candles = False
    minimal_roi = {"0": 0.03, "4": 0.01}
    stoploss = -0.15
    trailing_stop = False
    position_adjustment_enable = True
    max_entry_position_adjustment = 3
    order_types = {
        "entry": "limit",
        "exit": "limit",
        "stoploss": "limit",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 20,
    }

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 45, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 68, "exit_long"] = 1
        return dataframe

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, **kwargs):
        # What is kept back is for the additions.
        return proposed_stake / 3

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.has_open_orders:
            return None
        if current_profit < -0.015 * trade.nr_of_successful_entries:
            return trade.stake_amount / trade.nr_of_successful_entries
        if current_profit > 0.015 and trade.nr_of_successful_exits == 0:
            return -trade.stake_amount / 3, "a_third"
        return None
