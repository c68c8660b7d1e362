"""What other bots do, and what of ours is lost, counts in the balance book."""

from datetime import timedelta
from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.own_orders import OwnOrder
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import Request, ReservationLedger
from freqtrade_balance_guard.ledger.store import Entry
from freqtrade_balance_guard.money import Money
from freqtrade_balance_guard.orders.funds.other_bots import OtherBots, _at
from tests.support.memory_store import MemoryStore


D = Decimal


class Account:
    """1000 USDT, a bot with its book, and another bot."""

    def __init__(self, other="other"):
        store, self.clock = MemoryStore(), ManualClock()
        self.mine, self.other = (
            ReservationLedger(
                store, bot=bot, account="kraken", process=f"{bot}-1", clock=self.clock
            )
            for bot in ("mine", other)
        )
        self.book = BalanceBook(window=30.0)
        self.siblings = OtherBots(self.mine, "USDT")
        self.see("1000")
        self.look()

    def see(self, total, used="0", **coins):
        self.clock.advance(1)
        holdings = {"USDT": Holding(D(total), D(used))}
        holdings |= {coin: Holding(D(amount)) for coin, amount in coins.items()}
        now = self.clock.monotonic()
        changes = self.book.accept(Snapshot(holdings, now, self.clock.wall()))
        self.clock.advance(1)
        return changes

    def look(self):
        self.clock.advance(1)
        return self.siblings.look(self.book, self.clock.monotonic(), self.clock.wall())

    def spendable(self):
        return self.book.spendable("USDT")

    def buy(self, ledger, name, amount):
        ledger.reserve(Request(name, "kraken", "ETH/USDT", "buy", "USDT", D(amount), None))
        ledger.send(name)


@pytest.fixture(params=["another", "other"])
def account(request):
    """Whose name comes first makes no difference."""
    return Account(request.param)


def test_what_another_bot_has_reserved_is_not_spendable(account):
    account.buy(account.other, "o-1", 300)
    assert account.spendable() == 1000
    account.look()
    assert account.spendable() == 700


def test_a_resting_order_of_another_bot_is_not_counted_twice_when_the_balance_shows_it(account):
    account.buy(account.other, "o-1", 300)
    account.other.bind("o-1", "EX-1")
    account.look()
    assert account.see("1000", used="300") == []
    assert account.spendable() == 700


def test_a_fill_of_another_bot_makes_an_old_balance_lag_and_is_no_change_from_outside(account):
    account.buy(account.other, "o-1", 300)
    account.look()
    account.other.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")
    account.look()
    assert account.see("1000") == []
    assert account.book.verdict("USDT") is Verdict.LAGGING
    assert account.spendable() == pytest.approx(D(710), abs=D(2))
    assert account.see("710", ETH="1") == []
    assert account.book.verdict("USDT") is Verdict.CONFIRMED
    assert account.spendable() == 710


def test_what_another_bot_gave_back_is_spendable_again(account):
    account.buy(account.other, "o-1", 300)
    account.look()
    account.other.release("o-1", "refused")
    account.look()
    assert account.spendable() == 1000


def test_what_was_reserved_before_our_start_counts_too(account):
    account.buy(account.other, "o-1", 300)
    late = OtherBots(account.mine, "USDT")
    book = BalanceBook(window=30.0)
    now = account.clock.monotonic()
    book.accept(Snapshot({"USDT": Holding(D(1000))}, now, account.clock.wall()))
    late.look(book, now + 1, account.clock.wall() + timedelta(seconds=1))
    assert book.spendable("USDT") == 700


class Late:
    """A bot that starts while the other one trades."""

    def __init__(self, account, total):
        self.account, self.siblings = account, OtherBots(account.mine, "USDT")
        self.book = BalanceBook(window=30.0)
        self.see(total)

    def see(self, total, **coins):
        clock = self.account.clock
        holdings = {"USDT": Holding(D(total))} | {c: Holding(D(a)) for c, a in coins.items()}
        return self.book.accept(Snapshot(holdings, clock.monotonic(), clock.wall()))

    def left(self):
        clock = self.account.clock
        self.siblings.look(self.book, clock.monotonic(), clock.wall())
        return self.book.spendable("USDT") - self.siblings.unsettled(clock.monotonic())


