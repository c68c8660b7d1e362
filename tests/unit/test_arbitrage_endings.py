"""How ended orders end an arbitrage: quick tests in which no sign and no side can change places."""

from dataclasses import replace
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.arbitrage.engine.ending import (
    ending_of_repair,
    ending_of_two_legs,
    set_off,
)
from freqtrade_balance_guard.arbitrage.engine.legs import LegRun, RunningArbitrage
from freqtrade_balance_guard.arbitrage.engine.settlement import Settlement
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import closing_limit, unwind_limit
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.settings import ArbitrageSettings
from tests.arbitrage.test_exposure_nets import exposure


NOW = ManualClock().wall()


def leg(side, amount, filled, *, price="100", fees=None, rejected="", venue=None):
    name = venue or ("here" if side == "buy" else "there")
    order = LegOrder(
        venue=name,
        account=f"account of {name}",
        pair="COIN/USDT",
        side=side,
        amount=D(amount),
        price=D(price),
        fee_rate=D("0.001"),
        client_order_id=f"{name}-{side}",
        made_at=NOW,
    )
    run = LegRun(order, sent_at=0.0, rejected=rejected)
    if not rejected:
        paid = {name: D(fee) for name, fee in (fees or {}).items()}
        run.reported = VenueOrder("1", False, D(filled), D(filled) * D(price), paid)
    return run


def running(*legs, kind=ArbitrageKind.TWO_LEGS, shares=None):
    record = ArbitrageRecord(
        id=7,
        bot="bot",
        kind=kind,
        state=ArbitrageState.SENT,
        tag=None,
        orders=tuple(one.order for one in legs),
        made_at=NOW,
        shares=shares or {},
    )
    return RunningArbitrage(record, list(legs), has_left=True)


def ended(*legs):
    return ending_of_two_legs(running(*legs), "bot", lambda currency: D(2), NOW)


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("bought", "sold", "move", "net", "venue", "other"),
    [
        ("0", "0", ArbitrageMove.FAIL, None, None, None),
        ("1", "1", ArbitrageMove.BALANCE, None, None, None),
        ("0.4", "0.4", ArbitrageMove.BALANCE, None, None, None),
        ("1", "0", ArbitrageMove.DIFFER, "1", "here", "there"),
        ("0", "1", ArbitrageMove.DIFFER, "-1", "there", "here"),
        ("0.7", "0.2", ArbitrageMove.DIFFER, "0.5", "here", "there"),
        ("0.2", "0.7", ArbitrageMove.DIFFER, "-0.5", "there", "here"),
    ],
)
def test_the_difference_of_both_legs_is_the_exposure(bought, sold, move, net, venue, other, turn):
    legs = [leg("buy", "1", bought, price="99"), leg("sell", "1", sold, price="110")][::turn]
    ending = ended(*legs)
    assert ending.move is move
    if net is None:
        assert ending.exposures == ()
        return
    (left,) = ending.exposures
    assert (left.net, left.venue, left.other_venue) == (D(net), venue, other)
    price = D(99) if venue == "here" else D(110)
    assert (left.price, left.value) == (price, abs(D(net)) * price * 2)
    assert left.other_price == (D(110) if venue == "here" else D(99))
    assert left.arbitrage_id == 7 and ending.drift[1] == 0


def test_why_both_failed_names_each_venue():
    ending = ended(leg("buy", "1", "0", rejected="no funds"), leg("sell", "1", "0"))
    assert ending.note == "here: no funds; there: no fill"


@pytest.mark.parametrize(
    ("buy_filled", "fee", "sold", "move", "net", "drift"),
    [
        # 1.01 was planned for a fee of 1 % in the coin.
        ("1.01", "0.0101", "1", ArbitrageMove.BALANCE, None, "-0.0001"),
        ("0.505", "0.00505", "0.5", ArbitrageMove.BALANCE, None, "-0.00005"),
        ("1.01", "0.0101", "0", ArbitrageMove.DIFFER, "0.9999", "0"),
        ("0", "0", "1", ArbitrageMove.DIFFER, "-1", "0"),
        ("1.01", "0.0101", "0.5", ArbitrageMove.DIFFER, "0.49995", "-0.00005"),
    ],
)
def test_a_purchase_that_was_planned_larger_is_compared_by_its_share(
    buy_filled, fee, sold, move, net, drift
):
    ending = ended(leg("buy", "1.01", buy_filled, fees={"COIN": fee}), leg("sell", "1", sold))
    assert ending.move is move
    assert [one.net for one in ending.exposures] == ([] if net is None else [D(net)])
    assert ending.drift == ("COIN", D(drift))


