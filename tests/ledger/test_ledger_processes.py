"""Several real processes on one set of books: together they never promise more than there is."""

import os
import signal
import time
from decimal import Decimal

import pytest

from freqtrade_balance_guard.ledger import LedgerUnavailable, Reserved, open_ledger
from tests.support.ledger import order
from tests.support.processes import PROCESSES


@pytest.fixture(params=["sqlite", "postgres"])
def db_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgres")


def run(number, target, *args):
    """Let ``number`` processes do ``target`` at the same time."""
    barrier = PROCESSES.Barrier(number)
    results = PROCESSES.Queue()
    processes = [
        PROCESSES.Process(target=_child, args=(barrier, results, target, name, *args))
        for name in "abcd"[:number]
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    return answers


def _child(barrier, results, target, name, *args):
    barrier.wait()
    try:
        results.put(target(name, *args))
    except Exception as error:
        results.put(error)
        raise


def grab(name, db_url, account):
    ledger = open_ledger(db_url, bot=name, account=account)
    got = 0
    for _ in range(40):
        got += isinstance(ledger.reserve(order(ledger, 3)), Reserved)
    ledger.close()
    return got


@pytest.mark.parametrize("number", [2, 4])
def test_what_is_there_is_given_out_once(db_url, number):
    account = f"grab-{number}"
    assert sum(run(number, grab, db_url, account)) == 33
    watcher = open_ledger(db_url, bot="watcher", account=account)
    assert watcher.held("USDT").others == 99
    assert watcher.audit() == []
    watcher.close()


def come_and_go(name, db_url, account, outstanding, most, enough):
    """Reserve and let go again and again; ``outstanding`` is what all processes hold together.

    It goes on until all have met (``most`` is ``enough``): on a busy machine that takes a while.
    """
    ledger = open_ledger(db_url, bot=name, account=account)
    began, got = time.monotonic(), 0
    while (took := time.monotonic() - began) < 1.5 or (most.value < enough and took < 30):
        request = order(ledger, 30)
        if not isinstance(ledger.reserve(request), Reserved):
            continue
        ledger.send(request.client_order_id)
        with outstanding.get_lock():
            outstanding.value += 30
            most.value = max(most.value, outstanding.value)
        time.sleep(0.001)
        with outstanding.get_lock():
            outstanding.value -= 30
        ledger.release(request.client_order_id, "done")
        got += 1
    ledger.close()
    return got


@pytest.mark.parametrize("number", [2, 4])
def test_bots_that_come_and_go_never_hold_more_than_there_is(db_url, number):
    account = f"come-and-go-{number}"
    outstanding, most = PROCESSES.Value("i", 0), PROCESSES.Value("i", 0)
    enough = min(30 * number, 90)
    reserved = run(number, come_and_go, db_url, account, outstanding, most, enough)
    assert min(reserved) > 0
    assert most.value == enough
    watcher = open_ledger(db_url, bot="watcher", account=account)
    assert watcher.held("USDT").others == 0
    assert watcher.audit() == []
    watcher.close()


def spend(name, db_url, account, exchange):
    """Buy with what the exchange says is free, seen at different moments by each bot."""
    ledger = open_ledger(db_url, bot=name, account=account)
    mark, free = 0, Decimal(100)
    for turn in range(60):
        if turn % 7 == 0:
            mark = ledger.mark()
            free = Decimal(exchange.value)
            ledger.seen(mark)
        request = order(ledger, 2, spendable=free, mark=mark)
        if not isinstance(ledger.reserve(request), Reserved):
            continue
        ledger.send(request.client_order_id)
        with exchange.get_lock():
            if exchange.value < 2:
                return "rejected for funds"
            exchange.value -= 2
        ledger.commit(request.client_order_id, Decimal(2))
    ledger.close()
    return "fine"


@pytest.mark.parametrize("number", [2, 4])
def test_no_order_is_rejected_for_funds_whatever_balance_each_bot_last_saw(db_url, number):
    account = f"spend-{number}"
    exchange = PROCESSES.Value("i", 100)
    assert run(number, spend, db_url, account, exchange) == ["fine"] * number
    assert 0 <= exchange.value < 40  # and most of it was spent


def test_one_that_is_killed_in_the_middle_holds_nobody_up(db_url):
    account = "killed"
    victims = [
        PROCESSES.Process(target=_busy_for_ever, args=(name, db_url, account))
        for name in ("a", "b")
    ]
    for victim in victims:
        victim.start()
    time.sleep(0.5)
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    survivor = open_ledger(db_url, bot="c", account=account)
    started = time.monotonic()
    assert isinstance(survivor.reserve(order(survivor, 1, spendable=10**9)), Reserved)
    assert time.monotonic() - started < 2
    assert survivor.audit() == []
    survivor.close()


def _busy_for_ever(name, db_url, account):
    ledger = open_ledger(db_url, bot=name, account=account)
    while True:
        request = order(ledger, 1, spendable=10**9)
        ledger.reserve(request)
        ledger.release(request.client_order_id, "done")


def test_one_that_stands_still_in_the_middle_of_a_write_does_not_hold_up_the_others(tmp_path):
    db_url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ready = PROCESSES.Event()
    sleeper = PROCESSES.Process(target=_stop_inside_a_write, args=(db_url, ready))
    sleeper.start()
    assert ready.wait(10)
    ledger = open_ledger(db_url, bot="awake", account="main")
    started = time.monotonic()
    try:
        with pytest.raises(LedgerUnavailable, match="locked"):
            ledger.reserve(order(ledger, 1))
        assert time.monotonic() - started < 3
    finally:
        os.kill(sleeper.pid, signal.SIGKILL)
        sleeper.join()
    time.sleep(2.1)
    assert isinstance(ledger.reserve(order(ledger, 1)), Reserved)
    ledger.close()


def _stop_inside_a_write(db_url, ready):
    ledger = open_ledger(db_url, bot="asleep", account="main")

    def stop(db):
        ready.set()
        time.sleep(60)

    ledger.store._file.write(stop, flush=False)
