"""Says what a quote currency is worth in stake currency, for comparing two legs."""

import logging
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Protocol

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.money import ONE, exact, to_decimal


logger = logging.getLogger(__name__)

# An order book is as fresh as two legs need it; a rate that failed is not asked for all the time.
FRESH_SECONDS = 5.0


class Books(Protocol):
    """Reads order books of the bot's own exchange."""

    @property
    def markets(self) -> Mapping[str, Any]:
        """Return its markets by pair."""

    def fetch_l2_order_book(self, pair: str, levels: int) -> Mapping[str, Any]:
        """Return bids and asks as ccxt does."""


class QuoteRates:
    """Returns stake currency per unit, from the order book of the bot's own exchange.

    Where it has no market between two dollar coins, one is taken for the other.
    """

    def __init__(
        self,
        exchange: Books,
        stake_currency: str,
        clock: Clock,
        dollar_coins: Collection[str],
    ) -> None:
        self._dollar_coins = set(dollar_coins)
        self._exchange = exchange
        self._stake_currency = stake_currency
        self._clock = clock
        self._known: dict[str, tuple[float, Decimal | None]] = {}

    def __call__(self, currency: str) -> Decimal | None:
        """Return the rate, asked for when the last one is old; None: unknown. Never raises."""
        if currency == self._stake_currency:
            return ONE
        now = self._clock.monotonic()
        known = self._known.get(currency)
        if known is None or now - known[0] >= FRESH_SECONDS:
            known = (now, self._ask(currency))
            self._known[currency] = known
        return known[1]

    def known(self, currency: str) -> Decimal | None:
        """Return the last one, without a request: for the bot's loop, in which exits wait."""
        if currency == self._stake_currency:
            return ONE
        known = self._known.get(currency)
        return self._guess(currency) if known is None else known[1]

    def _ask(self, currency: str) -> Decimal | None:
        for pair in (f"{currency}/{self._stake_currency}", f"{self._stake_currency}/{currency}"):
            if pair not in self._exchange.markets:
                continue
            try:
                middle = self._middle(pair)
            except Exception as error:
                logger.debug("No rate from %s: %s", pair, words_of(error))
                continue
            return middle if pair.startswith(f"{currency}/") else ONE / middle
        return self._guess(currency)

    def _guess(self, currency: str) -> Decimal | None:
        both = {currency.upper(), self._stake_currency.upper()}
        return ONE if both <= self._dollar_coins else None

    @exact
    def _middle(self, pair: str) -> Decimal:
        book = self._exchange.fetch_l2_order_book(pair, 5)
        return (to_decimal(book["bids"][0][0]) + to_decimal(book["asks"][0][0])) / 2
