"""Opportunities that cannot be served now, with a real bot: denied with a code, nothing reserved,
no order; said once, counted, and shown by ``balance-guard explain``.

And where exactly all of both balances is reserved, both orders go out.
"""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support.legs_bot import PAIR, exchanges, legs_bot
from tests.support.legs_matrix import WAYS, matrix


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

D = Decimal
BUYS = WAYS[0]
SLOTS = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory, rest):
    with matrix(
        tmp_path_factory.mktemp("denied"),
        15,
        guard={"min_order_size": 100},
        arbitrage={"leg_timeout": 6},
        max_open_trades=SLOTS,
        unlisted=("Y00/USDT",),
        **rest.config,
    ) as found:
        yield found


def orders_asked_for(world):
    return [
        world.venue(name).control.counters()["endpoints"].get("AddOrder", 0)
        for name in ("bot", "there")
    ]


def is_denied(world, scene, code, before):
    """Said once although it is offered in each loop; nothing stored, reserved or sent."""
    bot = scene.bot.bot
    line = scene.denied(code)
    bot.wait_loops(4)
    assert len(bot.lines(rf"No order for {scene.pair}")) == 1
    assert scene.denied(code) == line
    assert orders_asked_for(world) == before
    explained = explain(scene)
    assert f"[{code}" in explained
    assert "times since" in explained or "Refused" in explained
    assert bot.lines("Traceback") == []


