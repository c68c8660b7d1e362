"""Requests that the exchange carries out long after their reply was lost, with a real bot whose
engine follows streamed books: never two orders for one leg, and at the end the coins on both
exchanges are those that the exposures say.

Up to ten seconds Kraken takes such a request; later its deadline has passed, and there is no order.
"""

from decimal import Decimal

import pytest

from tests.support.legs_matrix import AMOUNT, WAYS, matrix


pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

# How the reply is lost, and how long after it was received the request is carried out: 2 and 5 s
# after the line broke, and 2, 5 and 30 s after the client's own time-out of 10 s.
LATE = [("drop", 2), ("drop", 5), ("timeout", 12), ("timeout", 15), ("timeout", 40)]
# After these nothing of it is under way any more.
SETTLED_SECONDS = 150


@pytest.fixture(scope="module", params=["hold", "unwind", "complete"])
def world(request, tmp_path_factory):
    policy = {"unhedged_policy": request.param, "max_unhedged": 1_000_000, "leg_timeout": 10}
    more = {"arbitrage": policy | {"time_in_force": "IOC"}, "by_books": True}
    with matrix(tmp_path_factory.mktemp("late"), 22, **more) as found:
        found.bot.bot.wait_loops(2, timeout=180)
        yield found


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("leg", ["first", "second"])
@pytest.mark.parametrize(("how", "seconds"), LATE)
def test_a_late_request_is_one_order_or_none_and_the_books_are_true(world, way, leg, how, seconds):
    scene = world.scene(way)
    scene.fault(leg, "late_arrival", times=1, seconds=seconds, how=how)
    scene.offer()
    scene.wait(timeout=SETTLED_SECONDS)

    def is_at_rest():
        return not any(row.unfinished for row in scene.rows()) and all(
            one.state not in ("planned", "sent") for one in scene.stored()
        )

    world.bot.bot.wait_until(is_at_rest, SETTLED_SECONDS, "an end of everything")
    fills = {
        (venue, side): scene.filled(venue, side)
        for venue in ("bot", "there")
        for side in ("buy", "sell")
    }
    for venue, side in (("bot", way.bot), ("there", way.other)):
        assert fills[venue, side] <= AMOUNT, "a leg was sent twice"
        own = [one for one in scene.orders(venue) if one["side"] == side]
        assert sum(Decimal(one["filled"]) > 0 for one in own) <= 1
    net = sum((filled if side == "buy" else -filled) for (_, side), filled in fills.items())
    assert net == sum((one.net for one in scene.exposures()), Decimal(0))
    if seconds < 10:
        assert str(scene.stored()[0].state) == "hedged"
