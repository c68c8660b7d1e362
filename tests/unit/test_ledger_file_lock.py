"""The lock between processes: fair, bounded, and without it the caller goes on."""

import os
import signal
import time

import pytest

from freqtrade_balance_guard.ledger.sqlite.file_lock import FairLock
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
    assert 0.35 < time.monotonic() - started < 1
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


def busy(base, seconds, results):
    lock, turns, longest = FairLock(base), 0, 0.0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        asked = time.monotonic()
        assert lock.acquire(5)
        longest = max(longest, time.monotonic() - asked)
        time.sleep(0.0001)
        lock.release()
        turns += 1
    results.put((turns, longest))


def test_busy_processes_share_evenly(tmp_path):
    results = PROCESSES.Queue()
    processes = [
        PROCESSES.Process(target=busy, args=(tmp_path / "books", 1.5, results)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    told = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    turns = [one[0] for one in told]
    assert min(turns) > 0.5 * max(turns)
    assert max(one[1] for one in told) < 1
