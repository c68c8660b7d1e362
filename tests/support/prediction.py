"""Prediction markets for tests: a sandbox on a real port in a thread, and ccxt's clients of it."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt.prediction

from freqtrade_balance_guard.sandbox import PredictionScenario, SandboxClient
from freqtrade_balance_guard.sandbox.kalshi.names import ticker_of
from freqtrade_balance_guard.sandbox.polymarket.names import token_id_of
from freqtrade_balance_guard.sandbox.prediction.orders import Bet, BetOrder
from freqtrade_balance_guard.sandbox.prediction_exchange.audit import audit
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.venue_config import venue_section
from freqtrade_balance_guard.sandbox.script.clock import ManualClock, SystemClock
from freqtrade_balance_guard.sandbox.server import Server
from freqtrade_balance_guard.sandbox.server_addresses import Addresses
from freqtrade_balance_guard.sandbox.sxbet.names import hash_of


DIALECTS = ("polymarket", "kalshi", "sxbet")
EVENT = "fed-cut-december"


def outcome_id(dialect: str, outcome: int, market: str = EVENT) -> str:
    """What ccxt calls `outcomeId`."""
    if dialect == "polymarket":
        return token_id_of(market, outcome)
    whole = ticker_of(market) if dialect == "kalshi" else hash_of(market)
    suffix = {"kalshi": "-NO", "sxbet": "-2"}[dialect]
    return whole + suffix if outcome else whole


class PredictionBench:
    """An exchange in memory with a clock to turn."""

    def __init__(self, dialect: str, **scenario: Any) -> None:
        self.clock = ManualClock()
        content = {"dialect": dialect, **scenario}
        self.exchange = PredictionExchange(PredictionScenario.model_validate(content), self.clock)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.exchange.advance()

    def place(
        self,
        outcome: int,
        side: Any,
        shares: str,
        limit: str,
        *,
        account: str = "main",
        **more: Any,
    ) -> BetOrder:
        bet = Bet(EVENT, outcome, side, Decimal(limit), Decimal(shares), **more)
        return self.exchange.place_order(account, "", bet)

    def spend(self, outcome: int, money: str, limit: str, **more: Any) -> BetOrder:
        """An order that spends money, as a FOK or FAK purchase on Polymarket does."""
        return self.place(
            outcome,
            "buy",
            str(Decimal(money) / Decimal(limit)),
            limit,
            budget=Decimal(money),
            **{"time_in_force": "IOC", **more},
        )

    def money(self, account: str = "main") -> Any:
        purses = self.exchange.purses
        return purses.account(account).holding(purses.currency)

    def shares(self, outcome: int, account: str = "main") -> Decimal:
        return self.exchange.purses.shares(account, EVENT, outcome)

    def book(self, **sides: list[tuple[str, str]]) -> None:
        from freqtrade_balance_guard.sandbox.prediction_exchange.control import set_book

        set_book(self.exchange, {"market": EVENT, **sides})

    def assert_books_right(self) -> None:
        assert audit(self.exchange) == {
            "ok": True,
            "time": self.exchange.now(),
            "findings": [],
        }


class NearPrediction:
    """The real server on a real port, but in a thread: starts in milliseconds."""

    def __init__(self, dialect: str, **scenario: Any) -> None:
        self.dialect = dialect
        content = {"dialect": dialect, **scenario}
        self.exchange = PredictionExchange(
            PredictionScenario.model_validate(content), SystemClock()
        )
        self.scenario = self.exchange.scenario
        self._server = Server(self.exchange)
        ready: queue.Queue[Addresses] = queue.Queue()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(
                self._server.run("127.0.0.1", 0, ready.put, alive=lambda: True)
            )
        )
        self._thread.start()
        self.url = ready.get(timeout=20).url
        self.control = SandboxClient(self.url)

    def section(self, account: str = "main", key_index: int = 0) -> dict[str, Any]:
        return venue_section(self.scenario, self.url, account, key_index)

    def outcome(self, outcome: int, market: str = EVENT) -> str:
        return outcome_id(self.dialect, outcome, market)

    def orders(self) -> list[dict[str, Any]]:
        return self.control.orders()

    def stop(self) -> None:
        self.control.close()
        self._server.stop()
        self._thread.join(10)


def client_of(sandbox: NearPrediction, account: str = "main", **more: Any) -> Any:
    """ccxt's own client for the first key of an account."""
    section = sandbox.section(account)
    config = {
        "apiKey": section.get("key"),
        "privateKey": section["private_key"],
        "walletAddress": section.get("wallet_address"),
        "timeout": 15000,
        **section["ccxt_config"],
        **more,
    }
    return getattr(ccxt.prediction, sandbox.dialect)(config)


def on(
    sandbox: NearPrediction,
    work: Callable[[Any], Awaitable[Any]],
    account: str = "main",
    **more: Any,
) -> Any:
    """Runs `work` with a client of its own in a fresh event loop; markets are loaded on SX."""

    async def run() -> Any:
        async with client_of(sandbox, account, **more) as client:
            if sandbox.dialect == "sxbet":
                await client.load_markets()
            return await work(client)

    return asyncio.run(run())
