"""Several real bots on one account: disjoint pairs, 150 ms latency, balances that lag 3 s."""

import time
from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from tests.support.balances import GUARDED, PAIRS, WHOLE, A, B, figure, side_by_side
from tests.support.fleet import (
    FUNDS,
    KILL_AT_POINT,
    fleet,
    kill_at,
    killed_at,
    shared_account,
)
from tests.support.ledger import postgres_server, server_folder


pytestmark = pytest.mark.acceptance

SECONDS = 60
TROUBLE = {"latency_ms": 150, "faults": [{"kind": "balance_lag", "seconds": 3}]}


@pytest.fixture(scope="module")
def postgres():
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


def a_minute(folder, count, way, ledger_url):
    """What ``count`` bots did to each other within a minute of entries and exits."""
    on = shared_account(count, **TROUBLE)
    with fleet(folder, count, on=on, ledger_url=ledger_url, way=way) as bots:
        time.sleep(SECONDS)
        entries = [len(bots.orders_of(number, "buy")) for number in range(count)]
        exits = [len(bots.orders_of(number, "sell")) for number in range(count)]
        seen = {
            "refused for funds": bots.refused()[FUNDS],
            "entries": entries,
            "exits": exits,
            "slowest loop": max(max(bot.loops()) for bot in bots.bots),
        }
        figure(f"{count} bots on one account ({way})", seen)
        if way != "plain":
            assert not bots.refused()
            bots.come_to_rest()
            assert not bots.unknown()
            assert not bots.wrong_books()
            told = [line for bot in bots.bots for line in bot.lines("beyond own orders")]
            assert not told, "what the other bot does is known"
            assert not [line for bot in bots.bots for line in bot.lines("Traceback")]
        return seen


@pytest.mark.parametrize("way", GUARDED)
def test_two_bots_on_one_sqlite_file_both_trade_and_no_order_is_refused_as_plain_ones_are(
    tmp_path, way
):
    """Two plain bots do the same at the same time, on an exchange of their own: our control."""

    def minute(way):
        url = None if way == "plain" else f"sqlite:///{tmp_path / 'ledger.sqlite'}"
        return a_minute(tmp_path / way, 2, way, url)

    seen = side_by_side(minute, "plain", way)
    assert seen["plain"]["refused for funds"] > 0
    assert seen[way]["refused for funds"] == 0
    assert min(seen[way]["entries"]) >= 3 and min(seen[way]["exits"]) >= 3


def test_four_bots_on_postgresql_all_trade_and_no_order_is_refused(tmp_path, postgres):
    seen = a_minute(tmp_path, 4, "launcher", postgres)
    assert min(seen["entries"]) >= 2 and min(seen["exits"]) >= 2


HEARTBEAT_TIMEOUT = 8
# A loop until its silence is noticed, and two questions a second apart, each in a loop of its own.
ONE_LOOK_UP = 6


@pytest.mark.parametrize(
    ("point", "policy", "ends_as"),
    [
        ("order reserved", "alert", "released"),
        ("order sent", "cancel", "released"),
        ("order answered", "adopt", "committed"),
        ("order bound", "cancel", "committed"),
    ],
)
def test_what_a_killed_bot_held_is_freed_or_settled_by_the_other(tmp_path, point, policy, ends_as):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    settings = {"heartbeat_timeout": HEARTBEAT_TIMEOUT, "ledger": {"orphan_orders": policy}}
    on = shared_account(2, **TROUBLE)
    with fleet(tmp_path, 2, on=on, ledger_url=url, extra=KILL_AT_POINT, **settings) as bots:
        dead, alive = bots.bots
        kill_at(dead.user_dir, point, number=2)
        alive.wait_until(lambda: dead.exit_code() is not None, 60, "the kill")
        assert killed_at(dead.user_dir) == point
        died = time.monotonic()

        def left():
            return [row for row in bots.reservations() if row.bot == bots.name_of(0)]

        held = left()[0].held
        assert left()[0].unfinished
        alive.wait_until(lambda: not any(row.unfinished for row in left()), 60, "an end of all")
        took = time.monotonic() - died
        figure(f"killed at {point} ({policy})", {"held": held, "free after s": took})
        assert left()[0].state == ends_as
        assert took <= HEARTBEAT_TIMEOUT + ONE_LOOK_UP
        # The other one goes on, and has not made the dead one's orders its own.
        before = len(bots.orders_of(1))
        alive.wait_until(lambda: len(bots.orders_of(1)) > before, 90, "more orders")
        assert not {order["ft_pair"] for order in alive.orders()} & set(PAIRS[0::2])
        assert not bots.refused()
        assert not bots.unknown()
        assert not alive.lines("beyond own orders")


