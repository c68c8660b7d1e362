"""What the bot may spend, is told and hears of, answer by answer. The window is 30 seconds."""

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from freqtrade_balance_guard.balances.book import BalanceBook, ExternalChange, Need
from freqtrade_balance_guard.balances.own_orders import OwnOrder, Side
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot, Unreadable, read_answer
from freqtrade_balance_guard.balances.verdict import Verdict


WINDOW = 30.0
TTL = 60.0
WALL = datetime(2026, 1, 1, tzinfo=UTC)


class Bot:
    """A book, and short words for what happens to it."""

    def __init__(self, window: float = WINDOW, **totals: str) -> None:
        self.book = BalanceBook(window)
        if totals:
            assert self.answer(0, **totals) == []

    def answer(
        self, as_of: float, used: dict[str, str] | None = None, **totals: str
    ) -> list[tuple[str, Decimal]]:
        holds = {coin: Decimal(amount) for coin, amount in (used or {}).items()}
        holdings = {
            coin: Holding(Decimal(total), holds.get(coin, Decimal(0)))
            for coin, total in totals.items()
        }
        changes = self.book.accept(Snapshot(holdings, as_of, WALL))
        return [(change.currency, change.amount) for change in changes]

    def place(self, side: Side, cost: str, *, at: float, order_id: str = "1") -> None:
        """An order for COIN at 1 USDT each; no fee."""
        amount = Decimal(cost)
        order = OwnOrder("COIN", "USDT", side, amount, Decimal(1), Decimal(0), at, at)
        self.book.place(order_id, order)

    def hear(
        self, cost: str, *, at: float, is_open: bool = False, order_id: str = "1", bnb: str = "0"
    ) -> None:
        """The exchange says how far the order got."""
        self.book.observe(
            order_id,
            filled=Decimal(cost),
            cost=Decimal(cost),
            fees={"BNB": Decimal(bnb)} if Decimal(bnb) else {},
            is_open=is_open,
            now=at,
        )

    def trade(self, side: Side, cost: str, *, at: float, order_id: str = "1") -> None:
        self.place(side, cost, at=at, order_id=order_id)
        self.hear(cost, at=at, order_id=order_id)

    def spendable(self, currency: str = "USDT") -> Decimal:
        return self.book.spendable(currency)

    def expected(self, currency: str = "USDT") -> Decimal:
        return self.book.expected(currency).total

    def verdict(self, currency: str = "USDT") -> Verdict:
        return self.book.verdict(currency)

    def need(self, now: float) -> Need:
        return self.book.need(now, TTL)


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
    read = read_answer(told)
    if isinstance(read, Unreadable):
        bot.book.fail(read)
    else:
        assert bot.book.accept(Snapshot(read, 10.0, WALL))[:1] in ([], [])
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


def test_a_fee_in_a_third_coin_that_is_heard_of_late_is_nobody_elses_doing() -> None:
    bot = Bot(USDT="100", BNB="5")
    bot.place("buy", "40", at=5)
    bot.hear("10", at=6, is_open=True, bnb="0.1")
    assert bot.answer(7, {"USDT": "20"}, USDT="80", COIN="20", BNB="4.8") == []
    bot.hear("20", at=8, is_open=True, bnb="0.2")
    assert bot.answer(9, {"USDT": "20"}, USDT="80", COIN="20", BNB="4.8") == []
    assert bot.expected("BNB") == Decimal("4.8")


def test_equal_fills_that_are_heard_of_late_are_not_taken_for_two_answers_that_agree() -> None:
    bot = Bot(USDT="100", COIN="100")
    bot.place("sell", "100", at=5)
    assert bot.answer(6, {"COIN": "80"}, USDT="120", COIN="80") == []
    bot.hear("20", at=8, is_open=True)
    assert bot.answer(40, {"COIN": "60"}, USDT="140", COIN="60") == []
    bot.hear("40", at=41, is_open=True)
    assert bot.answer(42, {"COIN": "60"}, USDT="140", COIN="60") == []
    assert (bot.expected(), bot.spendable()) == (140, 140)


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
