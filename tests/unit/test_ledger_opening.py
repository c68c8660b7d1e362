"""The one function that builds a ledger, and what it does not load."""

import inspect
import subprocess
import sys

import pytest

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import ReservationLedger, Reserved, open_ledger
from freqtrade_balance_guard.ledger.facts import (
    EndedTwice,
    MoneyReserved,
    ReservationCommitted,
    ReservationDenied,
    ReservationExpired,
    ReservationMoved,
    ReservationReleased,
)
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.sqlite.store import SqliteStore
from freqtrade_balance_guard.settings import load_settings
from tests.support.ledger import memory_ledger, order


def test_the_settings_name_the_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///relative.sqlite", f"sqlite:///{tmp_path}/absolute.sqlite?timeout=5"):
        store = open_store(url)
        assert isinstance(store, SqliteStore)
        assert store.mark() == 0
        store.close()
    assert sorted(p.name for p in tmp_path.glob("*.sqlite")) == [
        "absolute.sqlite",
        "relative.sqlite",
    ]


def test_nothing_is_opened_before_it_is_used(tmp_path):
    open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", bot="a", account="b")
    open_ledger("postgresql://nobody:secret@127.0.0.1:1/none", bot="a", account="b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", [open_ledger, ReservationLedger])
def test_what_is_not_said_is_as_in_the_settings(function):
    known = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    settings = load_settings({}).ledger
    for name in ("reservation_timeout", "heartbeat_timeout", "keep_days"):
        assert known[name] == getattr(settings, name)
    assert known["debug_validation"] is False


def test_another_kind_of_database_is_refused_without_its_password():
    with pytest.raises(SettingsError) as error:
        open_store("mysql://user:hunter2@host/books")
    assert "mysql" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_what_is_not_needed_is_not_loaded(tmp_path):
    code = f"""
import sys
from freqtrade_balance_guard.ledger import open_ledger
open_ledger({f"sqlite:///{tmp_path}/ledger.sqlite"!r}, bot="a", account="b").mark()
print([name for name in ("psycopg", "freqtrade", "pydantic") if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_run_of_a_bot_is_a_process_of_its_own():
    runs = {open_ledger("sqlite:///none", bot="a", account="b").process for _ in range(3)}
    assert len(runs) == 3


def test_everything_that_happens_is_stated_once():
    from freqtrade_balance_guard.clock import ManualClock

    told, clock = [], ManualClock()
    ledger = memory_ledger(bot="a", account="b", clock=clock, hub=EventHub(told.append))
    requests = [order(ledger, 20) for _ in range(3)]
    for request in requests:
        ledger.reserve(request)
        ledger.reserve(request)
    refused = order(ledger, 500)
    ledger.reserve(refused)
    ledger.reserve(refused)
    first, second, third = [request.client_order_id for request in requests]
    ledger.send(first)
    ledger.commit(first, requests[0].amount)
    ledger.commit(first, requests[0].amount)
    ledger.release(second, "rejected")
    clock.advance(61)
    ledger.expire_unsent()
    assert [type(fact) for fact in told] == [
        *[MoneyReserved] * 3,
        ReservationDenied,
        ReservationMoved,
        ReservationCommitted,
        EndedTwice,
        ReservationReleased,
        ReservationExpired,
    ]
    assert told[-1].reservation.client_order_id == third


def test_debug_validation_looks_after_every_step(monkeypatch):
    from freqtrade_balance_guard.ledger import InvariantBroken

    ledger = memory_ledger(bot="a", account="b", debug_validation=True)
    request = order(ledger, 20)
    assert isinstance(ledger.reserve(request), Reserved)
    rows = ledger.store._rows
    row = rows[request.client_order_id]
    rows[request.client_order_id] = row._replace(held=row.held + 1)
    with pytest.raises(InvariantBroken, match="holds 21"):
        ledger.send(request.client_order_id)
    assert [violation.rule for violation in ledger.audit()] == ["amounts", "totals"]
