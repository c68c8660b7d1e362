"""Each decision of the ledger at its border: pure functions, milliseconds."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import (
    AlreadyEnded,
    Claimed,
    Conflict,
    Funds,
    LedgerUnavailable,
    MoreThanHeld,
    Move,
    NotAllowed,
    NotClaimed,
    NotFound,
    NotReserved,
    Request,
    Reservation,
    Reserved,
    State,
    Step,
    Unchanged,
)
from freqtrade_balance_guard.ledger.pause import PAUSE_SECONDS, SLOW_SECONDS, Pause
from freqtrade_balance_guard.ledger.postgres.usual import STEPS
from freqtrade_balance_guard.ledger.reservation import ALWAYS, NEVER, TRANSITIONS
from freqtrade_balance_guard.ledger.rules import (
    Asked,
    judge,
    judge_claim,
    repeated_id,
    replay,
    take_step,
)
from freqtrade_balance_guard.ledger.sql.statements import statements
from freqtrade_balance_guard.ledger.sql.tables import settled
from freqtrade_balance_guard.ledger.store import Beat, Run, Stamp
from freqtrade_balance_guard.ledger.upkeep.heartbeats import Watch, of_dead_bots, owner_of
from freqtrade_balance_guard.limits.decision import DenialCode
from tests.support.ledger import memory_ledger, order


D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def asked(amount=10, spendable=100, floor=0, **more):
    values = {
        "client_order_id": "a",
        "account": "main",
        "pair": "COIN/USDT",
        "side": "buy",
        "currency": "USDT",
        "amount": D(amount),
        "funds": Funds(D(spendable), D(floor)),
    }
    return Request(**{**values, **more})


def row(state=State.IN_FLIGHT, requested=10, committed=0, **more):
    held = 0 if state in (State.COMMITTED, State.RELEASED, State.EXPIRED) else requested - committed
    values = {
        "id": 1,
        "client_order_id": "a",
        "group_id": None,
        "account": "main",
        "bot": "one",
        "process": "one-1",
        "pair": "COIN/USDT",
        "side": "buy",
        "currency": "USDT",
        "requested": D(requested),
        "held": D(held),
        "committed": D(committed),
        "state": state,
        "created_at": NOW,
        "order_id": None,
        "known_at": 5 if state is State.OPEN else None,
        "visible_from": NEVER,
    }
    return Reservation(**{**values, **more})


def step(before, move, *, event=9, process="one-1", **more):
    return take_step(before, Step(move, "a", **more), event, process)


# May it be reserved?


@pytest.mark.parametrize(
    ("amount", "floor", "own", "others", "code"),
    [
        (100, 0, 0, 0, None),
        ("100.00000001", 0, 0, 0, DenialCode.INSUFFICIENT_AVAILABLE),
        (60, 20, 20, 0, None),
        (61, 20, 20, 0, DenialCode.INSUFFICIENT_AVAILABLE),
        (60, 0, 0, 40, None),
        (61, 0, 0, 40, DenialCode.RESERVED_BY_OTHERS),
        (100, 0, 0, 40, DenialCode.RESERVED_BY_OTHERS),
        (101, 0, 0, 40, DenialCode.INSUFFICIENT_AVAILABLE),
        (50, 10, 20, 30, DenialCode.RESERVED_BY_OTHERS),
        (40, 10, 20, 30, None),
    ],
)
def test_what_fits_exactly_is_reserved_and_what_is_more_is_denied(amount, floor, own, others, code):
    answer = judge([asked(amount, floor=floor)], "one", lambda *_: (D(own), D(others)))
    assert (answer and answer.code) == code


def test_the_second_leg_of_one_currency_finds_less_and_of_another_does_not():
    legs = [asked(60), asked(50, client_order_id="b")]
    nothing = lambda *_: (D(0), D(0))  # noqa: E731
    assert judge(legs, "one", nothing).client_order_id == "b"
    assert judge([legs[0], legs[1]._replace(currency="USD")], "one", nothing) is None
    assert judge([legs[0], legs[1]._replace(account="second")], "one", nothing) is None
    assert judge([legs[0]._replace(funds=None), legs[1]], "one", nothing).client_order_id == "b"


@pytest.mark.parametrize(
    "other",
    [
        {"account": "first"},
        {"account": "second"},
        {"pair": "COIN/USD"},
        {"pair": "COIN/USDX"},
        {"side": "a"},
        {"side": "sell"},
        {"currency": "USD"},
        {"currency": "USDX"},
        {"amount": D(9)},
        {"amount": D(11)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_the_same_id_for_something_else_is_a_conflict(other):
    found = [Asked(row(), None)]
    assert isinstance(replay([asked()], found), Reserved)
    assert isinstance(replay([asked()._replace(**other)], found), Conflict)


def test_an_id_twice_in_one_batch_is_a_conflict():
    assert repeated_id([asked(), asked(client_order_id="b")]) is None
    for times in (2, 3):
        assert repeated_id([asked()] * times).client_order_id == "a"


def test_a_denial_is_repeated_before_anything_else_is_looked_at():
    no = judge([asked(1000)], "one", lambda *_: (D(0), D(0)))
    again = replay([asked(1)], [Asked(None, replace(no, replayed=True))])
    assert isinstance(again, NotReserved) and again.replayed


# What does a step do?


def test_fills_up_to_what_was_reserved_are_booked_and_more_only_as_a_fact_at_the_end():
    assert step(row(), Move.USE, total=D(10)).held == 0
    assert isinstance(step(row(), Move.USE, total=D("10.01")), MoreThanHeld)
    assert isinstance(step(row(), Move.USE, total=D("10.01"), excess=True), MoreThanHeld)
    assert isinstance(step(row(), Move.COMMIT, total=D("10.01")), MoreThanHeld)
    assert step(row(), Move.COMMIT, total=D("10.01"), excess=True).committed == D("10.01")


def test_what_is_more_than_was_held_counts_against_every_balance_so_far():
    shown = row(State.OPEN, committed=10, known_at=3, visible_from=4)
    after = step(shown, Move.COMMIT, total=D(11), excess=True)
    assert (after.known_at, after.visible_from) == (9, NEVER)
    after = step(shown, Move.COMMIT, total=D(10))
    assert (after.known_at, after.visible_from) == (3, 4)


@pytest.mark.parametrize("move", [Move.USE, Move.COMMIT, Move.BIND])
def test_the_first_report_says_since_when_the_exchange_knows_it(move):
    first = step(row(), move, total=D(1), order_id="EX")
    assert first.known_at == 9
    later = step(row(State.OPEN, known_at=3), move, total=D(1), order_id="EX")
    assert later.known_at == 3


def test_the_first_order_id_stays():
    bound = row(State.OPEN, order_id="EX-1")
    assert isinstance(step(bound, Move.BIND, order_id="EX-1"), Unchanged)
    for second in ("EX-0", "EX-2"):
        assert isinstance(step(bound, Move.BIND, order_id=second), NotAllowed)
    assert step(bound, Move.USE, total=D(1), order_id="EX-2").order_id == "EX-1"
    assert step(bound, Move.COMMIT, total=D(1), order_id="EX-2").order_id == "EX-1"
    assert step(row(State.OPEN), Move.USE, total=D(1), order_id="EX-2").order_id == "EX-2"
    assert isinstance(step(row(State.OPEN), Move.BIND), Unchanged)
    assert step(row(State.OPEN), Move.BIND, order_id="EX-1").order_id == "EX-1"


@pytest.mark.parametrize("state", [State.RESERVED, State.IN_FLIGHT])
def test_what_the_exchange_has_accepted_rests_there_also_without_an_order_id(state):
    after = step(row(state), Move.BIND)
    assert (after.state, after.order_id, after.known_at) == (State.OPEN, None, 9)


def test_a_report_that_is_late_changes_nothing():
    half = row(State.OPEN, committed=5)
    assert isinstance(step(half, Move.USE, total=D(5)), Unchanged)
    assert isinstance(step(half, Move.USE, total=D(4)), Unchanged)
    assert isinstance(step(half, Move.USE), Unchanged)
    assert step(half, Move.COMMIT, total=D(4)).committed == 5
    assert step(half, Move.COMMIT).committed == 5


def test_without_a_fill_there_is_nothing_to_commit_and_with_one_nothing_to_release():
    for move in (Move.USE, Move.COMMIT):
        assert isinstance(step(row(), move), NotAllowed)
        assert isinstance(step(row(), move, total=D(0)), NotAllowed)
    assert isinstance(step(row(State.OPEN, committed=1), Move.RELEASE), NotAllowed)


def test_only_its_maker_lets_it_expire_and_only_unsent():
    unsent = row(State.RESERVED)
    assert step(unsent, Move.EXPIRE).state is State.EXPIRED
    for other in ("one-0", "one-2"):
        assert isinstance(step(unsent, Move.EXPIRE, process=other), NotAllowed)
    assert isinstance(step(row(), Move.EXPIRE), NotAllowed)
    assert step(unsent, Move.RELEASE, process="one-2").state is State.RELEASED


@pytest.mark.parametrize("state", [State.IN_FLIGHT, State.OPEN])
def test_release_unsent_frees_only_what_was_never_sent(state):
    assert step(row(State.RESERVED), Move.RELEASE, unsent=True).state is State.RELEASED
    assert isinstance(step(row(state), Move.RELEASE, unsent=True), NotAllowed)
    assert step(row(state), Move.RELEASE).state is State.RELEASED


@pytest.mark.parametrize("state", [State.RESERVED, State.IN_FLIGHT, State.OPEN])
def test_what_ended_without_use_is_in_every_balance(state):
    after = step(row(state), Move.RELEASE)
    assert (after.held, after.committed, after.visible_from) == (0, 0, ALWAYS)
    assert settled(after) is None


def test_where_a_row_stands_in_the_index():
    assert settled(row()) == 0
    assert settled(row(State.OPEN, visible_from=7)) == 0
    assert settled(row(State.COMMITTED, committed=10)) == 0
    assert settled(row(State.COMMITTED, committed=10, visible_from=7)) == 1


def test_a_balance_shows_what_became_visible_with_its_mark():
    shown = row(State.OPEN, visible_from=7)
    assert [shown.counts_against(mark) for mark in (6, 7, 8)] == [True, False, False]


@pytest.mark.parametrize("move", list(Move))
def test_the_sql_of_a_step_begins_where_the_table_of_transitions_does(move):
    text = STEPS[move]
    states = text.split("state IN (")[1].split(")")[0]
    wanted = {state.value for state, taken in TRANSITIONS if taken is move}
    assert {one.strip(" '") for one in states.split(",")} == wanted
    ends = TRANSITIONS[(State.RESERVED, move)][0]
    assert f"state = '{ends}'" in text


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_the_numbers_in_the_sql_are_those_of_the_code(name):
    from freqtrade_balance_guard import ledger

    folder = next(iter(ledger.__path__))
    text = "".join(statements(_path(folder, name)).values())
    assert str(NEVER) in text
    assert str(NEVER)[:-1] not in text.replace(str(NEVER), "")


def _path(folder, name):
    from pathlib import Path

    return Path(folder) / name / "statements.sql"


def test_two_statements_of_one_name_are_a_mistake(tmp_path):
    file = tmp_path / "x.sql"
    file.write_text("-- a remark\n\n-- name: a\nSELECT 1\n\n-- name: b\n-- why\nSELECT 2\n")
    assert statements(file) == {"a": "SELECT 1", "b": "-- why\nSELECT 2"}
    file.write_text("-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n")
    with pytest.raises(ValueError, match="named a"):
        statements(file)


# Who owns it?

MINE = Stamp("two", "two-1", NOW)


@pytest.mark.parametrize(
    ("held", "owner", "answer"),
    [
        (None, Run("one", "one-1"), Claimed(row())),
        (None, Run("one", "one-0"), None),
        (None, Run("one", "one-2"), None),
        (("zoo", "zoo-1"), Run("one", "one-1"), None),
        (("three", "three-1"), Run("one", "one-1"), None),
        (("three", "three-1"), Run("three", "three-1"), Claimed(row())),
        (("two", "two-1"), Run("one", "one-1"), Claimed(row(), changed=False)),
        (("two", "two-0"), Run("one", "one-1"), None),
        (("two", "two-0"), Run("two", "two-0"), Claimed(row())),
    ],
)
def test_a_claim_is_given_only_against_the_owner_that_was_found_dead(held, owner, answer):
    given = judge_claim("a", row(), held, owner, MINE)
    if answer is None:
        assert isinstance(given, NotClaimed)
    else:
        assert given == answer


def test_what_ended_or_never_was_is_not_claimed():
    owner = Run("one", "one-1")
    assert isinstance(judge_claim("a", row(State.RELEASED), None, owner, MINE), NotClaimed)
    assert judge_claim("a", None, None, owner, MINE) == NotFound("a")


def test_the_owner_is_the_maker_until_it_is_claimed():
    assert owner_of(row(), {}) == Run("one", "one-1")
    assert owner_of(row(), {"a": Run("two", "two-1")}) == Run("two", "two-1")


# Who is dead?

WHERE = ("main", "one", "one-1")


def beat(number, bot="one", process="one-1"):
    return Beat("main", bot, process, number, NOW, "{}")


def test_a_run_is_dead_when_its_number_has_stood_still_for_the_time_out():
    watch = Watch(120)
    assert watch.dead_runs([beat(1)], [], 0) == set()
    assert watch.dead_runs([beat(1)], [], 119.9) == set()
    assert watch.dead_runs([beat(1)], [], 120) == {WHERE}
    assert watch.dead_runs([beat(2)], [], 121) == set()
    assert watch.dead_runs([beat(2)], [], 240) == set()
    assert watch.dead_runs([beat(2)], [], 241) == {WHERE}


def test_an_owner_without_a_beat_is_watched_too():
    watch = Watch(120)
    assert watch.dead_runs([], [WHERE], 0) == set()
    assert watch.dead_runs([], [WHERE], 120) == {WHERE}


def test_a_run_that_was_gone_and_comes_back_is_watched_anew():
    watch = Watch(120)
    watch.dead_runs([beat(1)], [], 0)
    watch.dead_runs([], [], 60)
    assert watch.dead_runs([beat(1)], [], 130) == set()


def test_what_a_bot_left_is_abandoned_only_when_none_of_its_runs_is_alive():
    one = row()
    owners = {one: Run("one", "one-1")}
    assert of_dead_bots(owners, [beat(1)], {WHERE}) == [one]
    assert of_dead_bots(owners, [beat(1)], set()) == []
    again = beat(1, process="one-2")
    assert of_dead_bots(owners, [beat(1), again], {WHERE}) == []
    assert of_dead_bots(owners, [again], {("main", "one", "one-2")}) == []
    claimed = {one: Run("two", "two-1")}
    assert of_dead_bots(claimed, [beat(1)], {WHERE}) == []
    assert of_dead_bots(claimed, [], {("main", "two", "two-1")}) == [one]


# What a run remembers


def moves_of(ledger):
    """What is asked of the store from now on."""
    asked_of_store = []
    move = ledger.store.move

    def note(steps, stamp):
        asked_of_store.append([one.client_order_id for one in steps])
        return move(steps, stamp)

    ledger.store.move = note
    return asked_of_store


def test_it_expires_at_its_time_and_not_before():
    clock = ManualClock()
    ledger = memory_ledger(bot="one", account="main", clock=clock, reservation_timeout=60)
    ledger.reserve(order(ledger))
    clock.advance(59.9)
    assert ledger.expire_unsent() == []
    clock.advance(0.1)
    assert [one.state for one in ledger.expire_unsent()] == [State.EXPIRED]


def test_what_was_denied_sent_or_ended_is_not_asked_for_again():
    clock = ManualClock()
    ledger = memory_ledger(bot="one", account="main", clock=clock)
    ledger.reserve(order(ledger, 10**6))
    sent, freed = order(ledger), order(ledger)
    ledger.reserve([sent, freed])
    ledger.send(sent.client_order_id)
    ledger.release(freed.client_order_id, "error")
    asked_of_store = moves_of(ledger)
    clock.advance(10**4)
    assert ledger.expire_unsent() == []
    assert asked_of_store == []


def test_a_run_does_not_let_expire_what_another_run_had_reserved():
    clock = ManualClock()
    first = memory_ledger(bot="one", account="main", clock=clock)
    request = order(first)
    first.reserve(request)
    again = memory_ledger(bot="one", account="main", clock=clock)
    again.store = first.store
    assert again.reserve(request).replayed
    asked_of_store = moves_of(again)
    clock.advance(10**4)
    assert again.expire_unsent() == []
    assert asked_of_store == []


def test_a_slow_failure_is_not_waited_for_again_for_a_moment():
    clock = ManualClock()
    pause, gone = Pause(clock), LedgerUnavailable("gone")
    began = pause.begin()
    clock.advance(SLOW_SECONDS * 0.99)
    pause.failed(gone, began)
    began = pause.begin()
    clock.advance(SLOW_SECONDS)
    pause.failed(gone, began)
    with pytest.raises(LedgerUnavailable, match="gone"):
        pause.begin()
    clock.advance(PAUSE_SECONDS * 0.99)
    with pytest.raises(LedgerUnavailable, match="gone"):
        pause.begin()
    clock.advance(PAUSE_SECONDS * 0.01)
    pause.begin()


@pytest.mark.parametrize("call", ["reserve", "send", "find"])
def test_every_call_fails_at_once_after_a_slow_failure(call):
    clock = ManualClock()
    ledger = memory_ledger(bot="one", account="main", clock=clock)
    request = order(ledger)
    ledger.reserve(request)
    tried = []

    def fails(*_):
        tried.append(1)
        clock.advance(1)
        raise LedgerUnavailable("gone")

    ledger.store.reserve = ledger.store.move = ledger.store.find = fails
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            if call == "reserve":
                ledger.reserve(order(ledger))
            else:
                getattr(ledger, call)(request.client_order_id)
    assert len(tried) == 1


def test_after_a_second_ending_nothing_is_written():
    ledger = memory_ledger(bot="one", account="main")
    request = order(ledger)
    ledger.reserve(request)
    ledger.release(request.client_order_id, "error")
    mark = ledger.mark()
    again = ledger.commit(request.client_order_id, D(10))
    assert isinstance(again, AlreadyEnded) and again.move is Move.COMMIT
    assert ledger.mark() == mark
