"""What is worth a message: once at its begin, once at its end, never in every loop."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.arbitrage.events import (
    BreakerResumed,
    BreakerTripped,
    UnhedgedClosed,
    UnhedgedFound,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    ExitBackedOff,
    PairsLocked,
    PairsUnlocked,
)
from freqtrade_balance_guard.ledger.facts import ReservationCommitted, ReservationReleased
from freqtrade_balance_guard.ledger.reservation import Reservation, State
from freqtrade_balance_guard.monitoring.messages import Kind, Message, Notices
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures, Figures
from freqtrade_balance_guard.monitoring.outbox import Outbox, read_messages
from freqtrade_balance_guard.orders.events import (
    ExitUnresolved,
    LostReplyFound,
    OrderAccepted,
    OrderUnresolved,
)
from freqtrade_balance_guard.settings import AlertSettings


D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPOSURE = Exposure(
    *(3, "bot", 7, "BTC", D(1), "there", "account", "BTC/USDT", D(5), "bot", "BTC/USDT", D(5)),
    *(D(5), NOW, NOW, "just recorded"),
)


@pytest.fixture
def notices() -> Notices:
    return Notices(AlertSettings(), "USDT")


def told(messages) -> list[tuple[str, str]]:
    return [(str(one.kind), one.code) for one in messages]


def row(client_order_id: str, committed: int) -> Reservation:
    return Reservation(
        *(1, client_order_id, None, "kraken", "bot", "run", "A/B", "buy", "B", D(10), D(0)),
        *(D(committed), State.COMMITTED, NOW, "O1", 1, 1),
    )


def test_an_order_without_a_known_outcome_is_told_once_and_its_end_once(notices) -> None:
    lost = OrderUnresolved("A/B", "id", "entry")
    assert told(notices.of_event(lost)) == [("incident", "order_unresolved")]
    assert told(notices.of_event(lost)) == []
    ended = ReservationCommitted(row("id", 5))
    assert told(notices.of_event(ReservationCommitted(row("another", 5)))) == []
    (message,) = notices.of_event(ended)
    assert message.kind is Kind.RECOVERY and "it was filled" in message.text
    assert told(notices.of_event(ended)) == []
    list(notices.of_event(lost))
    (message,) = notices.of_event(ReservationReleased(row("id", 0)))
    assert "nothing of it was filled" in message.text


def test_an_exit_that_is_not_waited_for_any_longer_is_reported_once_and_its_end_once(
    notices,
) -> None:
    list(notices.of_event(OrderUnresolved("A/B", "id", "exit")))
    given_up = ExitUnresolved("A/B", "id")
    assert told(notices.of_event(given_up)) == [("incident", "exit_unresolved")]
    assert told(notices.of_event(given_up)) == []
    (message,) = notices.of_event(ReservationReleased(row("id", 0)))
    assert message.kind is Kind.RECOVERY and "nothing of it was filled" in message.text
    assert told(notices.of_event(given_up)) == [("incident", "exit_unresolved")]


def test_what_is_unhedged_is_told_at_its_begin_and_end_also_after_a_restart(notices) -> None:
    assert told(notices.of_event(UnhedgedOpened(EXPOSURE))) == [("incident", "unhedged")]
    assert told(notices.of_event(UnhedgedFound(EXPOSURE))) == []
    assert told(notices.of_event(UnhedgedClosed(EXPOSURE))) == [("recovery", "unhedged")]
    assert told(notices.of_event(UnhedgedFound(EXPOSURE))) == [("incident", "unhedged")]
    closing = replace(EXPOSURE, closes=True)
    assert told(notices.of_event(UnhedgedClosed(closing))) == []


def test_what_the_user_has_closed_is_not_called_hedged(notices) -> None:
    list(notices.of_event(UnhedgedOpened(EXPOSURE)))
    closed = replace(EXPOSURE, closed_how="sold on the exchange")
    (message,) = notices.of_event(UnhedgedClosed(closed, is_by_hand=True))
    assert message.kind is Kind.RECOVERY
    assert message.text.endswith("was closed by hand: sold on the exchange.")
    assert told(notices.of_event(UnhedgedClosed(closed, is_by_hand=True))) == []


def test_a_position_that_is_too_small_is_told_once_until_it_could_be_sold(notices) -> None:
    assert told(notices.of_event(ExitBackedOff("A/B"))) == [("incident", "exit_too_small")]
    assert told(notices.of_event(ExitBackedOff("A/B"))) == []
    assert told(notices.of_event(OrderAccepted("A/B", "entry"))) == []
    assert told(notices.of_event(OrderAccepted("A/B", "exit"))) == [("recovery", "exit_too_small")]
    assert told(notices.of_event(OrderAccepted("A/B", "exit"))) == []


def test_news_are_told_each_time_and_balance_changes_only_where_they_are_wanted(notices) -> None:
    change = BalanceChangedExternally("EUR", D(-5), D(10))
    (message,) = notices.of_event(change)
    assert message.text.startswith("EUR fell by 5 beyond own orders, to 10 in all")
    assert told(notices.of_event(change)) == [("news", "balance_change")]
    assert told(notices.of_event(LostReplyFound("A/B", "O1"))) == [("news", "lost_reply_found")]
    quiet = Notices(AlertSettings(balance_change=False), "USDT")
    assert told(quiet.of_event(change)) == []


def test_a_lock_carries_what_freqtrades_own_message_needs(notices) -> None:
    lock = {"pair": "*", "lock_end_time": "2026-01-01 10:00:00", "reason": "below"}
    (message,) = notices.of_event(PairsLocked("*", "below", lock))
    assert (message.kind, message.details) == (Kind.LOCK, lock)
    (message,) = notices.of_event(PairsUnlocked("*", "10 available"))
    assert message.text == "all pairs can be bought again: 10 available."


def figures(**more: object) -> Figures:
    base = BalanceFigures("kraken", "USDT", total=D(100), used=D(0), verdict="confirmed")
    return Figures((replace(base, **more),))  # type: ignore[arg-type]


def test_utilization_is_told_above_its_border_and_again_only_after_ten_points_less(notices) -> None:
    seen = []
    for used in (79, 80, 81, 79, 85, 71, 90, 69, 81, 50, 95):
        seen.append(len(told(notices.of_figures(figures(used=D(used)), 0.0))))
    assert seen == [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1]


def test_a_discrepancy_that_lasts_is_reported_above_its_border_unless_own_money_is_under_way(
    notices,
) -> None:
    looks = [
        (0, 100, "confirmed", 0),
        (1, 98, "lagging", 0),
        (2, 98, "external_change", 0),
        (16, 98, "external_change", 0),  # for 14 s
        (17, 98, "confirmed", 1),
        (18, 99.4, "confirmed", 0),
        (19, 98, "confirmed", 0),
        (40, 98, "confirmed", 0),  # the same one goes on
        (41, 99.6, "confirmed", 0),
        (42, 98, "confirmed", 0),
        (50, 99.6, "confirmed", 0),  # gone after 8 s
        (51, 98, "confirmed", 0),
        (66, 98, "confirmed", 1),
    ]
    for now, shown, verdict, count in looks:
        look = figures(seen=D(str(shown)), expected=D(100), verdict=verdict)
        assert len(told(notices.of_figures(look, float(now)))) == count, now


def test_an_unreadable_balance_is_told_after_a_minute_and_a_ledger_at_once(notices) -> None:
    away = figures(verdict="unreadable")
    assert told(notices.of_figures(away, 0.0)) == []
    assert told(notices.of_figures(away, 59.0)) == []
    assert told(notices.of_figures(away, 60.0)) == [("incident", "balance_unreadable")]
    assert told(notices.of_figures(away, 70.0)) == []
    assert told(notices.of_figures(figures(), 80.0)) == [("recovery", "balance_unreadable")]
    assert told(notices.of_figures(away, 90.0)) == []
    two = replace(away, balances=(*away.balances, replace(away.balances[0], currency="EUR")))
    list(notices.of_figures(figures(), 190.0))
    assert told(notices.of_figures(two, 200.0)) == []
    (message,) = notices.of_figures(two, 260.0)
    assert "USDT, EUR has been unreadable" in message.text
    assert told(notices.of_figures(two, 270.0)) == []
    back = [replace(one, verdict="confirmed") for one in two.balances]
    (message,) = notices.of_figures(replace(two, balances=tuple(back)), 280.0)
    assert message.text == "The balance of USDT, EUR is readable again."
    gone = replace(figures(), is_ledger_up=False)
    assert told(notices.of_figures(gone, 91.0)) == [("incident", "ledger_unavailable")]
    assert told(notices.of_figures(gone, 92.0)) == []
    assert told(notices.of_figures(figures(), 93.0)) == [("recovery", "ledger_unavailable")]


class Sender:
    """Remembers what is sent; blocks while it is told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, message: Message) -> None:
        self.may_go.wait()
        self.sent.append(message)

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 10
        while len(self.sent) < count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.sent) >= count, self.sent


