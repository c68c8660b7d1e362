"""What is said of two legs: events for whoever counts, and log lines that come once."""

import logging
from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.events import (
    ArbitrageFinished,
    UnhedgedClosed,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageUnresolved
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.ledger.results import AlreadyEnded, Moved, NotAllowed
from freqtrade_balance_guard.orders.events import OrderAccepted, OrderRejected, OrderReplyLost
from tests.arbitrage.test_exposure_nets import exposure, opened
from tests.arbitrage.test_two_legs_repairs import DRAFT, SALE
from tests.support.venue import FILLS, LOST_REPLY, REJECTED, Fate


SILENT = Fate(lost=True, deaf=9999)
COIN = "COIN/USDT"


@pytest.fixture
def logged(caplog):
    """The lines so far, as (level, text)."""
    caplog.set_level(logging.DEBUG)

    def lines(part, level=logging.INFO):
        return [
            (record.levelname, record.getMessage())
            for record in caplog.records
            if part in record.getMessage() and record.levelno >= level
        ]

    return lines


# Events


@pytest.mark.parametrize(
    ("fate", "event"),
    [
        (FILLS, OrderAccepted(COIN, "leg")),
        (LOST_REPLY, OrderReplyLost(COIN, "leg")),
        (REJECTED, OrderRejected(COIN, "leg", "other", "rejected")),
    ],
)
def test_what_happens_to_a_leg_on_its_way_is_an_event(make, fate, event):
    world = make(here=[fate])
    world.go()
    kinds = (OrderAccepted, OrderReplyLost, OrderRejected)
    events = [one for kind in kinds for one in world.published(kind)]
    others = [OrderAccepted(COIN, "leg")] * (2 if fate is FILLS else 1)
    assert sorted(events, key=str) == sorted(
        {event, *others} if fate is not FILLS else others, key=str
    )


def test_a_long_rejection_is_cut_for_those_who_count_it(make):
    from freqtrade_balance_guard.arbitrage.venue import OrderRejected as Rejection

    world = make()

    def reject(order):
        raise Rejection("insufficient funds " + "x" * 300)

    world.here.place = reject
    world.go()
    (event,) = world.published(OrderRejected)
    assert (event.reason, len(event.text)) == ("funds", 200)
    (record,) = [one for one in world.arbitrages() if one.kind is ArbitrageKind.TWO_LEGS]
    assert record.state is ArbitrageState.UNHEDGED


def test_an_end_is_published_once_with_what_was_bought_and_sold(make):
    world = make(here=[Fate(fills=D("0.75"))])
    world.go()
    world.work(60)
    first, *_ = world.published(ArbitrageFinished)
    assert (first.number, first.kind, first.state) == (1, "two_legs", "unhedged")
    assert (first.bought, first.sold) == (D("0.75"), D(1))
    assert len([one for one in world.published(ArbitrageFinished) if one.number == 1]) == 1


def test_what_covers_itself_is_hedged_again_and_only_what_is_closed_is_said_to_be(make, logged):
    world = make(policy="hold")
    opened(world, exposure(0, "0.5"), exposure(0, "-0.3"))
    world.executor.work()
    assert [one.exposure.id for one in world.published(UnhedgedClosed)] == [2]
    assert logged("Hedged again") == [
        ("INFO", "Hedged again: exposure 2 was set off against exposure 1.")
    ]


# The log


def test_a_failure_says_why_and_a_success_how_much(make, logged):
    world = make(here=[REJECTED], there=[REJECTED])
    world.go()
    world.go()
    assert logged("Arbitrage ") == [
        ("INFO", "Arbitrage 1 (two_legs) is failed: here: rejected; there: rejected."),
        ("INFO", "Arbitrage 2 (two_legs) is hedged: bought 1, sold 1."),
    ]


def test_a_naked_leg_is_an_error_in_the_log_and_its_repair_is_not(make, logged):
    world = make(there=[REJECTED], policy="unwind")
    world.go()
    ((level, line),) = logged("Unhedged: ")
    assert level == "ERROR" and "1 COIN on here (COIN/USDT) is held without its sale" in line
    assert logged("Hedged again") == [("INFO", "Hedged again: exposure 1 was unwound on here.")]
    assert len(world.published(UnhedgedOpened)) == len(world.published(UnhedgedClosed)) == 1


def test_what_is_closed_with_its_trade_is_business_as_usual(make, logged):
    world = make()
    opened(world, exposure(0, "-0.5", closes=True))
    world.executor.work()
    assert logged("Hedged again") == []
    assert logged("Hedged again", logging.DEBUG) == [
        ("DEBUG", "Hedged again: exposure 1 was closed with its trade on there.")
    ]


def test_what_is_being_done_is_logged_once_whatever_its_numbers_are(make, logged):
    world = make(policy="unwind")
    world.there.price = D(90)
    opened(world, exposure(0, "0.5"))
    world.executor.work()
    for price in ("91", "92.5", "93"):
        world.there.price = D(price)
        world.work(15)
    ((level, line),) = logged("Unhedged: ")
    assert level == "WARNING" and "COIN/USDT is at 90 on there, beyond the limit 99" in line
    assert len(logged("Unhedged: ", logging.DEBUG)) == 4
    world.there.market = world.there.rules(COIN)
    world.there.depth = D("0.1")
    world.work(15)
    assert len(logged("Unhedged: ")) == 2, "another reason is news"


def test_a_venue_that_is_not_there_any_more_is_an_error_once(make, logged):
    world = make(here=[SILENT])
    world.go()
    del world.executor._context.venues["here"]
    world.work(30)
    line = "The venue here of an arbitrage is not there."
    assert logged("The venue") == [("ERROR", line)]
    assert len(logged("The venue", logging.DEBUG)) > 1


def test_an_order_that_is_not_shown_and_may_still_come_is_an_error_once(make, logged):
    world = make(here=[Fate(arrives=None)])
    world.here.expiry_seconds = None
    world.go()
    world.work(120)
    ((level, line),) = logged("does not show")
    assert level == "ERROR" and line.startswith("here does not show the buy of COIN/USDT")


def test_an_outcome_that_stays_unknown_is_an_error_once(make, logged):
    world = make(here=[SILENT])
    world.go()
    world.work(60)
    assert logged("is not known") == [
        (
            "ERROR",
            "Arbitrage 1: the outcome of buy of COIN/USDT on here is not known; it is looked up "
            "in every loop.",
        )
    ]


def test_while_the_ledger_is_away_arbitrages_wait_and_say_so_once_until_something_ended(
    make, logged, monkeypatch
):
    world = make(here=[SILENT])
    world.go()
    world.here._deaf.clear()
    settle = world.ledger.settle

    def away(*steps):
        raise LedgerUnavailable("the disk is full")

    for outage in (1, 2):
        monkeypatch.setattr(world.ledger, "settle", away)
        world.work(20)
        assert world.executor.unresolved() != []
        assert (
            logged("Arbitrages wait") == [("WARNING", "Arbitrages wait: the disk is full")] * outage
        )
        monkeypatch.setattr(world.ledger, "settle", settle)
        world.work(10)
        assert world.executor.unresolved() == []
        world.here.fates = [SILENT]
        world.go()
        world.here._deaf.clear()


def test_what_the_ledger_does_not_take_is_an_error_unless_it_has_it_already(make, logged):
    from freqtrade_balance_guard.arbitrage.engine.settlement import _check
    from freqtrade_balance_guard.ledger import Move, NotFound, Step

    world = make()
    world.go()
    committed = world.rows()[0]
    commit, release = Step(Move.COMMIT, "one"), Step(Move.RELEASE, "one")
    for step, result in (
        (commit, Moved(committed)),
        (commit, AlreadyEnded(committed, Move.COMMIT)),
        (release, NotFound("one")),
    ):
        _check(step, result)
    assert logged("does not agree") == []
    for step, result in (
        (release, AlreadyEnded(committed, Move.RELEASE)),
        (commit, NotFound("one")),
        (commit, NotAllowed(committed, Move.COMMIT, "no")),
    ):
        _check(step, result)
    assert [level for level, _ in logged("does not agree on one")] == ["ERROR"] * 3


# Answers


def test_an_exit_that_cannot_be_reserved_now_is_not_prepared(make, monkeypatch):
    world = make()

    def away(*_):
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(world.ledger, "reserve", away)
    denied = world.executor.prepare_exit(DRAFT, SALE)
    assert (denied.code, denied.sentence) == (
        ArbitrageDenialCode.LEDGER_UNAVAILABLE,
        "it could not be reserved",
    )
    assert world.executor.unresolved() == []


def test_where_only_the_booking_is_not_known_the_answer_says_so(make, monkeypatch):
    world = make()
    settle = world.ledger.settle

    def away(*steps):
        if any(step.move == "commit" for step in steps):
            raise LedgerUnavailable("the disk is full")
        return settle(*steps)

    monkeypatch.setattr(world.ledger, "settle", away)
    assert world.go() == ArbitrageUnresolved(1, "the outcome of its booking is not known")
    monkeypatch.setattr(world.ledger, "settle", settle)
    world.work(10)
    assert world.arbitrages()[0].state is ArbitrageState.HEDGED
    world.check()


def test_the_second_leg_of_a_key_is_not_sent_after_the_first_was_rejected(make):
    world = make(here=[REJECTED])
    world.there.same_key_as = "here"
    result = world.go()
    assert (result.state, world.there.asked) == (ArbitrageState.FAILED, [])
    assert result.note == "here: rejected; there: not sent: the other leg was rejected"
