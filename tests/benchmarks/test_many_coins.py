"""What a signalling pair costs on an account with hundreds of coins, as Binance lists them."""

import random
import statistics
import sys
import time

import pytest

from freqtrade_balance_guard.orders.bot_loop import Loop, current_loop
from tests.support.doubled import bot_with, mock_exchange


COINS = 800
GUARD = {"min_order_size": 0.01, "min_balance_threshold": 0.001, "balance_cache_duration": 60}


def balance(coins):
    """An account with dust of every coin; its amounts have as many digits as real ones."""
    chance = random.Random(1)
    answer = {"BTC": {"free": 1.5, "used": 0.0, "total": 1.5}}
    for number in range(coins):
        amount = round(chance.uniform(0, 1000), 8)
        answer[f"COIN{number}"] = {"free": amount, "used": 0.0, "total": amount}
    return answer


def seconds_per_pair(bot, doubles, loops=40):
    """CPU of the one pair that signals in a loop, read and bookkeeping included; the median."""
    spent = []
    answer = doubles["get_balances"].return_value
    for number in range(loops):
        # A deposit of a satoshi: one coin differs, and there is something to ask for.
        free = 1.5 + number * 1e-8
        answer["BTC"] = {"free": free, "used": 0.0, "total": free}
        bot.wallets.live.touched()
        token = current_loop.set(Loop())
        began = time.process_time()
        bot.wallets.get_trade_stake_amount("ETH/BTC", 2)
        bot.wallets.keep_believed()
        spent.append(time.process_time() - began)
        current_loop.reset(token)
    return statistics.median(spent)


@pytest.mark.benchmark
def test_hundreds_of_coins_cost_a_signalling_pair_two_milliseconds(tmp_path, mocker, capsys):
    bots, spent = {}, {1: [], COINS: []}
    for coins in spent:
        doubles = mock_exchange(mocker)
        doubles["get_balances"].return_value = balance(coins)
        bots[coins] = bot_with(tmp_path / str(coins), GUARD, mixin=True), doubles
    for _ in range(5):
        # Interleaved, so that a busy minute meets both.
        for coins, (bot, doubles) in bots.items():
            bot.exchange.get_balances = doubles["get_balances"]
            spent[coins].append(seconds_per_pair(bot, doubles))
    few, many = (1000 * min(spent[coins]) for coins in (1, COINS))
    with capsys.disabled():
        sys.stdout.write(
            f"\none signalling pair: {few:.2f} ms with one coin, {many:.2f} ms with {COINS} "
            f"(ratio {many / few:.2f})\n"
        )
    assert many - few <= 2.0
    assert many / few <= 2.0