def a_fill(account):
    account.buy(account.other, "o-1", 300)
    account.clock.advance(1)
    account.other.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")


def test_what_another_bot_spent_between_our_first_answer_and_our_first_look_is_gone(account):
    late = Late(account, "1000")
    account.clock.advance(1)
    a_fill(account)
    account.clock.advance(1)
    assert late.left() == 710
    assert late.see("710", ETH="1") == [], "and no change from outside"
    assert late.book.verdict("USDT") is Verdict.CONFIRMED


def test_what_another_bot_spent_just_before_our_first_answer_may_be_missing_from_it(account):
    a_fill(account)
    account.clock.advance(2)
    late = Late(account, "1000")  # as it was three seconds ago
    account.clock.advance(1)
    assert late.left() == 710
    account.clock.advance(28)
    late.see("710", ETH="1")
    assert late.left() == 710


def test_what_may_be_missing_is_kept_back_for_one_window_after_it_was_spent(account):
    a_fill(account)
    spent_at = account.clock.monotonic()
    account.clock.advance(2)
    late = Late(account, "1000")
    account.clock.advance(1)
    late.left()
    assert late.siblings.unsettled(spent_at + 29.9) == 290
    assert late.siblings.unsettled(spent_at + 30) == 0


def test_what_was_spent_in_the_moment_of_our_first_answer_may_be_missing_from_it(account):
    a_fill(account)
    late = Late(account, "1000")
    assert late.left() == 710
    account.clock.advance(29.9)
    assert late.left() == 710


def test_a_fill_of_long_before_our_start_is_in_the_balance(account):
    a_fill(account)
    account.clock.advance(31)
    late = Late(account, "710")
    account.clock.advance(1)
    assert late.left() == 710


def test_an_order_that_was_filled_in_part_before_our_first_answer_counts_from_there(account):
    account.buy(account.other, "o-1", 300)
    account.other.use("o-1", D(100), received=Money(D("0.4"), "ETH"), order_id="EX-1")
    account.clock.advance(40)
    late = Late(account, "900")
    account.clock.advance(1)
    account.other.commit("o-1", D(300), received=Money(D("1.2"), "ETH"), order_id="EX-1")
    account.clock.advance(1)
    assert late.left() == 700


# What happened between what was written down and a restart's first answer


class Restarted(Late):
    """A bot that remembers 1000 USDT and no ETH as they were at ``mark``."""

    def __init__(self, account, mark, total, **coins):
        self.account, self.siblings = account, OtherBots(account.mine, "USDT")
        self.book = BalanceBook(window=30.0)
        remembered, now = {"USDT": D(1000), "ETH": D(0)}, account.clock.monotonic()
        self.book.remember(remembered, now, dict.fromkeys(remembered, mark))
        account.clock.advance(5)
        assert self.see(total, **coins) == []

    def announced(self, total, **coins):
        found = []
        for _ in range(5):
            self.account.clock.advance(20)
            found += [(one.currency, one.amount) for one in self.see(total, **coins)]
        return found


@pytest.mark.parametrize("whose", ["mine", "other"])
def test_an_order_that_ended_after_the_balance_was_written_down_is_no_change_by_hand(
    account, whose
):
    ledger = getattr(account, whose)
    account.buy(ledger, "o-1", 300)
    ledger.use("o-1", D(100), received=Money(D("0.4"), "ETH"), order_id="EX-1")
    mark = ledger.mark() - 1
    ledger.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")
    late = Restarted(account, mark, "710", ETH="1")
    late.left()
    assert (late.book.expected("USDT").total, late.book.expected("ETH").total) == (710, 1)
    assert late.announced("710", ETH="1") == []