def repaired(kind, order, shares, *exposures):
    return ending_of_repair(running(order, kind=kind, shares=shares), exposures, NOW)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (ArbitrageKind.UNWIND, "unwound"),
        (ArbitrageKind.COMPLETE, "completed"),
        (ArbitrageKind.CLOSE, "closed with its trade"),
    ],
)
def test_an_order_of_an_exposure_says_what_it_did(kind, word):
    order = leg("sell", "0.5", "0.5", venue="here")
    ending = repaired(kind, order, {1: D("0.5")}, exposure(1, "0.5"))
    (closed,) = ending.exposures
    assert (ending.move, ending.note) == (ArbitrageMove.REPAIR, f"{word} on here")
    assert (closed.net, closed.is_open, closed.closed_how) == (0, False, f"{word} on here")
    assert ending.drift == ("COIN", 0)


def test_of_several_exposures_the_oldest_is_named_in_the_result():
    settlement = Settlement(SimpleNamespace())
    order = running(leg("sell", "1", "1"), kind=ArbitrageKind.UNWIND)
    oldest, other = exposure(1, "0.5"), exposure(2, "0.5")
    assert settlement._ended(order, [oldest, other]).exposure is oldest
    assert settlement._ended(order).exposure is None


def test_without_a_fill_the_exposure_stays_as_it_is():
    order = leg("buy", "0.5", "0", rejected="no funds")
    ending = repaired(ArbitrageKind.CLOSE, order, {1: D("0.5")}, exposure(1, "-0.5"))
    assert (ending.move, ending.note, ending.exposures) == (ArbitrageMove.FAIL, "no funds", ())


def test_a_part_makes_it_smaller_by_as_much_with_its_value():
    order = leg("buy", "0.5", "0.2")
    ending = repaired(ArbitrageKind.CLOSE, order, {1: D("0.5")}, exposure(1, "-0.5"))
    (left,) = ending.exposures
    assert (left.net, left.value, left.is_open) == (D("-0.3"), D(30), True)


def test_several_are_closed_the_oldest_first():
    order = leg("sell", "0.8", "0.6")
    shares = {1: D("0.5"), 2: D("0.3")}
    ending = repaired(ArbitrageKind.UNWIND, order, shares, exposure(1, "0.5"), exposure(2, "0.3"))
    assert [(one.id, one.net) for one in ending.exposures] == [(1, 0), (2, D("0.2"))]


def test_what_a_whole_order_leaves_by_its_fee_is_drift_and_no_exposure():
    order = leg("buy", "0.5", "0.5", fees={"COIN": "0.0013"})
    ending = repaired(ArbitrageKind.CLOSE, order, {1: D("0.5")}, exposure(1, "-0.5"))
    assert [one.is_open for one in ending.exposures] == [False]
    assert ending.drift == ("COIN", D("-0.0013"))


@pytest.mark.parametrize(
    ("nets", "left"),
    [
        (("0.5", "-0.5"), {1: "0", 2: "0"}),
        (("0.5", "-0.3"), {1: "0.2", 2: "0"}),
        (("-0.2", "0.5", "-0.2"), {1: "0", 2: "0.1", 3: "0"}),
        (("0.2", "0.2", "-0.3"), {1: "0", 2: "0.1", 3: "0"}),
    ],
)
def test_what_covers_itself_is_set_off(nets, left):
    changed = set_off([exposure(i, net) for i, net in enumerate(nets, 1)], NOW)
    assert {one.id: one.net for one in changed} == {i: D(net) for i, net in left.items()}
    assert all(one.is_open == bool(one.net) for one in changed)


@pytest.mark.parametrize(("net", "limit"), [("1", "99"), ("-1", "101")])
def test_limits_are_on_the_worse_side_of_the_price(net, limit):
    settings = ArbitrageSettings.model_validate({"max_slippage_percent": 1})
    one = exposure(1, net, price=D(100))
    assert unwind_limit(one, settings) == D(limit)
    assert closing_limit(replace(one, price=D(5)), D(100), settings) == D(limit)
