"""What the ledger promises, whatever it is kept in: memory, SQLite, PostgreSQL."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    Conflict,
    Holds,
    LedgerUnavailable,
    MoreThanHeld,
    Move,
    Moved,
    NotAllowed,
    NotFound,
    NotReserved,
    Reserved,
    State,
    Step,
    Unchanged,
)
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.money import Money
from tests.support.ledger import made, order


def reserve(ledger, amount=10, **more):
    return made(ledger.reserve(order(ledger, amount, **more)))


# Check and insert


def test_money_that_is_reserved_is_not_promised_again(place):
    ledger = place.open()
    reserve(ledger, 60)
    refused = ledger.reserve(order(ledger, 50))
    assert isinstance(refused, NotReserved)
    assert refused.code is DenialCode.INSUFFICIENT_AVAILABLE
    assert refused.numbers == {
        "needed": 50,
        "spendable": 100,
        "floor": 0,
        "reserved_own": 60,
        "reserved_others": 0,
        "available": 40,
    }
    assert "50 USDT needed" in refused.sentence
    assert "40 USDT available" in refused.sentence


def test_the_last_unit_may_be_reserved_and_not_one_more(place):
    ledger = place.open()
    reserve(ledger, "99.99999999")
    assert isinstance(ledger.reserve(order(ledger, "0.000000010000000001")), NotReserved)
    reserve(ledger, "0.00000001")


def test_amounts_of_eighteen_and_more_decimals_are_compared_exactly(place):
    ledger = place.open()
    amount = "0.100000000000000000000000000000000000001"
    for _ in range(9):
        reserve(ledger, amount, spendable=1)
    assert isinstance(ledger.reserve(order(ledger, amount, spendable=1)), NotReserved)
    left = "0.099999999999999999999999999999999999991"
    assert reserve(ledger, left, spendable=1).requested == Decimal(left)
    assert ledger.held("USDT").own == 1


def test_the_floor_is_never_promised(place):
    ledger = place.open()
    assert isinstance(ledger.reserve(order(ledger, 91, floor=10)), NotReserved)
    reserve(ledger, 90, floor=10)


def test_what_other_bots_hold_is_subtracted_and_named(place):
    one, two = place.open("one"), place.open("two")
    reserve(one, 70)
    refused = two.reserve(order(two, 40))
    assert refused.code is DenialCode.RESERVED_BY_OTHERS
    assert refused.numbers["reserved_others"] == 70
    assert "other bots hold 70 USDT" in refused.sentence
    assert two.held("USDT") == Holds(own=Decimal(0), others=Decimal(70))
    assert one.held("USDT") == Holds(own=Decimal(70), others=Decimal(0))


def test_accounts_and_currencies_do_not_share_money(place):
    ledger = place.open()
    reserve(ledger, 100)
    reserve(ledger, 100, currency="EUR")
    reserve(ledger, 100, account=f"{place.account}-venue")


def test_an_exit_is_booked_without_a_check(place):
    ledger = place.open()
    reserve(ledger, 100)
    sold = reserve(ledger, 500, side="sell", currency="COIN", funds=None)
    assert sold.held == 500
    assert reserve(ledger, 5, funds=None).held == 5


def test_an_overdrawn_account_refuses_everything(place):
    ledger = place.open()
    refused = ledger.reserve(order(ledger, 1, spendable=-5))
    assert refused.numbers["available"] == -5


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1e41", "1e-41"])
def test_what_is_no_amount_is_not_reserved(place, amount):
    ledger = place.open()
    with pytest.raises(MoneyError):
        ledger.reserve(order(ledger, amount))
    assert ledger.reservations(account=place.account) == []


def test_a_float_is_no_amount(place):
    ledger = place.open()
    with pytest.raises(MoneyError):
        ledger.reserve(order(ledger)._replace(amount=1.5))


# Several at once


def test_two_legs_are_reserved_together_on_two_accounts(place):
    ledger = place.open()
    legs = [order(ledger, 60), order(ledger, 2, currency="COIN", account=f"{place.account}-venue")]
    result = ledger.reserve(legs)
    assert isinstance(result, Reserved)
    assert [leg.amount for leg in result.reservations] == [60, 2]
    assert len({leg.group_id for leg in result.reservations}) == 1
    assert result.reservations[0].group_id


def test_a_second_leg_that_is_too_much_leaves_no_trace_of_the_first(place):
    ledger = place.open()
    venue = f"{place.account}-venue"
    legs = [order(ledger, 60), order(ledger, 101, account=venue)]
    refused = ledger.reserve(legs)
    assert refused.client_order_id == legs[1].client_order_id
    assert (refused.account, refused.currency) == (venue, "USDT")
    assert ledger.held("USDT") == Holds(Decimal(0), Decimal(0))
    assert ledger.find(legs[0].client_order_id) is None
    reserve(ledger, 100)


def test_two_legs_of_one_currency_are_checked_together(place):
    ledger = place.open()
    refused = ledger.reserve([order(ledger, 60), order(ledger, 50)])
    assert refused.numbers["available"] == 40
    assert isinstance(ledger.reserve([order(ledger, 60), order(ledger, 40)]), Reserved)


def test_one_id_for_two_legs_is_a_conflict(place):
    ledger = place.open()
    leg = order(ledger, 10)
    assert isinstance(ledger.reserve([leg, leg]), Conflict)
    assert ledger.find(leg.client_order_id) is None


# The same question again


def test_a_repeated_reservation_is_reserved_once(place):
    ledger = place.open()
    request = order(ledger, 60)
    first = ledger.reserve(request)
    again = ledger.reserve(request)
    assert again.replayed
    assert again.reservations == first.reservations
    assert ledger.held("USDT").own == 60


def test_a_repeated_question_tells_how_it_stands_now(place):
    ledger = place.open()
    request = order(ledger, 60)
    ledger.reserve(request)
    ledger.send(request.client_order_id)
    assert made(ledger.reserve(request)).state is State.IN_FLIGHT
    ledger.release(request.client_order_id, "rejected")
    assert made(ledger.reserve(request)).state is State.RELEASED


def test_a_retried_no_stays_no_although_there_is_room_now(place):
    ledger = place.open()
    blocking = reserve(ledger, 60)
    request = order(ledger, 60)
    first = ledger.reserve(request)
    ledger.release(blocking.client_order_id, "changed my mind")
    again = ledger.reserve(request)
    assert isinstance(again, NotReserved)
    assert again.replayed
    assert (again.code, again.numbers, again.sentence) == (
        first.code,
        first.numbers,
        first.sentence,
    )
    assert ledger.held("USDT").own == 0
    assert isinstance(ledger.send(request.client_order_id), NotFound)


def test_every_leg_of_a_refused_pair_stays_refused(place):
    ledger = place.open()
    legs = [order(ledger, 10), order(ledger, 200)]
    ledger.reserve(legs)
    assert isinstance(ledger.reserve(legs[0]), NotReserved)


def test_another_order_under_a_known_id_is_a_conflict(place):
    ledger = place.open()
    request = order(ledger, 10)
    ledger.reserve(request)
    assert isinstance(ledger.reserve(request._replace(amount=Decimal(11))), Conflict)
    assert isinstance(ledger.reserve([request, order(ledger, 1)]), Conflict)
    assert ledger.held("USDT").own == 10


# From the gate to the end


def test_an_order_passes_through_its_states(place):
    ledger = place.open()
    request = order(ledger, 60)
    one = request.client_order_id
    assert made(ledger.reserve(request, why="entry signal")).state is State.RESERVED
    assert ledger.send(one).reservation.state is State.IN_FLIGHT
    bound = ledger.bind(one, "EX-1").reservation
    assert (bound.state, bound.order_id) == (State.OPEN, "EX-1")
    used = ledger.use(one, Decimal(20)).reservation
    assert (used.state, used.amount, used.committed) == (State.OPEN, 40, 20)
    ended = ledger.commit(one, Decimal(50), received=Money(Decimal(5), "COIN")).reservation
    assert (ended.state, ended.amount, ended.committed) == (State.COMMITTED, 0, 50)
    assert ledger.find(one) == ended
    history = ledger.history(one)
    assert [line.what for line in history] == ["reserve", "send", "bind", "use", "commit"]
    assert [line.held for line in history] == [60, 60, 60, 40, 0]
    assert history[0].why == "entry signal"
    assert {(line.bot, line.process) for line in history} == {("one", ledger.process)}
    assert (history[-1].received, history[-1].received_currency) == (5, "COIN")
    assert [line.event for line in history] == sorted(line.event for line in history)
    assert {line.at for line in history} == {place.clock.wall()}


def test_a_second_send_is_not_let_through(place):
    ledger = place.open()
    one = reserve(ledger).client_order_id
    assert isinstance(ledger.send(one), Moved)
    assert isinstance(ledger.send(one), NotAllowed)


@pytest.mark.parametrize("first", ["commit", "release", "expire"])
@pytest.mark.parametrize("second", ["send", "bind", "use", "commit", "release", "expire"])
def test_what_has_ended_cannot_be_moved_again(place, first, second):
    ledger = place.open()
    one = reserve(ledger).client_order_id
    ended = ledger.settle(step(first, one))[0]
    assert isinstance(ended, Moved)
    again = ledger.settle(step(second, one))[0]
    assert again == AlreadyEnded(ended.reservation, Move(second))
    assert ledger.find(one) == ended.reservation
    assert len(ledger.history(one)) == 2


def step(move, client_order_id):
    total = Decimal(10) if move in ("use", "commit") else None
    return Step(Move(move), client_order_id, total=total, order_id="EX-9")


def test_the_unused_part_is_free_in_the_same_step(place):
    ledger = place.open()
    one = reserve(ledger, 100).client_order_id
    ledger.commit(one, Decimal(30))
    assert isinstance(ledger.reserve(order(ledger, 71)), NotReserved)
    reserve(ledger, 70)


def test_fills_are_counted_once_however_often_and_late_they_are_told(place):
    ledger = place.open()
    one = reserve(ledger, 100).client_order_id
    ledger.send(one)
    assert ledger.use(one, Decimal(40)).reservation.state is State.OPEN
    assert isinstance(ledger.use(one, Decimal(40)), Unchanged)
    assert isinstance(ledger.use(one, Decimal(10)), Unchanged)
    assert isinstance(ledger.bind(one, "EX-1"), Moved)
    assert isinstance(ledger.bind(one, "EX-1"), Unchanged)
    assert ledger.commit(one, Decimal(20)).reservation.committed == 40
    assert len(ledger.history(one)) == 5


def test_a_second_order_under_one_reservation_is_refused(place):
    ledger = place.open()
    one = reserve(ledger).client_order_id
    ledger.bind(one, "EX-1")
    assert isinstance(ledger.bind(one, "EX-2"), NotAllowed)
    assert ledger.find(one).order_id == "EX-1"


def test_a_cancel_that_raced_with_a_fill_is_no_release(place):
    ledger = place.open()
    one = reserve(ledger, 100).client_order_id
    ledger.use(one, Decimal(5))
    refused = ledger.release(one, "cancelled")
    assert isinstance(refused, NotAllowed)
    assert "fills" in refused.sentence
    assert ledger.commit(one).reservation.committed == 5


def test_an_end_with_nothing_used_is_a_release_not_a_commit(place):
    ledger = place.open()
    one = reserve(ledger).client_order_id
    assert isinstance(ledger.commit(one), NotAllowed)
    assert isinstance(ledger.use(one, Decimal(0)), NotAllowed)
    assert ledger.release(one, "cancelled").reservation.state is State.RELEASED


def test_more_than_was_held_is_only_booked_as_a_fact(place):
    ledger = place.open()
    one = reserve(ledger, 50).client_order_id
    assert ledger.commit(one, Decimal(51)) == MoreThanHeld(ledger.find(one), Decimal(51))
    assert isinstance(ledger.use(one, Decimal(51)), MoreThanHeld)
    assert ledger.commit(one, Decimal(51), excess=True).reservation.committed == 51
    assert isinstance(ledger.reserve(order(ledger, 50)), NotReserved)
    assert ledger.audit(place.account) == []


def test_an_unknown_order_is_not_found(place):
    ledger = place.open()
    assert ledger.send("nobody") == NotFound("nobody")
    assert ledger.find("nobody") is None
    assert ledger.history("nobody") == []


def test_both_legs_end_in_one_step_and_one_that_may_not_does_not_stop_the_other(place):
    ledger = place.open()
    first, second = reserve(ledger).client_order_id, reserve(ledger).client_order_id
    ledger.release(first, "already")
    results = ledger.settle(
        Step(Move.COMMIT, first, Decimal(10)), Step(Move.COMMIT, second, Decimal(10))
    )
    assert [type(result) for result in results] == [AlreadyEnded, Moved]
    assert ledger.find(second).state is State.COMMITTED


# Expiry


def test_what_was_never_sent_expires_after_its_time(place):
    ledger = place.open(reservation_timeout=60)
    one = reserve(ledger, 60).client_order_id
    place.clock.advance(59.9)
    assert ledger.expire_unsent() == []
    place.clock.advance(0.1)
    assert [row.client_order_id for row in ledger.expire_unsent()] == [one]
    assert ledger.find(one).state is State.EXPIRED
    assert isinstance(ledger.send(one), AlreadyEnded)
    assert ledger.held("USDT").own == 0


def test_what_was_sent_never_expires(place):
    ledger = place.open(reservation_timeout=60)
    one = reserve(ledger).client_order_id
    ledger.send(one)
    place.clock.advance(10**6)
    assert ledger.expire_unsent() == []
    assert isinstance(ledger.settle(Step(Move.EXPIRE, one))[0], NotAllowed)
    assert ledger.find(one).state is State.IN_FLIGHT


def test_nobody_else_may_let_it_expire(place):
    ledger = place.open("one", reservation_timeout=60)
    one = reserve(ledger).client_order_id
    restarted = place.open("one", reservation_timeout=60)
    other = place.open("two", reservation_timeout=60)
    place.clock.advance(3600)
    for stranger in (restarted, other):
        assert stranger.expire_unsent() == []
        assert isinstance(stranger.settle(Step(Move.EXPIRE, one))[0], NotAllowed)
    assert ledger.find(one).state is State.RESERVED


def test_after_a_restart_it_may_be_released_by_hand_and_the_history_says_who(place):
    ledger = place.open("one")
    one = reserve(ledger).client_order_id
    other = place.open("two")
    other.release(one, "the exchange does not know it")
    last = ledger.history(one)[-1]
    assert (last.bot, last.why) == ("two", "the exchange does not know it")
    assert isinstance(ledger.send(one), AlreadyEnded)


# Questions


def test_a_recovery_finds_everything_without_an_end(place):
    ledger, other = place.open("one"), place.open("two")
    ended = reserve(ledger, 1).client_order_id
    ledger.release(ended, "done")
    unsent = reserve(ledger, 1).client_order_id
    sent = reserve(ledger, 1).client_order_id
    ledger.send(sent)
    resting = reserve(other, 1).client_order_id
    other.bind(resting, "EX-1")
    again = place.open("one")
    found = [row.client_order_id for row in again.unfinished(account=place.account)]
    assert found == [resting, sent, unsent]
    mine = [row.client_order_id for row in again.unfinished(account=place.account, bot="one")]
    assert mine == [sent, unsent]


def test_reservations_can_be_listed_by_state(place):
    ledger = place.open()
    rows = [reserve(ledger, 1) for _ in range(3)]
    ledger.release(rows[0].client_order_id, "done")
    listed = ledger.reservations(account=place.account, states=[State.RELEASED, State.RESERVED])
    assert [row.client_order_id for row in listed] == [r.client_order_id for r in rows[::-1]]
    assert len(ledger.reservations(account=place.account, limit=2)) == 2
    assert ledger.reservations(account=place.account, states=[State.COMMITTED]) == []


def test_a_refusal_is_no_reservation(place):
    ledger = place.open()
    refused = order(ledger, 500)
    ledger.reserve(refused)
    assert ledger.reservations(account=place.account) == []
    assert [line.what for line in ledger.history(refused.client_order_id)] == ["refuse"]


def test_another_bot_learns_of_fills_from_the_changes(place):
    ledger, other = place.open("one"), place.open("two")
    mark = other.mark()
    one = reserve(ledger, 60).client_order_id
    ledger.commit(one, Decimal(60), received=Money(Decimal(6), "COIN"))
    lines = other.changes(mark)
    assert [(line.what, row.client_order_id) for line, row in lines] == [
        ("reserve", one),
        ("commit", one),
    ]
    assert lines[-1][0].received == 6
    assert other.changes(other.mark()) == []


def test_the_books_of_busy_bots_hold_together(place):
    ledger, other = place.open("one"), place.open("two")
    for number in range(6):
        bot = (ledger, other)[number % 2]
        one = reserve(bot, 10).client_order_id
        if number % 3:
            bot.send(one)
            bot.use(one, Decimal(4))
            bot.commit(one)
        elif number:
            bot.release(one, "rejected")
    other.reserve(order(other, 1000))
    other.seen(other.mark())
    assert ledger.audit(place.account) == []


def test_what_was_reserved_although_the_answer_was_lost_expires_too(place):
    ledger = place.open(reservation_timeout=60)
    store, request = ledger.store, order(ledger, 60)

    class AnswersNothing:
        def __getattr__(self, name):
            return getattr(store, name)

        def reserve(self, *args):
            store.reserve(*args)
            raise LedgerUnavailable("The connection was cut.")

    ledger.store = AnswersNothing()
    with pytest.raises(LedgerUnavailable):
        ledger.reserve(request)
    ledger.store = store
    assert ledger.held("USDT").own == 60
    place.clock.advance(60)
    assert [row.client_order_id for row in ledger.expire_unsent()] == [request.client_order_id]
    assert ledger.held("USDT").own == 0
