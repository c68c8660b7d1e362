"""What a dead bot left is claimed by exactly one live bot, and settled by that one."""

import time
from decimal import Decimal

import pytest

from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    Claimed,
    Moved,
    NotAllowed,
    NotClaimed,
    NotFound,
    State,
    open_ledger,
)
from freqtrade_balance_guard.ledger.facts import ReservationClaimed
from tests.support.ledger import made, order
from tests.support.processes import PROCESSES


def reserve(ledger):
    return made(ledger.reserve(order(ledger, 10))).client_order_id


def dead(place, *watchers):
    """A bot that has left one order and is silent for longer than the others wait."""
    victim = place.open("victim")
    left = reserve(victim)
    victim.heartbeat()
    for watcher in watchers:
        watcher.heartbeat()
        watcher.abandoned()
    place.clock.advance(121)
    for watcher in watchers:
        watcher.heartbeat()
    for watcher in watchers:
        assert [row.client_order_id for row in watcher.abandoned()] == [left]
    return victim, left


def test_the_first_gets_it_and_the_second_does_not(place):
    one, two = place.open("one"), place.open("two")
    _, left = dead(place, one, two)
    first, second = one.claim(left), two.claim(left)
    assert isinstance(first, Claimed) and first.changed
    assert isinstance(second, NotClaimed)
    assert "one has claimed it" in second.sentence
    again = one.claim(left)
    assert isinstance(again, Claimed) and not again.changed
    assert [row.client_order_id for row in one.owned()] == [left]
    assert two.owned() == []
    assert two.abandoned() == []
    assert one.audit() == []


def test_the_claim_is_written_with_who_when_and_why(place):
    told = []
    one = place.open("one", hub=EventHub(told.append))
    _, left = dead(place, one)
    one.claim(left)
    one.claim(left)
    line = one.history(left)[-1]
    assert (line.what, line.state, line.bot) == ("claim", "reserved", "one")
    assert line.why == "left by victim"
    assert line.at == place.clock.wall()
    assert [fact.bot for fact in told if isinstance(fact, ReservationClaimed)] == ["victim"]


@pytest.mark.parametrize("name", ["alive", "well"])
def test_what_a_living_bot_has_is_not_given_away(place, name):
    one, alive = place.open("one"), place.open(name)
    its = reserve(alive)
    answer = one.claim(its)
    assert isinstance(answer, NotClaimed)
    assert "not found to be dead" in answer.sentence
    assert alive.owned()[0].client_order_id == its
    assert isinstance(one.claim("nothing"), NotFound)


def test_what_has_ended_is_not_claimed(place):
    one = place.open("one")
    victim, left = dead(place, one)
    victim.release(left, "late")
    answer = one.claim(left)
    assert isinstance(answer, NotClaimed)
    assert "released" in answer.sentence


@pytest.mark.parametrize("name", ["one", "zoo"])
def test_a_run_that_was_only_slow_may_not_send_what_was_claimed(place, name):
    one = place.open(name)
    slow, left = dead(place, one)
    one.claim(left)
    answer = slow.send(left)
    assert isinstance(answer, NotAllowed)
    assert f"{name} has claimed it" in answer.sentence
    assert one.find(left).state is State.RESERVED
    assert isinstance(one.release(left, "not found"), Moved)
    assert isinstance(slow.send(left), AlreadyEnded)
    assert one.audit() == []


def test_the_one_that_claimed_it_may_send_it_on(place):
    one = place.open("one")
    _, left = dead(place, one)
    one.claim(left)
    assert isinstance(one.send(left), Moved)


def test_facts_of_the_exchange_are_booked_whoever_reports_them(place):
    one = place.open("one")
    slow, left = dead(place, one)
    one.claim(left)
    assert isinstance(slow.bind(left, "EX-1"), Moved)
    assert isinstance(slow.use(left, Decimal(1)), Moved)
    assert isinstance(one.commit(left, order(one).amount), Moved)


def test_what_a_dead_claimer_left_is_claimed_by_the_next(place):
    one, two = place.open("one"), place.open("two")
    _, left = dead(place, one, two)
    one.claim(left)
    place.clock.advance(60)
    two.heartbeat()
    assert two.abandoned() == []
    place.clock.advance(121)
    two.heartbeat()
    assert [row.client_order_id for row in two.abandoned()] == [left]
    assert isinstance(two.claim(left), Claimed)
    assert isinstance(one.claim(left), NotClaimed)
    assert one.owned() == []


def test_a_restarted_bot_takes_over_from_its_earlier_run_unless_another_was_faster(place):
    other = place.open("other")
    _, left = dead(place, other)
    back = place.open("victim")
    assert [row.client_order_id for row in back.owned()] == [left]
    assert isinstance(back.claim(left), Claimed)
    assert isinstance(other.claim(left), NotClaimed)

    third, fourth = place.open("third"), place.open("fourth")
    gone = place.open("gone")
    lost = reserve(gone)
    for watcher in (third, fourth):
        watcher.abandoned()
    place.clock.advance(121)
    third.heartbeat()
    third.abandoned()
    assert isinstance(third.claim(lost), Claimed)
    again = place.open("gone")
    assert again.owned() == []
    assert isinstance(again.claim(lost), NotClaimed)


def test_a_restarted_claimer_goes_on_with_what_its_earlier_run_claimed(place):
    one = place.open("one")
    _, left = dead(place, one)
    one.claim(left)
    again = place.open("one")
    assert [row.client_order_id for row in again.owned()] == [left]
    answer = again.claim(left)
    assert isinstance(answer, Claimed) and answer.changed
    assert isinstance(one.send(left), NotAllowed)


def claim_all(name, db_url, account, barrier, results):
    ledger = open_ledger(db_url, bot=name, account=account, heartbeat_timeout=0.3)
    ledger.heartbeat()
    ledger.abandoned()
    time.sleep(0.4)
    ledger.heartbeat()
    barrier.wait()
    ledger.heartbeat()
    left = [row.client_order_id for row in ledger.abandoned()]
    got = [one for one in left if isinstance(ledger.claim(one), Claimed)]
    barrier.wait()
    owned = [row.client_order_id for row in ledger.owned()]
    results.put((name, len(left), got, owned))
    ledger.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_processes_that_race_exactly_one_gets_each(kind, tmp_path, request):
    if kind == "sqlite":
        db_url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    else:
        db_url = request.getfixturevalue("postgres")
    account = f"race-{kind}"
    victim = open_ledger(db_url, bot="victim", account=account)
    left = {reserve(victim) for _ in range(9)}
    victim.close()
    barrier, results = PROCESSES.Barrier(4), PROCESSES.Queue()
    processes = [
        PROCESSES.Process(target=claim_all, args=(name, db_url, account, barrier, results))
        for name in "abcd"
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    assert {seen for _, seen, _, _ in answers} & set(range(1, 10))
    got = [one for _, _, mine, _ in answers for one in mine]
    assert sorted(got) == sorted(left)
    for _, _, mine, owned in answers:
        assert sorted(mine) == sorted(owned)
    watcher = open_ledger(db_url, bot="watcher", account=account)
    assert watcher.audit() == []
    watcher.close()
