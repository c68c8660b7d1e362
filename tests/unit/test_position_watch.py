"""Positions of a futures account against freqtrade's trades, and both against their stops."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.margin import Position
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.limits.rejections import is_nothing_to_reduce
from freqtrade_balance_guard.orders.positions.watch import Mismatch, PositionWatch, WatchedTrade


D = Decimal
ETH, SOL = "ETH/USDT:USDT", "SOL/USDT:USDT"


def trade(amount="2", pair=ETH, **more):
    return WatchedTrade(pair, D(amount), **{"is_short": False, **more})


def position(amount="2", side="long", pair=ETH):
    return Position(pair, side, D(amount), D(100))


def seen(trades, positions, *, others=frozenset(), stops=None, after=(0.0, 11.0)):
    """What is confirmed after looks at these seconds."""
    watch = PositionWatch()
    news = []
    for now in after:
        news += watch.look(trades, positions, set(others), stops or {}, now)
    return [one.mismatch for one in news], watch


@pytest.mark.parametrize(
    ("trades", "positions", "mismatch"),
    [
        ([trade()], [], Mismatch.NO_POSITION),
        ([trade()], [position("1.5")], Mismatch.SMALLER),
        ([trade()], [position("3")], Mismatch.LARGER),
        ([trade()], [position(side="short")], Mismatch.OTHER_SIDE),
        ([trade(is_short=True)], [position(side="short"), position()], Mismatch.OTHER_SIDE),
        ([], [position()], Mismatch.FOREIGN),
    ],
)
def test_what_differs_in_two_answers_is_reported_once_and_denies_its_pair(
    trades, positions, mismatch
):
    news, watch = seen(trades, positions, after=(0.0, 11.0, 22.0))
    assert news == [mismatch]
    denied = watch.check_entry(PlannedEntry(ETH))
    assert denied.code is DenialCode.POSITION_MISMATCH
    assert watch.check_entry(PlannedEntry(SOL)) is None
    assert watch.look([], [], set(), {}, 30.0) == []
    assert watch.check_entry(PlannedEntry(ETH)) is None


@pytest.mark.parametrize(
    ("trades", "positions", "others"),
    [
        ([trade()], [position("1.999")], set()),
        ([trade(is_short=True)], [position(side="short")], set()),
        ([trade(is_settled=False)], [], set()),
        ([], [position()], {ETH}),
        ([trade()], [position("5")], {ETH}),
        ([], [], set()),
    ],
)
def test_what_is_as_it_should_be_or_may_be_another_bots_is_not(trades, positions, others):
    assert seen(trades, positions, others=others)[0] == []


def test_one_answer_that_differs_is_not_enough():
    assert seen([trade()], [], after=(0.0, 9.0))[0] == []


def test_a_position_without_a_stop_is_reported_after_a_minute():
    lacking = [trade(lacks_stop=True)]
    assert seen(lacking, [position()], after=(0.0, 59.0))[0] == []
    assert seen(lacking, [position()], after=(0.0, 61.0))[0] == [Mismatch.NO_STOP]
    watch = PositionWatch()
    for now, lacks in ((0.0, True), (40.0, False), (50.0, True), (100.0, True)):
        assert watch.look([trade(lacks_stop=lacks)], [position()], set(), {}, now) == []


def test_a_stop_without_a_position_is_reported_after_a_minute():
    assert seen([], [], stops={ETH: "7"}, after=(0.0, 61.0))[0] == [Mismatch.STOP_WITHOUT_POSITION]
    assert seen([trade()], [position()], stops={ETH: "7"}, after=(0.0, 61.0))[0] == []


@pytest.mark.parametrize(
    ("words", "is_so"),
    [
        ('binance {"code":-2022,"msg":"ReduceOnly Order is rejected."}', True),
        ('bybit {"retCode":110017,"retMsg":"current position is zero"}', True),
        ("Reduce only order would increase position. asset=4", True),
        ('{"label":"REDUCE_ONLY_FAIL"}', True),
        ('binance {"code":-4164,"msg":"notional must be no smaller than 5"}', False),
        ('binance {"code":-2019,"msg":"Margin is insufficient."}', False),
    ],
)
def test_words_that_say_that_nothing_is_left_to_reduce(words, is_so):
    assert is_nothing_to_reduce(words) is is_so
