"""Two legs with a real bot when something else happens meanwhile: /reload_config, a ledger that
cannot be written, balances that lag, ordinary signals, and another bot on the same account."""

import sqlite3
import time
from contextlib import ExitStack, closing
from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.balances import figure
from tests.support.legs_bot import PAIR, legs_bot, market, scenario
from tests.support.legs_matrix import AMOUNT, WAYS, matrix


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

D = Decimal
BUYS = WAYS[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory, rest):
    with matrix(
        tmp_path_factory.mktemp("trouble"),
        12,
        arbitrage={"max_unhedged": 100_000},
        process_only_new_candles=False,
        stake_amount=200,
        **rest.config,
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def a_bot_without_a_bug(world):
    yield
    world.bot.signal()
    for venue in ("bot", "there"):
        world.venue(venue).control.clear_faults()
    assert world.bot.bot.lines("Traceback") == []


def opened(world):
    scene = world.scene(BUYS)
    scene.offer()
    scene.wait()
    world.bot.bot.wait_until(lambda: scene.trades() != [], 10, "a trade")
    return scene


def is_closed(scene, timeout=40):
    scene.bot.bot.wait_for(rf"strategy_msg.*\({scene.pair}\) is closed", timeout)
    assert scene.filled("bot", "buy") == scene.filled("bot", "sell") == AMOUNT
    assert scene.filled("there", "buy") == scene.filled("there", "sell") == AMOUNT
    scene._check_ledger()


def test_reload_config_while_a_leg_rests_loses_nothing_and_sends_nothing_twice(world, rest):
    bot, scene = world.bot.bot, world.scene(BUYS)
    scene.fault("second", "no_fill")
    scene.offer()
    bot.wait_until(lambda: len(scene.orders("there")) == 1, 20, "an order that rests")
    rest.post("reload_config")
    bot.wait_for(r"Balance guard .* is on \(live", 60, count=2)
    scene.wait(timeout=60)
    scene.check("unhedged", AMOUNT, 0)
    assert len(scene.orders("bot")) == len(scene.orders("there")) == 1
    again = opened(world)
    again.check("hedged")
    # What was bought while the bot was rebuilt is no deposit: that would be said in this time.
    time.sleep(35)
    assert bot.lines("apart|beyond own orders") == []


def test_reload_config_between_opening_and_closing_keeps_the_pair_together(world, rest):
    scene = opened(world)
    before = len(world.bot.bot.lines(r"is on \(live"))
    rest.post("reload_config")
    world.bot.bot.wait_for(r"is on \(live", 60, count=before + 1)
    world.bot.bot.wait_loops(2)
    rest.post("forceexit", tradeid=str(scene.trades()[0]["id"]))
    is_closed(scene)


def test_while_the_ledger_cannot_be_written_no_pair_begins_and_exits_go_out(world, rest):
    scene, late = opened(world), world.scene(BUYS)
    with closing(sqlite3.connect(world.bot.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        late.offer(always=True)
        world.bot.bot.wait_for(rf"No order for {late.pair}.*\[ledger_unavailable", 30)
        began = time.monotonic()
        rest.post("forceexit", tradeid=str(scene.trades()[0]["id"]))
        took = time.monotonic() - began
        assert scene.filled("bot", "sell") == AMOUNT
        figure("/forceexit while the ledger is locked", {"seconds": round(took, 2)})
        assert late.orders("bot") + late.orders("there") == []
        other.execute("ROLLBACK")
    is_closed(scene)
    late.wait()
    late.check("hedged")


def test_should_close_arbitrage_goes_out_also_while_the_ledger_cannot_be_written(world):
    scene = opened(world)
    with closing(sqlite3.connect(world.bot.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        world.bot.close(scene.pair)
        world.bot.bot.wait_until(lambda: scene.filled("bot", "sell") == AMOUNT, 20, "a sale")
        other.execute("ROLLBACK")
    is_closed(scene)


def test_balances_that_lag_behind_legs_are_no_external_change(world):
    for venue in ("bot", "there"):
        world.venue(venue).control.fault("balance_lag", seconds=8)
    scenes = [opened(world) for _ in range(2)]
    world.bot.close(*(scene.pair for scene in scenes))
    for scene in scenes:
        is_closed(scene, 60)
    sale = world.scene(WAYS[2])
    sale.offer()
    sale.wait()
    sale.check("hedged")
    world.bot.bot.wait_loops(12)
    assert world.bot.bot.lines("beyond own orders") == []


def test_ordinary_signals_enter_beside_pairs_and_never_a_second_time(world):
    scene, plain = world.scene(BUYS), world.scene(BUYS)
    scene.fault("second", "no_fill")
    scene.offer()
    # The pair's coin has been bought, and its other leg is still going: the same coin signals.
    world.bot.bot.wait_until(lambda: len(scene.orders("there")) == 1, 20, "an order that rests")
    world.bot.signal(scene.pair, plain.pair)
    world.bot.bot.wait_until(lambda: plain.trades() != [], 20, "an ordinary trade")
    scene.wait()
    scene.check("unhedged", AMOUNT, 0)
    world.bot.bot.wait_loops(3)
    assert len(scene.orders("bot")) == 1
    (trade,) = plain.trades()
    assert (trade["is_open"], plain.orders("there")) == (1, [])


def test_two_bots_on_one_account_take_their_own_legs_and_leave_each_others_coins(tmp_path):
    """The second one wants to sell out of an inventory that is the first one's trade."""
    account = {"name": "main", "keys": [{}, {}], "balances": {"USDT": "10000", "ETH": "0"}}
    shared = Scenario.model_validate({"accounts": [account], "markets": [market(PAIR, "2500")]})
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    guard = {"ledger": {"account": "here", "db_url": url}}
    with ExitStack() as stack:
        here = stack.enter_context(Sandbox.start(shared))
        dear = stack.enter_context(Sandbox.start(scenario("2550")))
        cheap = stack.enter_context(Sandbox.start(scenario("2450")))
        first = stack.enter_context(legs_bot(tmp_path / "a", (here, dear), guard=guard))
        second = stack.enter_context(
            legs_bot(tmp_path / "b", (here, cheap), guard=guard, key_index=1)
        )
        first.offer(amount="1")
        first.wait_arbitrages(1)
        first.bot.wait_until(lambda: first.bot.open_trades() != [], 10, "a trade")
        first.bot.wait_loops(8)  # its next sign of life tells what it owns
        second.offer(
            {"venue": "bot", "pair": PAIR, "side": "sell", "amount": "1"},
            {"venue": "there", "pair": PAIR, "side": "buy", "amount": "1"},
        )
        second.bot.wait_for(r"bot: 1 ETH needed.*insufficient_available", 20)
        here.control.deposit("main", "ETH", 1)
        second.bot.wait_loops(1)
        second.offer(
            {"venue": "bot", "pair": PAIR, "side": "sell", "amount": "1"},
            {"venue": "there", "pair": PAIR, "side": "buy", "amount": "1"},
            always=True,
        )
        second.bot.wait_until(lambda: second.coins(cheap) >= 5, 60, "a pair out of a deposit")
        assert second.bot.trades() == []
        (trade,) = first.bot.trades()
        assert (trade["is_open"], D(str(trade["amount"]))) == (1, 1)
        first.close(PAIR)
        first.bot.wait_for(r"Arbitrage 1 \(ETH/USDT\) is closed", 40)
        for bot in (first, second):
            assert bot.bot.lines("Traceback") == []
        assert here.control.audit()["ok"]