def explain(scene):
    folder = scene.bot.folder
    command = [
        *(sys.executable, "-m", "freqtrade_balance_guard", "explain", scene.pair),
        *("-c", str(folder / "config.json"), "--userdir", str(folder)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def test_a_pair_that_is_not_in_the_whitelist(world):
    scene, before = world.scene(BUYS, dear=True), orders_asked_for(world)
    scene.offer(always=True)
    is_denied(world, scene, "not_in_whitelist", before)


def test_a_pair_that_is_locked(world, rest):
    scene, before = world.scene(BUYS), orders_asked_for(world)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = rest.ask_with("POST", "locks", [{"pair": scene.pair, "until": until, "side": "*"}])
    assert answer.status_code == 200, answer.text
    scene.offer(always=True)
    is_denied(world, scene, "pair_locked", before)


def test_an_unknown_venue(world):
    scene, before = world.scene(BUYS), orders_asked_for(world)
    legs = [
        {"venue": "bot", "pair": scene.pair, "side": "buy", "amount": "0.1"},
        {"venue": "nowhere", "pair": scene.pair, "side": "sell", "amount": "0.1"},
    ]
    scene.bot.offer(*legs, always=True)
    is_denied(world, scene, "unknown_venue", before)


def test_a_price_that_freqtrade_would_move(world):
    scene, before = world.scene(BUYS), orders_asked_for(world)
    buy = {"venue": "bot", "pair": scene.pair, "side": "buy", "amount": "0.1"}
    sell = {"venue": "there", "pair": scene.pair, "side": "sell", "amount": "0.1"}
    scene.bot.offer({**buy, "limit_price": "2600"}, sell, always=True)
    is_denied(world, scene, "price_clamp", before)


@pytest.mark.parametrize("way", WAYS[::2], ids=str)
def test_less_than_the_exchange_takes(world, way):
    scene, before = world.scene(way), orders_asked_for(world)
    scene.offer("0.0005", always=True)
    is_denied(world, scene, "below_minimum", before)


def test_less_than_min_order_size(world):
    scene, before = world.scene(BUYS), orders_asked_for(world)
    scene.offer("0.03", always=True)
    is_denied(world, scene, "below_minimum", before)


def test_a_bot_that_is_paused(world, rest):
    scene, before = world.scene(BUYS), orders_asked_for(world)
    rest.post("stopentry")
    try:
        world.bot.bot.wait_loops(2)
        scene.offer(always=True)
        is_denied(world, scene, "paused", before)
    finally:
        rest.post("start")
        world.bot.bot.wait_until(lambda: scene.trades() != [], 30, "a trade after the pause")


def test_an_opportunity_while_an_earlier_pair_is_under_way(world):
    # The second one needs no slot.
    first, second = world.scene(BUYS), world.scene(WAYS[2])
    first.fault("second", "no_fill")
    first.offer()
    world.bot.bot.wait_until(lambda: len(first.orders("there")) == 1, 20, "an order that rests")
    second.offer()
    world.bot.bot.wait_for(rf"No order for {second.pair}.*\[arbitrage_in_progress", 10)
    assert second.stored() == [] and second.orders("there") == []
    first.wait()
    world.bot.store().resolve(first.exposures()[0].id, datetime.now(UTC), "by hand")


def test_a_pair_that_has_an_open_trade(world):
    (*_, trade) = world.bot.bot.open_trades()
    scene = world.scene(BUYS)
    scene.pair = trade["pair"]
    before = orders_asked_for(world)
    scene.bot.offer(
        {"venue": "bot", "pair": scene.pair, "side": "buy", "amount": "0.1"},
        {"venue": "there", "pair": scene.pair, "side": "sell", "amount": "0.1"},
        always=True,
    )
    world.bot.bot.wait_for(rf"No order for {scene.pair}.*\[already_open", 20)
    world.bot.bot.wait_loops(3)
    assert orders_asked_for(world) == before
    assert len(world.bot.bot.lines(rf"No order for {scene.pair}.*\[already_open")) == 1


def test_no_slot_is_left(world):
    while len(world.bot.bot.open_trades()) < SLOTS:
        scene, count = world.scene(BUYS), len(world.bot.bot.open_trades())
        scene.offer()
        world.bot.bot.wait_until(
            lambda count=count: len(world.bot.bot.open_trades()) > count, 20, "one more trade"
        )
    scene, before = world.scene(BUYS), orders_asked_for(world)
    scene.offer(always=True)
    is_denied(world, scene, "no_slot", before)
    # A sale of inventory needs none.
    scene = world.scene(WAYS[2])
    scene.offer()
    scene.wait()
    scene.check("hedged")


CHECKED_TWICE = '''

from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import CcxtVenue

send = CcxtVenue.send


async def checked_twice(self, order, prepared):
    """The fault of the naive way: what is reserved counts as spent when it is looked at again."""
    wallets = WALLETS[0]
    ledger = wallets.marks._registry.ledger
    row = ledger.find(order.client_order_id)
    free = self.balances() if self.name != "bot" else {
        row.currency: wallets.live.book.spendable(row.currency)
    }
    held = sum(one.held for one in ledger.unfinished(account=order.account)
               if one.currency == row.currency)
    if free[row.currency] - held < row.amount:
        from freqtrade_balance_guard.arbitrage.venue import OrderRejected
        raise OrderRejected("insufficient balance")
    return await send(self, order, prepared)


CcxtVenue.send = checked_twice
WALLETS = []
Rehearsal.bot_start = lambda self, **kwargs: WALLETS.append(self.wallets)
'''


@pytest.mark.parametrize("checks", ["once", "twice"])
def test_with_exactly_all_of_both_balances_reserved_both_orders_go_out(tmp_path, checks):
    # 2 x 2500.25 and the fee of 0.1 %: what the bot's own exchange keeps back for it.
    money = D(2) * D("2500.25") * D("1.001")
    extra = CHECKED_TWICE if checks == "twice" else ""
    with (
        exchanges({"USDT": money, "ETH": 0}, {"USDT": 0, "ETH": 2}) as both,
        legs_bot(tmp_path, both, guard={"min_balance_threshold": 0}, extra=extra) as bot,
    ):
        bot.offer(amount=2)
        bot.wait_arbitrages(1)
        (pair,) = bot.arbitrages()
        if checks == "twice":
            # The planted fault is seen by this test.
            assert str(pair.state) == "failed"
            return
        assert str(pair.state) == "hedged"
        bot.bot.wait_until(lambda: bot.bot.open_trades() != [], 10, "a trade")
        assert [bot.coins(sandbox) for sandbox in both] == [2, 0]
        assert bot.coins(both[0], "USDT") == 0
        bot.check()
        # And all of it is closed again, where the proceeds are enough for it.
        both[1].control.price(PAIR, 2500)
        bot.close(PAIR)
        bot.bot.wait_for(r"Arbitrage 1 \(ETH/USDT\) is closed", 60)
        assert [bot.coins(sandbox) for sandbox in both] == [0, 2]
        bot.check()
