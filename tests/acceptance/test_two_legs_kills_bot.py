"""kill -9 of a real bot at every named point of two legs, and a restart on the same files."""

import random
from collections import Counter

import pytest

from freqtrade_balance_guard.crash_points import ARBITRAGE_BOT_POINTS, ARBITRAGE_POINTS
from tests.support.balances import figure
from tests.support.legs_bot import INSIDE_ONE_TRANSACTION
from tests.support.legs_matrix import WAYS
from tests.support.mortal_legs import mortal_legs


POINTS = [*ARBITRAGE_POINTS, *ARBITRAGE_BOT_POINTS]
# Of each way.
KILLS = 100
SEED = 6


either_way = pytest.mark.parametrize(
    "by_books", [False, True], ids=["in the loop", "by the engine"]
)


@pytest.mark.acceptance
@pytest.mark.timeout(1200)
@either_way
def test_after_a_kill_at_each_point_the_next_start_finds_everything_and_nothing_twice(
    tmp_path, by_books
):
    passed = [one for one in POINTS if not (by_books and one in INSIDE_ONE_TRANSACTION)]
    with mortal_legs(tmp_path, len(POINTS), by_books=by_books) as mortal:
        for point in passed:
            with mortal.life() as world:
                mortal.recovered(world)
                mortal.die_at(world, point)
        with mortal.life() as world:
            mortal.recovered(world)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@either_way
def test_a_hundred_random_kills(tmp_path, by_books):
    dice, killed = random.Random(SEED), Counter()
    with mortal_legs(tmp_path, KILLS, by_books=by_books) as mortal:
        for _ in range(KILLS):
            with mortal.life() as world:
                mortal.recovered(world)
                point = dice.choice([*POINTS, "any moment"])
                if point != "any moment":
                    world.bot.plant(point, what="kill", nth=dice.randint(1, 3))
                    point = "any moment"
                world.bot.close(*(scene.pair for scene in mortal.past(world)[-3:]))
                scene = mortal.scene(world, dice.choice(WAYS))
                mortal.trouble(scene, dice)
                scene.offer()
                try:
                    mortal.wait_for_death(world, dice.uniform(1, 15))
                    point = world.bot.planted.read_text()
                except Exception:
                    world.bot.bot.kill()
                killed[point] += 1
        with mortal.life() as world:
            mortal.recovered(world)
    figure(f"{KILLS} kills of a bot with two legs", {"at": dict(killed), "seed": SEED})
    assert killed.total() == KILLS
