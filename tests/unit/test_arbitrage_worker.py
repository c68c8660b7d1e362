"""The pairs' thread: nothing waits for it, and it never forgets what is not resolved."""

import threading
import time

import pytest

from freqtrade_balance_guard.arbitrage.threads import worker
from freqtrade_balance_guard.arbitrage.threads.worker import ArbitrageWorker


class Executor:
    """Counts what it is asked for."""

    def __init__(self):
        self.works = 0
        self.is_closed = threading.Event()

    def work(self):
        self.works += 1

    def close(self):
        self.is_closed.set()


@pytest.fixture
def thread(monkeypatch):
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.05)
    one = ArbitrageWorker()
    yield one
    one.stop()


def until(condition, seconds=5.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_the_first_thing_is_to_look_after_what_was_left(thread):
    executor, order = Executor(), []
    executor.work = lambda: order.append("work")
    future = thread.submit(lambda: order.append("task"))
    thread.start(executor)
    future.result(5)
    assert order[:2] == ["work", "task"]


def test_what_is_not_resolved_is_looked_after_also_while_tasks_keep_coming(thread):
    executor = Executor()
    thread.start(executor)
    until(lambda: executor.works == 1)
    ends = time.monotonic() + 0.5
    while time.monotonic() < ends:
        thread.submit(lambda: time.sleep(0.01)).result(5)
    assert executor.works >= 4


def test_a_task_that_fails_fails_for_who_asked_and_for_nobody_else(thread):
    thread.start(Executor())
    failing = thread.submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.result(5)
    assert thread.submit(lambda: 7).result(5) == 7


def test_it_is_busy_until_all_that_was_asked_for_is_done(thread):
    goes_on = threading.Event()
    thread.start(Executor())
    future = thread.submit(goes_on.wait)
    assert thread.is_busy
    goes_on.set()
    future.result(5)
    until(lambda: not thread.is_busy)


def test_who_waited_for_a_task_finds_it_done(thread):
    thread.start(Executor())
    for _ in range(300):
        thread.submit(lambda: None).result(5)
        assert not thread.is_busy


def test_an_end_waits_for_what_is_under_way_and_cuts_its_pauses_short(thread):
    executor, done = Executor(), []
    thread.start(executor)

    def slow():
        thread.pause(30)
        done.append(True)

    thread.submit(slow)
    until(lambda: thread.is_busy)
    began = time.monotonic()
    thread.stop()
    assert time.monotonic() - began < 5
    assert done == [True]
    assert executor.is_closed.is_set()


def test_a_thread_that_hangs_does_not_keep_the_bot_from_ending(thread, monkeypatch, caplog):
    monkeypatch.setattr(worker, "END_SECONDS", 0.1)
    hangs = threading.Event()
    thread.start(Executor())
    thread.submit(hangs.wait)
    until(lambda: thread.is_busy)
    thread.stop()
    assert "keeps the thread of the arbitrages waiting" in caplog.text
    hangs.set()