@pytest.fixture
def outbox(tmp_path: Path):
    sender = Sender()
    one = Outbox(tmp_path / "guard.sqlite", "kraken", "bot", ManualClock(), sender)
    yield one, sender
    sender.may_go.set()
    one.close()


def test_messages_of_one_moment_go_out_together_and_are_kept_one_by_one(outbox, tmp_path) -> None:
    box, sender = outbox
    for number in range(3):
        box.put(Message(Kind.INCIDENT, "a", f"text {number}"))
    box.put(Message(Kind.LOCK, "locked", "why", {"pair": "*"}))
    sender.wait_for(2)
    assert [one.text for one in sender.sent] == ["text 0\ntext 1\ntext 2", "why"]
    kept = read_messages(tmp_path / "guard.sqlite", "kraken")
    assert [one.text for one in kept] == ["why", "text 2", "text 1", "text 0"]


def test_a_sender_that_hangs_holds_up_nobody_and_the_queue_is_bounded(outbox) -> None:
    box, sender = outbox
    sender.may_go.clear()
    began = time.monotonic()
    for number in range(500):
        box.put(Message(Kind.LOCK, "locked", f"{number}", {"pair": "*"}))
    assert time.monotonic() - began < 1
    sender.may_go.set()
    sender.wait_for(50)
    time.sleep(0.7)
    assert len(sender.sent) < 200 and sender.sent[-1].text == "499"


def test_a_sender_that_fails_is_logged_and_the_next_message_goes_out(outbox, caplog) -> None:
    box, sender = outbox
    box._send = lambda message: 1 / 0
    box.put(Message(Kind.NEWS, "a", "one"))
    end = time.monotonic() + 5
    while "could not be sent" not in caplog.text and time.monotonic() < end:
        time.sleep(0.02)
    box._send = sender
    box.put(Message(Kind.NEWS, "a", "two"))
    sender.wait_for(1)
    assert sender.sent[0].text == "two"


def test_a_breaker_is_told_when_it_stops_arbitrages_and_when_they_may_begin_again(notices) -> None:
    tripped = BreakerTripped("main", "20 in stake currency was lost; max_loss is 10")
    (message,) = notices.of_event(tripped)
    assert message.kind is Kind.INCIDENT and "arbitrages resume" in message.text
    assert told(notices.of_event(tripped)) == []
    assert told(notices.of_event(BreakerResumed("main"))) == [("recovery", "breaker")]
