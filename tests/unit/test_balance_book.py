"""What the bot may spend and is told, answer by answer. The window is 30 seconds."""

import threading
from decimal import Decimal, localcontext

import pytest
from balance_bot import WALL, Bot

from freqtrade_balance_guard.balances.book import Need
from freqtrade_balance_guard.balances.snapshot import AnswerReader, Holding, Snapshot, Unreadable
from freqtrade_balance_guard.balances.verdict import Verdict


# The first seed document


def test_balance_cache_invalidation_9_41_shown_when_2_86_is_true() -> None:
    """Issue 1: the cache said 9.41 although an order had just spent 6.55 of it."""
    bot = Bot(USDT="9.41")
    assert bot.need(5) is Need.NOTHING
    bot.trade("buy", "6.55", at=5)
    # Right from the order on, before anybody asked the exchange: no cache is read again.
    assert bot.spendable() == Decimal("2.86")
    assert bot.expected() == Decimal("2.86")
    assert bot.need(6) is Need.OWN_EVENT
    # The exchange's own answer is stale as well: it does not bring the 9.41 back.
    assert bot.answer(6, USDT="9.41") == []
    assert bot.spendable() == Decimal("2.86")
    assert bot.verdict() is Verdict.LAGGING
    # Within 30 seconds of the trade a read is due whatever the age of the answer.
    assert bot.need(7) is Need.UNCONFIRMED
    bot.answer(16, USDT="2.86", COIN="6.55")
    assert bot.verdict() is Verdict.CONFIRMED
    assert bot.need(34) is Need.UNCONFIRMED
    assert bot.need(35) is Need.NOTHING


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"USDT": {"free": 0.0, "used": 0.0, "total": 0.0}},
        {"BTC": {"free": 1.0, "used": 0.0, "total": 1.0}},
        {"USDT": {"free": None, "used": None, "total": None}},
        {"USDT": {"free": -2.86, "used": 0.0, "total": -2.86}},
        {"USDT": {"free": "rubbish", "used": 0.0, "total": "rubbish"}},
        {"USDT": {"free": 28.6, "used": 0.0, "total": 28.6}},
        "<html>maintenance</html>",
    ],
)
def test_balance_verification_empty_or_invalid_data_changes_no_belief(told: object) -> None:
    """Issue 4: the cache returned empty or invalid balance data."""
    bot = Bot(USDT="2.86")
    read = AnswerReader().read(told, {"USDT"})
    if isinstance(read, Unreadable):
        bot.book.fail(read)
    else:
        assert bot.book.accept(Snapshot(read.holdings, 10.0, WALL))[:1] in ([], [])
    assert bot.expected() == Decimal("2.86")
    assert bot.book.shown("USDT").total >= Decimal("2.86")
    assert bot.spendable() <= Decimal("2.86")
    assert bot.verdict() in (Verdict.UNREADABLE, Verdict.RISING_UNCONFIRMED)
    # The next good answer heals it at once.
    assert bot.answer(11, USDT="2.86") == []
    assert bot.verdict() is Verdict.CONFIRMED
    assert bot.spendable() == Decimal("2.86")


# Lag


def test_after_a_sell_with_lag_the_proceeds_are_expected_but_not_spendable() -> None:
    bot = Bot(USDT="10", COIN="100")
    bot.trade("sell", "100", at=5)
    assert bot.answer(6, USDT="10", COIN="100") == []
    assert (bot.expected(), bot.spendable()) == (110, 10)
    assert bot.verdict() is Verdict.LAGGING
    assert bot.answer(16, USDT="110") == []
    assert (bot.expected(), bot.spendable()) == (110, 110)


def test_proceeds_that_nobody_saw_are_not_spent_in_the_next_order() -> None:
    bot = Bot(USDT="50", COIN="100")
    bot.trade("sell", "100", at=5, order_id="1")
    bot.answer(6, USDT="50", COIN="100")
    bot.trade("buy", "40", at=7, order_id="2")
    assert (bot.expected(), bot.spendable()) == (110, 10)


def test_the_coins_of_a_lagging_buy_are_shown_so_that_an_exit_can_go_out() -> None:
    bot = Bot(USDT="100")
    bot.trade("buy", "40", at=5)
    assert bot.book.shown("COIN").free == 40
    assert bot.answer(6, USDT="100") == []
    assert bot.book.shown("COIN").free == 40
    assert bot.verdict("COIN") is Verdict.LAGGING
    assert bot.spendable("COIN") == 0


