"""A real bot takes both legs: one is a trade of freqtrade's, the other stands against it."""

import pytest

from tests.support.legs_bot import PAIR, exchanges, legs_bot


@pytest.mark.parametrize("dry_run", [False, True], ids=["live", "dry-run"])
def test_both_legs_open_in_one_loop_and_close_together(tmp_path, dry_run):
    with exchanges() as both, legs_bot(tmp_path, both, dry_run=dry_run) as bot:
        bot.offer()
        bot.wait_pairs(1)
        bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 10, "a trade")
        (trade,) = bot.bot.open_trades()
        assert (trade["pair"], trade["amount"], trade["enter_tag"]) == (PAIR, 0.1, "two legs")
        bot.close(PAIR)
        bot.bot.wait_for(r"Pair 1 \(ETH/USDT\) is closed", 20)
        (trade,) = bot.bot.trades()
        assert (trade["is_open"], trade["exit_reason"]) == (0, "both legs")
        assert [(pair.kind, pair.state) for pair in bot.pairs()] == [
            ("pair", "hedged"),
            ("close", "filled"),
        ]
        assert bot.exposures() == []
        if not dry_run:
            assert [bot.coins(sandbox) for sandbox in both] == [4, 4]
            bot.check()
