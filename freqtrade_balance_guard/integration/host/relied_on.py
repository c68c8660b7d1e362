"""What we rely on in freqtrade, with the reason. ``contract`` checks it at start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relied:
    """One function of freqtrade: where it is, its parameters, and what we do with it."""

    module: str
    name: str
    parameters: str
    reason: str


COMMON = (
    Relied(
        "freqtrade.wallets",
        "Wallets.get_trade_stake_amount",
        "self, pair, max_open_trades, update",
        "overridden: refuses early, before prices are asked for",
    ),
    Relied(
        "freqtrade.wallets",
        "Wallets.validate_stake_amount",
        "self, pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount",
        "overridden: every entry in every mode is sized here",
    ),
    Relied(
        "freqtrade.wallets",
        "Wallets.get_available_stake_amount",
        "self",
        "called: what freqtrade itself would spend",
    ),
    Relied("freqtrade.wallets", "Wallets.get_free", "self, currency", "called: free balance"),
    Relied(
        "freqtrade.wallets",
        "Wallets.update",
        "self, require_update",
        "overridden: live, the balance book decides whether the exchange has to be asked",
    ),
    Relied(
        "freqtrade.wallets",
        "Wallets.check_exit_amount",
        "self, trade",
        "overridden: the second look before an exit is at the exchange's own answer",
    ),
    Relied(
        "freqtrade.persistence",
        "Trade.total_open_trades_stakes",
        "",
        "called: total equity, for tiers",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.get_min_pair_stake_amount",
        "self, pair, price, stoploss, leverage",
        "wrapped: the price of an entry is noted just before its stake is validated",
    ),
    Relied(
        "freqtrade.strategy.interface",
        "IStrategy.ft_bot_start",
        "self, **kwargs",
        "wrapped: the guard is put on once wallets and data provider are there",
    ),
    Relied(
        "freqtrade.strategy.interface",
        "IStrategy._adjust_trade_position_internal",
        "self, trade, current_time, current_rate, current_profit, min_stake, max_stake, "
        "current_entry_rate, current_exit_rate, current_entry_profit, current_exit_profit, "
        "**kwargs",
        "wrapped: partial exits are made smaller so that the rest stays sellable",
    ),
    Relied(
        "freqtrade.wallets",
        "Wallets.get_total_stake_amount",
        "self",
        "called: how much freqtrade would put to work",
    ),
    Relied(
        "freqtrade.persistence",
        "PairLocks.lock_pair",
        "pair, until, reason, *, now, side",
        "called: the threshold and what was sold are locked at any time",
    ),
    Relied(
        "freqtrade.persistence",
        "PairLocks.get_pair_locks",
        "pair, now, side",
        "called: our own locks are found again, and lifted",
    ),
)

BACKTEST = (
    Relied(
        "freqtrade.optimize.backtesting",
        "Backtesting.time_pair_generator",
        "self, start_date, end_date, pairs, data",
        "wrapped: a rebalance is decided once per candle",
    ),
    Relied(
        "freqtrade.optimize.backtesting",
        "Backtesting._check_trade_exit",
        "self, trade, row, current_time",
        "wrapped: a sale of a rebalance goes out when freqtrade comes to its trade",
    ),
    Relied(
        "freqtrade.optimize.backtesting",
        "Backtesting._enter_trade",
        "self, pair, row, direction, stake_amount, trade, requested_rate, requested_stake, "
        "entry_tag1",
        "wrapped: short entries and replaced ones are known as such",
    ),
)

LIVE = (
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.exit_positions",
        "self, trades",
        "wrapped: stuck stake is freed when freqtrade has done with its own exits",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.get_rate",
        "self, pair, refresh, side, is_short, order_book, ticker",
        "called: the exit rate that freqtrade has just looked at",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.create_order",
        "self, *, pair, ordertype, side, amount, rate, leverage, time_in_force, reduceOnly, "
        "initial_order",
        "overridden: the last look at a rounded entry",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.create_stoploss",
        "self, pair, amount, stop_price, order_types, side, leverage",
        "overridden: a stop order on the exchange holds the coin",
    ),
    *(
        Relied(
            "freqtrade.exchange",
            f"Exchange.{name}",
            parameters,
            "overridden: answers about own orders tell the book what became of them",
        )
        for name, parameters in (
            ("fetch_order", "self, order_id, pair, params"),
            ("fetch_stoploss_order", "self, order_id, pair, params"),
            ("cancel_order_with_result", "self, order_id, pair, amount"),
            ("cancel_stoploss_order_with_result", "self, order_id, pair, amount"),
            ("get_trades_for_order", "self, order_id, pair, since, params"),
        )
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.fetch_orders",
        "self, pair, since, params",
        "overridden: freqtrade's search for unknown orders does not see other bots' ones",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._get_params",
        "self, side, ordertype, leverage, reduceOnly, time_in_force",
        "overridden: an order carries our client order id",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._get_stop_params",
        "self, side, ordertype, stop_price",
        "overridden: a stop order carries our client order id",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._order_contracts_to_amount",
        "self, order",
        "called: a found order is what create_order would have returned",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.fetch_dry_run_order",
        "self, order_id",
        "called: what became of a simulated order",
    ),
    Relied(
        "freqtrade.persistence",
        "KeyValueStore.get_string_value",
        "key",
        "called: the bot's name in the ledger lives in its own database",
    ),
    Relied(
        "freqtrade.persistence",
        "KeyValueStore.store_value",
        "key, value",
        "called: the bot's name in the ledger lives in its own database",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.handle_onexchange_order",
        "self, trade",
        "called: freqtrade looks for an exit that it does not know",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.cleanup",
        "self",
        "wrapped: the end of a run is said to the account's other bots",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.get_balances",
        "self, params",
        "called: once and in bounded time, with its retries switched off (count=0)",
    ),
    Relied(
        "freqtrade.persistence",
        "Trade.get_open_trades",
        "",
        "called: open orders of before the start are followed",
    ),
    Relied(
        "freqtrade.persistence",
        "Trade.get_open_trade_count",
        "",
        "called: reads hurry while a trade is open",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.amount_to_precision",
        "self, pair, amount",
        "called: rounds as the order will be",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.price_to_precision",
        "self, pair, price, *, rounding_mode",
        "called: rounds as the order will be",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._contracts_to_amount",
        "self, pair, num_contracts",
        "called: futures are rounded in contracts",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._order_contracts_to_amount",
        "self, order",
        "called: an order that was found again is handed on as create_order would",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._log_exchange_response",
        "self, endpoint, response, *, add_info",
        "called: it is logged like other answers",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.get_option",
        "self, param, default",
        "called: whether stop orders are asked for apart from others",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange._amount_to_contracts",
        "self, pair, amount",
        "called: futures are rounded in contracts",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.get_conversion_rate",
        "self, coin, currency, *, cached",
        "called: dollars into stake currency",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.create_trade",
        "self, pair",
        "wrapped: a refusal is said once, not once per loop",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.check_and_call_adjust_trade_position",
        "self, trade",
        "wrapped: a refusal is said once, not once per loop",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.execute_entry",
        "self, pair, stake_amount, price, *, is_short, ordertype, enter_tag, trade, mode, "
        "leverage_",
        "wrapped: tells new entries, adjustments and replacements apart",
    ),
    Relied(
        "freqtrade.rpc.rpc",
        "RPC._rpc_force_entry",
        "self, pair, price, *, order_type, order_side, stake_amount, enter_tag, leverage",
        "wrapped: /forceenter answers with the reason of a refusal",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.process",
        "self",
        "wrapped: one pass of the loop; several refreshes of one pass are joined",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot._safe_exit_amount",
        "self, trade, pair, amount",
        "wrapped: the balance in front of an exit is a fresh one",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.apply_fee_conditional",
        "self, trade, trade_base_currency, amount, fee_abs, order_obj",
        "wrapped: a fee is compared with a fresh balance",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.execute_trade_exit",
        "self, trade, limit, exit_check, *, exit_tag, ordertype, sub_trade_amt, "
        "skip_custom_exit_price",
        "wrapped: an exit that was refused for its size is tried with pauses",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.get_free_open_trades",
        "self",
        "wrapped: a purchase of two legs that is under way needs its slot",
    ),
    Relied(
        "freqtrade.freqtradebot",
        "FreqtradeBot.update_trade_state",
        "self, trade, order_id, action_order, *, stoploss_order, send_msg",
        "called: the other leg of an exit does not wait for freqtrade's next loop",
    ),
    Relied(
        "freqtrade.wallets",
        "Wallets._update_dry",
        "self",
        "overridden: legs out of the inventory show in simulated balances",
    ),
    Relied(
        "freqtrade.exchange",
        "Exchange.create_dry_run_order",
        "self, pair, ordertype, side, amount, rate, leverage, params, stop_loss, stop_price",
        "called: freqtrade simulates a leg",
    ),
    Relied(
        "freqtrade.persistence",
        "Trade.set_custom_data",
        "self, key, value",
        "called: a trade shows its other leg",
    ),
    Relied(
        "freqtrade.data.dataprovider",
        "DataProvider.send_msg",
        "self, message, *, always_send",
        "called: what the user has to know",
    ),
)