def test_several_flows_of_which_some_lag_are_all_explained() -> None:
    bot = Bot(USDT="100", COIN="50")
    bot.trade("sell", "50", at=5, order_id="1")
    bot.trade("buy", "30", at=6, order_id="2")
    for as_of, seen in enumerate(("100", "150", "70", "120"), start=7):
        assert bot.answer(as_of, USDT=seen, COIN="30") == []
        assert bot.expected() == 120
        assert bot.spendable() <= 120


def test_two_flows_that_cancel_out_are_not_taken_for_an_answer_that_has_both() -> None:
    bot = Bot(USDT="100", COIN="50")
    bot.trade("sell", "50", at=5, order_id="1")
    bot.trade("buy", "50", at=6, order_id="2")
    assert bot.answer(7, USDT="100", COIN="50") == []
    assert bot.answer(8, USDT="50", COIN="100") == []  # only the buy is in it
    assert (bot.expected(), bot.spendable()) == (100, 50)
    assert bot.answer(9, USDT="100", COIN="50") == []


def test_an_answer_that_lags_behind_one_that_did_not_is_no_drop() -> None:
    bot = Bot(USDT="10", COIN="100")
    bot.trade("sell", "100", at=5)
    assert bot.answer(6, USDT="110") == []
    assert bot.answer(7, USDT="10", COIN="100") == []
    assert bot.spendable() == 10
    assert bot.expected() == 110


def test_what_is_still_missing_after_the_window_is_an_external_drop() -> None:
    bot = Bot(USDT="10", COIN="100")
    bot.trade("sell", "100", at=5)
    bot.answer(6, USDT="10")
    assert bot.answer(35, USDT="10") == [("USDT", Decimal(-100))]
    assert bot.expected() == 10


# Fills that are heard of late


def test_a_fill_in_the_answer_that_is_heard_of_later_counts_once() -> None:
    bot = Bot(USDT="100")
    bot.place("buy", "40", at=5)
    assert bot.answer(6, USDT="60", COIN="40") == []
    assert bot.expected() == 100
    bot.hear("40", at=8)
    assert bot.expected() == 60
    assert bot.answer(9, USDT="60", COIN="40") == []
    assert (bot.expected(), bot.spendable()) == (60, 60)
    assert bot.verdict() is Verdict.CONFIRMED


def test_a_fill_heard_of_while_the_answer_was_under_way_counts_once() -> None:
    bot = Bot(USDT="100")
    bot.place("buy", "40", at=5)
    bot.hear("40", at=7)
    # Asked for before, answered after.
    assert bot.answer(6, USDT="60", COIN="40") == []
    assert bot.expected() == 60
    assert bot.need(8) is Need.OWN_EVENT
    assert bot.answer(9, USDT="60", COIN="40") == []
    assert (bot.expected(), bot.spendable()) == (60, 60)


def test_a_partly_filled_resting_order_holds_only_its_rest() -> None:
    bot = Bot(USDT="100")
    bot.place("buy", "40", at=5)
    assert bot.spendable() == 60
    bot.hear("10", at=6, is_open=True)
    assert bot.book.expected("USDT") == Holding(Decimal(90), Decimal(30))
    assert bot.spendable() == 60
    assert bot.answer(7, {"USDT": "30"}, USDT="90", COIN="10") == []
    assert bot.spendable() == 60


def test_a_drop_within_the_hold_of_an_order_waits_for_news_of_it_but_counts_at_once() -> None:
    bot = Bot(USDT="100")
    bot.place("buy", "40", at=5)
    assert bot.answer(50, {"USDT": "40"}, USDT="80") == []
    assert bot.verdict() is Verdict.LAGGING
    assert bot.spendable() == 40
    assert bot.answer(80, {"USDT": "40"}, USDT="80") == [("USDT", Decimal(-20))]
    assert bot.spendable() == 40


def test_orders_that_filled_before_we_heard_of_it_are_not_counted_twice() -> None:
    """Several entries of one loop: the answer between them has the first one already."""
    bot = Bot(USDT="1000")
    bot.place("buy", "180", at=5)
    bot.answer(6, USDT="820", COIN="180")
    for order in (2, 3, 4):
        bot.place("buy", "180", at=5 + order, order_id=str(order))
    assert bot.spendable() == 280
    for order in (1, 2, 3, 4):
        bot.hear("180", at=10, order_id=str(order))
    assert bot.answer(11, USDT="280", COIN="720") == []
    assert bot.spendable() == 280


