"""A real bot whose strategy looks at order books as they change: the engine sends both legs."""

import time

import pytest

from tests.support.legs_bot import PAIR, exchanges, legs_bot
from tests.support.stuck import console


ON_BOOKS = """
    def watched_books(self):
        return [("bot", "ETH/USDT"), ("There", "ETH/USDT")]

    def on_books(self, books, *, changed, **kwargs):
        from freqtrade_balance_guard import best_opportunity

        here, there = books.get(("bot", "ETH/USDT")), books.get(("there", "ETH/USDT"))
        if here is None or there is None:
            return None
        return best_opportunity(here, there, 0.1, min_profit_percent=0.2, tag="streamed")
"""
STREAMED = {"time_in_force": "IOC"}


def streaming_bot(folder, both, **more):
    settings = {"extra": ON_BOOKS, "streams": True, "arbitrage": STREAMED, **more}
    return legs_bot(folder, both, **settings)


def moved_apart(there):
    there.control.price(PAIR, "2550")


@pytest.mark.parametrize(
    "dry_run",
    [
        pytest.param(False, id="live"),
        pytest.param(True, id="dry-run", marks=pytest.mark.acceptance),
    ],
)
def test_both_legs_leave_when_the_books_change_and_become_a_trade(tmp_path, dry_run):
    with (
        exchanges() as (here, there),
    ):
        there.control.price(PAIR, "2500")
        guard = {"debug_validation": True}
        with streaming_bot(tmp_path, (here, there), dry_run=dry_run, guard=guard) as bot:
            bot.bot.wait_loops(2)
            assert bot.arbitrages() == []
            moved_apart(there)
            bot.wait_arbitrages(1, 10)
            (record,) = bot.arbitrages()
            assert (record.state, record.tag) == ("hedged", "streamed")
            assert [order.time_in_force for order in record.orders] == ["IOC", "IOC"]
            result = {name: float(value) for name, value in record.result.items()}
            assert result["start_seconds"] < 5 and result["book_age_seconds"] < 1
            assert result["profit"] > 0
            bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 10, "a trade")
            # The pair is open now: nothing more is bought, however often the books change.
            for price in ("2551", "2552", "2553"):
                there.control.price(PAIR, price)
                time.sleep(0.3)
            bot.bot.wait_loops(2)
            assert len(bot.arbitrages()) == 1
            assert bot.bot.lines("Traceback") == []
            if not dry_run:
                bot.check()


@pytest.mark.acceptance
def test_an_entry_signal_and_the_engine_never_both_buy_one_pair(tmp_path):
    with exchanges() as (here, there):
        there.control.price(PAIR, "2500")
        with streaming_bot(tmp_path, (here, there)) as bot:
            bot.bot.wait_loops(2)
            bot.signal(PAIR)
            moved_apart(there)
            bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 20, "a trade")
            bot.bot.wait_loops(3)
            assert len(bot.bot.open_trades()) == 1
            assert len(bot.orders(here, "buy")) == 1
            bot.check()


@pytest.mark.acceptance
def test_a_paused_bot_begins_nothing_and_goes_on_when_it_is_resumed(tmp_path):
    with exchanges() as (here, there):
        there.control.price(PAIR, "2500")
        with streaming_bot(tmp_path, (here, there)) as bot:
            bot.bot.wait_loops(2)
            assert console(bot, "pause").returncode == 0
            bot.bot.wait_for("No entries: ", 10)
            moved_apart(there)
            bot.bot.wait_loops(3)
            assert bot.arbitrages() == []
            assert console(bot, "resume").returncode == 0
            bot.wait_arbitrages(1, 15)
            bot.check()
