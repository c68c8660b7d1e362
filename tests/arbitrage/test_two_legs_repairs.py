"""How exposures are closed: prepared before a trade is sold, tried in time, and said."""

import threading
from dataclasses import replace
from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.engine.exposure_groups import grouped, to_set_off
from freqtrade_balance_guard.arbitrage.events import (
    LegsSent,
    LegUnresolved,
    UnhedgedClosed,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.leg import Leg
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageUnresolved
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.venue import MarketRules, Price
from freqtrade_balance_guard.ledger import State
from tests.arbitrage.test_exposure_nets import NEVER, exposure, opened
from tests.support.venue import REJECTED, Fate


SALE = Leg("here", "COIN/USDT", "sell", D("0.5"))
# What is to be bought back on "there" when the trade on "here" is sold.
DRAFT = exposure(0, "-0.5", closes=True, arbitrage_id=7)


def with_trade(world, is_with_trade):
    object.__setattr__(world.executor._context, "is_with_trade", is_with_trade)


def doings(world):
    return [one.doing for one in world.store.open_exposures("bot")]


# Before a trade is sold


def test_what_buying_back_will_cost_is_reserved_before_the_sale_and_used_by_it(make):
    world = make()
    assert world.executor.prepare_exit(DRAFT, SALE) == D(100)
    (row,) = world.rows()
    # 0.5 at 110 and 1 % more, with the fee.
    assert (row.state, row.requested) == (State.RESERVED, D("0.5") * D("111.1") * D("1.001"))
    assert world.executor.unresolved() == [] and not world.there.orders
    opened(world, DRAFT)
    world.executor.work()
    (kept,) = world.there.orders.values()
    assert (kept.order.side, kept.filled) == ("buy", D("0.5"))
    (after,) = world.rows()
    assert (after.client_order_id, after.state) == (row.client_order_id, State.COMMITTED)
    assert world.store.open_exposures("bot") == []
    (arbitrage,) = world.arbitrages()
    assert (arbitrage.kind, arbitrage.state) == (ArbitrageKind.CLOSE, ArbitrageState.FILLED)
    assert (arbitrage.exposure, arbitrage.shares) == (1, {1: D("0.5")})


def test_what_was_prepared_for_another_amount_is_released_and_the_true_one_is_bought(make):
    world = make()
    world.executor.prepare_exit(DRAFT, SALE)
    opened(world, replace(DRAFT, net=D("-0.4")))
    world.executor.work()
    assert world.states() == [State.RELEASED, State.COMMITTED]
    (kept,) = world.there.orders.values()
    assert kept.filled == D("0.4")


def test_what_was_prepared_and_has_expired_is_prepared_again(make):
    world = make()
    world.executor.prepare_exit(DRAFT, SALE)
    world.clock.advance(61)
    world.ledger.expire_unsent()
    opened(world, DRAFT)
    world.executor.work()
    assert world.states() == [State.EXPIRED, State.COMMITTED]
    assert world.store.open_exposures("bot") == []


def test_preparing_twice_keeps_one_reservation_and_a_sale_that_did_not_come_none(make):
    world = make()
    world.executor.prepare_exit(DRAFT, SALE)
    world.executor.prepare_exit(DRAFT, SALE)
    assert world.states() == [State.RELEASED, State.RESERVED]
    world.executor.release_prepared()
    assert world.states() == [State.RELEASED, State.RELEASED]
    assert [one.note for one in world.arbitrages()] == ["not needed", "not needed"]
    assert world.executor.unresolved() == [] and not world.there.orders


def test_a_trade_is_not_sold_while_its_other_leg_cannot_be_bought_back(make):
    world = make(money_there={"COIN": D(10), "USDT": D(50)})
    denied = world.executor.prepare_exit(DRAFT, SALE)
    assert denied.code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE
    assert [row for row in world.rows() if row.unfinished] == []

    def silence(*_):
        raise ConnectionError("no answer")

    world.there.best_price = silence
    denied = world.executor.prepare_exit(DRAFT, SALE)
    assert (denied.code, denied.venue) == (ArbitrageDenialCode.MARKET_UNREADABLE, "there")
    del world.executor._context.venues["there"]
    denied = world.executor.prepare_exit(DRAFT, SALE)
    assert denied.sentence == "waiting: no venue is called there any more"


def test_a_sale_too_far_down_its_book_is_not_prepared(make):
    world = make()
    world.here.best_price = lambda *_: Price(D(100), D("99.2"), D("98.9"))
    denied = world.executor.prepare_exit(DRAFT, SALE)
    assert (denied.code, denied.venue) == (ArbitrageDenialCode.PRICE_MOVED, "here")
    assert world.rows() == []


def test_what_is_below_the_minimum_is_left_for_a_later_order_and_stops_no_sale(make):
    world = make()
    world.there.market = MarketRules(D("0.01"), D("0.01"), D("0.01"), D(60), D("0.001"))
    assert world.executor.prepare_exit(DRAFT, SALE) == D(100)
    assert world.rows() == []


@pytest.mark.parametrize(
    ("amount_min", "cost_min", "is_reserved"),
    [("0.5", "55.55", True), ("0.51", "1", False), ("0.01", "55.56", False)],
)
def test_exactly_the_minimum_is_enough_to_be_prepared(make, amount_min, cost_min, is_reserved):
    world = make()
    world.there.market = MarketRules(D("0.01"), D("0.01"), D(amount_min), D(cost_min), D("0.001"))
    world.executor.prepare_exit(DRAFT, SALE)
    assert bool(world.rows()) is is_reserved


# What is whose


def test_the_coin_of_a_trade_is_not_unwound(make):
    world = make(policy="unwind")
    with_trade(world, lambda one: one.net > 0)
    opened(world, exposure(0, "0.5"))
    world.work(30)
    assert doings(world) == ["freqtrade sells it: it is part of a trade"]
    assert not world.there.orders


def test_what_a_sold_trade_has_left_is_bought_back_although_another_trade_has_the_coin(make):
    world = make(policy="unwind")
    with_trade(world, lambda one: True)
    opened(world, exposure(0, "-0.5", closes=True))
    world.work(10)
    assert world.store.open_exposures("bot") == []


def test_only_what_goes_both_ways_on_one_account_is_set_off():
    long, short = exposure(1, "0.5"), exposure(2, "-0.3")
    assert to_set_off([long, short], NEVER) == [[long, short]]
    assert to_set_off([long, exposure(3, "0.1")], NEVER) == []
    assert to_set_off([short, exposure(3, "-0.1")], NEVER) == []
    assert to_set_off([long, exposure(3, "-0.1", base="OTHER")], NEVER) == []
    assert to_set_off([long, exposure(3, "-0.1", venue="here")], NEVER) == []
    assert to_set_off([long, replace(short, is_for_user=True)], NEVER) == []
    assert to_set_off([long, short], lambda one: one.id == 1) == []


def test_the_price_of_a_group_is_the_average_on_its_leaders_market():
    (group,) = grouped(
        [
            exposure(1, "1", price=D(100)),
            exposure(2, "3", price=D(120)),
            exposure(3, "5", price=D(7), pair="COIN/EUR"),
        ],
        NEVER,
        by_other_venue=False,
    )
    assert (group.leader.id, group.price, group.net) == (1, D(115), D(9))
    (short,) = grouped([exposure(1, "-1", price=D(90))], NEVER, by_other_venue=False)
    assert (short.price, short.amount) == (D(90), D(1))


def test_the_missing_part_of_a_sold_trade_is_closed_whatever_its_other_venue_was():
    both = [exposure(1, "-1", closes=True), exposure(2, "-1", closes=True, other_venue="third")]
    (group,) = grouped(both, NEVER, by_other_venue=True)
    assert [one.id for one in group.members] == [1, 2]
    apart = grouped([exposure(1, "1"), exposure(2, "1")], lambda one: True, by_other_venue=False)
    assert [len(group.members) for group in apart] == [1, 1]


# When, and what is said


def test_it_is_tried_once_per_leg_timeout_and_at_once_when_more_has_come(make):
    world = make(policy="unwind", there=[REJECTED] * 9, leg_timeout=10)
    opened(world, exposure(0, "0.5"))

    def tries():
        return world.there.asked.count("place sell")

    world.executor.work()
    world.work(9, every=3)
    assert tries() == 1
    world.work(3, every=3)
    assert tries() == 2
    opened(world, exposure(0, "0.5"))
    world.executor.work()
    assert tries() == 3


def test_its_value_is_that_of_every_ten_seconds(make):
    world = make(policy="hold")
    opened(world, exposure(0, "0.5"), exposure(0, "1.5"))
    world.executor.work()
    world.there.price = D(80)
    values = []
    for _ in range(3):
        world.work(5)
        values.append([one.value for one in world.store.open_exposures("bot")])
    assert values == [[50, 150], [40, 120], [40, 120]]
    marked = {one.marked_at for one in world.store.open_exposures("bot")}
    assert marked == {world.store.open_exposures("bot")[0].opened_at.replace(second=10)}


@pytest.mark.parametrize(("net", "value"), [("0.5", 45), ("-0.5", 65)])
def test_it_is_worth_what_closing_it_would_bring_or_cost(make, net, value):
    world = make(policy="hold")
    prices = {"sell": Price(D(95), D(90), D(85)), "buy": Price(D(120), D(130), D(140))}
    world.there.best_price = lambda pair, side, amount: prices[side]
    opened(world, exposure(0, net))
    world.work(15)
    (one,) = world.store.open_exposures("bot")
    assert one.value == value


def test_a_sold_trades_other_leg_that_is_not_bought_back_at_once_is_announced_once(make):
    world = make(there=[REJECTED, REJECTED])
    opened(world, exposure(0, "-0.5", closes=True))
    world.work(5)
    (event,) = world.published(UnhedgedOpened)
    assert event.exposure.id == 1
    world.work(60)
    assert len(world.published(UnhedgedOpened)) == 1
    assert [one.exposure.closed_how for one in world.published(UnhedgedClosed)] == [
        "closed with its trade on there"
    ]
    quick = make()
    opened(quick, exposure(0, "-0.5", closes=True))
    quick.work(60)
    assert quick.published(UnhedgedOpened) == []


def test_too_little_money_is_waited_for_and_said(make):
    world = make(money_there={"COIN": D(10), "USDT": D(5)}, policy="unwind")
    opened(world, exposure(0, "-0.5", price=D(110)))
    world.work(10)
    (doing,) = doings(world)
    assert doing.startswith("waiting: ") and "USDT" in doing
    assert world.there.orders == {}


def test_a_price_beyond_the_limit_is_waited_for_in_both_directions(make):
    world = make(policy="unwind")
    world.there.price = D("101.01")
    opened(world, exposure(0, "-0.5"))
    world.work(10)
    assert doings(world) == ["waiting: COIN/USDT is at 101.01 on there, beyond the limit 101"]
    world.there.price = D(101)
    world.work(20)
    (kept,) = world.there.orders.values()
    assert (kept.order.side, kept.order.price) == ("buy", D(101))


@pytest.mark.parametrize(("net", "limit"), [("0.5", "98.91"), ("-0.5", "101.11")])
def test_a_sold_trade_is_closed_within_the_slippage_of_the_best_of_now(make, net, limit):
    world = make()
    world.there.price = D("99.9") if net == "0.5" else D("100.11")
    opened(world, exposure(0, net, closes=True, price=D(50)))
    world.executor.work()
    (kept,) = world.there.orders.values()
    assert kept.order.price == D(limit)


def test_a_partial_order_covers_no_more_than_it_was_for(make):
    world = make(policy="unwind", there=[Fate(fills=D("0.5"))])
    opened(world, exposure(0, "0.4"), exposure(0, "0.6"))
    world.executor.work()
    world.work(15)
    first, second = world.store.exposure(1), world.store.exposure(2)
    assert (first.is_open, second.is_open) == (False, False)
    assert [one.shares for one in world.arbitrages()] == [
        {1: D("0.4"), 2: D("0.6")},
        {2: D("0.5")},
    ]


def test_what_is_being_done_is_stored_once(make, monkeypatch):
    world = make(policy="hold")
    opened(world, exposure(0, "0.5"))
    noted = []
    note = world.store.note
    monkeypatch.setattr(world.store, "note", lambda one: noted.append(one.doing) or note(one))
    world.work(5, every=1)
    assert noted == ["held by the policy; unhedged resolve closes it"]


# What an earlier run has left


def test_what_an_earlier_run_has_left_is_as_old_as_its_intent(make):
    world = make(there=[REJECTED])
    world.go()
    (record,) = world.arbitrages()
    world.clock.advance(8)
    now = world.clock.monotonic()
    age = (world.clock.wall() - record.made_at).total_seconds()
    assert age >= 8
    running = world.executor._runner._settlement.resumed(record)
    assert running.has_left and not running.is_preparing
    assert [(leg.sent_at, leg.placed_at) for leg in running.legs] == [(now - age, now)] * 2
    assert [leg.filled for leg in running.legs] == [1, 0]
    assert [leg.reported is None for leg in running.legs] == [False, True]
    # A clock that was set back makes nothing older than now.
    record.made_at = world.clock.wall().replace(year=2030)
    assert [leg.sent_at for leg in world.executor._runner._settlement.resumed(record).legs] == [
        now
    ] * 2


# How long a loop waits


def recorded_pauses(world):
    pauses = []
    object.__setattr__(
        world.executor._context, "wait", lambda one: pauses.append(one) or world.clock.advance(one)
    )
    return pauses


def test_a_lost_reply_is_asked_for_with_growing_pauses_until_patience_ends(make):
    world = make(here=[Fate(lost=True, deaf=999)], leg_timeout=10)
    pauses = recorded_pauses(world)
    result = world.go()
    assert result == ArbitrageUnresolved(1, "the outcome of buy of COIN/USDT on here is not known")
    # 10 s for the leg and 5 more.
    assert pauses == [0.1, 0.2, 0.4, 0.8, *[1.0] * 13]
    (event,) = world.published(LegUnresolved)
    assert (event.number, event.venue, event.pair) == (1, "here", "COIN/USDT")
    assert event.client_order_id == "here-1"
    world.work(30)
    assert len(world.published(LegUnresolved)) == 1


def test_other_work_is_not_kept_waiting_by_a_lost_reply(make):
    world = make(here=[Fate(lost=True, deaf=3)])
    pauses = recorded_pauses(world)
    object.__setattr__(world.executor._context, "is_wanted", lambda: True)
    result = world.go()
    assert isinstance(result, ArbitrageUnresolved)
    assert (result.sentence, pauses) == ("something else is to be done; it goes on", [])
    assert world.published(LegUnresolved) == []
    world.work(20)
    (arbitrage,) = world.arbitrages()
    assert arbitrage.state is ArbitrageState.HEDGED


def test_a_thread_that_waits_for_it_alone_is_patient_whatever_else_is_to_be_done(make):
    world = make(here=[Fate(lost=True, deaf=3)], is_at_once=True)
    begun = world.begin(world.opportunity())
    pauses = recorded_pauses(world)
    object.__setattr__(world.executor._context, "is_wanted", lambda: True)
    result = world.executor.see_through(begun)
    assert (result.state, result.bought, result.sold) == (ArbitrageState.HEDGED, 1, 1)
    assert pauses


def test_how_far_apart_both_legs_left_is_said(make):
    world = make(here=[Fate(throttled=0.25)])
    world.there.same_key_as = "here"
    world.go()
    (event,) = world.published(LegsSent)
    assert (event.number, event.trigger_to_order_seconds) == (1, 0)
    assert event.skew_seconds == 0.25


def test_an_error_on_the_way_out_is_logged_and_the_outcome_is_looked_up(make, monkeypatch, caplog):
    world = make()
    sender = world.executor._runner._sender
    place = sender._from_thread

    def broken(legs):
        place(legs)
        raise RuntimeError("a listener failed")

    monkeypatch.setattr(sender, "_from_thread", broken)
    assert world.go().state is ArbitrageState.HEDGED
    assert "Arbitrage 1: an error before its end" in caplog.text
    world.check()


def test_an_arbitrage_that_goes_well_logs_no_error(make, caplog):
    caplog.set_level("INFO")
    world = make()
    assert world.go().state is ArbitrageState.HEDGED
    assert [one.message for one in caplog.records if one.levelname in ("WARNING", "ERROR")] == []
    assert "Arbitrage 1 (two_legs) is hedged: bought 1, sold 1." in [
        one.message for one in caplog.records
    ]


def test_a_lost_leg_is_asked_for_when_its_pause_is_over_and_not_before(make):
    world = make(here=[Fate(arrives=None)])
    world.here.expiry_seconds = None
    world.go()
    (running,) = world.executor.unresolved()
    leg = next(one for one in running.legs if one.is_lost)

    def questions():
        return world.here.asked.count("look up")

    for _ in range(3):
        asked, due = questions(), leg.ask_after
        world.clock.advance(due - world.clock.monotonic() - 0.5)
        world.executor.work()
        assert questions() == asked
        world.clock.advance(0.5)
        # To the last digit: what floats have lost on the way is no time.
        world.clock._monotonic = due
        world.executor.work()
        assert questions() == asked + 1


def test_a_round_that_another_thread_does_is_not_waited_for(make):
    world = make(here=[Fate(lost=True, deaf=9999)])
    world.go()
    (running,) = world.executor.unresolved()
    answers = []
    with running.lock:
        other = threading.Thread(
            target=lambda: answers.append(world.executor._runner.advance(running)), daemon=True
        )
        other.start()
        other.join(5)
        assert answers == [None]
