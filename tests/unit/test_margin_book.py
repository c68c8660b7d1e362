"""The balance book of a futures account: what an answer may lack, and what is free then."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.margin import MarginOrder, MarginSnapshot, Position
from freqtrade_balance_guard.balances.margin_book import FUNDING, MarginBook
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.snapshot import Holding, Unreadable
from freqtrade_balance_guard.balances.verdict import Verdict


D = Decimal
WALL = datetime(2026, 11, 1, tzinfo=UTC)
FEE = D("0.0005")


def answer(as_of, wallet, free, *, positions=(), noise="0", coin="USDT", used="0"):
    holding = Holding(D(wallet), D(wallet) - D(free))
    return MarginSnapshot(
        {coin: holding},
        as_of,
        WALL,
        coin=coin,
        used=D(used),
        noise=D(noise),
        positions=tuple(positions),
    )


def position(margin="100", notional="300", unrealised="0", pair="ETH/USDT:USDT"):
    return Position(pair, "long", D(1), D(margin), D(3), D(unrealised), D(notional))


def entry(at, *, is_entry=True, is_long=True, price="300", fee_rate=FEE, entry_price="300"):
    return MarginOrder(
        pair="ETH/USDT:USDT",
        is_entry=is_entry,
        is_long=is_long,
        amount=D(1),
        price=D(price),
        leverage=D(3),
        fee_rate=fee_rate,
        entry_price=D(entry_price),
        changed_at=at,
    )


@pytest.fixture
def book():
    """320 USDT, all of it free at 0 s."""
    book = MarginBook(30.0, "USDT")
    book.accept(answer(0.0, "320", "320"))
    return book


def fill(book, order_id, at, *, cost="300", fee="0.15", **order):
    """An order of one unit that fills at once; its margin is a third of its cost."""
    book.follow_margin(order_id, entry(at, **order), is_known=False)
    book.placed(order_id, at)
    fees = None if fee is None else {"USDT": D(fee)}
    book.observe(order_id, filled=D(1), cost=D(cost), fees=fees, is_open=False, now=at)


def test_the_coin_is_known_by_its_name(book):
    fill(book, "a", 10.0)
    coin = "".join(["US", "DT"])
    assert book.shown(coin) == book.expected(coin)
    assert (book.shown(coin).free, book.spendable(coin)) == (D("219.85"), D("219.85"))


def test_open_positions_move_free_margin_by_a_hundredth_of_their_value(book):
    assert book.moves_alone() == 0
    held = [position(notional="300"), position(notional="200", pair="SOL/USDT:USDT")]
    book.accept(answer(1.0, "320", "150", positions=held))
    assert book.moves_alone() == 5


def test_what_is_in_use_is_known_while_answers_come(book):
    assert MarginBook(30.0, "USDT").in_use() is None
    assert book.in_use() == (0, 320)
    book.accept(answer(1.0, "320", "220", used="100", positions=[position()]))
    assert book.in_use() == (100, 320)
    fill(book, "a", 10.0)
    assert book.in_use() == (D("200.15"), 320)
    book.fail(Unreadable("no answer"))
    assert book.in_use() is None
    assert book.spendable("USDT") == 0


def test_pairs_are_under_way_for_as_long_as_answers_lag(book):
    assert book.pairs_under_way() == set()
    fill(book, "a", 10.0)
    book.accept(answer(39.9, "319.85", "219.85", positions=[position()]))
    assert book.pairs_under_way() == {"ETH/USDT:USDT"}
    book.accept(answer(40.0, "319.85", "219.85", positions=[position()]))
    assert book.pairs_under_way() == set()


def test_all_of_a_first_answer_is_believed(book):
    assert (book.spendable("USDT"), book.verdict("USDT")) == (320, Verdict.CONFIRMED)
    assert book.expected("USDT").total == 320


def test_an_entry_counts_before_and_while_the_answer_lacks_it(book):
    fill(book, "a", 10.0)
    assert book.spendable("USDT") == D("219.85")
    book.accept(answer(11.0, "320", "320"))
    assert book.verdict("USDT") is Verdict.LAGGING
    assert book.spendable("USDT") == book.expected("USDT").free == D("219.85")


def test_an_entry_that_the_answer_has_is_not_counted_twice(book):
    fill(book, "a", 10.0)
    book.accept(answer(11.0, "319.85", "219.80", positions=[position()]))
    assert book.verdict("USDT") is Verdict.CONFIRMED
    assert book.spendable("USDT") == book.expected("USDT").free == D("219.80")


def test_where_no_fee_tells_the_answer_apart_the_margin_does(book):
    fill(book, "a", 10.0, fee="0", fee_rate=D(0))
    book.accept(answer(11.0, "320", "320"))
    assert book.spendable("USDT") == 220
    book.accept(answer(12.0, "320", "220", positions=[position()]))
    assert book.spendable("USDT") == 220
    assert book.verdict("USDT") is Verdict.CONFIRMED


@pytest.mark.parametrize("profit", ["30", "-30"])
def test_an_exit_that_the_answer_lacks_is_waited_for(book, profit):
    fill(book, "a", 10.0)
    book.accept(answer(11.0, "319.85", "219.85", positions=[position()]))
    price = 300 + D(profit)
    fill(book, "b", 20.0, is_entry=False, price="300", cost=str(price), fee="0.15")
    book.accept(answer(21.0, "319.85", "219.85", positions=[position()]))
    after = D("319.7") + D(profit)
    assert book.verdict("USDT") is Verdict.LAGGING
    # A loss counts at once, what is freed only when it is seen.
    assert book.spendable("USDT") == D("219.85") - max(-(D(profit) - D("0.15")), 0)
    assert book.expected("USDT").free == book.expected("USDT").total == after
    book.accept(answer(24.0, str(after), str(after)))
    assert (book.verdict("USDT"), book.spendable("USDT")) == (Verdict.CONFIRMED, after)


def test_a_short_gains_what_a_long_loses(book):
    fill(book, "a", 10.0, is_long=False)
    fill(book, "b", 11.0, is_entry=False, is_long=False, cost="290", fee="0.15")
    assert book.expected("USDT").total == D("329.7")


def test_an_order_that_rests_ties_up_its_margin_until_it_is_cancelled(book):
    book.follow_margin("a", entry(10.0), is_known=False)
    book.placed("a", 10.0)
    assert book.spendable("USDT") == 220
    book.observe("a", filled=D(0), cost=D(0), fees=None, is_open=False, now=12.0)
    assert book.expected("USDT").free == 320
    book.withdraw("a")
    assert book.spendable("USDT") == 320


def test_after_half_a_minute_the_exchange_is_right(book):
    fill(book, "a", 10.0)
    book.accept(answer(39.0, "320", "320"))
    assert book.spendable("USDT") == D("219.85")
    book.accept(answer(41.0, "320", "320"))
    assert book.expected("USDT").free == 320
    book.accept(answer(72.0, "320", "320"))
    assert not book.need(75.0, 60.0)


def test_with_a_longer_window_entries_still_wait_no_longer():
    book = MarginBook(120.0, "USDT")
    book.accept(answer(0.0, "320", "320"))
    fill(book, "a", 10.0, fee="0", fee_rate=D(0))
    book.accept(answer(41.0, "320", "320"))
    assert book.spendable("USDT") == 320


# The account's other bots


def test_what_another_bot_ties_up_counts_until_it_is_seen(book):
    book.share("x", Shared("USDT", D(0), D("100.15")), 10.0, is_old=False)
    book.accept(answer(11.0, "320", "320"))
    assert book.spendable("USDT") == D("219.85")
    assert book.accept(answer(12.0, "319.85", "219.85", positions=[position()])) == []
    assert book.spendable("USDT") == D("219.85")
    freed = Shared("ETH", D(0), D(1), "USDT", D(100), is_open=False)
    book.share("y", freed, 20.0, is_old=False)
    book.accept(answer(21.0, "319.85", "219.85", positions=[position()]))
    assert book.expected("USDT").free == D("319.85")
    # What it earned is no surprise.
    assert book.accept(answer(24.0, "349.7", "349.7")) == []
    assert book.spendable("USDT") == D("349.7")


def test_while_it_is_not_known_what_others_did_before_the_answer_may_lack_all(book):
    book.others_acted(5.0)
    fill(book, "a", 10.0)
    book.accept(answer(11.0, "319.85", "219.85", positions=[position()]))
    assert book.spendable("USDT") == D("119.70")
    assert book.expected("USDT").free == D("219.85")


def test_what_others_did_before_they_were_followed_may_be_missing_for_as_long_as_answers_lag(book):
    book.others_acted(5.0)
    fill(book, "a", 34.0)
    book.accept(answer(34.5, "319.85", "219.85", positions=[position()]))
    assert book.spendable("USDT") == D("119.70")
    book.accept(answer(80.0, "319.85", "219.85", positions=[position()]))
    fill(book, "b", 81.0, cost="30", fee="0.015")
    book.accept(answer(82.0, "319.835", "209.835", positions=[position()]))
    assert book.spendable("USDT") == D("209.835")


@pytest.mark.parametrize(
    ("paid", "reason"), [("3", FUNDING), ("3.01", ""), ("-3", FUNDING), ("-3.01", "")]
)
def test_funding_is_at_most_a_percent_of_the_positions(book, paid, reason):
    fill(book, "a", 10.0)
    book.accept(answer(45.0, "319.85", "219.85", positions=[position()]))
    wallet = D("319.85") - D(paid)
    changes = book.accept(answer(80.0, str(wallet), str(wallet - 100), positions=[position()]))
    changes += book.accept(answer(120.0, str(wallet), str(wallet - 100), positions=[position()]))
    assert [(change.amount, change.reason) for change in changes] == [(-D(paid), reason)]


# What changes without an order


def test_funding_is_no_change_by_hand(book):
    fill(book, "a", 10.0)
    book.accept(answer(45.0, "319.85", "219.85", positions=[position()]))
    for paid in range(1, 4):
        wallet = D("319.85") - paid * D("0.3")
        changes = book.accept(
            answer(60.0 * paid, str(wallet), str(wallet - 100), positions=[position()])
        )
        assert [(change.amount, change.reason) for change in changes] == [(D("-0.3"), FUNDING)]
        assert book.verdict("USDT") is Verdict.CONFIRMED
        assert book.spendable("USDT") == wallet - 100
    received = book.accept(answer(300.0, "319.2", "219.2", positions=[position()]))
    assert [(change.amount, change.reason) for change in received] == [(D("0.25"), FUNDING)]


def test_without_a_position_there_is_no_funding(book):
    changes = book.accept(answer(60.0, "319.7", "319.7"))
    assert [(change.amount, change.reason) for change in changes] == [(D("-0.3"), "")]


def test_a_withdrawal_is_announced(book):
    changes = book.accept(answer(10.0, "120", "120"))
    assert [(change.amount, change.reason) for change in changes] == [(D(-200), "")]
    assert book.spendable("USDT") == 120


def test_a_rise_waits_for_a_second_answer(book):
    book.accept(answer(10.0, "3200", "3200"))
    assert book.verdict("USDT") is Verdict.RISING_UNCONFIRMED
    assert book.spendable("USDT") == 320
    book.accept(answer(41.0, "3200", "3200"))
    assert book.spendable("USDT") == 3200


def test_prices_that_move_the_margin_are_no_difference(book):
    fill(book, "a", 10.0)
    book.accept(answer(11.0, "319.85", "219.85", positions=[position()]))
    moved = position(margin="110", notional="330", unrealised="30")
    assert book.accept(answer(20.0, "319.85", "239.85", positions=[moved])) == []
    assert (book.spendable("USDT"), book.verdict("USDT")) == (D("239.85"), Verdict.CONFIRMED)


def test_a_credit_coin_may_be_below_zero_while_margin_is_free():
    book = MarginBook(30.0, "BNFCR")
    book.accept(answer(0.0, "0", "900", coin="BNFCR"))
    book.follow_margin("a", replace(entry(10.0), fee_rate=D("0.0005")), is_known=False)
    book.observe("a", filled=D(1), cost=D(300), fees={"BNFCR": D("0.15")}, is_open=False, now=10.0)
    book.accept(answer(11.0, "-0.15", "799.85", coin="BNFCR", positions=[position()]))
    assert (book.verdict("BNFCR"), book.spendable("BNFCR")) == (Verdict.CONFIRMED, D("799.85"))
    assert book.expected("BNFCR").free == D("799.85")
