"""A real bot takes both legs: one is a trade of freqtrade's, the other stands against it."""

import pytest

from tests.support.legs_bot import PAIR, exchanges, legs_bot


@pytest.mark.parametrize(
    "dry_run",
    [
        pytest.param(False, id="live"),
        pytest.param(True, id="dry-run", marks=pytest.mark.acceptance),
    ],
)
def test_both_legs_open_in_one_loop_and_close_together(tmp_path, dry_run):
    with exchanges() as both, legs_bot(tmp_path, both, dry_run=dry_run) as bot:
        bot.offer()
        bot.wait_arbitrages(1)
        bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 10, "a trade")
        (trade,) = bot.bot.open_trades()
        assert (trade["pair"], trade["amount"], trade["enter_tag"]) == (PAIR, 0.1, "two legs")
        bot.close(PAIR)
        bot.bot.wait_for(r"Arbitrage 1 \(ETH/USDT\) is closed", 20)
        (trade,) = bot.bot.trades()
        assert (trade["is_open"], trade["exit_reason"]) == (0, "both legs")
        assert [(pair.kind, pair.state) for pair in bot.arbitrages()] == [
            ("two_legs", "hedged"),
            ("close", "filled"),
        ]
        assert bot.exposures() == []
        if not dry_run:
            assert [bot.coins(sandbox) for sandbox in both] == [4, 4]
            bot.check()


@pytest.mark.acceptance
def test_money_that_is_under_way_is_called_that(tmp_path):
    with exchanges(here={"USDT": "200"}) as both, legs_bot(tmp_path, both) as bot:
        here, _ = both
        bot.bot.wait_loops(2)
        here.control.fault("balance_lag", seconds=60)
        # A sale out of the inventory brings 260 USDT, which the balance does not show yet.
        here.control.price(PAIR, 2600)
        sale = {"venue": "bot", "pair": PAIR, "side": "sell", "amount": "0.1"}
        bot.offer({**sale, "venue": "there", "side": "buy"}, sale)
        bot.wait_arbitrages(1)
        here.control.price(PAIR, 2500)
        bot.offer()
        bot.bot.wait_for(r"No order for ETH/USDT: .*balance_lagging", 20)
        assert [pair.state for pair in bot.arbitrages()] == ["hedged", "denied"]
        here.control.clear_faults()
        bot.offer()
        bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 20, "a trade")
        bot.check()
