"""The list of scenes: each can be played, and each is set up so that a plain bot gets into it."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.scenes.balance_scenes import CALL_BUDGET, FAULTY, MINIMUM_RAISED
from freqtrade_balance_guard.demo.scenes.catalogue import (
    BETWEEN,
    PARTIAL,
    SCENES,
    UNSELLABLE,
    chosen,
)
from freqtrade_balance_guard.demo.scenes.legs_scenes import TWO_LEGS
from freqtrade_balance_guard.demo.stage import broken_claims
from freqtrade_balance_guard.sandbox import Scenario


SECONDS_PER_SCENE = 8  # starting and stopping two bots; a loop takes one second


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_has_a_valid_exchange_and_trades_only_what_is_listed_there(scene):
    scenario = Scenario.model_validate(dict(scene.scenario))
    listed = {market.symbol for market in scenario.markets}
    adjusted = {adjustment.pair for adjustment in scene.plan.adjustments}

    assert set(scene.plan.signals) | set(scene.plan.stakes) | adjusted <= listed
    assert scene.stake == scenario.accounts[0].balances["USDT"]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_script_of_a_scene_runs_forward_and_ends_before_the_scene(scene):
    loops = [step.loop for step in scene.script]

    assert loops == sorted(loops)
    assert all(0 < loop < scene.loops for loop in loops)
    assert scene.claims


def test_every_scene_has_a_name_of_its_own():
    names = [scene.name for scene in SCENES]

    assert len(set(names)) == len(names)


def test_all_scenes_together_take_less_than_three_and_a_half_minutes():
    assert sum(scene.loops + SECONDS_PER_SCENE for scene in SCENES) < 210


def test_the_unsellable_position_is_under_the_minimum_at_its_stop_and_the_other_is_not():
    at_stop = {
        pair: Decimal(str(stake)) * (1 + Decimal(str(UNSELLABLE.plan.stoploss)))
        for pair, stake in UNSELLABLE.plan.stakes.items()
    }

    assert at_stop["ADA/USDT"] < 5 < at_stop["XRP/USDT"]


def test_the_free_money_lies_between_the_two_minimums():
    for market in BETWEEN.scenario["markets"]:
        minimum = Decimal(market["amount_min"]) * Decimal(market["price"])
        # freqtrade uses 99 % of what is free, and asks for 5 % more than the minimum.
        assert minimum < BETWEEN.stake * Decimal("0.99") < minimum * Decimal("1.05")


def test_the_partial_exits_are_one_too_small_part_and_one_too_small_rest():
    too_small, too_much = PARTIAL.plan.adjustments
    rest = PARTIAL.plan.stakes[too_much.pair] * (1 + too_much.share)

    assert abs(too_small.stake) < 5
    assert rest > 7.5, "freqtrade itself would refuse it"
    assert rest * (1 + PARTIAL.plan.stoploss) < 5


def test_scenes_are_chosen_by_name_and_keep_their_order():
    names = f"{SCENES[-1].name}, {SCENES[0].name}"

    assert chosen(names) == [SCENES[0], SCENES[-1]]
    assert chosen(None) == SCENES


def test_an_unknown_scene_is_named_together_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no scene 'moon'.*unsellable"):
        chosen("moon")


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (Measures(rejections={"EOrder:Cost minimum not met": 2}), "rejected 2 orders"),
        (Measures(unknown_orders=["buy ADA/USDT 3 (O1)"]), "unknown to the bot: buy ADA/USDT"),
        (Measures(stuck_trades=["ADA/USDT worth 3.80"]), "stuck: ADA/USDT"),
        (Measures(wrong_sizes=["ADA/USDT for 7.60"]), "wrong size: ADA/USDT"),
        (Measures(refused_pairs={"ADA/USDT": 2}), "ADA/USDT is denied in 2 lines"),
        (Measures(exit_code=0), "ended by itself with code 0"),
    ],
)
def test_a_claim_that_the_guarded_bot_broke_is_a_sentence(seen, sentence):
    (broken,) = broken_claims(UNSELLABLE, seen)

    assert sentence in broken


def test_an_order_breaks_the_claim_of_a_scene_where_none_may_be():
    assert broken_claims(BETWEEN, Measures(orders=1)) == ["1 orders where none may be"]
    assert broken_claims(UNSELLABLE, Measures(orders=1)) == []


def test_one_rejection_may_teach_where_the_scene_says_so():
    taught = Measures(rejections={"EOrder:Cost minimum not met": 2}, sold=["ADA/USDT"])

    assert broken_claims(MINIMUM_RAISED, taught) == []
    taught.rejections["EOrder:Cost minimum not met"] += 1
    assert broken_claims(MINIMUM_RAISED, taught) == ["the exchange rejected 3 orders"]


def test_a_leg_alone_breaks_the_claim_of_the_scene_with_two_exchanges():
    seen = Measures(legs_alone=["10 DOT worth 51.00 bought and not sold"])

    (broken,) = broken_claims(TWO_LEGS, seen)
    assert broken == "one leg alone: 10 DOT worth 51.00 bought and not sold"
    assert broken_claims(UNSELLABLE, seen) == []


def test_the_second_exchange_has_the_coins_of_all_pairs_but_one_and_refuses_one_sale():
    there = Scenario.model_validate(dict(TWO_LEGS.second.scenario))
    here = Scenario.model_validate(dict(TWO_LEGS.scenario))

    missing = [
        pair
        for pair, offer in TWO_LEGS.second.offers.items()
        if there.accounts[0].balances.get(pair.split("/")[0], 0) < Decimal(offer.amount)
    ]
    assert missing == ["DOT/USDT"]
    assert [(fault.symbol, fault.side, fault.times) for fault in there.faults] == [
        ("XRP/USDT", "sell", 1)
    ]
    # Dearer there by more than what the strategies want.
    for cheap, dear in zip(here.markets, there.markets, strict=True):
        assert dear.price == cheap.price * Decimal("1.02")


def test_a_position_that_should_be_sold_and_a_call_too_many_break_a_claim():
    assert broken_claims(FAULTY, Measures(sold=["ADA/USDT"])) == ["XRP/USDT was not sold"]
    assert broken_claims(CALL_BUDGET, Measures(private_calls=2)) == []
    assert broken_claims(CALL_BUDGET, Measures(private_calls=3)) == ["3 private calls"]
