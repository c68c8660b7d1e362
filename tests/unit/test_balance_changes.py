"""What others do to a balance, what vanishes, what is held, and what a restart makes of it."""

from decimal import Decimal
from pathlib import Path

import pytest
from balance_bot import WALL, Bot

from freqtrade_balance_guard.balances.book import ExternalChange, Need
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot, Unreadable
from freqtrade_balance_guard.balances.verdict import Verdict


# External changes


def test_a_deposit_is_spendable_after_a_second_answer_and_announced_once() -> None:
    bot = Bot(USDT="100")
    assert bot.answer(10, USDT="150") == []
    assert (bot.verdict(), bot.spendable()) == (Verdict.RISING_UNCONFIRMED, 100)
    assert bot.answer(39, USDT="150") == []
    assert bot.spendable() == 100
    assert bot.answer(40, USDT="150") == [("USDT", Decimal(50))]
    assert (bot.verdict(), bot.spendable()) == (Verdict.EXTERNAL_CHANGE, 150)
    assert bot.answer(41, USDT="150") == []
    assert bot.verdict() is Verdict.CONFIRMED


def test_the_rest_is_traded_while_a_deposit_waits() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, USDT="150")
    bot.trade("buy", "60", at=12)
    assert bot.spendable() == 40
    assert bot.answer(13, USDT="150") == []
    assert bot.spendable() == 40
    assert bot.answer(41, USDT="90", COIN="60") == []
    assert bot.answer(45, USDT="90", COIN="60") == [("USDT", Decimal(50))]
    assert bot.spendable() == 90


def test_a_deposit_that_was_only_a_faulty_answer_is_never_announced() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, USDT="1000")
    bot.answer(20, USDT="100")
    assert bot.answer(45, USDT="1000") == []
    assert bot.spendable() == 100


def test_equal_buys_that_lag_at_both_answers_are_not_believed_as_money() -> None:
    bot = Bot(USDT="1000")
    bot.trade("buy", "100", at=5, order_id="1")
    assert bot.answer(6, USDT="1050") == []  # a deposit of 50, and the buy is not in it
    bot.trade("buy", "100", at=35, order_id="2")
    assert bot.answer(36, USDT="950", COIN="100") == []
    assert bot.spendable() == 800


def test_a_withdrawal_counts_at_once_and_is_announced_once() -> None:
    bot = Bot(USDT="100")
    assert bot.answer(10, USDT="70") == [("USDT", Decimal(-30))]
    assert (bot.expected(), bot.spendable()) == (70, 70)
    assert bot.answer(11, USDT="70") == []
    # An older answer behind it does not bring the money back.
    assert bot.answer(12, USDT="100") == []
    assert bot.spendable() == 70


def test_a_withdrawal_while_own_money_is_under_way_is_only_what_is_beyond_it() -> None:
    bot = Bot(USDT="100", COIN="50")
    bot.trade("sell", "50", at=5)
    assert bot.answer(6, USDT="70", COIN="50") == [("USDT", Decimal(-30))]
    assert (bot.expected(), bot.spendable()) == (120, 70)
    assert bot.answer(16, USDT="120") == []
    assert bot.spendable() == 120


def test_a_trade_by_hand_is_two_changes() -> None:
    bot = Bot(USDT="100", BTC="1")
    assert bot.answer(10, USDT="50", BTC="2") == [("USDT", Decimal(-50))]
    assert bot.spendable("BTC") == 1
    assert bot.answer(40, USDT="50", BTC="2") == [("BTC", Decimal(1))]
    assert bot.spendable("BTC") == 2


def test_an_announcement_says_what_the_exchange_says_now() -> None:
    bot = Bot(USDT="100")
    snapshot = Snapshot({"USDT": Holding(Decimal(70))}, 10.0, WALL)
    assert bot.book.accept(snapshot) == [ExternalChange("USDT", Decimal(-30), Decimal(70))]


# Nothing, missing, unreadable


