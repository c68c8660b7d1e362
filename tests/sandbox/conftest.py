"""What the sandbox's tests share: an exchange in memory, and one in a process with ccxt on it."""

import asyncio
import base64
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest

from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario
from freqtrade_balance_guard.sandbox.binance.auth import sign as binance_sign
from freqtrade_balance_guard.sandbox.certificate import server_context
from freqtrade_balance_guard.sandbox.core.orders import Order, OrderRequest
from freqtrade_balance_guard.sandbox.engine.audit import audit
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import Answer, Request
from freqtrade_balance_guard.sandbox.freqtrade_config import exchange_section
from freqtrade_balance_guard.sandbox.kraken.auth import sign
from freqtrade_balance_guard.sandbox.script.clock import ManualClock, SystemClock
from freqtrade_balance_guard.sandbox.server import Server, ServerTls
from freqtrade_balance_guard.sandbox.server_addresses import Addresses
from freqtrade_balance_guard.sandbox.service import Service


@dataclass
class Bench:
    """An exchange in memory with a clock to turn, and short words for what tests do with it."""

    exchange: Exchange
    clock: ManualClock
    account: str = "main"
    key: str = ""
    _service: list[Service] = field(default_factory=list)
    _nonce: int = 0

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.exchange.advance()

    def place(
        self,
        side: Any,
        order_type: Any,
        amount: str,
        price: str | None = None,
        *,
        symbol: str = "ETH/USDT",
        **more: Any,
    ) -> Order:
        request = OrderRequest(
            symbol=symbol,
            side=side,
            order_type=order_type,
            amount=Decimal(amount),
            price=None if price is None else Decimal(price),
            **more,
        )
        return self.exchange.place_order(self.account, self.key, request)

    def total(self, currency: str) -> Decimal:
        return self.exchange.account(self.account).holding(currency).total

    def held(self, currency: str) -> Decimal:
        return self.exchange.account(self.account).holding(currency).held

    def free(self, currency: str) -> Decimal:
        return self.exchange.account(self.account).holding(currency).free

    def audit(self) -> dict[str, Any]:
        return audit(self.exchange)

    def events(self, *names: str) -> list[dict[str, Any]]:
        return [entry for entry in self.exchange.journal.entries() if entry["event"] in names]

    def ask(self, endpoint: str, key_index: int = 0, **params: str) -> Answer:
        """A signed private request as ccxt would send it, without HTTP."""
        if not self._service:
            self._service.append(Service(self.exchange))
        api_key = self.exchange.scenario.api_key(self.account, key_index)
        self._nonce += 1
        body = "&".join(f"{k}={v}" for k, v in {"nonce": str(self._nonce), **params}.items())
        path = f"/0/private/{endpoint}"
        secret = base64.b64decode(api_key.secret)
        signature = sign(secret, path, body.encode(), str(self._nonce))
        request = Request(
            method="POST",
            path=path,
            body=body.encode(),
            content_type="application/x-www-form-urlencoded",
            headers={"api-key": api_key.key, "api-sign": signature},
        )
        return self._service[0].answer(request)


@dataclass
class BinanceBench(Bench):
    """The same, asked in Binance's protocol."""

    def ask(self, endpoint: str, key_index: int = 0, **params: str) -> Answer:
        """A request such as "POST /api/v3/order", signed as ccxt would."""
        api_key = self.exchange.scenario.api_key(self.account, key_index)
        stamped = {"timestamp": str(int(self.clock.now() * 1000)), "recvWindow": "10000", **params}
        text = urlencode(stamped)
        signature = binance_sign(api_key.secret.encode(), text)
        return self.send(endpoint, f"{text}&signature={signature}", api_key.key)

    def send(self, endpoint: str, text: str, key: str) -> Answer:
        if not self._service:
            self._service.append(Service(self.exchange))
        method, path = endpoint.split(" ")
        in_query = method in ("GET", "DELETE")
        request = Request(
            method=method,
            path=path,
            query=text if in_query else "",
            body=b"" if in_query else text.encode(),
            content_type="application/x-www-form-urlencoded",
            headers={"x-mbx-apikey": key},
        )
        return self._service[0].answer(request)

    def json(self, endpoint: str, key_index: int = 0, **params: str) -> Any:
        """The content of a good answer."""
        answer = self.ask(endpoint, key_index, **params)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    def error(self, endpoint: str, **params: str) -> tuple[int, int, str]:
        """(HTTP status, code, text) of a bad answer."""
        answer = self.ask(endpoint, **params)
        content = json.loads(answer.text)
        return answer.status, content["code"], content["msg"]

    def view(self, coin: str = "USDT") -> Any:
        """The account's wallet of one coin in a futures exchange."""
        return self.exchange.futures.wallets(self.account, self.exchange.now())[coin]

    def position(self, symbol: str = "ETH/USDT:USDT", side: Any = "BOTH") -> Any:
        return self.exchange.futures.state.position(self.account, symbol, side)


@pytest.fixture
def bench_of() -> Callable[..., Bench]:
    def make(**scenario: Any) -> Bench:
        clock = ManualClock()
        kind = Bench if scenario.get("dialect", "kraken") == "kraken" else BinanceBench
        return kind(Exchange(Scenario.model_validate(scenario), clock), clock)

    return make


@pytest.fixture
def bench(bench_of: Callable[..., Bench]) -> Bench:
    """One account with 1000 USDT on the default markets; ETH costs 2500 with 0.5 spread."""
    return bench_of()


class NearSandbox:
    """The real server on a real port, but in a thread: starts in milliseconds.

    Has what tests use of `Sandbox`, which the process, ccxt and freqtrade tests start for real.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario.with_keys()
        self._server = Server(Exchange(self.scenario, SystemClock()))
        ready: queue.Queue[Addresses] = queue.Queue()
        tls = None if self.scenario.dialect == "kraken" else ServerTls(0, server_context())
        self._thread = threading.Thread(
            target=lambda: asyncio.run(
                self._server.run("127.0.0.1", 0, ready.put, alive=lambda: True, tls=tls)
            )
        )
        self._thread.start()
        addresses = ready.get(timeout=10)
        self.url, self._tls_url = addresses.url, addresses.tls_url
        self.control = SandboxClient(self.url)

    def freqtrade_exchange(
        self, account: str = "main", key_index: int = 0, *, streams: bool = False
    ) -> dict[str, Any]:
        return exchange_section(
            self.scenario, self.url, account, key_index, self._tls_url, streams=streams
        )

    def stop(self) -> None:
        self.control.close()
        self._server.stop()
        self._thread.join(10)


@pytest.fixture
def start() -> Iterator[Callable[..., NearSandbox]]:
    """Starts sandboxes and ends them after the test."""
    running: list[NearSandbox] = []

    def make(**scenario: Any) -> NearSandbox:
        running.append(NearSandbox(Scenario.model_validate(scenario)))
        return running[-1]

    yield make
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def ccxt_of() -> Callable[..., ccxt.Exchange]:
    """ccxt's own client of a sandbox's protocol for one of its keys."""

    def make(
        sandbox: Sandbox | NearSandbox, account: str = "main", key_index: int = 0, **more: Any
    ) -> Any:
        section = sandbox.freqtrade_exchange(account, key_index)
        config = {"apiKey": section["key"], "secret": section["secret"], "timeout": 3000}
        config |= section["ccxt_config"] | more
        if sandbox.scenario.dialect == "binance-futures":  # as freqtrade sets it
            config["options"] = config["options"] | {"defaultType": "swap"}
        client = getattr(ccxt, section["name"])(config)
        client.load_markets()
        return client

    return make
