"""What a venue offers that sends its order books: ``BookStream``, and a book as it came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from freqtrade_balance_guard.arbitrage.leg import Level


@dataclass(frozen=True, slots=True)
class ReceivedBook:
    """Holds one order book as it was received, the best level first.

    :param at: monotonic seconds of our clock
    :param received_at: the same moment, UTC
    :param sequence: the exchange's number of it; grows
    :param exchange_ms: the exchange's own time of it, in milliseconds since 1970
    """

    bids: Sequence[Level]
    asks: Sequence[Level]
    at: float
    received_at: datetime
    sequence: int | None = None
    exchange_ms: int | None = None
    is_streamed: bool = False


class BookStream(Protocol):
    """Follows the order books of one venue. Only the engine's loop uses it."""

    async def next_book(self, pair: str) -> ReceivedBook:
        """Return the book of ``pair`` as soon as it has changed, or for the first time.

        :raises Exception: the stream has a gap or is broken; the next call begins anew
        """

    def alive_at(self) -> float | None:
        """Return when each connection had last proved alive, monotonic; None: none is open."""

    async def keep_alive(self, max_age: float) -> None:
        """Make silent connections prove that they are alive; break those that do not.

        :param max_age: how old a book may be; called several times within it
        """

    async def restart(self, pair: str) -> None:
        """Begin anew with ``pair``: what it sends is not the market."""

    async def close(self) -> None:
        """End all connections."""
