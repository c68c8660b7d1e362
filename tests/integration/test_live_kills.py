"""kill -9 of a real bot: the short form of tests/acceptance/test_kills.py."""

import random

from tests.support.mortal import mortal_bot


def test_a_bot_that_was_killed_with_orders_on_their_way_finds_them_and_goes_on(tmp_path):
    chance = random.Random(1)
    with mortal_bot(tmp_path, orphan_orders="adopt") as mortal:
        mortal.live_until("order answered", 2, chance)
        mortal.live_until("order booked", 1, chance)
        assert not mortal.live_on(orders=3)