def test_what_is_gone_while_an_order_still_rests_was_not_taken_by_it() -> None:
    bot = Bot(USDT="1000")
    bot.place("buy", "400", at=5)
    bot.answer(6, {"USDT": "400"}, USDT="900")
    assert bot.spendable() == 500
    # Half of it was filled, and a hundred more is gone.
    bot.answer(7, {"USDT": "200"}, USDT="700")
    assert bot.spendable() == 500


def test_where_the_exchange_tells_no_hold_what_is_gone_counts() -> None:
    bot = Bot(USDT="1000")
    bot.place("buy", "400", at=5)
    read = AnswerReader().read({"USDT": {"total": 900.0}}, {"USDT"})
    assert not isinstance(read, Unreadable)
    bot.book.accept(Snapshot(read.holdings, 6.0, WALL))
    assert bot.spendable() == 500


def test_a_fee_in_a_third_coin_that_is_heard_of_late_is_nobody_elses_doing() -> None:
    bot = Bot(USDT="100", BNB="5")
    bot.place("buy", "40", at=5)
    bot.hear("10", at=6, is_open=True, bnb="0.1")
    assert bot.answer(7, {"USDT": "20"}, USDT="80", COIN="20", BNB="4.8") == []
    bot.hear("20", at=8, is_open=True, bnb="0.2")
    assert bot.answer(9, {"USDT": "20"}, USDT="80", COIN="20", BNB="4.8") == []
    assert bot.expected("BNB") == Decimal("4.8")


@pytest.mark.parametrize("is_told_at_all", [True, False])
def test_the_first_fee_in_a_third_coin_is_not_announced_before_it_could_be_told(
    is_told_at_all: bool,
) -> None:
    bot = Bot(USDT="100", BNB="5")
    bot.place("buy", "40", at=5)
    # It is filled and paid, and the order says nothing of its fee.
    assert bot.answer(6, USDT="60", COIN="40", BNB="4.9") == []
    assert bot.spendable("BNB") == Decimal("4.9")
    bot.book.observe("1", filled=Decimal(40), cost=Decimal(40), fees=None, is_open=False, now=7)
    assert bot.answer(8, USDT="60", COIN="40", BNB="4.9") == []
    if is_told_at_all:
        bot.hear("40", at=9, bnb="0.1")
    later = []
    for at in (10, 38, 70):
        later += bot.answer(at, USDT="60", COIN="40", BNB="4.9")
    assert later == ([] if is_told_at_all else [("BNB", Decimal("-0.1"))])
    assert bot.expected("BNB") == bot.spendable("BNB") == Decimal("4.9")


def test_equal_fills_that_are_heard_of_late_are_not_taken_for_two_answers_that_agree() -> None:
    bot = Bot(USDT="100", COIN="100")
    bot.place("sell", "100", at=5)
    assert bot.answer(6, {"COIN": "80"}, USDT="120", COIN="80") == []
    bot.hear("20", at=8, is_open=True)
    assert bot.answer(40, {"COIN": "60"}, USDT="140", COIN="60") == []
    bot.hear("40", at=41, is_open=True)
    assert bot.answer(42, {"COIN": "60"}, USDT="140", COIN="60") == []
    assert (bot.expected(), bot.spendable()) == (140, 140)


# Window 0


def test_without_a_window_what_is_seen_is_believed() -> None:
    bot = Bot(window=0, USDT="100")
    bot.trade("buy", "40", at=5)
    for as_of, seen in ((6, "100"), (7, "1000"), (8, "0")):
        assert bot.answer(as_of, USDT=seen) == []
        assert bot.spendable() == Decimal(seen)
        assert bot.verdict() is Verdict.CONFIRMED
    assert bot.need(9) is Need.NOTHING


# Needs


def test_a_first_read_is_needed_before_anything_else() -> None:
    assert Bot().need(0) is Need.FIRST


def test_a_young_answer_needs_no_other() -> None:
    assert Bot(USDT="100").need(59) is Need.NOTHING


def test_an_old_answer_expires() -> None:
    assert Bot(USDT="100").need(60) is Need.EXPIRED


def test_an_own_event_makes_an_answer_old() -> None:
    bot = Bot(USDT="100")
    bot.book.touch(5)
    bot.book.touch(3)  # events may be told out of order
    assert bot.need(5) is Need.OWN_EVENT
    bot.answer(5, USDT="100")  # asked for at that very moment: it may be without the event
    assert bot.need(6) is Need.OWN_EVENT
    bot.answer(6, USDT="100")
    assert bot.need(6) is not Need.OWN_EVENT


