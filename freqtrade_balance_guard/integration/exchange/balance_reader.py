"""Reads the account's balance in bounded time, and turns whatever happens into an answer."""

import logging
from collections.abc import Callable, Container
from datetime import datetime
from typing import Any

from freqtrade.exceptions import DDosProtection
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.balances.snapshot import Answer, AnswerReader, Snapshot, Unreadable
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient


logger = logging.getLogger(__name__)

# Where nothing waits for the answer. Kraken needs two requests for one balance, each of which may
# take freqtrade's own time-out of ten seconds.
LEISURE_SECONDS = 20.0
# After "rate limit exceeded" the exchange wants fewer requests, not the same again: with loops of
# one second every other loop asks. Longer, and the bot would not trade when all is well again.
RATE_LIMIT_PAUSE_SECONDS = 1.5


Needed = Callable[[], Container[str]]


class BalanceReader:
    """Asks the exchange once per call; freqtrade would try five times, ten seconds each.

    :param needed: currencies without which an answer says nothing
    """

    def __init__(self, client: GuardClient, clock: Clock, needed: Needed) -> None:
        self.client = client
        self.needed = needed
        self._answers = AnswerReader()
        self._left_out: set[str] = set()
        self._clock = clock
        self._paused_until = 0.0

    def read(self, deadline: Deadline | None = None) -> Snapshot | Unreadable:
        """One try.

        :param deadline: when whatever waits for the answer goes on without it
        """
        as_of, wall = self._clock.monotonic(), self._clock.wall()
        if as_of < self._paused_until:
            return Unreadable("the exchange asked for fewer requests")
        if deadline is None:
            deadline = Deadline.after(self._clock, LEISURE_SECONDS)
        try:
            with self.client.connection(deadline) as exchange:
                answer = self._ask(exchange)
        except Exception as error:
            # ccxt's errors, and others: a garbage number in the answer is a ValueError.
            if _is_rate_limit(error):
                self._paused_until = self._clock.monotonic() + RATE_LIMIT_PAUSE_SECONDS
            logger.debug("Balances unreadable.", exc_info=error)
            return Unreadable(kind_and_words_of(error))
        return self._snapshot(answer, as_of, wall)

    def _ask(self, exchange: Exchange) -> Any:
        """:raises Exception: there was no answer"""
        return once(exchange.get_balances)

    def _snapshot(self, answer: Any, as_of: float, wall: datetime) -> Snapshot | Unreadable:
        read = self._answers.read(answer, self.needed())
        if isinstance(read, Unreadable):
            return read
        self._report_left_out(read)
        return Snapshot(read.holdings, as_of, wall, read.left_out)

    def _report_left_out(self, read: Answer) -> None:
        if news := read.left_out.keys() - self._left_out:
            reasons = "; ".join(read.left_out[currency] for currency in sorted(news))
            logger.info("Left out of the balance, because it cannot be read: %s.", reasons)
            self._left_out |= news


def once(function: Callable[..., Any]) -> Any:
    """Call a function of freqtrade's exchange without the repetitions that freqtrade adds."""
    # Its @retrier takes the number of retries as `count`; a plain function does not.
    return function(count=0) if hasattr(function, "__wrapped__") else function()


def _is_rate_limit(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, DDosProtection) or "rate limit" in text or "too many requests" in text
