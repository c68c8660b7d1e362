"""How one order of an arbitrage is followed: what the exchange says of it, and what it does not."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.engine.legs import LegRun
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import Move, Reservation, State, Step
from freqtrade_balance_guard.orders.tracked_order import FEE_ASSUMED


D = Decimal
NOW = ManualClock().wall()
LATE_SECONDS = 2.0
LOST_SECONDS = 4 * 3600.0
ORDER = LegOrder(
    venue="here",
    account="account of here",
    pair="COIN/USDT",
    side="buy",
    amount=D(2),
    price=D(100),
    fee_rate=D("0.001"),
    client_order_id="here-1",
    made_at=NOW,
)
SALE = replace(ORDER, side="sell")


def leg(order: LegOrder = ORDER, reported: VenueOrder | None = None) -> LegRun:
    run = LegRun(order, sent_at=0.0, placed_at=0.0)
    if reported is not None:
        run.learn(reported)
    return run


def seen(filled: str, *, is_open: bool = True, fees: dict[str, str] | None = None) -> VenueOrder:
    paid = None if fees is None else {name: D(fee) for name, fee in fees.items()}
    return VenueOrder("EX-1", is_open, D(filled), D(filled) * 100, paid)


def row(state: State, committed: str, **more: object) -> Reservation:
    used = D(committed)
    values = (1, "here-1", None, "account of here", "bot", "run", "COIN/USDT", "buy", "USDT")
    rest = (D(201), D(0), used, state, NOW, "EX-7", 1, 1)
    return Reservation(*values, *rest)._replace(**more)  # type: ignore[arg-type]


# What the exchange says


def test_what_is_late_or_said_twice_changes_nothing() -> None:
    run = leg(reported=seen("1.5"))
    run.learn(seen("1"))
    assert run.filled == D("1.5")
    run.learn(seen("2", is_open=False))
    run.learn(seen("2"))
    assert run.is_over and run.filled == 2


def test_an_order_that_is_shown_was_not_rejected_after_all() -> None:
    run = leg()
    run.rejected = "the exchange does not know it"
    run.is_lost, run.pause = True, 60
    run.learn(seen("0"))
    assert (run.rejected, run.is_over, run.is_lost) == ("", False, False)
    assert run.pause == 2


def test_the_answer_of_the_request_is_taken_up_once() -> None:
    run = leg()
    run.answer = seen("1")
    run.take_answer()
    assert (run.answer, run.filled) == (None, 1)
    rejected = leg()
    rejected.answer = "insufficient funds"
    rejected.take_answer()
    assert (rejected.rejected, rejected.is_over) == ("insufficient funds", True)
    quiet = leg()
    quiet.take_answer()
    assert not quiet.is_over


# What it does not show


def test_a_leg_that_is_not_found_is_lost_and_asked_for_less_and_less_often() -> None:
    run = leg()
    run.not_found(1.9, LATE_SECONDS, None)
    assert (run.is_lost, run.ask_after) == (False, 0.0)
    now, pauses = 3.0, []
    for _ in range(8):
        run.not_found(now, LATE_SECONDS, None)
        pauses.append(run.ask_after - now)
        now = run.ask_after
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert run.is_lost and not run.is_over


def test_a_lost_leg_is_given_up_after_hours() -> None:
    run = leg()
    run.not_found(5.0, LATE_SECONDS, None)
    run.not_found(LOST_SECONDS - 1, LATE_SECONDS, None)
    assert run.is_lost
    run.not_found(LOST_SECONDS, LATE_SECONDS, None)
    assert (run.is_lost, run.is_over) == (False, True)
    assert run.rejected == "the exchange does not know it"


@pytest.mark.parametrize(("expiry", "until"), [(5.0, 5.0), (1.0, LATE_SECONDS)])
def test_where_requests_expire_not_found_is_proof_but_never_before_it_counts_as_late(
    expiry: float, until: float
) -> None:
    run = leg()
    run.not_found(0.5, LATE_SECONDS, expiry)
    run.not_found(until - 0.1, LATE_SECONDS, expiry)
    assert not run.is_over
    run.not_found(until, LATE_SECONDS, expiry)
    assert run.rejected == "the exchange does not know it"


def test_while_the_request_has_not_come_back_nothing_is_concluded() -> None:
    run = LegRun(ORDER, sent_at=0.0)
    run.not_found(LOST_SECONDS, LATE_SECONDS, 5.0)
    run.not_found(2 * LOST_SECONDS, LATE_SECONDS, 5.0)
    assert not run.is_over and not run.is_lost


def test_an_order_that_was_shown_and_then_not_for_a_minute_is_over_with_its_fills() -> None:
    run = leg(reported=seen("0.5"))
    run.not_found(100.0, LATE_SECONDS, 5.0)
    run.not_found(100 + 60 - 1, LATE_SECONDS, 5.0)
    assert not run.is_over
    run.not_found(100 + 60, LATE_SECONDS, 5.0)
    assert (run.is_over, run.filled, run.rejected) == (True, D("0.5"), "")


# What the ledger has of it


def test_what_was_committed_elsewhere_is_believed_as_far_as_the_order_goes() -> None:
    run = leg()
    # 1 coin at 100 with 0.1 % on top.
    run.believe(row(State.COMMITTED, "100.1"))
    assert (run.is_over, run.filled, run.cost, run.coin) == (True, 1, 100, 1)
    assert run.reported is not None and run.reported.order_id == "EX-7"
    more = leg()
    more.believe(row(State.COMMITTED, "250"))
    assert more.filled == ORDER.amount
    sale = leg(SALE)
    sale.believe(row(State.COMMITTED, "1.5", side="sell", currency="COIN", order_id=None))
    assert (sale.filled, sale.cost, sale.coin) == (D("1.5"), 150, D("-1.5"))
    assert sale.reported is not None and sale.reported.order_id == ""


@pytest.mark.parametrize("state", [State.RELEASED, State.EXPIRED])
def test_what_was_let_go_elsewhere_never_was_on_the_exchange(state: State) -> None:
    run = leg()
    run.believe(row(state, "0"))
    assert (run.rejected, run.filled) == (f"{state} in the ledger", 0)


# What the ledger is given


@pytest.mark.parametrize(
    ("reported", "step"),
    [
        (None, None),
        (seen("0"), Step(Move.BIND, "here-1", order_id="EX-1")),
        (
            seen("0", is_open=False),
            Step(Move.RELEASE, "here-1", why="ended without a fill"),
        ),
        (
            seen("1", fees={"USDT": "0.2"}),
            Step(Move.USE, "here-1", D("100.2"), "EX-1", D(1), "COIN"),
        ),
        # More than the 200.2 that are held may be used only at the end.
        (
            seen("2", fees={"USDT": "0.9"}),
            Step(Move.USE, "here-1", D("200.2"), "EX-1", D(2), "COIN"),
        ),
        (
            seen("2", is_open=False, fees={"USDT": "0.9"}),
            Step(Move.COMMIT, "here-1", D("200.9"), "EX-1", D(2), "COIN", excess=True),
        ),
        (
            seen("2", is_open=False, fees={"COIN": "0.002"}),
            Step(Move.COMMIT, "here-1", D(200), "EX-1", D("1.998"), "COIN", excess=True),
        ),
        (
            seen("1"),
            Step(Move.USE, "here-1", D("100.1"), "EX-1", D(1), "COIN", why=FEE_ASSUMED),
        ),
    ],
)
def test_each_report_is_one_step_of_its_reservation(
    reported: VenueOrder | None, step: Step | None
) -> None:
    run = leg(reported=reported)
    assert run.step() == step
    run.booked = step
    assert run.step() is None, "nothing new"


def test_a_rejected_leg_gives_its_money_back_with_the_reason() -> None:
    run = leg()
    run.rejected = "insufficient funds"
    assert run.step() == Step(Move.RELEASE, "here-1", why="insufficient funds")
