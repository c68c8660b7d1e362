"""Two quote currencies on the bot's own exchange: both legs on one key, one after the other."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.legs_bot import PAIR, legs_bot, market, scenario


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

D = Decimal
OTHER = "ETH/USD"
BUY = {"venue": "bot", "pair": PAIR, "side": "buy", "amount": "0.5"}
SELL = {"venue": "bot", "pair": OTHER, "side": "sell", "amount": "0.5"}


@pytest.fixture
def world(tmp_path):
    """An inventory of 0.5 ETH: all of it is sold, and the trade owns what is bought."""
    balances = {"USDT": "5000", "USD": "100", "ETH": "0.5"}
    account = {"name": "main", "keys": [{}], "balances": balances}
    markets = [market(PAIR, "2500"), market(OTHER, "2550", price_decimals=2)]
    both = Scenario.model_validate({"accounts": [account], "markets": markets})
    with (
        Sandbox.start(both) as here,
        Sandbox.start(scenario("2550")) as there,
        legs_bot(
            tmp_path, (here, there), unlisted=(OTHER,), arbitrage={"max_unhedged": 10_000}
        ) as bot,
    ):
        yield bot


def test_they_open_and_close_together(world):
    world.offer(BUY, SELL)
    world.wait_arbitrages(1)
    world.bot.wait_until(lambda: world.bot.open_trades() != [], 10, "a trade")
    assert str(world.arbitrages()[0].state) == "hedged"
    assert world.coins(world.here) == D("0.5")
    assert world.coins(world.here, "USD") > 1300
    # What the trade owns is no inventory any more.
    world.offer(
        {"venue": "bot", "pair": OTHER, "side": "sell", "amount": "0.2"},
        {"venue": "there", "pair": PAIR, "side": "buy", "amount": "0.2"},
    )
    world.here.control.price(OTHER, 2560)
    world.bot.wait_for(r"bot: 0.2 ETH needed.*insufficient_available", 20)
    world.here.control.price(OTHER, 2500)
    world.close(PAIR)
    world.bot.wait_for(r"Arbitrage 1 \(ETH/USDT\) is closed", 40)
    assert world.coins(world.here) == D("0.5")
    assert world.exposures() == []
    (trade,) = world.bot.trades()
    assert (trade["is_open"], trade["exit_reason"]) == (0, "both legs")
    world.check()
    assert world.bot.lines("Traceback") == []


@pytest.mark.parametrize("first", [BUY, SELL], ids=["buy first", "sell first"])
def test_when_the_second_is_rejected_the_first_is_an_exposure(world, first):
    second = SELL if first is BUY else BUY
    message = "EOrder:Insufficient funds"
    world.here.control.fault("refuse", symbol=second["pair"], message=message, times=1)
    world.offer(first, second)
    world.wait_arbitrages(1)
    world.bot.wait_for(r"rpc.*Unhedged", 10)
    (exposure,) = world.exposures()
    assert exposure.net == (D("0.5") if first is BUY else D("-0.5"))
    assert exposure.pair == first["pair"]
    world.bot.wait_until(
        lambda: len(world.bot.open_trades()) == (first is BUY), 10, "what freqtrade knows"
    )
    world.check()


@pytest.mark.parametrize("first", [BUY, SELL], ids=["buy first", "sell first"])
def test_when_the_first_is_rejected_the_second_does_not_leave(world, first):
    second = SELL if first is BUY else BUY
    message = "EOrder:Insufficient funds"
    world.here.control.fault("refuse", symbol=first["pair"], message=message, times=1)
    world.offer(first, second)
    world.wait_arbitrages(1)
    assert str(world.arbitrages()[0].state) == "failed"
    assert world.exposures() == [] and world.coins(world.here) == D("0.5")
    assert world.here.control.counters()["endpoints"]["AddOrder"] == 1
    world.check()


def test_lost_replies_of_both_are_asked_for(world):
    world.here.control.fault("lost_reply", how="drop", times=2)
    world.offer(BUY, SELL)
    world.wait_arbitrages(1)
    assert str(world.arbitrages()[0].state) == "hedged"
    world.bot.wait_until(lambda: world.bot.open_trades() != [], 10, "a trade")
    world.check()
