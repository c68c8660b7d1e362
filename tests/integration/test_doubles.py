"""A bot on a mocked exchange keeps freqtrade's behaviour, and is guarded all the same."""

from unittest.mock import MagicMock

import pytest
from freqtrade.exceptions import DependencyException
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Trade

from freqtrade_balance_guard.integration.bot.guarded_bot import GuardedBot
from freqtrade_balance_guard.integration.orders.guarded_exchange import GuardedExchange
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.rebalance.policy import (
    NO_REBALANCE_IN_FUTURES,
    NotNowCode,
    reasons_against,
)
from freqtrade_balance_guard.rebalance.rebalancer import Sight
from tests.integration.test_backtesting import NEUTRAL
from tests.support.doubled import EXCHANGE, MARKET, bot_with


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
    assert type(bot) is (GuardedBot if mixin else FreqtradeBot)
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


@pytest.mark.parametrize(
    ("dry_run", "owned", "leaves"), [(False, 100, True), (False, 50, False), (True, 0, True)]
)
def test_a_pair_whose_quote_is_not_the_stake_is_paid_from_what_there_is_of_that_quote(
    tmp_path, mocked_exchange, mocker, dry_run, owned, leaves
):
    other = {**MARKET, "symbol": "ETH/USDT", "quote": "USDT"}
    markets = {"ETH/BTC": MARKET, "ETH/USDT": other}
    mocker.patch(f"{EXCHANGE}.markets", mocker.PropertyMock(return_value=markets))
    balance = {"free": owned, "used": 0, "total": owned}
    mocked_exchange["get_balances"].return_value["USDT"] = balance
    bot = bot_with(tmp_path, NEUTRAL, mixin=True, dry_run=dry_run)
    order = {"pair": "ETH/USDT", "ordertype": "limit", "amount": 3.0, "rate": 30.0, "leverage": 1.0}
    if leaves:
        assert bot.exchange.create_order(side="buy", **order)
    else:
        with pytest.raises(DependencyException, match="USDT"):
            bot.exchange.create_order(side="buy", **order)
    assert mocked_exchange["create_order"].called is leaves
    assert bot.exchange.create_order(side="sell", **order)


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
    limits = bot.wallets.guard.entry_limits(
        bot.wallets.guard.tier_limits(bot.wallets.account.equity)
    )
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


def test_in_futures_a_rebalance_that_is_wanted_does_nothing_and_says_so(
    tmp_path, mocked_exchange, caplog
):
    rebalance = {"enabled": True, "enough_stake": 2, "target_stake": 3}
    guard = {"min_order_size": 0.01, "min_balance_threshold": 0, "rebalance": rebalance}
    for mode in ("futures", "spot"):
        caplog.clear()
        bot = bot_with(tmp_path / mode, guard, mixin=True, trading_mode=mode)
        rebalancer = bot.guard.rebalancer
        limits = rebalancer.limits()
        picture = rebalancer.picture(limits, Sight(), lambda _trade: 0.03)
        codes = [one.code for one in reasons_against(picture)]
        assert limits.is_enabled
        assert (NotNowCode.FUTURES in codes) is (mode == "futures")
        assert rebalancer.is_quiet(limits) is (mode == "futures")
        told = f"balance_guard.rebalance does nothing: {NO_REBALANCE_IN_FUTURES}."
        assert caplog.text.count(told) == int(mode == "futures")