def test_within_the_window_after_an_own_event_a_confirmed_answer_is_read_again() -> None:
    bot = Bot(USDT="100")
    bot.book.touch(5)
    bot.answer(6, USDT="100")
    assert bot.need(34) is Need.UNCONFIRMED
    assert bot.need(35) is Need.NOTHING


def test_an_own_event_settles_with_an_answer_asked_for_after_it_or_with_the_window() -> None:
    bot = Bot(USDT="100")
    assert not bot.book.is_settling(100)
    bot.trade("buy", "40", at=105)
    assert bot.book.is_settling(105)
    bot.answer(105, USDT="60", COIN="40")
    assert bot.book.is_settling(106), "asked for in the same moment, it may lack the trade"
    assert bot.book.is_settling(134.9)
    assert not bot.book.is_settling(135)
    bot.answer(106, USDT="60", COIN="40")
    assert not bot.book.is_settling(106)


def test_an_own_event_before_the_first_answer_is_settling() -> None:
    bot = Bot()
    bot.trade("buy", "40", at=5)
    assert bot.book.is_settling(6)
    assert not bot.book.is_settling(35)


def test_a_rise_needs_its_second_answer_and_none_before() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, USDT="150")
    assert bot.need(39) is Need.NOTHING
    assert bot.need(40) is Need.UNCONFIRMED


def test_what_vanished_is_asked_for_again_at_once() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, BTC="1")
    assert bot.need(11) is Need.UNCONFIRMED


def test_a_failure_needs_a_read_until_one_succeeds() -> None:
    bot = Bot(USDT="100")
    bot.book.fail(Unreadable("502"))
    assert bot.need(1) is Need.FAILED
    assert bot.book.failure == Unreadable("502")
    bot.answer(2, USDT="100")
    assert bot.need(2) is Need.NOTHING


# Small things that would be large


def test_a_strategys_decimal_precision_changes_no_amount() -> None:
    with localcontext() as context:
        context.prec = 3
        bot = Bot(USDT="123456.78")
        bot.trade("buy", "1.23", at=5)
        assert bot.expected() == Decimal("123455.55")
        assert bot.spendable() == Decimal("123455.55")


def test_the_noise_of_floats_in_a_large_balance_is_no_change() -> None:
    bot = Bot(SHIB="123456789012.12345")
    assert bot.answer(10, SHIB="123456789012.12347") == []
    assert bot.verdict("SHIB") is Verdict.CONFIRMED


def test_nothing_piles_up_while_answers_come() -> None:
    bot = Bot(USDT="1000", COIN="1000")
    for step in range(1, 400):
        now = step * 5.0
        bot.trade("buy" if step % 2 else "sell", "1", at=now, order_id=str(step))
        assert bot.answer(now + 1, USDT=str(1000 - step % 2), COIN=str(1000 + step % 2)) == []
    account = bot.book._accounts["USDT"]
    assert len(account.flows) + len(account._aged) < 10
    assert len(bot.book.orders._orders) < 130
    assert len(bot.book.orders._releases) < 130


def test_two_threads_may_use_one_book() -> None:
    bot = Bot(USDT="1000")
    stop = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                bot.book.shown("COIN")
                bot.spendable()
                bot.answer(1, USDT="1000")
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(300):
        bot.trade("buy", "1", at=2, order_id=str(number))
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert bot.expected() == 700


# Coins that do not matter, and accounts without any


def test_a_coin_that_is_left_out_keeps_what_was_believed_of_it_and_disturbs_no_other() -> None:
    bot = Bot(USDT="1000", ETH="2")
    holdings = {"USDT": Holding(Decimal(1000))}
    snapshot = Snapshot(holdings, 10, WALL, {"ETH": "ETH total is negative (-1)"})
    assert bot.book.accept(snapshot) == []
    assert bot.verdict("USDT") is Verdict.CONFIRMED
    assert bot.verdict("ETH") is Verdict.UNREADABLE
    assert bot.expected("ETH") == 2
    assert bot.book.has_unreadable
    assert bot.answer(20, USDT="1000", ETH="2") == []
    assert bot.verdict("ETH") is Verdict.CONFIRMED
    assert not bot.book.has_unreadable


