"""The guard's own connection: bounded in time, and without a trace on freqtrade's object."""

import gc
import socket
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.exchange import Exchange, Kraken

from freqtrade_balance_guard.balances.snapshot import Snapshot, Unreadable
from freqtrade_balance_guard.clock import ManualClock, SystemClock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.shared_api_key import MARK
from freqtrade_balance_guard.integration.orders.guarded_exchange import guarded_class
from freqtrade_balance_guard.network import request_rate
from freqtrade_balance_guard.network.request_rate import RateLimited, RequestRate
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.exchange import Wire, exchange_behind, exchange_on


CLOCK = SystemClock()


def soon(seconds=2.0):
    return Deadline.after(CLOCK, seconds)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(Scenario.default()) as sandbox:
        yield sandbox


@pytest.fixture
def exchange(sandbox):
    yield exchange_on(sandbox)
    sandbox.control.clear_faults()


def reader_of(exchange, client=None):
    client = GuardClient(exchange, CLOCK) if client is None else client
    return BalanceReader(client, CLOCK, lambda: {"USDT"})


def settings_of(api):
    """What freqtrade's requests depend on; what the last answer was changes with every one."""
    volatile = {"lastRestRequestTimestamp"}
    return {
        name: value
        for name, value in vars(api).items()
        if name not in volatile and not name.startswith("last_")
    }


def test_a_read_leaves_freqtrades_own_connection_as_it_was(exchange):
    before = settings_of(exchange._api)
    with GuardClient(exchange, CLOCK).connection(soon()) as own:
        assert own._api is not exchange._api
        assert own._api.timeout <= 2000
        own.get_balances()
    assert settings_of(exchange._api) == before
    assert exchange._api.session is before["session"]


def test_two_reads_that_overlap_leave_everything_as_it_was(exchange, sandbox):
    before = settings_of(exchange._api)
    sandbox.control.fault("timeout", seconds=1, endpoint="BalanceEx", times=2)
    reader = reader_of(exchange)
    threads = []
    for seconds in (0.4, 0.8):
        threads.append(threading.Thread(target=reader.read, args=(soon(seconds),)))
        threads[-1].start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert settings_of(exchange._api) == before


def test_it_has_the_exchanges_own_class_and_logic(exchange):
    exchange.__class__ = guarded_class(type(exchange))
    exchange.create_order(
        pair="BTC/USDT", ordertype="limit", side="buy", amount=0.001, rate=10_000.0, leverage=1.0,
        reduceOnly=False, time_in_force="GTC",
    )  # fmt: skip
    with GuardClient(exchange, CLOCK).connection(soon()) as own:
        assert isinstance(own, type(exchange))
        assert isinstance(own, Kraken)
        assert own._config is exchange._config
        # freqtrade's class for Kraken adds up what resting orders hold.
        assert own.get_balances()["USDT"]["used"] == pytest.approx(10.0)


def test_that_it_is_gone_closes_nothing_of_freqtrades(exchange):
    with GuardClient(exchange, CLOCK).connection(soon()) as own:
        own.get_balances()
    del own
    gc.collect()
    assert not exchange.loop.is_closed()
    assert exchange.get_balances()["USDT"]["total"] > 0


def test_markets_that_freqtrade_has_loaded_anew_are_known(exchange):
    client = GuardClient(exchange, CLOCK)
    exchange.reload_markets(force=True)
    with client.connection(soon()) as own:
        assert own._api.markets is exchange._api.markets


def test_connections_are_kept_open_and_used_again(exchange):
    client = GuardClient(exchange, CLOCK)
    sessions = []
    for _ in range(3):
        with client.connection(soon()) as own:
            own.get_balances()
            sessions.append(own._api.session)
    assert len(set(map(id, sessions))) == 1
    assert len(sessions[0]._connections) == 1


def test_a_double_is_lent_out_as_it_is():
    double = SimpleNamespace(_api=SimpleNamespace())
    with GuardClient(double, CLOCK).connection(soon()) as own:
        assert own is double


