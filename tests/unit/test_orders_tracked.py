"""One order from its intent to its end: what is stored of it, and what a later run reads."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import Move, Reservation, State, Step
from freqtrade_balance_guard.money import ONE, ZERO, Money
from freqtrade_balance_guard.orders.reader import OrderAnswer
from freqtrade_balance_guard.orders.terms import Purpose, Terms, margin_terms, spot_terms
from freqtrade_balance_guard.orders.tracked_order import (
    FEE_ASSUMED,
    TrackedOrder,
    tracked_order_of,
    why_of,
)


D = Decimal
WALL = ManualClock().wall()
ETH = "ETH/USDT"


def terms(side: str = "buy", purpose: Purpose = Purpose.ENTRY, tag: str = "") -> Terms:
    return spot_terms(
        ETH, side, purpose, D("1.50"), D(100), is_market=False, fee_rate=D("0.001"), tag=tag
    )  # type: ignore[arg-type]


def tracked(of: Terms | None = None) -> TrackedOrder:
    return TrackedOrder("one-1", of or terms(), WALL, 0.0)


def said(filled: str, status: str = "open", **more: object) -> OrderAnswer:
    answer = {"cost": D(filled) * 100, "fees": {"USDT": ZERO}, **more}
    return OrderAnswer("EX-1", status, D(filled), **answer)  # type: ignore[arg-type]


def row(**more: object) -> Reservation:
    values = (1, "one-1", None, "kraken", "one", "run", ETH, "buy", "USDT", D("150.15"))
    rest = (D("150.15"), ZERO, State.OPEN, WALL, None, None, 1)
    return Reservation(*values, *rest)._replace(**more)  # type: ignore[arg-type]


# What is stored with the intent


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (terms(), "entry of 1.50 at 100"),
        (terms("sell", Purpose.EXIT), "exit of 1.50 at 100"),
        (terms("sell", Purpose.STOP, "trailing"), "stop of 1.50 at 100, tag trailing"),
        (terms(tag="a, tag b"), "entry of 1.50 at 100, tag a, tag b"),
        (
            margin_terms(
                "ETH/USDT:USDT",
                "sell",
                Purpose.ENTRY,
                D(2),
                D("1e-7"),
                fee_rate=ZERO,
                leverage=D("2.5"),
                tag="short",
            ),
            "entry of 2 at 0.0000001, leverage 2.5, tag short",
        ),
    ],
)
def test_the_stored_reason_is_all_that_a_later_run_needs(of: Terms, why: str) -> None:
    assert why_of(of) == why
    order = tracked_order_of(row(pair=of.pair, side=of.side), why, 7.0, is_margin=of.is_margin)
    found = order.terms
    assert (found.pair, found.side, found.purpose) == (of.pair, of.side, of.purpose)
    assert (found.amount, found.price) == (of.amount, of.price)
    assert (found.leverage, found.tag, found.is_margin) == (of.leverage, of.tag, of.is_margin)
    assert found.holds == Money(D("150.15"), "USDT")
    assert found.at_least == D("150.15")


def test_what_an_earlier_run_has_left_counts_as_lost_from_now_on() -> None:
    order = tracked_order_of(row(order_id="EX-1"), "entry of 1.5 at 100", 7.0)
    assert (order.client_order_id, order.order_id, order.made_at) == ("one-1", "EX-1", WALL)
    assert (order.sent_at, order.absence.lost_at) == (7.0, 7.0)
    assert order.is_reserved and order.is_written and order.is_in_ledger and order.is_own
    assert not order.is_of_this_run and not order.is_leg
    assert order.step() == Step(Move.SEND, "one-1")


@pytest.mark.parametrize(
    ("currency", "purpose"), [("USDT", Purpose.ENTRY), ("ETH", Purpose.EXIT), ("BNFCR", "entry")]
)
def test_without_a_reason_that_can_be_read_what_it_holds_tells_entry_from_exit(
    currency: str, purpose: Purpose
) -> None:
    order = tracked_order_of(row(currency=currency), "by hand", 7.0, proxy_coin="BNFCR")
    assert order.terms.purpose == purpose
    assert (order.terms.amount, order.terms.price, order.terms.leverage) == (0, 0, ONE)
    assert (order.terms.tag, order.terms.proxy_coin) == ("", "BNFCR")


def test_a_leg_is_known_by_the_beginning_of_its_reason() -> None:
    order = tracked_order_of(
        row(), "leg of two_legs 7: entry of 1 at 100 and entry of 2 at 90", 7.0
    )
    assert order.is_leg
    assert (order.terms.amount, order.terms.price) == (2, 90)


def test_what_had_filled_before_stays_used_with_no_doubt_about_its_fee() -> None:
    order = tracked_order_of(row(order_id="EX-1", committed=D(50)), "entry of 1.5 at 100", 7.0)
    assert order.step() == Step(
        Move.USE, "one-1", total=D(50), order_id="EX-1", excess=False, why=""
    )
    unknown = tracked_order_of(row(committed=D(50)), "entry of 1.5 at 100", 7.0)
    assert unknown.report is None, "the exchange has not named it"
    for used in (D(0), D("0.0")):
        untouched = tracked_order_of(
            row(order_id="EX-1", committed=used), "entry of 1.5 at 100", 7.0
        )
        assert untouched.report is None


# What is learnt of it


def test_an_order_is_over_when_it_ends_or_was_rejected() -> None:
    order = tracked()
    assert not order.is_resolved and not order.is_over and order.keys == []
    assert order.learn(said("0.5"), 3.0)
    assert order.is_resolved and not order.is_over and not order.is_written
    assert order.keys == [(ETH, "EX-1")]
    assert order.ended_at == float("inf")
    assert order.learn(said("1", "canceled"), 4.0)
    assert order.is_over and order.ended_at == 4.0
    assert not order.learn(said("1.5", "closed"), 5.0), "it has ended"

    rejected = tracked()
    rejected.reject("no funds", 6.0)
    assert rejected.is_resolved and rejected.is_over and not rejected.is_written
    assert rejected.ended_at == 6.0
    assert rejected.step() == Step(Move.RELEASE, "one-1", why="no funds")


def test_what_is_said_twice_or_late_is_no_news_but_a_fee_that_comes_later_is() -> None:
    order = tracked()
    assert order.learn(said("0.5", fees=None), 3.0)
    assert not order.learn(said("0.5", fees=None), 4.0)
    assert not order.learn(said("0.4"), 5.0)
    assert order.learn(said("0.5", fees={"USDT": D(1)}), 6.0)
    assert order.step() == Step(
        Move.USE, "one-1", D(51), "EX-1", D("0.5"), "ETH", excess=False, why=""
    )


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        (said("0"), Step(Move.BIND, "one-1", order_id="EX-1")),
        (said("0", "canceled"), Step(Move.RELEASE, "one-1", why="ended without a fill")),
        (said("1"), Step(Move.USE, "one-1", D(100), "EX-1", D(1), "ETH")),
        (
            said("1", fees=None),
            Step(Move.USE, "one-1", D("100.1"), "EX-1", D(1), "ETH", why=FEE_ASSUMED),
        ),
        # 150.15 are held: more may be used only at the end.
        (said("1", cost=D(151)), Step(Move.USE, "one-1", D("150.15"), "EX-1", D(1), "ETH")),
        (
            said("1", "closed", cost=D(151)),
            Step(Move.COMMIT, "one-1", D(151), "EX-1", D(1), "ETH", excess=True),
        ),
    ],
)
def test_each_answer_is_one_step_of_the_reservation(answer: OrderAnswer, step: Step) -> None:
    order = tracked()
    assert order.step() == Step(Move.SEND, "one-1")
    order.learn(answer, 3.0)
    assert order.step() == step


def test_a_fired_stop_waits_a_minute_for_the_order_that_it_placed() -> None:
    stop = tracked(terms("sell", Purpose.STOP))
    stop.learn(said("0"), 1.0)
    fired = said("0", "closed", placed_id="EX-2")
    assert not stop.learn(fired, 10.0)
    assert stop.keys == [(ETH, "EX-1"), (ETH, "EX-2")]
    assert not stop.learn(fired, 10 + 60 - 1)
    assert not stop.is_over
    assert stop.learn(fired, 10 + 60)
    assert stop.is_over
    plain = tracked()
    plain.learn(said("0", "closed", placed_id="EX-2"), 10.0)
    assert plain.is_over and plain.placed_id is None


def test_an_entry_arrives_late_for_less_long_than_an_exit() -> None:
    entry = tracked()
    assert entry.late_seconds == 30
    entry.is_given_up = True
    assert entry.late_seconds == 60
    assert tracked(terms("sell", Purpose.EXIT)).late_seconds == 60
