"""kill -9 of a real bot, again and again, at every point of an order's way."""

import random
import time
from collections import Counter

import pytest

from tests.support.balances import figure
from tests.support.mortal import mortal_bot, points


KILLS = 200


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_kills_leave_no_order_unknown_and_no_reservation_without_an_end(tmp_path):
    seed = 4
    chance = random.Random(seed)
    done = Counter()
    began = time.monotonic()
    with mortal_bot(tmp_path, orphan_orders="adopt") as mortal:
        for point in points(chance, KILLS):
            mortal.live_until(point, chance.randint(1, 3), chance)
            done[point] += 1
        wrong = mortal.live_on(orders=6)
        orders = len(mortal.exchange.orders())
    seen = {"at": dict(done), "orders": orders, "seconds": time.monotonic() - began, "seed": seed}
    figure(f"{done.total()} kills", seen)
    assert not wrong
