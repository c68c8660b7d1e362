"""freqtrade under test tools: a bot on a mocked exchange, as freqtrade's own tests build it."""

from unittest.mock import MagicMock

from freqtrade.enums import RunMode, State
from freqtrade.freqtradebot import FreqtradeBot


EXCHANGE = "freqtrade.exchange.exchange.Exchange"

STRATEGY = """
from freqtrade.strategy import IStrategy
{import_line}

class Doubled({bases}):
    timeframe = "5m"
    minimal_roi = {{"0": 10}}
    stoploss = -0.1

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""

MARKET = {
    "id": "ethbtc", "symbol": "ETH/BTC", "base": "ETH", "quote": "BTC", "active": True,
    "spot": True, "swap": False, "linear": None, "type": "spot", "contractSize": None,
    "precision": {"price": 8, "amount": 8, "cost": 8}, "taker": 0.0025, "maker": 0.0025,
    "limits": {
        "amount": {"min": 0.01, "max": 100_000_000}, "price": {"min": None, "max": 500_000},
        "cost": {"min": 0.0001, "max": 500_000}, "leverage": {"min": 1, "max": 2},
    },
    "info": {},
}  # fmt: skip


def mock_exchange(mocker):
    """freqtrade's exchange without one: its answers are this function's, its doubles the result."""
    mocker.patch(f"{EXCHANGE}.validate_config", MagicMock())
    mocker.patch(f"{EXCHANGE}._init_ccxt", MagicMock())
    mocker.patch(f"{EXCHANGE}.check_time_offset", MagicMock(), create=True)
    mocker.patch(f"{EXCHANGE}.close", MagicMock())
    mocker.patch(f"{EXCHANGE}.reload_markets", MagicMock())
    mocker.patch(f"{EXCHANGE}.name", mocker.PropertyMock(return_value="Binance"))
    mocker.patch(f"{EXCHANGE}.id", mocker.PropertyMock(return_value="binance"))
    mocker.patch(f"{EXCHANGE}.timeframes", mocker.PropertyMock(return_value=["5m", "1h"]))
    mocker.patch(f"{EXCHANGE}.precisionMode", mocker.PropertyMock(return_value=2))
    mocker.patch(f"{EXCHANGE}.precision_mode_price", mocker.PropertyMock(return_value=2))
    mocker.patch(f"{EXCHANGE}.markets", mocker.PropertyMock(return_value={"ETH/BTC": MARKET}))
    mocker.patch("freqtrade.freqtradebot.RPCManager", MagicMock())
    mocker.patch("freqtrade.resolvers.strategy_resolver.StrategyResolver.validate_strategy",
                 lambda strategy: strategy)  # fmt: skip
    doubles = dict(
        get_rate=MagicMock(return_value=0.03),
        get_rates=MagicMock(return_value=(0.03, 0.0299)),
        get_fee=MagicMock(return_value=0.0025),
        get_balances=MagicMock(
            return_value={"BTC": {"free": 1.5, "used": 0, "total": 1.5}}
        ),
        fetch_positions=MagicMock(return_value=[]),
        create_order=MagicMock(
            return_value={"id": "1", "status": "open", "side": "buy", "type": "limit",
                          "symbol": "ETH/BTC", "price": 0.03, "amount": 3.0, "filled": 0.0,
                          "remaining": 3.0, "cost": 0.0, "timestamp": 1, "datetime": "",
                          "average": None}
        ),
    )  # fmt: skip
    mocker.patch.multiple(EXCHANGE, **doubles)
    return doubles


def bot_with(tmp_path, guard, *, mixin, **more):
    (tmp_path / "strategies").mkdir(parents=True)
    (tmp_path / "strategies" / "doubled.py").write_text(
        STRATEGY.format(
            bases="BalanceGuard, IStrategy" if mixin else "IStrategy",
            import_line="from freqtrade_balance_guard import BalanceGuard" if mixin else "",
        )
    )
    config = {
        "strategy": "Doubled", "runmode": RunMode.LIVE, "dry_run": False, "dry_run_wallet": 1000,
        "db_url": "sqlite://", "user_data_dir": tmp_path, "stake_currency": "BTC",
        "stake_amount": 0.1, "max_open_trades": 2, "tradable_balance_ratio": 0.99,
        "amend_last_stake_amount": False, "last_stake_amount_min_ratio": 0.5, "timeframe": "5m",
        "fiat_display_currency": "", "initial_state": "running", "unfilledtimeout": {},
        "exchange": {"name": "binance", "key": "k", "secret": "s",
                     "pair_whitelist": ["ETH/BTC"], "enable_ws": False},
        "pairlists": [{"method": "StaticPairList"}], "entry_pricing": {}, "exit_pricing": {},
        "trading_mode": "spot", "margin_mode": "", "candle_type_def": "spot", "internals": {},
        "dataformat_ohlcv": "feather", "original_config": {}, **more,
    }  # fmt: skip
    if guard is not None:
        config["balance_guard"] = guard
    bot = FreqtradeBot(config)
    bot.state = State.RUNNING
    return bot
