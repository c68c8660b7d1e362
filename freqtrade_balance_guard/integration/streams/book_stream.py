"""Order books by websocket, with ccxt.pro: one public client of its own for each venue."""

import asyncio
import copy
from typing import Any

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.arbitrage.books.stream import ReceivedBook
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.exchange.shared_api_key import OF_MARKETS


# More levels cost time with every message; an arbitrage rarely goes deeper.
LEVELS = 25
# The depth to ask for where the exchange's own default is less; it has to be one that it takes.
DEPTHS = {"kraken": LEVELS}
# Of what a user or freqtrade has set for ccxt, what a public connection needs as well.
OF_CONFIG = (
    *("urls", "headers", "hostname", "timeout", "enableRateLimit", "rateLimit", "userAgent"),
    *("cafile", "verify", "aiohttp_trust_env", "aiohttp_proxy"),
    *("httpProxy", "httpsProxy", "socksProxy", "wsProxy", "wssProxy", "wsSocksProxy"),
)
# A connection that gave no sign for so many times the age of a book is broken and opened anew.
SILENT_AGES = 5


class CcxtBookStream:
    """Follows order books of one exchange. Made and used in the engine's loop only.

    :param exchange: freqtrade's, with its markets loaded
    """

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._client = public_pro_client(exchange)
        # Of each connection, when anything came in last, and when it was last asked for a sign.
        self._heard_at: dict[int, float] = {}
        self._asked_at: dict[int, float] = {}
        self._depth = DEPTHS.get(str(exchange.id))

    async def next_book(self, pair: str) -> ReceivedBook:
        self._share_markets()
        watched = asyncio.ensure_future(self._client.watch_order_book(pair, self._depth))
        # ccxt opens the connection inside: from now on every message of it is heard.
        await asyncio.sleep(0)
        self._listen()
        book = await watched
        now = self._clock.monotonic()
        # ccxt goes on with the same object: levels are copied, with price and amount alone.
        bids, asks = (
            tuple((level[0], level[1]) for level in book[side][:LEVELS])
            for side in ("bids", "asks")
        )
        return ReceivedBook(
            bids,
            asks,
            now,
            self._clock.wall(),
            sequence=book.get("nonce"),
            exchange_ms=book.get("timestamp"),
            is_streamed=True,
        )

    def alive_at(self) -> float | None:
        open_ones = self._open_clients()
        if not open_ones:
            return None
        return min(self._heard_at.get(id(client), float("-inf")) for client in open_ones)

    async def keep_alive(self, max_age: float) -> None:
        self._listen()
        now = self._clock.monotonic()
        for client in self._open_clients():
            heard_at = self._heard_at.setdefault(id(client), now)
            if now - heard_at > SILENT_AGES * max_age:
                client.on_error(ccxt.RequestTimeout("the connection gave no sign of life"))
                continue
            asked_at = self._asked_at.get(id(client), float("-inf"))
            if now - max(heard_at, asked_at) >= max_age / 2:
                self._asked_at[id(client)] = now
                await client.connection.ping()

    async def restart(self, pair: str) -> None:
        for client in self._open_clients():
            client.on_error(ccxt.NetworkError(f"the book of {pair} is not the exchange's"))

    async def close(self) -> None:
        await self._client.close()

    # Inside

    def _open_clients(self) -> list[Any]:
        clients = (self._client.clients or {}).values()
        return [client for client in clients if not client.closed()]

    def _listen(self) -> None:
        """Note the moment of everything that comes in, pongs as well, on every connection."""
        for client in (self._client.clients or {}).values():
            if "handle_message" in client.__dict__:
                continue
            take = client.handle_message

            def heard(message: Any, client: Any = client, take: Any = take) -> None:
                self._heard_at[id(client)] = self._clock.monotonic()
                take(message)

            client.handle_message = heard

    def _share_markets(self) -> None:
        """Use freqtrade's markets, which it loads anew from time to time: no request for them."""
        theirs: Any = self._exchange._api
        if self._client.markets is not theirs.markets:
            for name in OF_MARKETS:
                if hasattr(theirs, name):
                    setattr(self._client, name, getattr(theirs, name))


def public_pro_client(exchange: Exchange) -> Any:
    """Return a ccxt.pro object like freqtrade's asynchronous one, without its key."""
    theirs: Any = exchange._api_async
    config = {
        name: value for name in OF_CONFIG if (value := getattr(theirs, name, None)) is not None
    }
    config["urls"] = copy.deepcopy(config.get("urls", {}))
    config["options"] = copy.deepcopy(theirs.options)
    return type(theirs)(config)


def streams_books(exchange: Exchange) -> bool:
    """Return whether ccxt.pro follows order books of this exchange, at the same place as orders.

    Who sends requests to another address (a proxy, a local exchange) and names none for websockets
    must not be shown the books of the exchange itself.
    """
    api: Any = exchange._api_async
    if not (getattr(api, "has", None) or {}).get("watchOrderBook"):
        return False
    own, usual = api.urls.get("api"), api.describe().get("urls", {}).get("api")
    if not isinstance(own, dict) or not isinstance(usual, dict):
        return bool(own == usual)
    is_elsewhere = any(own.get(one) != usual.get(one) for one in {*own, *usual} - {"ws"})
    return not is_elsewhere or own.get("ws") != usual.get("ws")