def test_an_account_of_which_nothing_is_known_is_empty_when_two_answers_say_so() -> None:
    bot = Bot()
    assert bot.answer(0) == []
    assert bot.verdict() is Verdict.UNREADABLE
    assert bot.book.failure is not None
    assert "in 30 s" in bot.book.failure.reason
    assert bot.answer(29.9) == []
    assert bot.verdict() is Verdict.UNREADABLE
    assert not bot.book.is_empty
    assert bot.answer(30) == []
    assert bot.verdict() is Verdict.CONFIRMED
    assert bot.book.is_empty
    assert bot.spendable() == 0


def test_an_empty_answer_about_an_account_with_money_is_no_answer_however_often_it_comes() -> None:
    bot = Bot(USDT="1000")
    for as_of in (10, 50, 100):
        assert bot.answer(as_of) == []
        assert bot.verdict() is Verdict.UNREADABLE
        assert bot.spendable() == 0
    assert bot.expected() == 1000
    assert bot.answer(110, USDT="1000") == []
    assert bot.spendable() == 1000


def test_money_that_comes_to_an_empty_account_is_a_rise() -> None:
    bot = Bot()
    bot.answer(0)
    bot.answer(30)
    assert bot.answer(40, USDT="500") == []
    assert not bot.book.is_empty
    assert bot.spendable() == 0
    assert bot.answer(70, USDT="500") == [("USDT", Decimal(500))]
    assert bot.spendable() == 500


def test_two_empty_answers_count_only_in_succession() -> None:
    bot = Bot()
    bot.answer(0)
    bot.answer(10, BTC="0")
    bot.answer(35)
    assert bot.verdict() is Verdict.UNREADABLE


def test_coins_of_which_there_is_nothing_are_not_kept() -> None:
    bot = Bot(USDT="1000", **{f"C{number}": "0" for number in range(800)})
    assert bot.book.currencies() == ["USDT"]
    assert bot.verdict("C7") is Verdict.CONFIRMED


def test_how_much_rose_and_for_how_long_it_waits_is_known() -> None:
    bot = Bot(USDT="1000")
    assert bot.book.unconfirmed_rise("USDT", 0) is None
    bot.answer(10, USDT="1500")
    assert bot.book.unconfirmed_rise("USDT", 15) == (Decimal(500), 25)
    assert bot.book.unconfirmed_rise("USDT", 99) == (Decimal(500), 0)
    assert bot.book.unconfirmed_rise("BTC", 15) is None
    bot.book.fail(Unreadable("no answer"))
    assert bot.book.unconfirmed_rise("USDT", 15) is None
    bot.answer(40, USDT="1500")
    assert bot.book.unconfirmed_rise("USDT", 41) is None


def test_only_what_may_differ_is_called_changed() -> None:
    bot = Bot(USDT="1000", BTC="1", ETH="1")
    assert bot.book.take_changed() == {"USDT", "BTC", "ETH"}
    bot.answer(10, USDT="1000", BTC="1", ETH="1")
    assert bot.book.take_changed() == set()
    bot.place("buy", "400", at=11)
    assert bot.book.take_changed() == {"USDT", "COIN"}
    bot.hear("400", at=12, bnb="0.1")
    assert bot.book.take_changed() == {"USDT", "COIN", "BNB"}
    bot.answer(20, USDT="600", COIN="400", BTC="1", ETH="0.5")
    assert bot.book.take_changed() >= {"ETH"}
    assert "BTC" not in bot.book.take_changed()


def test_after_the_cache_of_an_unchanged_coin_its_age_is_that_of_the_last_answer() -> None:
    bot = Bot(USDT="1000", BTC="1")
    bot.answer(100, USDT="1000", BTC="1")
    bot.place("buy", "400", at=101)
    # The order is younger than the answer of 100, and older than one of 110.
    assert bot.book.shown("USDT").used == 400


def test_what_was_seen_is_compared_with_own_orders_since_in_it() -> None:
    bot = Bot(USDT="100")
    bot.trade("buy", "40", at=1)
    # Nothing was asked since: that is no difference between exchange and expectation.
    assert bot.book.seen("USDT") == bot.expected() == 60
    assert bot.book.seen("COIN") is None
    bot.answer(2, USDT="70", COIN="40")
    assert (bot.book.seen("USDT"), bot.expected()) == (70, 60)


def test_an_order_that_the_answer_already_had_is_not_added_to_it() -> None:
    bot = Bot(USDT="100")
    bot.answer(5, USDT="140")  # the sale is in it already, and is heard of a moment later
    bot.trade("sell", "40", at=6)
    assert bot.expected() == 140
    assert bot.book.seen("USDT") == 140
