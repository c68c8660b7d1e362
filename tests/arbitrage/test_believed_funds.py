"""What is believed of a venue's balance between two questions, for orders that leave at once."""

import pytest

from freqtrade_balance_guard.arbitrage.planning import funds
from freqtrade_balance_guard.arbitrage.planning.funds import VenueFunds
from freqtrade_balance_guard.errors import UnreadableBalance
from tests.support.arbitrages import D
from tests.support.venue import REJECTED


def spendable(purse, currency):
    return purse.believed([currency])[currency].spendable


def test_orders_count_at_once_and_what_they_brought_when_it_is_seen(make):
    world = make()
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=0)
    with pytest.raises(UnreadableBalance):
        purse.believed(["USDT"])
    purse.read(["USDT", "COIN"])
    asked = len(world.here.asked)
    assert (spendable(purse, "USDT"), spendable(purse, "COIN")) == (1000, 10)
    world.go()
    assert spendable(purse, "USDT") == D("899.9")
    assert spendable(purse, "COIN") == 10  # one was bought; no balance has shown it
    purse.read(["USDT", "COIN"])
    assert (spendable(purse, "USDT"), spendable(purse, "COIN")) == (D("899.9"), 11)
    assert len(world.here.asked) > asked


def test_a_balance_that_was_read_too_long_ago_is_no_reason_to_send_an_order(make):
    world = make()
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=0)
    purse.read(["USDT"])
    world.clock.advance(funds.BELIEVED_SECONDS)
    assert spendable(purse, "USDT") == 1000
    world.clock.advance(0.1)
    with pytest.raises(UnreadableBalance):
        purse.believed(["USDT"])


def test_what_an_order_gave_back_may_be_spent_again(make):
    world = make(here=[REJECTED], there=[REJECTED])
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=0)
    purse.read(["USDT"])
    world.go()
    assert spendable(purse, "USDT") == 1000


def test_what_the_venue_does_not_name_is_nothing(make):
    world = make()
    purse = VenueFunds(world.here, world.ledger, world.clock, settle_seconds=0)
    purse.read(["USDT"])
    assert spendable(purse, "EUR") == 0