@pytest.mark.parametrize("told", [{}, {"USDT": "0"}])
def test_a_currency_that_vanishes_needs_a_second_answer(told: dict[str, str]) -> None:
    bot = Bot(USDT="100", BTC="1")
    assert bot.answer(10, BTC="1", **told) == []
    assert (bot.verdict(), bot.expected(), bot.spendable()) == (Verdict.UNREADABLE, 100, 0)
    assert bot.book.shown("USDT").free == 100
    assert bot.answer(39, BTC="1", **told) == []
    assert bot.answer(40, BTC="1", **told) == [("USDT", Decimal(-100))]
    assert bot.expected() == 0


def test_nothing_is_spendable_while_nobody_answers_and_exits_are_served() -> None:
    bot = Bot(USDT="100", COIN="40")
    bot.book.fail(Unreadable("502"))
    assert (bot.verdict(), bot.spendable(), bot.expected()) == (Verdict.UNREADABLE, 0, 100)
    assert bot.book.shown("COIN").free == 40
    bot.trade("sell", "40", at=5)
    assert bot.book.shown("COIN").free == 0
    assert bot.expected() == 140


def test_an_answer_older_than_the_last_one_is_dropped() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, USDT="70")
    assert bot.answer(9, USDT="100") == []
    assert bot.book.as_of == 10
    assert bot.spendable() == 70


# Holds


def test_the_hold_of_an_order_by_hand_is_not_spendable() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, {"USDT": "30"}, USDT="100")
    assert bot.spendable() == 70


def test_a_hold_by_hand_ends_for_entries_after_a_second_answer_and_for_exits_at_once() -> None:
    bot = Bot(COIN="100")
    bot.answer(10, {"COIN": "30"}, COIN="100")
    bot.answer(50, COIN="100")
    assert bot.spendable("COIN") == 70
    assert bot.book.shown("COIN").free == 100
    assert bot.need(79) is Need.NOTHING
    assert bot.need(80) is Need.UNCONFIRMED
    bot.answer(80, COIN="100")
    assert bot.spendable("COIN") == 100


def test_a_stop_order_that_was_just_cancelled_stands_in_no_exits_way() -> None:
    bot = Bot(COIN="100")
    bot.place("sell", "100", at=1)
    bot.answer(50, {"COIN": "100"}, COIN="100")
    bot.hear("0", at=51)
    assert bot.book.shown("COIN").free == 100
    assert bot.answer(52, {"COIN": "100"}, COIN="100") == []  # its hold lags
    assert bot.book.shown("COIN").free == 100
    assert bot.spendable("COIN") == 100


def test_an_order_that_the_exchange_no_longer_holds_for_stands_in_no_exits_way() -> None:
    bot = Bot(COIN="100")
    bot.place("sell", "100", at=1)
    bot.answer(50, COIN="100")
    assert bot.book.shown("COIN").free == 100
    assert bot.spendable("COIN") == 0


def test_a_hold_above_the_total_leaves_nothing_and_no_negative() -> None:
    bot = Bot(USDT="100")
    bot.answer(10, {"USDT": "130"}, USDT="100")
    assert bot.spendable() == 0
    assert bot.book.expected("USDT").free == 0


def test_the_hold_of_a_faulty_answer_ends_with_the_fault() -> None:
    bot = Bot(USDT="100")
    bot.place("buy", "40", at=1)
    bot.answer(40, {"USDT": "40"}, USDT="100")
    bot.answer(41, {"USDT": "400"}, USDT="1000")
    bot.answer(42, {"USDT": "40"}, USDT="100")
    assert bot.spendable() == 60


# Start and restart


def test_the_first_answer_is_believed() -> None:
    bot = Bot()
    assert (bot.verdict(), bot.spendable()) == (Verdict.UNREADABLE, 0)
    assert bot.answer(0, USDT="100") == []
    assert (bot.verdict(), bot.spendable()) == (Verdict.CONFIRMED, 100)


def test_an_exit_before_the_first_answer_is_not_counted_twice() -> None:
    bot = Bot()
    bot.book.fail(Unreadable("unavailable"))
    bot.trade("sell", "40", at=1)
    assert bot.answer(5, USDT="140") == []
    assert bot.expected() == 140
    assert bot.answer(50, USDT="140") == []


