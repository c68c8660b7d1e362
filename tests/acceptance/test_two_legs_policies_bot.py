"""What is done about one leg alone, with a real bot: ``unwind``, ``complete``; and dry-run."""

from decimal import Decimal

import pytest

from tests.support.legs_matrix import AMOUNT, WAYS, matrix


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

D = Decimal
every_way = pytest.mark.parametrize("way", WAYS, ids=str)
each_leg = pytest.mark.parametrize("leg", ["first", "second"])


def world_with(tmp_path_factory, name, **more):
    folder = tmp_path_factory.mktemp(name)
    return matrix(folder, 16, **more)


@pytest.fixture(scope="module")
def unwinding(tmp_path_factory):
    policy = {"unhedged_policy": "unwind", "max_slippage_percent": 5}
    with world_with(tmp_path_factory, "unwind", arbitrage=policy) as world:
        yield world


@pytest.fixture(scope="module")
def completing(tmp_path_factory):
    with world_with(
        tmp_path_factory, "complete", arbitrage={"unhedged_policy": "complete", "leg_timeout": 3}
    ) as world:
        yield world


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    with world_with(tmp_path_factory, "dry", dry_run=True) as world:
        yield world


def net(scene):
    bought = scene.filled("bot", "buy") + scene.filled("there", "buy")
    return bought - scene.filled("bot", "sell") - scene.filled("there", "sell")


def at_rest(scene, timeout=30):
    """Nothing is unhedged, and the exchanges' books say so too."""
    scene.bot.bot.wait_until(lambda: scene.exposures() == [], timeout, "no exposure")
    scene.bot.bot.wait_for(rf"rpc.*Hedged again: {scene.coin}", 10)
    assert net(scene) == 0
    assert not any(row.unfinished for row in scene.rows())
    scene._check_ledger()
    bot = scene.bot.bot
    assert len(bot.lines("Traceback")) == len(bot.lines("^RuntimeError: planted"))


@every_way
@each_leg
@pytest.mark.parametrize("share", ["0", "0.5"])
def test_unwind_reverses_what_only_one_leg_did(unwinding, way, leg, share):
    scene = unwinding.scene(way)
    scene.fill_only(leg, share)
    scene.offer()
    scene.wait()
    at_rest(scene)
    has_bought_alone = way.bot == "buy" and way.venue(leg) == "there"
    (exit_reasons,) = [{trade["exit_reason"] for trade in scene.trades()}]
    if has_bought_alone:
        # freqtrade alone sells what is a trade of its.
        (trade,) = scene.trades()
        assert D(str(trade["amount"])) == (AMOUNT if share == "0" else AMOUNT / 2)
        assert bool(trade["is_open"]) is (share != "0")
        assert exit_reasons == ({"unhedged"})
    elif way.bot == "buy" and share != "0":
        assert [trade["is_open"] for trade in scene.trades()] == [1]
    else:
        assert scene.trades() == []


@every_way
@each_leg
@pytest.mark.parametrize("share", ["0", "0.5"])
def test_complete_sends_what_is_missing_once_more(completing, way, leg, share):
    scene = completing.scene(way)
    scene.fill_only(leg, share)
    scene.offer()
    scene.wait(orders=2)
    at_rest(scene)
    assert [str(one.kind) for one in scene.stored()] == ["two_legs", "complete"]
    if way.bot == "sell":
        assert scene.trades() == []
        return
    scene.bot.bot.wait_until(lambda: scene.trades() != [], 10, "a trade")
    (trade,) = scene.trades()
    assert (trade["is_open"], D(str(trade["amount"]))) == (1, AMOUNT)
    # Also what was sold late has to be bought back when its trade is sold.
    scene.bot.close(scene.pair)
    scene.bot.bot.wait_for(rf"strategy_msg.*\({scene.pair}\) is closed", 30)
    assert scene.filled("there", "buy") == scene.filled("there", "sell") == AMOUNT
    assert scene.filled("bot", "sell") == AMOUNT


@every_way
def test_dry_run_7_both_legs_filled(simulated, way):
    scene = simulated.scene(way)
    scene.offer()
    scene.wait()
    scene.check("hedged")
    assert scene.orders("bot") + scene.orders("there") == []


@every_way
@each_leg
def test_dry_run_1_and_2_without_the_money_for_one_leg_nothing_is_reserved(simulated, way, leg):
    assert f"{way.venue(leg)}: " in simulated.denied_for_funds(way, leg)


@every_way
@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("arbitrage reserved", "abandoned"),
        ("arbitrage gated", "abandoned"),
        ("arbitrage booked", "hedged"),
    ],
)
def test_dry_run_3_and_8_after_an_unexpected_error_each_leg_ends_once(simulated, way, point, state):
    scene = simulated.scene(way)
    scene.bot.plant(point)
    scene.offer()
    scene.wait()
    assert scene.bot.planted.exists()
    scene.check(state, *((0, 0) if state == "abandoned" else (AMOUNT, AMOUNT)))