def test_what_orders_do_not_explain_is_announced_all_the_same(account):
    mark = account.mine.mark()
    account.buy(account.mine, "o-1", 300)
    account.mine.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")
    late = Restarted(account, mark, "700", ETH="3")
    late.left()
    assert sorted(late.announced("700", ETH="3")) == [("ETH", 2), ("USDT", -10)]


def test_an_order_that_the_remembered_balance_knew_explains_nothing(account):
    account.buy(account.mine, "o-1", 300)
    account.mine.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")
    late = Restarted(account, account.mine.mark(), "710", ETH="1")
    late.left()
    assert sorted(late.announced("710", ETH="1")) == [("ETH", 1), ("USDT", -290)]


def test_our_own_order_that_the_book_follows_is_not_counted_twice(account):
    account.buy(account.mine, "m-1", 300)
    account.mine.bind("m-1", "EX-1")
    now = account.clock.monotonic()
    order = OwnOrder("ETH", "USDT", "buy", D(3), D(100), D(0), now, now)
    account.siblings.leave_out("m-1")
    account.book.place("m-1", order)
    account.look()
    assert account.spendable() == 700


def test_our_own_order_of_which_nobody_knows_keeps_its_money(account):
    account.buy(account.mine, "m-1", 300)
    account.look()
    assert account.spendable() == 700
    account.mine.release("m-1", "never arrived")
    account.look()
    assert account.spendable() == 1000


def test_our_own_order_that_is_found_and_followed_is_held_once(account):
    account.buy(account.mine, "m-1", 300)
    account.look()
    account.mine.bind("m-1", "EX-1")
    now = account.clock.monotonic()
    account.siblings.leave_out("m-1")
    account.book.place("m-1", OwnOrder("ETH", "USDT", "buy", D(3), D(100), D(0), now, now))
    account.look()
    assert account.spendable() == 700


def test_the_stake_currency_is_known_by_its_name(account):
    a_fill(account)
    account.clock.advance(2)
    late = Late(account, "1000")
    late.siblings = OtherBots(account.mine, "".join(["US", "DT"]))
    account.clock.advance(1)
    assert late.left() == 710


@pytest.mark.parametrize("currency", ["BTC", "XRP"])
def test_what_was_spent_of_another_currency_is_not_kept_back_of_ours(account, currency):
    request = Request("o-1", "kraken", f"ETH/{currency}", "buy", currency, D(300), None)
    account.other.reserve(request)
    account.other.send("o-1")
    account.other.commit("o-1", D(290), received=Money(D(1), "ETH"), order_id="EX-1")
    account.clock.advance(2)
    late = Late(account, "1000")
    account.clock.advance(1)
    assert late.left() == 1000


def test_half_a_unit_that_was_just_spent_is_kept_back_too(account):
    account.buy(account.other, "o-1", 1)
    account.other.commit("o-1", D("0.5"), received=Money(D(1), "ETH"), order_id="EX-1")
    account.clock.advance(2)
    late = Late(account, "1000")
    account.clock.advance(1)
    assert late.left() == D("999.5")


@pytest.mark.parametrize(("what", "used"), [("reserve", 0), ("use", 40), ("commit", 40)])
def test_what_an_order_had_used_before_its_first_known_line_is_what_that_line_says(what, used):
    at = ManualClock().wall()
    line = Entry(7, "o-1", at, "other", "run", what, "open", D(0), D(40), "EX-1", None, None, "")
    then = _at([line], at - timedelta(seconds=1))
    assert (then.used, then.brought, then.is_over, then.at) == (used, None, False, at)


def test_what_an_order_had_brought_is_what_its_last_line_with_a_number_says():
    at = ManualClock().wall()
    rest = ("other", "run", "use", "open", D(0), D(40), "EX-1")
    lines = [
        Entry(7, "o-1", at, *rest, D(2), "ETH", ""),
        Entry(8, "o-1", at, *rest, None, None, ""),
        Entry(9, "o-1", at + timedelta(seconds=5), *rest, D(3), "ETH", ""),
    ]
    then = _at(lines, at)
    assert (then.brought, then.brought_currency) == (2, "ETH")
    assert _at(lines, at + timedelta(seconds=5)).brought == 3