@pytest.mark.parametrize(
    ("usdt", "verdict"), [("60.0039", Verdict.CONFIRMED), ("60.0041", Verdict.RISING_UNCONFIRMED)]
)
def test_what_an_exchange_rounds_of_what_moved_is_no_difference(
    usdt: str, verdict: Verdict
) -> None:
    bot = Bot(USDT="100")
    bot.trade("buy", "40", at=1)
    assert bot.answer(40, USDT=usdt, COIN="40") == []
    assert bot.verdict() is verdict


def test_a_rise_after_an_answer_of_nothing_is_believed_like_any_other() -> None:
    bot = Bot(USDT="100")
    assert bot.answer(5, USDT="0") == []
    assert bot.answer(10, USDT="150") == []
    assert bot.answer(41, USDT="150") == [("USDT", Decimal(50))]


def test_after_a_restart_the_first_answer_is_compared() -> None:
    bot = Bot()
    bot.book.remember({"USDT": Decimal(100), "BTC": Decimal(1)}, now=0.0)
    assert bot.expected() == 100
    assert bot.spendable() == 0
    assert bot.answer(1, USDT="150", BTC="1") == []
    assert (bot.verdict(), bot.spendable()) == (Verdict.RISING_UNCONFIRMED, 100)
    assert bot.answer(31, USDT="150", BTC="1") == [("USDT", Decimal(50))]


def test_an_answer_that_lags_behind_a_restart_is_no_withdrawal() -> None:
    bot = Bot()
    bot.book.remember({"USDT": Decimal(150)}, now=0.0)  # 50 of it from a sale just before
    assert bot.answer(1, USDT="100") == []
    assert (bot.expected(), bot.spendable()) == (150, 100)
    assert bot.answer(9, USDT="150") == []
    assert bot.spendable() == 150


def test_a_withdrawal_during_a_restart_is_announced_after_the_window() -> None:
    bot = Bot()
    bot.book.remember({"USDT": Decimal(150)}, now=0.0)
    assert bot.answer(1, USDT="100") == []
    assert bot.answer(31, USDT="100") == [("USDT", Decimal(-50))]


def test_an_order_that_filled_while_the_bot_was_down_is_nobody_elses_doing() -> None:
    bot = Bot()
    bot.book.remember({"USDT": Decimal(100)}, now=0.0)
    bot.place("buy", "40", at=0)
    assert bot.answer(1, USDT="60", COIN="40") == []
    bot.hear("40", at=2)
    for as_of in (3, 40, 80):
        assert bot.answer(as_of, USDT="60", COIN="40") == []
    assert bot.spendable() == 60


# The page


def rows_of_the_page() -> dict[str, list[str]]:
    page = Path(__file__).parents[2] / "docs" / "balances.md"
    table = page.read_text(encoding="utf-8").partition("## What happens to 100 USDT")[2]
    lines = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {row[0]: row[1:] for row in cells}


def bot_for(row: str) -> Bot:
    bot = Bot(USDT="100", COIN="40", BTC="1")
    if "we buy" in row:
        bot.trade("buy", "40", at=50)
    elif "we sell" in row:
        bot.trade("sell", "40", at=50)
    elif "rests" in row:
        bot.place("buy", "40", at=50)
    return bot


@pytest.mark.parametrize("row", rows_of_the_page())
def test_the_page_says_what_happens_to_100_usdt(row: str) -> None:
    says, verdict, expected, spendable, later = rows_of_the_page()[row]
    bot = bot_for(row)
    coins = "80" if "we buy" in row else "0" if "we sell" in row else "40"
    held = {"USDT": "40" if "rests" in row else "30" if "by hand" in row else "0"}

    def answer(as_of: float) -> list[tuple[str, Decimal]]:
        if row.startswith("502"):
            bot.book.fail(Unreadable("502"))
            return []
        told = {"USDT": says} if says else {}
        return bot.answer(as_of, held, COIN=coins, BTC="1", **told)

    first = answer(51)
    assert (bot.verdict(), bot.expected(), bot.spendable()) == (
        Verdict(verdict),
        Decimal(expected),
        Decimal(spendable),
    )
    changes = answer(81) + answer(111)
    amount, _, announced = later.partition(", announced: ")
    assert bot.spendable() == Decimal(amount)
    assert changes == ([("USDT", Decimal(announced))] if announced else [])
    assert bool(first) is (verdict == "external_change")
