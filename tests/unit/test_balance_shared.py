"""What other bots of the account hold, use and bring counts once, and not for ever."""

from decimal import Decimal

import pytest
from balance_bot import Bot

from freqtrade_balance_guard.balances.book import Need
from freqtrade_balance_guard.balances.flow import KEPT_SECONDS, Flow
from freqtrade_balance_guard.balances.other_bots_orders import Shared, SharedOrders


D = Decimal


def order(held: str, used: str = "0", brought: str | None = None, **more: bool) -> Shared:
    """Another bot buys COIN with 10 USDT."""
    amount = None if brought is None else D(brought)
    return Shared("USDT", D(held), D(used), None if brought is None else "COIN", amount, **more)


def flows_of(shared: SharedOrders, news: Shared, now: float, *, is_old: bool = False) -> list[Flow]:
    return shared.share("its-1", news, now, is_old=is_old)


def test_each_fill_flows_once_as_far_as_it_is_new() -> None:
    shared = SharedOrders()
    assert flows_of(shared, order("10"), 1) == []
    assert flows_of(shared, order("6", "4", "4"), 2) == [
        Flow("USDT", D(-4), 2, D(0)),
        Flow("COIN", D(4), 2, D(0)),
    ]
    assert flows_of(shared, order("6", "4", "4"), 3) == []
    assert flows_of(shared, order("0", "9", "10", is_open=False), 4) == [
        Flow("USDT", D(-5), 4, D(0)),
        Flow("COIN", D(6), 4, D(0)),
    ]
    assert flows_of(shared, order("0", "10", "10", is_open=False), 5) == [], "it has ended"


def test_news_that_are_late_bring_nothing_back() -> None:
    shared = SharedOrders()
    flows_of(shared, order("5", "5", "5"), 1)
    assert flows_of(shared, order("6", "4", "4"), 2) == []


def test_small_fills_flow_too() -> None:
    shared = SharedOrders()
    flows_of(shared, order("10"), 1)
    assert flows_of(shared, order("9.5", "0.5", "0.5"), 2) == [
        Flow("USDT", D("-0.5"), 2, D(0)),
        Flow("COIN", D("0.5"), 2, D(0)),
    ]


def test_what_was_assumed_of_a_fee_is_doubtful_both_ways() -> None:
    shared = SharedOrders()
    assert flows_of(shared, order("0", "100", "200", is_exact=False), 1) == [
        Flow("USDT", D(-100), 1, D("0.5")),
        Flow("COIN", D(199), 1, D(2)),
    ]


def test_what_is_old_is_in_the_balance_already() -> None:
    shared = SharedOrders()
    assert flows_of(shared, order("6", "4", "4"), 1, is_old=True) == []
    assert shared.held("USDT") == 6
    assert flows_of(shared, order("5", "5", "5"), 2) == [
        Flow("USDT", D(-1), 2, D(0)),
        Flow("COIN", D(1), 2, D(0)),
    ]
    silent = SharedOrders()
    assert flows_of(silent, order("6", "4"), 1, is_old=True) == []
    assert flows_of(silent, order("6", "4", "4"), 2) == [Flow("COIN", D(4), 2, D(0))]


def test_a_hold_counts_from_the_moment_at_which_it_was_seen_first() -> None:
    shared = SharedOrders()
    flows_of(shared, order("10"), 5)
    flows_of(shared, order("7", "3"), 8)
    assert shared.held("USDT") == 7
    assert shared.held("USDT", since=4) == 7
    assert shared.held("USDT", since=5) == 0
    assert shared.held("COIN") == 0


def test_what_it_gave_back_or_used_is_released_and_forgotten_later() -> None:
    shared = SharedOrders()
    flows_of(shared, order("10"), 5)
    flows_of(shared, order("7", "3"), 8)
    assert shared.released("USDT", since=7) == 3
    assert shared.released("USDT", since=8) == 0
    assert shared.released("COIN", since=7) == 0
    flows_of(shared, order("0", "3", is_open=False), 9)
    assert shared.released("USDT", since=7) == 10
    shared.share("its-2", order("1"), 8 + KEPT_SECONDS, is_old=False)
    assert shared.released("USDT", since=7) == 7, "the first one is old"


def test_an_order_that_has_ended_is_followed_no_longer_than_its_corrections() -> None:
    shared = SharedOrders()
    flows_of(shared, order("0", "3", "3", is_open=False), 5)
    assert shared.concerned() == {"USDT", "COIN"}
    shared.share("its-2", Shared("EUR", D(1), D(0)), 5 + KEPT_SECONDS - 1, is_old=False)
    assert shared.concerned() == {"USDT", "COIN", "EUR"}
    shared.share("its-2", Shared("EUR", D(2), D(0)), 5 + KEPT_SECONDS, is_old=False)
    assert shared.concerned() == {"EUR"}
    # However long it rests, an open order is followed.
    shared.share("its-3", Shared("BTC", D(1), D(0)), 5 * KEPT_SECONDS, is_old=False)
    assert shared.concerned() == {"EUR", "BTC"}


def test_money_that_was_just_given_back_is_still_concerned() -> None:
    shared = SharedOrders()
    flows_of(shared, order("10"), 1)
    flows_of(shared, order("4", is_open=True), 2)
    assert shared.concerned() == {"USDT"}
    assert shared.released("USDT", since=0) == 6


# What the balance book makes of it


@pytest.mark.parametrize(
    ("news", "is_new"),
    [
        (order("10"), True),  # a hold alone: the last answer is older than that
        (order("0", "10", "10", is_open=False), True),
        (Shared("USDT", D(0), D(0)), False),
    ],
)
def test_what_another_bot_does_makes_the_last_answer_old(news: Shared, is_new: bool) -> None:
    bot = Bot(USDT="100")
    assert bot.need(5) is Need.NOTHING
    bot.book.share("its-1", news, 5, is_old=False)
    assert bot.need(5) is (Need.OWN_EVENT if is_new else Need.NOTHING)


def test_the_same_news_of_another_bot_twice_is_no_event() -> None:
    bot = Bot(USDT="100")
    bot.book.share("its-1", order("10"), 5, is_old=False)
    assert bot.spendable() == 90
    bot.answer(40, USDT="100", used={"USDT": "10"})
    bot.book.share("its-1", order("10"), 41, is_old=False)
    assert bot.need(41) is Need.NOTHING
    bot.book.share("its-1", order("4", "6"), 42, is_old=False)
    assert bot.need(42) is Need.OWN_EVENT
    assert (bot.expected(), bot.spendable()) == (94, 90)
