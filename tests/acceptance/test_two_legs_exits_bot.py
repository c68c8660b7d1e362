"""When freqtrade sells the trade of a pair, for whatever reason, the other leg is bought back.

And no exit waits for the other exchange: measured where that one hangs.
"""

import time
from datetime import datetime
from decimal import Decimal

import pytest

from tests.support.balances import figure
from tests.support.legs_bot import PAIR, exchanges, legs_bot
from tests.support.legs_matrix import AMOUNT, WAYS, matrix


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

D = Decimal
BUYS = WAYS[0]
HALF = AMOUNT / 2
# Of our own delay; the exchange's and freqtrade's time comes on top of it.
AT_MOST = 3.0


@pytest.fixture(scope="module")
def world(tmp_path_factory, rest):
    folder = tmp_path_factory.mktemp("exits")
    with matrix(
        folder, 20, stoploss=-0.05, arbitrage={"max_unhedged": 100_000}, **rest.config
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def a_bot_without_a_bug(world):
    yield
    world.bot.close()
    world.bot.veto()
    for venue in ("bot", "there"):
        world.venue(venue).control.clear_faults()
    assert world.bot.bot.lines("Traceback") == []


@pytest.fixture
def opened(world):
    def open_one():
        scene = world.scene(BUYS)
        scene.offer()
        scene.wait()
        scene.bot.bot.wait_until(lambda: scene.trades() != [], 10, "a trade")
        return scene

    return open_one


def trade_id(scene):
    (trade,) = scene.trades()
    return trade["id"]


def is_closed(scene, reason, timeout=30):
    """Both legs are closed, once: on both exchanges, in all books, and it was said."""
    scene.bot.bot.wait_for(rf"strategy_msg.*\({scene.pair}\) is closed: ", timeout)
    (trade,) = scene.trades()
    assert (trade["is_open"], trade["exit_reason"]) == (0, reason)
    assert scene.filled("bot", "buy") == scene.filled("bot", "sell") == AMOUNT
    assert scene.filled("there", "buy") == scene.filled("there", "sell") == AMOUNT
    assert scene.exposures() == []
    assert not any(row.unfinished for row in scene.rows())
    scene._check_ledger()


def test_force_exit(opened, rest):
    scene = opened()
    rest.post("forceexit", tradeid=str(trade_id(scene)))
    is_closed(scene, "force_exit")


def test_stop_loss(world, opened):
    scene = opened()
    world.venue("bot").control.price(scene.pair, 2300)
    is_closed(scene, "stop_loss")


def test_should_close_arbitrage_with_its_reason_and_the_money_reserved_before(world, opened):
    scene = opened()
    world.bot.close(scene.pair)
    is_closed(scene, "both legs")
    close = scene.stored()[-1]
    bought_back = scene.orders("there")[-1]
    sold = scene.orders("bot")[-1]
    assert close.made_at.timestamp() <= sold["created_at"] <= bought_back["created_at"]


def test_an_exit_that_rests_and_fills_later(world, opened):
    scene = opened()
    control = world.venue("bot").control
    control.fault("no_fill", symbol=scene.pair, side="sell")
    world.bot.close(scene.pair)
    scene.bot.bot.wait_until(lambda: len(scene.orders("bot")) == 2, 15, "an exit")
    scene.bot.bot.wait_loops(2)
    assert scene.filled("there", "buy") == 0
    control.fill(scene.orders("bot")[-1]["id"])
    is_closed(scene, "both legs")


def test_a_partial_exit_buys_back_as_much_as_was_sold(opened, rest):
    scene = opened()
    rest.post("forceexit", tradeid=str(trade_id(scene)), amount=float(AMOUNT * D("0.4")))
    scene.bot.bot.wait_until(
        lambda: scene.filled("there", "buy") == AMOUNT * D("0.4"), 20, "a part bought back"
    )
    (trade,) = scene.trades()
    assert (trade["is_open"], D(str(trade["amount"]))) == (1, AMOUNT * D("0.6"))
    rest.post("forceexit", tradeid=str(trade_id(scene)))
    is_closed(scene, "force_exit")


def test_a_veto_of_the_strategy_holds_until_it_is_lifted(world, opened):
    scene = opened()
    world.bot.veto(scene.pair)
    world.bot.close(scene.pair)
    scene.bot.bot.wait_for(rf"User denied exit for {scene.pair}", 20)
    scene.bot.bot.wait_loops(8)
    assert len(scene.orders("bot")) == 1
    # Each reservation for nothing is a row for ever.
    assert len(scene.stored()) <= 5
    world.bot.veto()
    is_closed(scene, "both legs")


@pytest.fixture
def poor_venue(world):
    """No money on the other exchange; calling it brings the money back."""
    there = world.venue("there").control
    free = [there.state()["accounts"]["main"]["balances"]["USDT"]["free"]]
    there.withdraw("main", "USDT", free[0])

    def rich_again():
        while free:
            there.deposit("main", "USDT", free.pop())

    yield rich_again
    rich_again()


def test_without_money_on_the_venue_the_exit_goes_out_and_the_other_leg_later(
    opened, rest, poor_venue
):
    scene = opened()
    rest.post("forceexit", tradeid=str(trade_id(scene)))
    assert scene.filled("bot", "sell") == AMOUNT
    scene.bot.bot.wait_for(rf"rpc.*Unhedged: .*{scene.coin}", 20)
    (exposure,) = scene.exposures()
    assert (exposure.net, exposure.closes) == (-AMOUNT, True)
    scene.bot.bot.wait_loops(8)
    assert len(scene.bot.bot.lines(rf"Unhedged: .* {scene.coin} ")) <= 5
    poor_venue()
    is_closed(scene, "force_exit")


def test_should_close_arbitrage_keeps_both_legs_while_the_other_exchange_says_no(
    world, opened, poor_venue
):
    scene = opened()
    world.bot.close(scene.pair)
    scene.denied_exit("insufficient_available")
    scene.bot.bot.wait_loops(5)
    assert len(scene.orders("bot")) == 1
    assert scene.exposures() == []
    assert not any(row.unfinished for row in scene.rows())
    poor_venue()
    is_closed(scene, "both legs")


@pytest.mark.parametrize("how", ["drop", "timeout"])
def test_while_the_venue_is_away_exits_go_out_and_the_other_leg_later(world, opened, rest, how):
    """``drop``: it refuses connections; ``timeout``: it takes requests and hangs."""
    scene = opened()
    there = world.venue("there").control
    more = {"seconds": 25} if how == "timeout" else {}
    fault = there.fault(how, endpoint="*", **more)
    began = time.monotonic()
    rest.post("forceexit", tradeid=str(trade_id(scene)))
    took = time.monotonic() - began
    assert scene.filled("bot", "sell") == AMOUNT
    figure(f"/forceexit with the venue away ({how})", {"seconds": round(took, 2)})
    assert took < AT_MOST
    scene.bot.bot.wait_for(rf"rpc.*Unhedged: .*{scene.coin}", 60)
    there.remove_fault(fault)
    is_closed(scene, "force_exit", 60)


def test_stop_losses_of_three_pairs_go_out_in_one_loop_while_the_venue_hangs(world, opened):
    scenes = [opened() for _ in range(3)]
    here, there = (world.venue(name).control for name in ("bot", "there"))
    fault = there.fault("timeout", endpoint="*", seconds=25)
    for scene in scenes:
        here.price(scene.pair, 2300)

    def sold():
        return [order for scene in scenes for order in scene.orders("bot")
                if order["side"] == "sell"]  # fmt: skip

    world.bot.bot.wait_until(lambda: len(sold()) == 3, 20, "three sales")
    times = sorted(order["created_at"] for order in sold())
    figure("three stop-losses while the venue hangs", {"seconds apart": times[-1] - times[0]})
    assert times[-1] - times[0] < AT_MOST
    there.remove_fault(fault)
    for scene in scenes:
        is_closed(scene, "stop_loss", 90)


def test_loops_go_on_while_the_venue_hangs_in_the_middle_of_a_pair(world, opened):
    """And an exit of another trade is not held up by it."""
    other, scene = opened(), world.scene(BUYS)
    there = world.venue("there").control
    fault = there.fault("timeout", endpoint="AddOrder", seconds=12, symbol=scene.pair, times=1)
    scene.offer()
    world.bot.bot.wait_until(lambda: scene.orders("bot") != [], 15, "the first leg")
    before = datetime.now().timestamp()
    world.venue("bot").control.price(other.pair, 2300)
    world.bot.bot.wait_until(lambda: other.filled("bot", "sell") == AMOUNT, 15, "a stop-loss")
    took = other.orders("bot")[-1]["created_at"] - before
    figure("a stop-loss while a leg hangs", {"seconds": round(took, 2)})
    assert took < AT_MOST + 2  # two loops and what is ours
    there.remove_fault(fault)
    is_closed(other, "stop_loss", 60)
    scene.wait(timeout=60)
    scene.check("unhedged", AMOUNT, 0)


def test_a_trade_that_is_deleted_leaves_an_exposure_that_only_the_user_ends(opened, rest):
    scene = opened()
    rest.delete(f"trades/{trade_id(scene)}")
    scene.bot.bot.wait_for(rf"strategy_msg.*{scene.pair}.* is not in freqtrade's database", 20)
    (exposure,) = scene.exposures()
    assert (exposure.net, exposure.is_for_user, exposure.venue) == (-AMOUNT, True, "there")
    store = scene.bot.store()
    assert not store.resolve(exposure.id, exposure.opened_at, "sold by hand").is_open


def test_the_api_shows_what_the_other_leg_is(opened, rest):
    scene = opened()
    told = rest.ask("GET", f"trades/{trade_id(scene)}/custom-data").text
    assert "balance_guard_arbitrage" in told
    assert "sold_on" in told


@pytest.mark.parametrize("share", ["0", "0.5"])
def test_a_sale_hedges_what_was_held_alone_and_only_the_rest_is_bought_back(world, share):
    scene = world.scene(BUYS)
    scene.fault("second", "partial_fill", fraction=share, times=1)
    scene.offer()
    scene.wait()
    sold = AMOUNT * D(share)
    scene.check("unhedged", AMOUNT, sold)
    world.venue("bot").control.price(scene.pair, 2300)
    scene.bot.bot.wait_for(rf"rpc.*Hedged again: {scene.coin} .*sold with its trade", 20)
    scene.bot.bot.wait_for(rf"strategy_msg.*\({scene.pair}\) is closed: ", 30)
    assert scene.filled("bot", "buy") == scene.filled("bot", "sell") == AMOUNT
    assert scene.filled("there", "buy") == scene.filled("there", "sell") == sold
    assert scene.exposures() == []
    scene._check_ledger()


def test_both_legs_close_although_the_other_exchange_takes_seconds_for_each_answer(tmp_path):
    with exchanges() as both, legs_bot(tmp_path, both) as bot:
        _, there = both
        bot.offer()
        bot.wait_arbitrages(1)
        bot.bot.wait_until(lambda: len(bot.bot.open_trades()) == 1, 10, "a trade")
        # What has to be asked before the exit takes longer than one loop waits.
        there.control.fault("latency", ms=2500)
        bot.close(PAIR)
        bot.bot.wait_until(lambda: not bot.bot.open_trades(), 40, "an exit")
        there.control.clear_faults()
        bot.bot.wait_for(r"Arbitrage 1 \(ETH/USDT\) is closed", 40)
        # With the money for it reserved before: one order bought it back.
        assert [pair.kind for pair in bot.arbitrages()] == ["two_legs", "close"]
        assert [bot.coins(sandbox) for sandbox in both] == [4, 4]
        bot.check()
