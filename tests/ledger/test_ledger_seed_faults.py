"""The four faults of the user's document on balances of two exchanges, each put back in once.

Every scene is played with the ledger as it is, and with a ledger that has the fault: the same scene
then fails.
"""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    InvariantBroken,
    Move,
    Moved,
    NotAllowed,
    NotReserved,
    ReservationLedger,
    Reserved,
    State,
    rules,
)
from freqtrade_balance_guard.ledger.reservation import TRANSITIONS
from tests.support.ledger import order


def two_legs(ledger, amount=100):
    venue = f"{ledger.account}-venue"
    return [order(ledger, amount), order(ledger, amount, account=venue, side="sell")]


class BrokenOff(Exception):
    """Something unexpected in the middle."""


# 1


class ChecksAgain(ReservationLedger):
    """The fault: what was reserved is compared with what is available a second time."""

    def send(self, client_order_id, why=""):
        row = self.find(client_order_id)
        holds = self.held(row.currency, account=row.account)
        if row.requested > 100 - holds.own - holds.others:
            return NotAllowed(row, Move.SEND, "insufficient balance")
        return super().send(client_order_id, why)


def send_all_that_is_there(ledger):
    legs = two_legs(ledger, 100)
    assert isinstance(ledger.reserve(legs), Reserved)
    for leg in legs:
        assert isinstance(ledger.send(leg.client_order_id), Moved)


def test_double_balance_check(place):
    send_all_that_is_there(place.open())


def test_double_balance_check_put_back(place):
    with pytest.raises(AssertionError, match="insufficient balance"):
        send_all_that_is_there(place.open(ledger_class=ChecksAgain))


# 2


class Leaks(ReservationLedger):
    """The fault: nobody lets go of what was reserved when an order cannot be built."""

    def release_unsent(self, *client_order_ids, why):
        return ()


def fail_to_build_the_second_order(ledger):
    legs = two_legs(ledger, 60)
    ledger.reserve(legs)
    try:
        raise BrokenOff("the second leg has no market id")
    except BrokenOff as error:
        ledger.release_unsent(*[leg.client_order_id for leg in legs], why=str(error))
    assert [ledger.find(leg.client_order_id).state for leg in legs] == [State.RELEASED] * 2
    assert isinstance(ledger.reserve(two_legs(ledger, 60)), Reserved)


def test_balance_leak(place):
    fail_to_build_the_second_order(place.open())


def test_balance_leak_put_back(place):
    with pytest.raises(AssertionError):
        fail_to_build_the_second_order(place.open(ledger_class=Leaks))


def test_a_leak_ends_with_its_time_even_if_the_handler_never_ran(place):
    ledger = place.open(reservation_timeout=60)
    ledger.reserve(two_legs(ledger, 60))
    place.clock.advance(60)
    assert len(ledger.expire_unsent()) == 2
    assert isinstance(ledger.reserve(two_legs(ledger, 60)), Reserved)


# 3


def commit_the_same_leg_twice(ledger):
    first, second = two_legs(ledger, 60)
    ledger.reserve([first, second])
    ledger.send(first.client_order_id)
    ledger.send(second.client_order_id)
    ledger.commit(first.client_order_id, Decimal(60))
    ledger.release(second.client_order_id, "rejected")
    # One failed, so somebody further up tidies both up again.
    for leg in (first, second):
        again = ledger.commit(leg.client_order_id, Decimal(60))
        assert isinstance(again, AlreadyEnded)
        assert isinstance(ledger.release(leg.client_order_id, "again"), AlreadyEnded)
    assert ledger.held("USDT").own == 60
    assert ledger.held("USDT", account=second.account).own == 0
    assert len(ledger.history(first.client_order_id)) == 3


def test_incorrect_balance_state_tracking(place):
    commit_the_same_leg_twice(place.open())


def test_debug_validation_says_at_the_end_what_it_checked(place, caplog):
    ledger = place.open(debug_validation=True)
    (first, second) = two_legs(ledger, 60)
    ledger.reserve([first, second])
    ledger.send(first.client_order_id)
    with caplog.at_level("INFO", "freqtrade_balance_guard.ledger.ledger"):
        ledger.close()
    (line,) = [one for one in caplog.messages if one.startswith("debug_validation")]
    assert line == (
        "debug_validation: 3 reservations were checked against the rules of the ledger, each after "
        "its step; no rules were broken."
    )


def test_incorrect_balance_state_tracking_put_back(place, monkeypatch):
    """The fault: it is not remembered that a leg has ended. A database refuses it even then."""
    forgotten = {
        (ended, move): (State.COMMITTED if move is Move.COMMIT else State.RELEASED, "the fault")
        for ended in (State.COMMITTED, State.RELEASED)
        for move in (Move.COMMIT, Move.RELEASE)
    }
    monkeypatch.setattr(rules, "TRANSITIONS", {**TRANSITIONS, **forgotten})
    says = "Moved" if place.kind == "memory" else "has ended|one_ending"
    with pytest.raises((AssertionError, InvariantBroken), match=says):
        commit_the_same_leg_twice(place.open())


# 4


class CleansUpBlindly(ReservationLedger):
    """The fault: the last handler releases everything, whatever had become of it."""

    def release_unsent(self, *client_order_ids, why):
        return tuple(self.release(one, why) for one in client_order_ids)


def break_off_with_one_filled_and_one_under_way(ledger):
    first, second = two_legs(ledger, 60)
    third = order(ledger, 10, account=second.account)
    legs = [first, second, third]
    ledger.reserve(legs)
    try:
        ledger.send(first.client_order_id)
        ledger.send(second.client_order_id)
        ledger.commit(first.client_order_id, Decimal(60))
        raise BrokenOff("the reply of the second never came")
    except BrokenOff as error:
        results = ledger.release_unsent(*[leg.client_order_id for leg in legs], why=str(error))
    assert [type(result) for result in results] == [AlreadyEnded, NotAllowed, Moved]
    states = [ledger.find(leg.client_order_id).state for leg in legs]
    assert states == [State.COMMITTED, State.IN_FLIGHT, State.RELEASED]
    # Money that is under way is not given out again.
    assert isinstance(ledger.reserve(order(ledger, 41, account=second.account)), NotReserved)
    assert ledger.held("USDT", account=second.account).own == 60


def test_unsafe_cleanup(place):
    break_off_with_one_filled_and_one_under_way(place.open())


def test_unsafe_cleanup_put_back(place):
    with pytest.raises(AssertionError):
        break_off_with_one_filled_and_one_under_way(place.open(ledger_class=CleansUpBlindly))
