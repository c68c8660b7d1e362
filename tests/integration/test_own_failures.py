"""The guard itself fails, wherever it may: no entry slips through, no exit is lost or held up."""

from dataclasses import replace

import pytest
from freqtrade.exceptions import DependencyException
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.integration.orders.guarded_exchange import GuardedExchange
from tests.support.doubled import bot_with


GUARD = {"min_order_size": 0.01, "min_balance_threshold": 0.001}
PACKAGE = "freqtrade_balance_guard"
ORDER = {"pair": "ETH/BTC", "ordertype": "limit", "amount": 3.0, "rate": 0.03, "leverage": 1.0}


@pytest.fixture
def bot(tmp_path, mocked_exchange):
    return bot_with(tmp_path, GUARD, mixin=True)


def breaks(mocker, name):
    return mocker.patch(f"{PACKAGE}.{name}", side_effect=ZeroDivisionError("planted"))


def sends(bot, side):
    return bot.exchange.create_order(side=side, **ORDER)["id"] == "1"


@pytest.mark.parametrize(
    "place",
    [
        "integration.wallets.live_balances.LiveBalances.refresh_for_entry",
        "integration.wallets.live_balances.LiveBalances.wallets",
        "limits.rejections.Rejections.entry_refusal",
        "rebalance.rebalancer.Rebalancer.sold_pair_denied",
        "orders.funds.entry_funds.EntryFunds.check_entry",
    ],
)
def test_a_failure_before_sizing_refuses_the_entry_and_ends_no_loop(bot, mocker, place):
    assert bot.wallets.get_trade_stake_amount("ETH/BTC", 2) == 0.1
    breaks(mocker, place)
    with pytest.raises(DependencyException, match="guard_error"):
        bot.wallets.get_trade_stake_amount("ETH/BTC", 2)


@pytest.mark.parametrize(
    "place",
    [
        "orders.funds.entry_funds.EntryFunds.for_entry",
        "orders.registry.OrderRegistry.open_entry",
        "orders.subscribers.why_of",
        "orders.funds.other_bots.OtherBots.look",
    ],
)
def test_an_entry_whose_money_cannot_be_reserved_for_our_fault_does_not_leave(
    bot,
    mocker,
    mocked_exchange,
    place,
):
    breaks(mocker, place)
    with pytest.raises(DependencyException, match="guard_error"):
        sends(bot, "buy")
    assert not mocked_exchange["create_order"].called


@pytest.mark.parametrize(
    "place",
    [
        "orders.registry.OrderRegistry.open_exit",
        "orders.registry.OrderRegistry.report",
        "orders.subscribers.why_of",
        "orders.lookups.Lookups.ask",
        "integration.orders.order_gateway.OrderGateway._terms",
        "orders.subscribers.BookOrders.follow",
        "limits.rejections.Rejections.position_changed",
    ],
)
def test_an_exit_leaves_and_is_handed_to_freqtrade_whatever_of_ours_fails(bot, mocker, place):
    breaks(mocker, place)
    assert sends(bot, "sell")


@pytest.mark.parametrize(
    "place",
    ["orders.lookups.Lookups.resolve", "limits.rejections.Rejections.entry_rejected"],
)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_freqtrade_hears_of_the_exchanges_error_and_not_of_ours(
    bot,
    mocker,
    mocked_exchange,
    place,
    side,
):
    mocked_exchange["create_order"].side_effect = DependencyException("of the exchange")
    mocker.patch(f"{PACKAGE}.integration.orders.order_gateway.classify", return_value="unknown")
    mocker.patch(f"{PACKAGE}.orders.lookups.Lookups.resolve", return_value=None)
    breaks(mocker, place)
    with pytest.raises(DependencyException, match="of the exchange"):
        sends(bot, side)


@pytest.mark.parametrize(
    "place",
    [
        "integration.wallets.live_balances.LiveBalances.refresh_for_exit",
        "integration.wallets.live_balances.LiveBalances.wallets",
        "balances.book.BalanceBook.accept",
        "ledger.ledger.ReservationLedger.mark",
        "ledger.ledger.ReservationLedger.seen",
    ],
)
def test_the_balance_in_front_of_an_exit_is_there_although_we_fail(
    bot,
    mocker,
    mocked_exchange,
    place,
):
    breaks(mocker, place)
    mocked_exchange["get_balances"].return_value = {
        "BTC": {"free": 1.5, "used": 0, "total": 1.5},
        "ETH": {"free": 3.0, "used": 0, "total": 3.0},
    }
    bot.wallets.update()
    assert bot.wallets.get_total("ETH") == 3.0


def test_a_stop_is_handled_and_its_answer_kept_although_we_fail_to_watch_it(bot, mocker):
    trade = mocker.MagicMock(is_open=True, has_open_orders=False, has_open_sl_orders=False)
    mocker.patch.object(FreqtradeBot, "handle_stoploss_on_exchange", return_value=True)
    watching = breaks(mocker, "monitoring.stop_watch.StopWatch.look")
    assert bot.handle_stoploss_on_exchange(trade) is True
    assert watching.called


def test_the_pass_over_exits_ends_well_although_we_fail_to_watch_stops(bot, mocker):
    mocker.patch.object(FreqtradeBot, "exit_positions", return_value=2)
    watching = breaks(mocker, "monitoring.stop_watch.StopWatch.keep_only")
    assert bot.exit_positions([]) == 2
    assert watching.called


def test_an_entry_whose_claim_fails_is_denied_and_ends_no_loop(bot, mocker):
    entered = mocker.patch.object(FreqtradeBot, "execute_entry", return_value=True)
    arbitrage = mocker.MagicMock()
    bot.guard = replace(bot.guard, arbitrage=arbitrage)
    arbitrage.streaming.desk.claim_entry.side_effect = ZeroDivisionError("planted")
    with pytest.raises(DependencyException, match="guard_error"):
        bot.execute_entry("ETH/BTC", 0.1)
    assert not entered.called


def test_without_knowing_the_slots_of_arbitrages_no_slot_is_free(bot, mocker):
    arbitrage = mocker.MagicMock()
    bot.guard = replace(bot.guard, arbitrage=arbitrage)
    arbitrage.slots_taken.side_effect = ZeroDivisionError("planted")
    assert bot.get_free_open_trades() == 0


def test_no_entry_is_sized_on_a_balance_that_we_failed_on(bot, mocker):
    breaks(mocker, "balances.book.BalanceBook.accept")
    bot.wallets.update()
    mocker.stopall()
    assert bot.wallets.live.is_unreadable


def test_a_start_that_fails_half_way_refuses_entries_and_leaves_exits_to_freqtrade(
    tmp_path,
    mocked_exchange,
    mocker,
):
    breaks(mocker, "integration.bot.parts.Housekeeping")
    bot = bot_with(tmp_path, GUARD, mixin=True)
    assert type(bot) is FreqtradeBot
    assert type(bot.wallets) is Wallets
    assert not isinstance(bot.exchange, GuardedExchange)
    assert not bot.execute_entry("ETH/BTC", 0.1)
    assert sends(bot, "sell")
