"""The outcomes of two legs with a real freqtrade bot and two exchanges: live, policy ``hold``.

Each is looked at from five sides: both exchanges' books, the ledger, freqtrade's database, the
stored pair with its exposure, and what the user was told.
"""

from decimal import Decimal

import pytest

from tests.support.legs_bot import INSIDE_ONE_TRANSACTION
from tests.support.legs_matrix import AMOUNT, REFUSED, WAYS, matrix


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

D = Decimal
HALF = AMOUNT / 2
every_way = pytest.mark.parametrize("way", WAYS, ids=str)


@pytest.fixture(scope="module", params=[False, True], ids=["in the loop", "by the engine"])
def world(request, tmp_path_factory):
    """One bot that looks for opportunities in its loop, and one whose engine streams books."""
    folder = tmp_path_factory.mktemp("outcomes")
    more = {"arbitrage": {"max_unhedged": 1_000_000}, "by_books": request.param}
    with matrix(folder, 70, **more) as found:
        # The engine begins nothing before the first loop has said what freqtrade allows.
        found.bot.bot.wait_loops(2, timeout=180)
        yield found


@pytest.fixture(autouse=True)
def a_bot_without_a_bug(world):
    yield
    bot = world.bot.bot
    assert len(bot.lines("Traceback")) == len(bot.lines("^RuntimeError: planted"))


def fills(way, first, second):
    """(bought, sold) where the first and the second leg filled so much."""
    here, there = (first, second) if way.bot_is_first else (second, first)
    return (here, there) if way.bot == "buy" else (there, here)


@every_way
@pytest.mark.parametrize("leg", ["first", "second"], ids=["1", "2"])
def test_1_and_2_without_the_money_for_one_leg_nothing_is_reserved_or_sent(world, way, leg):
    assert f"{way.venue(leg)}: " in world.denied_for_funds(way, leg)


@every_way
def test_4_both_legs_refused(world, way):
    scene = world.scene(way)
    for leg in ("first", "second"):
        scene.fault(leg, "refuse", message=REFUSED)
    scene.offer()
    scene.wait()
    scene.check("failed", 0, 0)


@every_way
@pytest.mark.parametrize("leg", ["first", "second"], ids=["5", "6"])
def test_5_and_6_one_leg_refused_and_the_other_filled(world, way, leg):
    scene = world.scene(way)
    scene.fault(leg, "refuse", message=REFUSED)
    scene.offer()
    scene.wait()
    scene.check("unhedged", *fills(way, *((0, AMOUNT) if leg == "first" else (AMOUNT, 0))))


@every_way
def test_7_both_legs_filled(world, way):
    scene = world.scene(way)
    scene.offer()
    scene.wait()
    scene.check("hedged")


@every_way
@pytest.mark.parametrize(
    ("first", "second"),
    [("0.5", "1"), ("1", "0.5"), ("0", "0.5"), ("0.5", "0.2"), ("0.5", "0.5"), ("0", "0")],
)
def test_9_partly_filled_legs_leave_the_difference(world, way, first, second):
    scene = world.scene(way)
    for leg, share in (("first", first), ("second", second)):
        if share != "1":
            scene.fault(leg, "partial_fill", fraction=share)
    scene.offer()
    scene.wait()
    a, b = AMOUNT * D(first), AMOUNT * D(second)
    state = "unhedged" if a != b else "hedged" if a else "failed"
    scene.check(state, *fills(way, a, b))


@every_way
@pytest.mark.parametrize("how", ["drop", "502"])
@pytest.mark.parametrize("leg", ["first", "second"])
def test_10_a_lost_reply_is_asked_for(world, way, leg, how):
    scene = world.scene(way)
    scene.fault(leg, "lost_reply", how=how, times=1)
    scene.offer()
    scene.wait()
    scene.check("hedged")


@every_way
def test_10_a_request_that_never_arrived_counts_as_failed_only_when_it_cannot_arrive_any_more(
    world, way
):
    scene = world.scene(way)
    scene.fault("second", "drop", endpoint="AddOrder", times=1)
    scene.offer()
    scene.wait()
    scene.check("unhedged", *fills(way, AMOUNT, 0))


@every_way
def test_12_a_fill_wins_over_the_cancel(world, way):
    scene = world.scene(way)
    scene.fault("second", "no_fill")
    control = world.venue(way.venue("second")).control
    fault = control.fault("error", endpoint="CancelOrder", message="EService:Busy", times=1)
    scene.offer()
    scene.bot.bot.wait_until(
        lambda: any(one["id"] == fault and one["applied"] for one in control.faults()),
        20,
        "a cancel",
    )
    control.fill(scene.order("second")["id"])
    scene.wait()
    scene.check("hedged")


@every_way
@pytest.mark.parametrize(
    ("number", "point", "state"),
    [
        ("3", "arbitrage reserved", "abandoned"),
        ("8", "arbitrage gated", "abandoned"),
        ("8", "arbitrage sent", "abandoned"),
        ("8", "arbitrage learned", "hedged"),
        ("8", "arbitrage booked", "hedged"),
        ("8", "arbitrage ended", "hedged"),
    ],
)
def test_3_and_8_after_an_unexpected_error_each_leg_ends_once(world, way, number, point, state):
    scene = world.scene(way)
    scene.bot.plant(point)
    scene.offer()
    scene.wait()
    if world.bot.by_books and point in INSIDE_ONE_TRANSACTION:
        # The engine has no such moment: intent, reservations and mark are one step.
        assert not scene.bot.planted.exists()
        state = "hedged"
    else:
        assert scene.bot.planted.exists()
    scene.check(state, *((0, 0) if state == "abandoned" else (AMOUNT, AMOUNT)))


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_8_a_booking_that_fails_half_way_is_finished_in_the_next_loop(world, way):
    scene = world.scene(way)
    scene.bot.plant("arbitrage traded")
    scene.offer()
    scene.bot.bot.wait_for(r"freqtrade did not take it as a trade yet \(planted\)", 20)
    scene.wait()
    scene.check("hedged")
