"""One currency of the balance book at its borders, with numbers to follow by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest
from balance_bot import Bot

from freqtrade_balance_guard.balances.account import Account
from freqtrade_balance_guard.balances.book import Need
from freqtrade_balance_guard.balances.flow import Flow
from freqtrade_balance_guard.balances.own_orders import OwnOrder, OwnOrders
from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.verdict import Verdict


D = Decimal

# 1000 USDT were seen at 10 s; 15 are gone since 9.9 s, as far as is known.
ACCOUNT = Account(
    "USDT",
    D(985),
    Holding(D(1000)),
    10.0,
    Verdict.CONFIRMED,
    [
        Flow("USDT", D(-10), 9.9, D(1)),
        Flow("USDT", D(-10), 10.0, D(2)),
        Flow("USDT", D(5), 11.0, D(4)),
    ],
)


@pytest.mark.parametrize(
    ("verdict", "seen", "shown"),
    [
        # 985, and up to 2 + 4 more of what happened from the moment of the answer on.
        (Verdict.CONFIRMED, 1000, 991),
        (Verdict.LAGGING, 1000, 992),
        # What is seen, and since then at best -10 + 2 + 5 + 4.
        (Verdict.RISING_UNCONFIRMED, 1000, 1001),
        (Verdict.RISING_UNCONFIRMED, 900, 992),
    ],
)
def test_an_exit_may_count_on_the_best_of_what_is_not_seen_yet(
    verdict: Verdict, seen: int, shown: int
) -> None:
    assert replace(ACCOUNT, verdict=verdict, seen=Holding(D(seen))).shown_total() == shown


def test_what_went_out_from_the_moment_of_the_answer_on_may_be_missing_from_it() -> None:
    assert ACCOUNT.seen_since() == 990


@pytest.mark.parametrize(("expected", "nearest"), [(985, 990), (1000, 1000), (1010, 1005)])
def test_of_what_the_answer_may_have_the_nearest_to_what_is_expected_counts(
    expected: int, nearest: int
) -> None:
    assert replace(ACCOUNT, expected=D(expected)).seen_with_own() == nearest


@pytest.mark.parametrize(
    ("seen", "placed_at", "expected", "paid"),
    [
        (Holding(D(970)), 5, 1000, 30),
        (Holding(D(970), D(40)), 5, 1000, 30),
        (Holding(D(970), D(80)), 5, 1000, 20),
        (Holding(D(970)), 5, 1200, 100),
        (Holding(D(1000)), 5, 1000, 0),
        (Holding(D(1010)), 5, 1000, 0),
        # Younger than the answer, which cannot show its hold.
        (Holding(D(970)), 10.5, 1000, 0),
        (Holding(D(970), D(0), tells_used=False), 5, 1000, 0),
    ],
)
def test_what_is_gone_and_no_longer_held_was_taken_by_an_order_of_100(
    seen: Holding, placed_at: float, expected: int, paid: int
) -> None:
    orders = OwnOrders()
    orders.place("1", OwnOrder("COIN", "USDT", "buy", D(100), D(1), D(0), placed_at, placed_at))
    account = replace(ACCOUNT, flows=[], seen=seen, expected=D(expected))
    assert account.paid_unheard(orders) == paid


CALM = Account("USDT", D(1000), Holding(D(1000)), 10.0, Verdict.CONFIRMED)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": Verdict.LAGGING},
        {"expected": D(999)},
        {"expected": D(1001)},
        {"flows": [Flow("USDT", D(-10), 9.9)]},
        {"foreign": D(1)},
        {"foreign_seen": D(1)},
        {"settles_at": 10.1},
    ],
    ids=str,
)
def test_each_open_question_alone_ends_the_calm(change: dict[str, object]) -> None:
    assert CALM.is_calm
    assert not replace(CALM, **change).is_calm  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moved", "is_nearer"), [(-290, True), (0, False), (-580, False), (-579, True), (1, False)]
)
def test_flows_explain_an_answer_that_is_nearer_with_them(moved: int, is_nearer: bool) -> None:
    account = replace(CALM, seen=Holding(D(710)))
    assert account.is_explained_by([Flow("USDT", D(moved), 5.0)]) is is_nearer


def test_only_what_differs_from_what_was_remembered_is_looked_for_in_the_ledger() -> None:
    remembered = replace(CALM, knows_up_to=7)
    assert remembered.unexplained_since is None
    assert replace(remembered, expected=D(999)).unexplained_since == 7
    assert replace(remembered, expected=D(1001)).unexplained_since == 7
    never_seen = replace(remembered, expected=D(999), seen_as_of=float("-inf"))
    assert never_seen.unexplained_since is None


@pytest.mark.parametrize(("amount", "income"), [("0.5", "0.5"), ("50", "60"), ("50", "40")])
def test_own_income_may_be_the_rise_that_is_in_question(amount: str, income: str) -> None:
    bot = Bot(USDT="100", COIN="100")
    bot.answer(10, USDT=str(100 + D(amount)), COIN="100")
    assert bot.book.unconfirmed_rise("USDT", 10) == (D(amount), 30)
    bot.trade("buy", amount, at=12, order_id="1")
    assert bot.book.unconfirmed_rise("USDT", 12) is not None
    bot.trade("sell", income, at=13, order_id="2")
    assert bot.book.unconfirmed_rise("USDT", 13) is None


def test_small_amounts_under_way_lag_like_large_ones() -> None:
    bot = Bot(USDT="100")
    bot.trade("buy", "0.5", at=5, order_id="1")
    bot.trade("buy", "0.4", at=6, order_id="2")
    assert bot.answer(7, USDT="99.5") == []
    assert (bot.verdict(), bot.verdict("COIN")) == (Verdict.LAGGING, Verdict.LAGGING)
    assert bot.answer(8, USDT="99.1", COIN="0.5") == []
    assert (bot.verdict(), bot.verdict("COIN")) == (Verdict.CONFIRMED, Verdict.LAGGING)


def test_what_happened_a_window_ago_is_in_every_answer() -> None:
    for as_of, changes in ((34.9, []), (35.0, [("USDT", D(-50))])):
        bot = Bot(USDT="100", COIN="50")
        bot.trade("sell", "50", at=5)
        assert bot.answer(as_of, USDT="100", COIN="0") == changes


def test_a_drop_beside_an_open_order_is_external_when_a_second_answer_agrees() -> None:
    bot = Bot(USDT="1000")
    bot.place("buy", "100", at=1, order_id="resting")
    # While the first answer is under way: to both of them it may be missing.
    bot.trade("buy", "10", at=6.5, order_id="1")
    assert bot.answer(6, USDT="940", COIN="10") == []  # 50 less; the resting order may have it
    assert bot.verdict() is Verdict.LAGGING
    assert bot.answer(35.9, USDT="940", COIN="10") == []
    assert bot.answer(36, USDT="940", COIN="10") == [("USDT", D(-50))]


def test_after_an_answer_of_nothing_another_amount_is_no_second_one() -> None:
    bot = Bot(USDT="1000", COIN="1")
    bot.place("buy", "600", at=1)
    assert bot.answer(2, USDT="0", COIN="1") == []
    assert bot.verdict() is Verdict.UNREADABLE
    assert bot.answer(32, USDT="500", COIN="1") == []  # the order may have taken it
    assert bot.verdict() is Verdict.LAGGING


def test_nothing_twice_is_believed_whatever_was_expected_meanwhile() -> None:
    bot = Bot(USDT="1000", COIN="9")
    assert bot.answer(2, USDT="0", COIN="9") == []
    bot.trade("sell", "5", at=3)
    assert bot.answer(40, USDT="0", COIN="4") == [("USDT", D(-1005))]


def test_for_one_window_after_a_restart_a_lower_answer_may_lack_what_came_in() -> None:
    for as_of, changes in ((29.9, []), (30.0, [("USDT", D(-50))])):
        bot = Bot()
        bot.book.remember({"USDT": D(100)}, 0.0)
        assert bot.answer(as_of, USDT="50") == changes


def test_an_own_fill_or_an_own_end_makes_an_answer_old_and_a_repeated_report_does_not() -> None:
    bot = Bot(USDT="1000")
    bot.place("buy", "100", at=1)
    bot.answer(40, used={"USDT": "100"}, USDT="1000")
    assert bot.need(41) is Need.NOTHING
    bot.hear("30", at=42, is_open=True)
    assert bot.need(43) is Need.OWN_EVENT
    bot.answer(80, used={"USDT": "70"}, USDT="970", COIN="30")
    bot.hear("30", at=81, is_open=True)
    assert bot.need(82) is Need.NOTHING
    bot.hear("30", at=83, is_open=False)
    assert bot.need(84) is Need.OWN_EVENT
