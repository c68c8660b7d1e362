"""Which stream a path leads to."""

from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.streams.binance_market import BinanceMarketSession
from freqtrade_balance_guard.sandbox.streams.binance_user import (
    FuturesUserSession,
    SpotUserSession,
    listen_key_of,
)
from freqtrade_balance_guard.sandbox.streams.kraken import KrakenSession
from freqtrade_balance_guard.sandbox.streams.session import Session


def open_session(exchange: Exchange, path: str, query: str) -> Session | None:
    """The session of a path in the exchange's protocol; None when there is no such stream."""
    dialect = exchange.scenario.dialect
    if dialect == "kraken":
        return KrakenSession(exchange) if path in ("/ws/v2", "/ws-auth/v2") else None
    if dialect == "binance":
        if path == "/ws-api/v3":
            return SpotUserSession(exchange)
        if path == "/stream/ws" or path.startswith("/stream/ws/"):
            return BinanceMarketSession(exchange, _streams(path))
        return None
    if path == "/fstream/private/ws" and exchange.futures is not None:
        owner = exchange.tokens.owner(listen_key_of(query))
        return None if owner is None else FuturesUserSession(exchange, exchange.futures, owner)
    if path.startswith(("/fstream/public/ws", "/fstream/market/ws", "/fstream/ws")):
        return BinanceMarketSession(exchange, _streams(path))
    return None


def _streams(path: str) -> list[str]:
    """A path may name a stream; ccxt puts the number of its connection there."""
    last = path.rpartition("/")[2]
    return [last] if "@" in last else []
