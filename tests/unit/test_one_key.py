"""Two threads on one API key: requests one after the other, and nobody waits for long."""

import threading
import time
from types import SimpleNamespace

import ccxt
import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.integration.exchange import shared_api_key
from freqtrade_balance_guard.integration.exchange.shared_api_key import OwnConnection, Turns


class Api:
    """A connection that notes when requests begin and end."""

    def __init__(self, seconds=0.0):
        self.seconds, self.log = seconds, []

    def fetch2(self, name):
        self.log.append(f"{name} begins")
        time.sleep(self.seconds)
        self.log.append(f"{name} ends")
        return name


def in_thread(work, *args):
    thread = threading.Thread(target=work, args=args)
    thread.start()
    return thread


def test_requests_leave_one_after_the_other():
    api = Api(0.1)
    Turns(SystemClock()).hold(api)
    threads = [in_thread(api.fetch2, name) for name in "ab"]
    for thread in threads:
        thread.join()
    assert [line.split()[1] for line in api.log] == ["begins", "ends", "begins", "ends"]


def test_two_connections_of_one_key_take_turns_too():
    one, other = Api(0.1), Api(0.1)
    turns = Turns(SystemClock())
    turns.hold(one)
    turns.hold(other)
    first = in_thread(one.fetch2, "a")
    time.sleep(0.02)
    began = time.monotonic()
    other.fetch2("b")
    assert time.monotonic() - began > 0.15
    first.join()


@pytest.fixture
def short_turns(monkeypatch):
    monkeypatch.setattr(shared_api_key, "TURN_SECONDS", 0.2)


def test_for_a_request_that_hangs_the_other_waits_one_turn_in_all(short_turns):
    slow, quick = Api(2.0), Api()
    turns = Turns(SystemClock())
    turns.hold(slow)
    turns.hold(quick)
    hanging = in_thread(slow.fetch2, "a leg")
    time.sleep(0.02)
    began = time.monotonic()
    for number in range(5):
        quick.fetch2(f"exit {number}")
    assert time.monotonic() - began < 0.6
    hanging.join()


def test_a_request_that_fails_gives_its_turn_back():
    api = SimpleNamespace(fetch2=lambda: 1 / 0)
    turns = Turns(SystemClock())
    turns.hold(api)
    with pytest.raises(ZeroDivisionError):
        api.fetch2()
    began = time.monotonic()
    assert turns.take()
    assert time.monotonic() - began < 0.5
    turns.give()


def exchange_of(api):
    return SimpleNamespace(_api=api, id="kraken", markets={})


def test_a_time_out_of_one_connection_is_not_the_others():
    exchange = exchange_of(ccxt.kraken())
    own = OwnConnection(exchange, SystemClock())
    own._api.timeout, own._api.last_http_response = 1, "an answer"
    assert exchange._api.timeout == 10000
    assert exchange._api.last_http_response is None
    assert own._api.session is not exchange._api.session


def test_it_knows_of_the_markets_what_freqtrades_connection_knows_after_each_reload():
    exchange = exchange_of(ccxt.kraken())
    own = OwnConnection(exchange, SystemClock())
    for symbol in ("ETH/USDT", "BTC/USDT"):
        exchange._api.markets = {symbol: {"symbol": symbol}}
        assert list(own._api.markets) == [symbol]


def test_a_second_start_on_the_same_connection_shares_its_turns():
    exchange = exchange_of(ccxt.kraken())
    first, second = (OwnConnection(exchange, SystemClock()) for _ in range(2))
    kept = {getattr(api, shared_api_key.MARK) for api in (exchange._api, first._api, second._api)}
    assert len(kept) == 1


def test_everything_but_the_connection_is_freqtrades():
    exchange = exchange_of(ccxt.kraken())
    assert OwnConnection(exchange, SystemClock()).id == "kraken"
