"""One purse per account, one queue per key, whatever names and keys the legs use."""

from decimal import Decimal as D

import pytest

from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from tests.support.venue import FILLS, LOST_REPLY, REJECTED


def one_key(world):
    world.there.same_key_as = "here"


@pytest.mark.parametrize("policy", ["hold", "unwind", "complete"])
def test_on_one_key_leg_2_does_not_leave_after_leg_1_was_rejected(make, first, policy):
    world = make(first=first, policy=policy)
    one_key(world)
    leading = world.here if first == "buy" else world.there
    following = world.there if first == "buy" else world.here
    leading.fates = [REJECTED]
    ended = world.go()
    assert ended.state is ArbitrageState.FAILED
    assert "place" not in " ".join(following.asked)
    assert [row.held for row in world.rows()] == [0, 0]
    world.check()


def test_on_one_key_leg_2_leaves_after_a_lost_reply(make, first):
    world = make(first=first, here=[LOST_REPLY], there=[LOST_REPLY])
    one_key(world)
    world.go()
    world.work(30)
    (record,) = world.arbitrages()
    assert record.state is ArbitrageState.HEDGED
    world.check()


def test_on_two_keys_both_leave_at_once_whatever_becomes_of_the_other(make, first):
    world = make(first=first, here=[REJECTED], there=[FILLS])
    world.go()
    assert len(world.there.orders) == 1


def test_two_keys_on_one_account_are_one_purse(make):
    """The second leg's money is what the account's purse says, not the balance under its key."""
    world = make()
    asked = []

    def purse(currencies):
        asked.append(set(currencies))
        return world.purse_of(world.here, currencies)

    world.there.of_account = world.here.account
    world.executor._context.funds[world.here.account] = purse
    world.go()
    assert asked == [{"COIN", "USDT"}]
    assert world.account_of_rows() == {world.here.account}


def test_the_coins_of_other_bots_on_an_account_are_not_sold(make):
    world = make()
    world.heartbeat_of("another", world.there.account, owned={"COIN": "9.5"})
    denied = world.go()
    assert (denied.code, denied.venue) == ("insufficient_available", "there")
    assert denied.numbers["available"] == D("0.5")


def test_the_floor_holds_on_every_venue(make):
    world = make(floors={"coin": D("9.5")})
    denied = world.go()
    assert (denied.code, denied.venue) == ("insufficient_available", "there")
    assert denied.numbers["available"] == D("0.5")
