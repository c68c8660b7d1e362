"""freqtrade's search for unknown orders of a trade takes any order of the pair for its own: legs
must not be among them."""

from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.integration.orders.order_gateway import OrderGateway
from freqtrade_balance_guard.orders.client_ids import ClientIds, tag_of


BOT = "rehearsal-1234abcd"


def ordering(*, known=(), going=()):
    pairs = SimpleNamespace(
        legs_among=lambda asked: asked & set(known), client_order_ids=lambda: set(going)
    )
    registry = SimpleNamespace(
        ledger=SimpleNamespace(bot=BOT, account="here"), or_none=lambda ask: None
    )
    ids = ClientIds.of("kraken", "spot")
    return OrderGateway(None, None, registry, None, ids, None, None, pairs)


def order(number, client_order_id):
    return {"id": number, "clientOrderId": client_order_id}


@pytest.fixture
def own_id():
    return ClientIds.of("kraken", "spot").make(tag_of(BOT))


def found(ordering, *orders):
    return [one["id"] for one in ordering.without_other_bots(orders)]


def test_an_order_of_freqtrades_own_is_found(own_id):
    assert found(ordering(), order("EX-1", own_id)) == ["EX-1"]


def test_a_leg_that_has_ended_is_not_found(own_id):
    assert found(ordering(known=["EX-1"]), order("EX-1", own_id)) == []


def test_a_leg_of_which_only_our_id_is_known_is_not_found(own_id):
    other = ClientIds.of("kraken", "spot").make(tag_of(BOT))
    assert found(ordering(going=[own_id]), order("EX-1", own_id), order("EX-2", other)) == ["EX-2"]


def test_what_somebody_placed_by_hand_is_still_found(own_id):
    assert found(ordering(going=[own_id]), order("EX-3", None)) == ["EX-3"]
