"""The lock between processes: fair, bounded, and without it the caller goes on."""

import fcntl
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger.sqlite.file_lock import TURN_SECONDS, FairLock
from tests.support.processes import PROCESSES


def hold(base, ready, release):
    lock = FairLock(base)
    assert lock.acquire(1)
    ready.set()
    release.wait(30)
    lock.release()
    time.sleep(30)


@pytest.fixture
def holder(tmp_path):
    ready, release = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=hold, args=(tmp_path / "books", ready, release))
    process.start()
    assert ready.wait(10)
    process.let_go = release.set
    yield process
    process.kill()
    process.join()


def test_it_can_be_had_again_and_again(tmp_path):
    lock = FairLock(tmp_path / "books")
    for _ in range(1000):
        assert lock.acquire(1)
        lock.release()
    lock.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["books.lock", "books.next"]


def test_waiting_has_an_end(tmp_path, holder):
    lock = FairLock(tmp_path / "books")
    started = time.monotonic()
    assert not lock.acquire(0.2)
    assert not lock.acquire(0.2)
    assert 0.35 < time.monotonic() - started < 20
    lock.close()


def test_who_waits_gets_it_when_it_is_free(tmp_path, holder):
    lock = FairLock(tmp_path / "books")
    assert not lock.acquire(0.05)
    holder.let_go()
    assert lock.acquire(5)
    lock.release()
    assert lock.acquire(5)
    lock.release()
    lock.close()


def test_what_a_killed_process_held_is_free(tmp_path, holder):
    lock = FairLock(tmp_path / "books")
    assert not lock.acquire(0.05)
    os.kill(holder.pid, signal.SIGKILL)
    assert lock.acquire(5)
    lock.release()
    lock.close()


def test_closing_while_the_queue_stands_still_leaves_nothing_locked(tmp_path, holder):
    lock = FairLock(tmp_path / "books")
    assert not lock.acquire(0.05)
    lock.close()
    holder.let_go()
    other = FairLock(tmp_path / "books")
    assert other.acquire(5)
    other.release()
    other.close()


def increment(base, file, turns):
    lock = FairLock(base)
    for _ in range(turns):
        assert lock.acquire(60)
        file.write_text(str(int(file.read_text()) + 1))
        lock.release()


def test_busy_processes_all_get_their_turns_and_never_at_once(tmp_path):
    file = tmp_path / "count"
    file.write_text("0")
    processes = [
        PROCESSES.Process(target=increment, args=(tmp_path / "books", file, 150)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert file.read_text() == "600"


def is_locked(path):
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_who_was_just_served_does_not_overtake_who_waits(tmp_path):
    # How evenly busy processes share in figures: tests/benchmarks/test_ledger_speed.py.
    clock = ManualClock()
    served, waiting = FairLock(tmp_path / "books", clock), FairLock(tmp_path / "books")
    assert served.acquire(1)
    with ThreadPoolExecutor(1) as thread:
        got = thread.submit(waiting.acquire, 60)
        while not is_locked(tmp_path / "books.next"):  # pytest's own limit ends it
            time.sleep(0.001)
        clock.advance(TURN_SECONDS)
        served.release()
        assert not served.acquire(0)
        assert got.result()
    waiting.release()
    # What it asked for in vain above comes to it now.
    assert served.acquire(60)
    served.close()
    waiting.close()


def test_within_a_turn_nothing_is_queued_for(tmp_path):
    served, waiting = FairLock(tmp_path / "books", ManualClock()), FairLock(tmp_path / "books")
    assert served.acquire(1)
    served.release()
    with (tmp_path / "books.next").open("rb") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        assert served.acquire(0)
        served.release()
        assert not waiting.acquire(0.01)
    assert waiting.acquire(60)
    served.close()
    waiting.close()
