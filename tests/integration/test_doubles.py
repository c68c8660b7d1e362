"""freqtrade under test tools: a bot on a mocked exchange, as freqtrade's own tests build it."""

from unittest.mock import MagicMock

import pytest
from freqtrade.enums import RunMode, State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Trade

from freqtrade_balance_guard.integration.exchange import GuardedExchange
from freqtrade_balance_guard.integration.wallets import GuardedWallets
from tests.integration.test_backtesting import NEUTRAL


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


@pytest.fixture
def mocked_exchange(mocker):
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


def order_sent(bot, mocked):
    """What the mocked exchange is asked for one entry."""
    mocked["create_order"].reset_mock()
    Trade.session.query(Trade).delete()
    assert bot.execute_entry("ETH/BTC", 0.1)
    ((), sent) = mocked["create_order"].call_args
    return sent


@pytest.mark.parametrize("mixin", [False, True], ids=["plain", "neutral"])
def test_neutral_on_doubles_behaves_as_plain(tmp_path, mocked_exchange, mixin):
    bot = bot_with(tmp_path, NEUTRAL if mixin else None, mixin=mixin)
    assert isinstance(bot.wallets, GuardedWallets) is mixin
    assert isinstance(bot.exchange, GuardedExchange) is mixin
    assert bot.strategy.wallets is bot.wallets
    sent = order_sent(bot, mocked_exchange)
    assert sent["amount"] == pytest.approx(0.1 / 0.03)
    assert sent["rate"] == 0.03
    assert bot.wallets.get_available_stake_amount() == pytest.approx(1.5 * 0.99 - 0.1 * 0.01)
    assert bot.wallets.get_trade_stake_amount("ETH/BTC", 2) == 0.1
    # A stake under the minimum is lifted by at most 30 %, as freqtrade does.
    assert bot.wallets.validate_stake_amount("ETH/BTC", 0.9, 1.0, 5, None) == 1.0
    assert bot.wallets.validate_stake_amount("ETH/BTC", 0.5, 1.0, 5, None) == 0


def test_a_doubled_exchange_is_guarded_by_real_limits_all_the_same(tmp_path, mocked_exchange):
    guard = {"min_order_size": 0.2, "min_balance_threshold": 0.001}
    bot = bot_with(tmp_path, guard, mixin=True)
    assert not bot.execute_entry("ETH/BTC", 0.1)
    assert not mocked_exchange["create_order"].called


def test_a_stake_in_another_currency_needs_a_rate_for_a_written_dollar_amount(
    tmp_path, mocked_exchange, mocker
):
    from freqtrade.exceptions import OperationalException

    mocker.patch(f"{EXCHANGE}.get_conversion_rate", MagicMock(return_value=None))
    with pytest.raises(OperationalException, match="min_order_size_usdt 5 needs a rate from US"):
        bot_with(tmp_path, {"min_order_size_usdt": 5}, mixin=True)


def test_defaults_in_dollars_follow_the_exchanges_rate(tmp_path, mocked_exchange, mocker):
    rate = mocker.patch(f"{EXCHANGE}.get_conversion_rate", MagicMock(return_value=0.00002))
    bot = bot_with(tmp_path, {}, mixin=True)
    assert rate.call_args_list[0].args == ("USDT", "BTC")
    limits = bot.wallets.guard.entry_limits(bot.wallets.guard.tier_limits(bot.wallets.equity))
    assert float(limits.min_order_size) == pytest.approx(2.5 * 0.00002)
    assert float(limits.min_balance_threshold) == pytest.approx(2.5 * 0.00002)


def test_an_error_inside_the_guard_refuses_the_entry_and_lets_the_exit_go(
    tmp_path, mocked_exchange, mocker
):
    bot = bot_with(tmp_path, {"min_order_size": 0.01}, mixin=True)
    mocker.patch(
        "freqtrade_balance_guard.guard.size_entry", side_effect=ZeroDivisionError("planted")
    )
    mocker.patch(
        "freqtrade_balance_guard.guard.look_at_entry", side_effect=ZeroDivisionError("planted")
    )
    assert not bot.execute_entry("ETH/BTC", 0.1)
    order = {"pair": "ETH/BTC", "ordertype": "limit", "amount": 3.0, "rate": 0.03, "leverage": 1.0}
    with pytest.raises(Exception, match="guard_error"):
        bot.exchange.create_order(side="buy", **order)
    assert bot.exchange.create_order(side="sell", **order)["id"] == "1"


def test_the_class_of_the_exchange_keeps_its_name(tmp_path, mocked_exchange):
    bot = bot_with(tmp_path, {"min_order_size": 0.01}, mixin=True)
    assert type(bot.exchange).__name__ == "Binance"
    assert isinstance(bot.exchange, GuardedExchange)
