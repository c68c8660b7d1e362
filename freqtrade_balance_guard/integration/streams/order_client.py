"""Sends orders from the engine's loop: ccxt's asynchronous client with the key of one exchange."""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.exchange.shared_api_key import OF_MARKETS, Turns, turns_of
from freqtrade_balance_guard.integration.streams.book_stream import OF_CONFIG


# An order must not wait for a new connection: it is used within the 15 s that ccxt keeps one.
WARM_SECONDS = 8.0
# What the synchronous client of a user may have that an asynchronous one does not know.
OF_REQUESTS_ONLY = ("proxies", "aiohttp_socks_proxy")
# Between two looks whether the bot's own loop still uses the key.
TURN_PAUSE_SECONDS = 0.001


class OrderClient:
    """Sends orders of one key. Made in any thread, used in the engine's loop only.

    :param exchange: freqtrade's, with its markets loaded
    """

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._client: Any = None
        self._used_at = float("-inf")
        self._turns: Turns | None = turns_of(exchange._api)

    async def create_order(
        self, request: Mapping[str, Any], params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Any:
        """Send it once, in turn with the bot's own requests of this key; raises ccxt's errors."""
        client = self._opened()
        async with self._turn():
            before = client.headers
            if headers:
                client.headers = {**(before or {}), **headers}
            try:
                return await client.create_order(**request, params=dict(params))
            finally:
                client.headers = before
                self._used_at = self._clock.monotonic()

    async def keep_warm(self) -> None:
        """Keep a connection open, so that no order waits for one; raises ccxt's errors."""
        if self._clock.monotonic() - self._used_at < WARM_SECONDS:
            return
        self._used_at = self._clock.monotonic()
        client = self._opened()
        if client.has.get("fetchTime"):
            await client.fetch_time()

    async def close(self) -> None:
        """End its connections."""
        if self._client is not None:
            await self._client.close()

    # Inside

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Take turns with who else uses the key, but wait for no request longer than a second."""
        turns = self._turns
        while turns is not None and not turns.take_at_once():
            if turns.is_too_long():
                turns = None
                break
            await asyncio.sleep(TURN_PAUSE_SECONDS)
        try:
            yield
        finally:
            if turns is not None:
                turns.give()

    def _opened(self) -> Any:
        theirs: Any = self._exchange._api
        if self._client is None:
            self._client = private_client(self._exchange)
        client = self._client
        if client.markets is not theirs.markets:
            for name in OF_MARKETS:
                if hasattr(theirs, name):
                    setattr(client, name, getattr(theirs, name))
        if "timeDifference" in theirs.options:
            client.options["timeDifference"] = theirs.options["timeDifference"]
        return client


def private_client(exchange: Exchange) -> Any:
    """Return an asynchronous ccxt object with the key of freqtrade's; in the engine's loop."""
    theirs: Any = exchange._api
    asynchronous: Any = exchange._api_async
    config: dict[str, Any] = {}
    for source in (asynchronous, theirs):
        for name in (*OF_CONFIG, *theirs.requiredCredentials):
            value = getattr(source, name, None)
            if value is not None:
                config[name] = value
    config["urls"] = copy.deepcopy(theirs.urls)
    config["options"] = copy.deepcopy(theirs.options)
    return type(asynchronous)(config)


def sends_asynchronously(exchange: Exchange) -> bool:
    """Return whether orders can leave from the engine's loop as they would from a thread."""
    theirs: Any = exchange._api
    has_own_way = any(getattr(theirs, name, None) for name in OF_REQUESTS_ONLY)
    return not has_own_way and hasattr(exchange, "_api_async")
