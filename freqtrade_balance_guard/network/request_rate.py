"""Keeps the guard's own requests within the rate that ccxt allows, by counting them.

freqtrade's limiter waits before each request; in front of an exit that may be seconds. Here a few
requests may leave early, and what is owed for them is waited for before the next ones.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline


# What may leave early, in seconds of ccxt's limiter: two balances on Kraken, at 3 s a request.
# Its true limit is a counter of 15 requests and more.
BURST_SECONDS = 12.0


class RateLimited(Exception):
    """The rate limit leaves no time for the request before its deadline. It was not sent."""


class RequestRate:
    """Counts the guard's requests with one API key; several threads may use it."""

    def __init__(self, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._paid_at = float("-inf")  # when all that was sent is waited for

    def take(self, seconds: float, idle_for: float, deadline: Deadline) -> None:
        """Wait until one more request may leave, and count it.

        :param seconds: what it costs, by ccxt's limiter
        :param idle_for: seconds since freqtrade's own last request
        :raises RateLimited: that is later than ``deadline``
        """
        with self._lock:
            now = self._clock.monotonic()
            owed = max(self._paid_at - now, 0.0) + max(seconds - idle_for, 0.0)
            wait = owed - BURST_SECONDS
            if wait > 0 and wait >= deadline.seconds_left:
                raise RateLimited(f"the rate limit asks for a pause of {wait:.1f} s")
            self._paid_at = max(self._paid_at, now) + seconds
        if wait > 0:
            self._sleep(wait)


def seconds_per_request(api: Any, cost: float | None) -> float:
    """What ccxt's limiter would wait for between two requests of this cost."""
    return float(api.rateLimit) / 1000 * (1 if cost is None else float(cost))