@pytest.mark.parametrize("policy", ["adopt", "cancel"])
def test_a_killed_bots_resting_order_stays_as_it_is(tmp_path, policy):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    on = shared_account(2, faults=[{"kind": "no_fill", "symbol": A}])
    plans = [StrategyPlan({A: None}), StrategyPlan({B: None}, exit_after_s=4)]
    settings = {"heartbeat_timeout": HEARTBEAT_TIMEOUT, "ledger": {"orphan_orders": policy}}
    with fleet(
        tmp_path, 2, on=on, ledger_url=url, pairs=[[A], [B]], plans=plans, **settings
    ) as bots:
        dead, alive = bots.bots
        alive.wait_until(lambda: bool(dead.orders()), 60, "a resting order")
        dead.kill()
        alive.wait_loops(HEARTBEAT_TIMEOUT + 2 * ONE_LOOK_UP)
        (order,) = bots.orders_of(0)
        assert order["status"] == "open"
        (row,) = [row for row in bots.reservations() if row.order_id == order["id"]]
        assert (row.state, row.bot) == ("open", bots.name_of(0))
        assert row.held > 0
        assert not [one for one in alive.orders() if one["ft_pair"] == A]
        assert not alive.lines(f"{A}.*unknown to freqtrade")


def adopted(folder, way):
    """Two bots own the same coin, and some of it disappears: whose orders does the first find?"""
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    plans = [StrategyPlan({A: 1})] * 2
    settings = {"ledger_url": url, "pairs": [[A], [A]], "plans": plans, "stake_amount": 100}
    # Until the window is over, what the other one bought counts as under way.
    guard = {**WHOLE, "post_trade_refresh_window": 3}
    with fleet(folder, 2, on=shared_account(2), way=way, guard=guard, **settings) as bots:
        first = bots.bots[0]
        for bot in bots.bots:
            bot.wait_until(
                lambda bot=bot: any(trade["amount"] for trade in bot.open_trades()), 60, "a trade"
            )
        first.wait_loops(5)
        amount = Decimal(str(first.open_trades()[0]["amount"]))
        bots.exchange.withdraw("main", "BTC", (amount * Decimal("1.3")).quantize(Decimal("1e-8")))
        first.control(Control(exits=[A]))
        first.wait_for("Not enough .* in wallet|Trying to recover", 30)
        first.wait_loops(3)
        foreign = {order["order_id"] for order in bots.bots[1].orders()}
        return len([order for order in first.orders() if order["order_id"] in foreign])


def test_freqtrades_search_for_unknown_orders_does_not_find_the_other_bots(tmp_path):
    seen = side_by_side(lambda way: adopted(tmp_path / way, way), "plain", "launcher")
    figure("orders of the other bot that freqtrade took for its own", seen)
    assert seen["plain"] >= 1
    assert seen["launcher"] == 0


def test_two_bots_in_one_user_data_directory_share_its_file_without_a_setting(tmp_path):
    with fleet(
        tmp_path, 2, on=shared_account(2, **TROUBLE), ledger_url=None, one_user_dir=True
    ) as bots:
        assert {row.bot for row in traded_by_both(bots)} == {bots.name_of(0), bots.name_of(1)}
        assert not bots.refused()
        bots.come_to_rest()
        assert not bots.unknown()
        assert not bots.wrong_books()
    assert not list(tmp_path.glob("bot*/balance_guard*"))


def traded_by_both(bots):
    for number, bot in enumerate(bots.bots):
        bot.wait_until(lambda n=number: len(bots.orders_of(n, "sell")) >= 2, 60, "two sales")
    return bots.reservations()
