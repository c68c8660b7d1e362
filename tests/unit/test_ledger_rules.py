"""The rules of the ledger without any store: transitions, checks, amounts."""

import itertools
from datetime import UTC, datetime
from decimal import Decimal, localcontext

import pytest

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.ledger import (
    ENDED,
    UNFINISHED,
    AlreadyEnded,
    Funds,
    Move,
    NotAllowed,
    Request,
    Reservation,
    State,
    Step,
)
from freqtrade_balance_guard.ledger.requests import check_amount
from freqtrade_balance_guard.ledger.reservation import ALWAYS, EXACT, NEVER, TRANSITIONS
from freqtrade_balance_guard.ledger.rules import judge, take_step


ROW = Reservation(
    1, "o1", None, "main", "bot", "run", "COIN/USDT", "buy", "USDT", Decimal(10), Decimal(10),
    Decimal(0), State.RESERVED, datetime(2026, 1, 1, tzinfo=UTC), None, None, NEVER,
)  # fmt: skip

# The states as docs and users know them, written down once more.
ALLOWED = {
    State.RESERVED: {"send", "bind", "use", "commit", "release", "expire"},
    State.IN_FLIGHT: {"bind", "use", "commit", "release"},
    State.OPEN: {"bind", "use", "commit", "release"},
    State.COMMITTED: set(),
    State.RELEASED: set(),
    State.EXPIRED: set(),
}


def row_in(state):
    if state is State.OPEN:
        return ROW._replace(state=state, known_at=2)
    if state is State.COMMITTED:
        return ROW._replace(state=state, held=Decimal(0), committed=Decimal(10))
    if state in ENDED:
        return ROW._replace(state=state, held=Decimal(0), visible_from=ALWAYS)
    return ROW._replace(state=state)


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, Move)))
def test_only_the_moves_of_the_table_are_taken(state, move):
    step = Step(move, "o1", total=Decimal(10), order_id="EX-1")
    after = take_step(row_in(state), step, 7, "run")
    assert isinstance(after, Reservation) is (move.value in ALLOWED[state])
    if state in ENDED:
        assert isinstance(after, AlreadyEnded)
    elif move.value not in ALLOWED[state]:
        assert isinstance(after, NotAllowed)
    else:
        assert after.state is TRANSITIONS[(state, move)][0]


def test_every_transition_has_its_remark_and_no_ended_state_has_a_way_out():
    assert all(remark for _, remark in TRANSITIONS.values())
    assert {state for state, _ in TRANSITIONS} == set(UNFINISHED)
    assert set(UNFINISHED) | set(ENDED) == set(State)
    assert {state for state, _ in TRANSITIONS.values()} >= set(ENDED)


def test_only_sending_leads_into_flight_and_only_the_unsent_expire():
    assert [key for key, (to, _) in TRANSITIONS.items() if to is State.IN_FLIGHT] == [
        (State.RESERVED, Move.SEND)
    ]
    assert [key for key, (to, _) in TRANSITIONS.items() if to is State.EXPIRED] == [
        (State.RESERVED, Move.EXPIRE)
    ]


def test_the_exchange_is_known_to_have_it_from_the_first_report_on():
    after = take_step(ROW, Step(Move.USE, "o1", total=Decimal(1)), 7, "run")
    assert after.known_at == 7
    after = take_step(after, Step(Move.BIND, "o1", order_id="EX-1"), 8, "run")
    assert (after.known_at, after.order_id) == (7, "EX-1")
    assert take_step(after, Step(Move.COMMIT, "o1"), 9, "run").known_at == 7


def test_a_reservation_is_frozen():
    with pytest.raises(AttributeError):
        ROW.held = Decimal(0)


def test_the_decimal_context_of_the_thread_does_not_matter():
    funds = Funds(Decimal("1.000000000000000001"), Decimal("0.000000000000000001"), 0)
    request = Request("o", "main", "A/B", "buy", "B", Decimal("1"), funds)
    more = request._replace(amount=Decimal("1.000000000000000001"))
    with localcontext() as context:
        context.prec = 3
        nothing = lambda *book: (Decimal(0), Decimal(0))  # noqa: E731
        assert judge([request], "bot", nothing) is None
        assert judge([more], "bot", nothing) is not None


@pytest.mark.parametrize("amount", ["1e40", "1e-40", "123456789.000000000000000000000000000000001"])
def test_long_amounts_pass_as_they_are(amount):
    request = Request("o", "main", "A/B", "buy", "B", Decimal(amount), None)
    if amount == "1e40":
        with pytest.raises(MoneyError):
            request.checked()
    else:
        assert request.checked().amount == Decimal(amount)


def test_amounts_have_up_to_forty_digits_on_either_side_of_the_point():
    for amount in ("9" * 40 + "." + "9" * 40, "0", "0.5"):
        check_amount(Decimal(amount), "floor")
    for amount in ("1" + "0" * 40, "0." + "0" * 40 + "1", "-0.5"):
        with pytest.raises(MoneyError, match="floor"):
            check_amount(Decimal(amount), "floor")


def test_a_sum_of_a_quintillion_of_the_largest_amounts_is_exact():
    most = Decimal("9" * 40 + "." + "9" * 40)
    total = EXACT.multiply(most, Decimal(10**18 - 1))
    assert EXACT.subtract(EXACT.add(total, most), total) == most


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "long"},
        {"client_order_id": ""},
        {"account": ""},
        {"pair": ""},
        {"currency": ""},
    ],
)
def test_a_request_without_a_name_is_a_mistake(wrong):
    request = Request("o", "main", "A/B", "buy", "B", Decimal(1), None)
    with pytest.raises(ValueError):
        request._replace(**wrong).checked()


@pytest.mark.parametrize(
    ("funds", "word"),
    [
        (Funds(Decimal("NaN"), Decimal(0), 0), "spendable"),
        (Funds(Decimal(1), Decimal(-1), 0), "floor"),
        (Funds(1.0, Decimal(0), 0), "spendable"),
    ],
)
def test_funds_that_are_no_amounts_are_named(funds, word):
    request = Request("o", "main", "A/B", "buy", "B", Decimal(1), funds)
    with pytest.raises(MoneyError, match=word):
        request.checked()


@pytest.mark.parametrize("total", ["-1", "NaN", "Infinity"])
def test_a_total_that_is_no_amount_is_refused(total):
    with pytest.raises(MoneyError):
        Step(Move.USE, "o", total=Decimal(total)).checked()
    with pytest.raises(MoneyError):
        Step(Move.USE, "o", total=Decimal(1), received=Decimal(total)).checked()
