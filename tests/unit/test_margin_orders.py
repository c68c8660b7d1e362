"""Orders on contracts: the margin that they tie up, and what they do to the wallet, by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.margin import MarginOrder, MarginOrders
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.unseen import MarginEvent, UnseenEvents


D = Decimal
# 4 units at 50 with leverage 5; what is closed was opened at 40.
ENTRY = MarginOrder(
    pair="ETH/USDT:USDT",
    is_entry=True,
    is_long=True,
    amount=D(4),
    price=D(50),
    leverage=D(5),
    fee_rate=D("0.01"),
    entry_price=D(40),
    changed_at=0.0,
)
EXIT = replace(ENTRY, is_entry=False)


@pytest.mark.parametrize(
    ("order", "tied"),
    [
        (ENTRY, D(40)),
        (replace(ENTRY, filled=D(1), cost=D(48)), D("39.6")),
        (replace(ENTRY, filled=D(1), cost=D(48), is_open=False), D("9.6")),
        (replace(ENTRY, filled=D(5), cost=D(250)), D(50)),
        (EXIT, 0),
        (replace(EXIT, filled=D(3), cost=D(150)), D(-24)),
    ],
)
def test_margin_is_tied_up_by_what_is_filled_and_what_rests(order, tied):
    assert order.tied() == tied


@pytest.mark.parametrize(
    ("order", "paid_in", "doubt"),
    [
        (replace(ENTRY, cost=D(200)), D(-2), D(2)),
        (replace(ENTRY, cost=D(200), fee=D("0.5")), D("-0.5"), 0),
        # 4 x (50 - 40) earned, 2 of fee.
        (replace(EXIT, filled=D(4), cost=D(200)), D(38), D(2)),
        (replace(EXIT, filled=D(4), cost=D(200), is_long=False), D(-42), D(2)),
        # Of a guessed cost 2 % may be missing, or there besides.
        (replace(EXIT, filled=D(4), cost=D(200), guessed_cost=D(150), fee=D(1)), D(36), D(6)),
        (replace(EXIT, filled=D(4), cost=D(200), guessed_cost=D(150)), D(35), D(8)),
    ],
)
def test_fees_leave_the_wallet_and_profits_come(order, paid_in, doubt):
    assert order.paid_in() == (paid_in, doubt)


@pytest.mark.parametrize(
    ("order", "most"),
    [
        (ENTRY, D(2)),
        (replace(ENTRY, filled=D(1)), D("1.5")),
        (replace(ENTRY, price=D(30)), D("1.6")),
        (EXIT, D(40)),
        (replace(EXIT, filled=D(3)), D(10)),
        (replace(EXIT, entry_price=D(60)), D(48)),
        (replace(EXIT, is_open=False), 0),
        (replace(EXIT, filled=D(5)), 0),
    ],
)
def test_what_is_not_filled_may_still_cost_fees_or_the_margin(order, most):
    assert order.may_still_cost() == most


@pytest.fixture
def orders():
    """One entry, followed since 10 s."""
    orders = MarginOrders("USDT")
    assert orders.follow("a", replace(ENTRY, changed_at=10.0))
    return orders


def learn(orders, filled, cost, now=20.0, *, fees=None, is_open=True):
    return orders.learn(
        "a",
        filled=D(filled),
        cost=None if cost is None else D(cost),
        fees=fees,
        is_open=is_open,
        now=now,
    )


def test_a_fill_without_a_cost_is_guessed_at_the_orders_price_until_the_cost_is_known(orders):
    first = learn(orders, "1", None)
    assert (first.tied, first.wallet) == (0, D("-0.5"))
    second = learn(orders, "3", None)
    assert (second.tied, second.wallet) == (0, D(-1))
    # 150 was guessed, 140 paid.
    known = learn(orders, "3", "140", fees={"USDT": D("0.7")}, is_open=False)
    assert (known.tied, known.wallet, known.doubt) == (D(-12), D("0.8"), 0)
    assert not orders.is_open("a")
    assert learn(orders, "3", "140", is_open=False) is None


def test_an_older_answer_and_an_order_of_another_are_no_event(orders):
    assert learn(orders, "2", "100") is not None
    assert learn(orders, "1", "50") is None
    assert orders.learn("b", filled=D(1), cost=D(1), fees=None, is_open=True, now=20.0) is None


def test_a_fee_in_another_coin_takes_nothing_from_the_wallet(orders):
    assert learn(orders, "2", "100", fees={"BNB": D("0.01")}).wallet == 0


def test_ended_orders_are_forgotten_ten_minutes_after_their_last_change_and_open_ones_never(orders):
    orders.follow("b", replace(ENTRY, changed_at=15.0))
    learn(orders, "4", "200", now=20.0, is_open=False)
    orders.follow("c", replace(ENTRY, changed_at=619.0))
    assert {"a" in orders, "b" in orders, "c" in orders} == {True}
    orders.follow("d", replace(ENTRY, changed_at=620.0))
    assert ["a" in orders, "b" in orders] == [False, True]
    assert orders.pairs_since(619.0) == {ENTRY.pair}
    assert orders.pairs_since(620.0) == set()


def test_what_open_positions_may_lose_and_orders_may_cost_is_held_in_the_coin_alone(orders):
    orders.at_risk = D(7)
    assert orders.held("USDT") == D(9)
    assert orders.held("ETH") == orders.held("USDT", since=5.0) == 0
    assert orders.released("USDT", since=0.0) == 0


@pytest.mark.parametrize(
    ("before", "after", "tied", "unknown"),
    [
        (None, Shared("USDT", D(5), D(3)), D(8), D(8)),
        (Shared("USDT", D(5), D(3)), Shared("USDT", D(1), D(6)), D(-1), D(1)),
        (
            Shared("ETH", D(1), D(0), "USDT", D(2)),
            Shared("ETH", D(0), D(1), "USDT", D(9)),
            -7,
            D(7),
        ),
        (Shared("USDT", D(5), D(3)), Shared("USDT", D(3), D(5)), None, None),
        (Shared("USDT", D(5), D(3), is_open=False), Shared("USDT", D(9), D(3)), None, None),
    ],
)
def test_another_bots_order_ties_up_what_changed_since_it_was_seen(
    orders, before, after, tied, unknown
):
    if before is not None:
        orders.learn_of_other("x", before, 10.0, is_old=True)
    event = orders.learn_of_other("x", after, 20.0, is_old=False)
    if tied is None:
        assert event is None
    else:
        assert (event.tied, event.unknown, event.wallet) == (tied, unknown, 0)


def test_an_event_is_one_with_what_came_before_of_the_same_order_alone():
    events = UnseenEvents(30.0)
    events.add(MarginEvent("b", 1.0, D(10)))
    events.add(MarginEvent("a", 2.0, D(20)))
    events.add(MarginEvent("b", 3.0, D(5)))
    assert events.spent == 35
    events.drop("a")
    assert events.spent == 15
    events.drop("b")
    assert events.is_empty


def test_of_an_order_that_was_there_before_only_what_it_still_holds_is_new(orders):
    held = orders.learn_of_other("x", Shared("USDT", D(5), D(3)), 10.0, is_old=True)
    assert (held.tied, held.unknown) == (5, 5)
    brought = Shared("ETH", D(1), D(0), "USDT", D(2))
    assert orders.learn_of_other("y", brought, 10.0, is_old=True) is None


def test_the_coin_of_another_bots_order_is_known_by_its_name(orders):
    coin = "".join(["US", "DT"])
    assert orders.learn_of_other("x", Shared(coin, D(5), D(3)), 10.0, is_old=False).tied == 8
    brought = Shared("ETH", D(0), D(1), coin, D(2))
    assert orders.learn_of_other("y", brought, 10.0, is_old=False).tied == -2


def test_orders_in_other_coins_tie_nothing_up(orders):
    for coin in ("BTC", "XRP"):
        other = Shared(coin, D(5), D(3), coin, D(1))
        assert orders.learn_of_other(coin, other, 10.0, is_old=False) is None


# Which of them an answer has


def events(*, tied="0", wallet="0", unknown="0"):
    """1000 on the wallet and nothing tied up at 0 s; one event at 10 s."""
    found = UnseenEvents(30.0)
    found.compare(D(1000), D(0), D(0), 0.0)
    found.add(MarginEvent("a", 10.0, D(tied), D(wallet), unknown=D(unknown)))
    return found


@pytest.mark.parametrize(
    ("wallet", "noise", "unknown", "has_it"),
    [
        ("900.01000002", "0", "0", True),
        ("900.01000003", "0", "0", False),
        ("899.98999998", "0", "0", True),
        ("899.98999997", "0", "0", False),
        ("900.03", "0.02", "0", True),
        ("900.04", "0.02", "0", False),
        ("903", "0", "3", True),
        ("903.02", "0", "3", False),
    ],
)
def test_a_wallet_has_an_event_up_to_a_ten_thousandth_of_what_moved(wallet, noise, unknown, has_it):
    found = events(wallet="-100", unknown=unknown)
    found.compare(D(wallet), D(0), D(noise), 11.0)
    assert (found.is_empty, found.is_lagging) == (has_it, not has_it)
    assert found.spent == (0 if has_it else 100)


@pytest.mark.parametrize(("tied", "has_it"), [("105", True), ("105.01", False), ("85", False)])
def test_margin_has_an_event_up_to_a_twentieth_of_all_that_is_tied_up_and_moved(tied, has_it):
    # 5 % of 105 + 95 are 10.
    found = events(tied="95")
    found.compare(D(1000), D(tied), D(0), 11.0)
    assert found.is_empty is has_it


def test_after_the_lag_every_answer_has_an_event():
    for as_of, is_empty in ((39.9, False), (40.0, True)):
        found = events(wallet="-100")
        found.compare(D(1000), D(0), D(0), as_of)
        assert found.is_empty is is_empty


def test_until_it_is_known_what_others_did_an_answer_may_lack_all():
    for as_of, is_empty in ((19.9, False), (20.0, True)):
        found = events(wallet="-100")
        found.distrust(20.0)
        found.distrust(15.0)
        found.compare(D(900), D(0), D(0), as_of)
        assert found.is_empty is is_empty


def test_what_other_bots_may_have_changed_counts_from_after_a_moment_on():
    found = events(tied="3", unknown="3")
    assert (found.unknown_since(9.9), found.unknown_since(10.0)) == (3, 0)


def test_nothing_is_no_event_and_what_is_dated_anew_is_missing_from_answers_of_before():
    found = events()
    assert found.is_empty
    found = events(wallet="-100")
    found.redate("b", 20.0)
    found.redate("a", 20.0)
    found.compare(D(1000), D(0), D(0), 49.9)
    assert (found.is_empty, found.spent) == (False, 100)