# Servers that do not answer


@contextmanager
def server(behave):
    """A server that does with each connection what ``behave`` says, until it is closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection):
        with connection, suppress(OSError):
            behave(connection, is_over)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        listener.close()


def silent(connection, is_over):
    is_over.wait(20)


def a_byte_at_a_time(text):
    def behave(connection, is_over):
        connection.recv(65536)
        for byte in text:
            connection.sendall(byte.to_bytes(1, "big"))
            if is_over.wait(0.2):
                return
        is_over.wait(20)

    return behave


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n"


def all_but_the_end(connection, is_over):
    connection.recv(65536)
    connection.sendall(HEAD)
    a_byte_at_a_time(b"{" + b" " * 298 + b"}")(connection, is_over)


@pytest.mark.parametrize(
    "behave", [silent, a_byte_at_a_time(HEAD), all_but_the_end], ids=["silent", "head", "body"]
)
def test_no_server_keeps_a_read_longer_than_its_deadline(exchange, behave):
    before = threading.active_count()
    with server(behave) as address:
        exchange._api.urls = {**exchange._api.urls, "api": {"private": address, "public": address}}
        reader = reader_of(exchange)
        began = time.monotonic()
        answer = reader.read(soon(0.7))
        assert isinstance(answer, Unreadable)
        assert time.monotonic() - began < 2.0
        # Nor does it keep a thread of ours.
        time.sleep(0.3)
        ours = [t for t in threading.enumerate() if t.name == "balance-guard-request"]
        assert not ours, before


def test_after_a_read_that_hung_the_next_one_has_a_new_connection(exchange, sandbox):
    client = GuardClient(exchange, CLOCK)
    sandbox.control.fault("timeout", seconds=3, endpoint="BalanceEx", times=1)
    reader = reader_of(exchange, client)
    assert isinstance(reader.read(soon(0.3)), Unreadable)
    assert isinstance(reader.read(soon(2.0)), Snapshot)


def test_without_time_nothing_is_sent(exchange, sandbox):
    before = sandbox.control.counters()["endpoints"].get("BalanceEx", 0)
    reader = reader_of(exchange)
    assert isinstance(reader.read(soon(0.0)), Unreadable)
    assert sandbox.control.counters()["endpoints"].get("BalanceEx", 0) == before


# Turns


def test_on_kraken_requests_take_turns_and_no_wait_is_longer_than_a_second(exchange, sandbox):
    client = GuardClient(exchange, CLOCK)
    client.order_requests(WaitBudget(CLOCK))
    sandbox.control.fault("timeout", seconds=5, endpoint="BalanceEx", times=1)
    reader = reader_of(exchange, client)
    reading = threading.Thread(target=reader.read, args=(soon(2.5),))
    reading.start()
    time.sleep(0.2)
    began = time.monotonic()
    exchange.fetch_orders("BTC/USDT", CLOCK.wall())
    assert 0.5 < time.monotonic() - began < 2.2
    reading.join()


def test_freqtrades_own_requests_are_gated_once(exchange):
    GuardClient(exchange, CLOCK).order_requests(WaitBudget(CLOCK))
    gated = exchange._api.fetch2
    GuardClient(exchange, CLOCK).order_requests(WaitBudget(CLOCK))
    assert exchange._api.fetch2 is gated


@pytest.mark.parametrize("name", ["binance", "okx", "gate", "bybit", "kucoin"])
def test_where_requests_may_overtake_one_another_nothing_is_gated(monkeypatch, name):
    exchange = exchange_behind(Wire(monkeypatch), name)
    GuardClient(exchange, CLOCK).order_requests(WaitBudget(CLOCK))
    assert "fetch2" not in vars(exchange._api)
    assert getattr(exchange._api, MARK, None) is None


def test_a_simulated_bot_needs_no_turns(exchange):
    exchange._config["dry_run"] = True
    GuardClient(exchange, CLOCK).order_requests(WaitBudget(CLOCK))
    assert getattr(exchange._api, MARK, None) is None
    exchange._config["dry_run"] = False


def test_a_turn_is_not_waited_for_beyond_the_deadline(exchange):
    client = GuardClient(exchange, CLOCK)
    client.order_requests(WaitBudget(CLOCK))
    turns = getattr(exchange._api, MARK)
    taken = threading.Thread(target=turns.take)
    taken.start()
    taken.join()
    began = time.monotonic()
    reader_of(exchange, client).read(soon(0.3))
    assert time.monotonic() - began < 1.0


# The rate limit


def test_a_few_requests_may_leave_early_and_what_is_owed_is_waited_for():
    clock, slept = ManualClock(), []
    rate = RequestRate(clock, sleep=lambda seconds: slept.append(seconds))
    plenty = Deadline.after(clock, 1000)
    for _ in range(4):
        rate.take(3.0, idle_for=100, deadline=plenty)
    assert slept == []
    rate.take(3.0, idle_for=100, deadline=plenty)
    assert slept == []  # what is owed is exactly what may be
    rate.take(3.0, idle_for=100, deadline=plenty)
    assert slept == [3.0]


def test_a_pause_that_the_deadline_does_not_allow_is_not_made():
    clock = ManualClock()
    rate = RequestRate(clock, sleep=lambda _: pytest.fail("waited"))
    for _ in range(5):
        rate.take(3.0, idle_for=100, deadline=Deadline.after(clock, 1))
    with pytest.raises(RateLimited):
        rate.take(3.0, idle_for=100, deadline=Deadline.after(clock, 2.9))
    clock.advance(3.0)
    rate.take(3.0, idle_for=100, deadline=Deadline.after(clock, 1))


def test_freqtrades_own_last_request_counts():
    clock, slept = ManualClock(), []
    rate = RequestRate(clock, sleep=slept.append)
    rate.take(request_rate.BURST_SECONDS + 1, idle_for=0.5, deadline=Deadline.after(clock, 9))
    assert slept == [0.5]


def test_freqtrades_limiter_stays_on_and_does_not_keep_a_read_waiting(sandbox):
    exchange = exchange_on(sandbox, enableRateLimit=True, rateLimit=1000)
    exchange.fetch_orders("BTC/USDT", CLOCK.wall())
    began = time.monotonic()
    assert isinstance(reader_of(exchange).read(soon()), Snapshot)
    assert time.monotonic() - began < 1.0
    assert exchange._api.enableRateLimit is True


# Retries


def test_a_read_asks_once_also_where_freqtrades_class_asks_through_its_parent(monkeypatch):
    exchange = exchange_behind(Wire(monkeypatch), "hyperliquid", "futures")
    asked = []

    def fetch_balance(self, params=None):
        asked.append(params)
        raise ccxt.DDoSProtection("429")

    monkeypatch.setattr(type(exchange._api), "fetch_balance", fetch_balance)
    began = time.monotonic()
    assert isinstance(reader_of(exchange).read(soon()), Unreadable)
    assert len(asked) == 1
    assert time.monotonic() - began < 1.0


def test_freqtrades_own_class_alone_asks_once_too(monkeypatch):
    exchange = exchange_behind(Wire(monkeypatch), "binance")
    exchange.__class__ = Exchange
    asked = []

    def fetch_balance(self, params=None):
        asked.append(params)
        raise ccxt.NetworkError("no network")

    monkeypatch.setattr(type(exchange._api), "fetch_balance", fetch_balance)
    assert isinstance(reader_of(exchange).read(soon()), Unreadable)
    assert len(asked) == 1


def test_what_ccxt_learns_in_a_request_of_ours_stays_out_of_freqtrades_options(exchange):
    with GuardClient(exchange, CLOCK).connection(soon()) as own:
        own._api.options["uta"] = False  # Bitget's, after a request that was cut off
    assert "uta" not in exchange._api.options
