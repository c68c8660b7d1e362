"""/forceexit, /forceenter and the loop at the same time, on a slow exchange with one key."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.balances import GUARDED, A, B, C, D, E, figure, rehearsal
from tests.support.orders import WITH_TAG, settled_books
from tests.support.rest import Rest


pytestmark = pytest.mark.acceptance

LATENCY_SECONDS = 0.3
TRIES = 8
# What the guard may add, and what freqtrade itself asks for a forced order and its answer.
AT_MOST_SECONDS = 3.0 + 20 * LATENCY_SECONDS


@pytest.mark.parametrize("way", GUARDED)
def test_forced_orders_and_those_of_the_loop_are_each_sent_once_and_booked(tmp_path, way):
    rest = Rest.on_a_free_port()
    settings = {"stake_amount": 100, "max_open_trades": 5, "extra": WITH_TAG}
    with rehearsal(tmp_path, way, config=rest.config, **settings) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        ids = {trade["pair"]: trade["id"] for trade in rehearsed.bot.open_trades()}
        rehearsed.exchange.fault("latency", ms=LATENCY_SECONDS * 1000, endpoint="private")
        rehearsed.exchange.fault("lost_reply", how="drop", symbol=A, side="sell", times=1)

        def forced(path, **what):
            """The longest of its tries: one without a balance, or without an outcome, is none."""
            slowest = 0.0
            for _ in range(TRIES):
                began = time.monotonic()
                answer = rest.ask("POST", path, **what)
                slowest = max(slowest, time.monotonic() - began)
                if answer.status_code == 200 or "no open trade" in answer.text.lower():
                    return slowest
                time.sleep(1)
            raise AssertionError(answer.text)

        with ThreadPoolExecutor(4) as pool:
            rehearsed.signal(C, sell=(B,))
            asked = [
                pool.submit(forced, "forceexit", tradeid=str(ids[A])),
                pool.submit(forced, "forceenter", pair=D),
                pool.submit(forced, "forceenter", pair=E),
            ]
            slowest = max(one.result() for one in asked)
        rehearsed.bot.wait_until(
            lambda: {trade["pair"] for trade in rehearsed.bot.open_trades()} == {C, D, E},
            60, "what was forced and what was signalled",
        )  # fmt: skip
        rehearsed.exchange.clear_faults()
        rehearsed.signal()
        settled_books(rehearsed)
        for pair in (A, B, C, D, E):
            assert len([o for o in rehearsed.orders("buy") if o["pair"] == pair]) == 1, pair
        assert sorted(o["pair"] for o in rehearsed.orders("sell")) == sorted((A, B))
        assert not [row for row in rehearsed.exchange.rejections() if "nonce" in row["error"]]
        figure("forced orders beside the loop", {way: slowest})
        assert slowest <= AT_MOST_SECONDS
