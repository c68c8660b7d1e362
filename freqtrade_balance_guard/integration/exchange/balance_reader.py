"""Reads the account's balance in bounded time, and turns whatever happens into an answer."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from freqtrade.exceptions import DDosProtection
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.balances.snapshot import Snapshot, Unreadable, read_answer
from freqtrade_balance_guard.clock import Clock


logger = logging.getLogger(__name__)

# Kraken needs two requests for one balance.
REQUESTS = 2
# After "rate limit exceeded" the exchange wants fewer requests, not the same again: with loops of
# one second every other loop asks. Longer, and the bot would not trade when all is well again.
RATE_LIMIT_PAUSE_SECONDS = 1.5


class BalanceReader:
    """Asks the exchange once per call; freqtrade would try five times, ten seconds each."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._paused_until = 0.0
        # freqtrade's @retrier takes the number of retries as `count`; a plain function does not.
        is_retried = hasattr(type(exchange).get_balances, "__wrapped__")
        self._options: dict[str, Any] = {"count": 0} if is_retried else {}

    def read(self, *, at_most: float | None) -> Snapshot | Unreadable:
        """One try.

        :param at_most: seconds that an exit can wait for it; None leaves ccxt's own time-out
        """
        as_of, wall = self._clock.monotonic(), self._clock.wall()
        if as_of < self._paused_until:
            return Unreadable("the exchange asked for fewer requests")
        try:
            with _timeout(self._exchange, at_most):
                answer = self._exchange.get_balances(**self._options)
        except Exception as error:
            # ccxt's errors, and others: a garbage number in the answer is a ValueError.
            if _is_rate_limit(error):
                self._paused_until = self._clock.monotonic() + RATE_LIMIT_PAUSE_SECONDS
            logger.debug("Balances unreadable.", exc_info=error)
            return Unreadable(f"{type(error).__name__}: {str(error)[:200]}")
        holdings = read_answer(answer)
        if isinstance(holdings, Unreadable):
            return holdings
        return Snapshot(holdings, as_of, wall)


def _is_rate_limit(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, DDosProtection) or "rate limit" in text or "too many requests" in text


@contextmanager
def _timeout(exchange: Exchange, seconds: float | None) -> Iterator[None]:
    """Let ccxt wait at most ``seconds`` for a balance; None leaves its own time-out."""
    api: Any = getattr(exchange, "_api", None)
    before = getattr(api, "timeout", None)
    if seconds is None or not isinstance(before, int | float):
        yield
        return
    api.timeout = min(before, int(seconds * 1000 / REQUESTS))
    try:
        yield
    finally:
        api.timeout = before
