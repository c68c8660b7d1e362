"""Dollars into stake currency. Defaults and ``min_order_size_usdt`` are dollars."""

import logging
from decimal import Decimal

from freqtrade.exceptions import FreqtradeException
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.money import ONE, to_decimal


logger = logging.getLogger(__name__)

DOLLAR_COINS = ("USD", "USDT", "USDC", "DAI", "FDUSD", "TUSD", "PYUSD", "BUSD")
# A stake that is no dollar coin needs a market to one of these.
QUOTED_DOLLARS = ("USDT", "USD", "USDC")
REFRESH_SECONDS = 3600.0


class FixedDollarRate:
    """A rate that needs no request: 1 for a dollar coin, None where there is no exchange to ask."""

    def __init__(self, rate: Decimal | None) -> None:
        self._rate = rate

    def __call__(self) -> Decimal | None:
        return self._rate


class ExchangeDollarRate:
    """Stake currency per dollar from the exchange's tickers, asked at most once per hour.

    A rate that cannot be had any more stays what it was: limits in a rate of an hour ago are
    better than none.
    """

    def __init__(self, exchange: Exchange, stake_currency: str, clock: Clock) -> None:
        self._exchange = exchange
        self._stake_currency = stake_currency
        self._clock = clock
        self._asked_at: float | None = None
        self._rate: Decimal | None = None

    def __call__(self) -> Decimal | None:
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= REFRESH_SECONDS:
            self._asked_at = now
            self._rate = self._ask() or self._rate
        return self._rate

    def _ask(self) -> Decimal | None:
        for dollar in QUOTED_DOLLARS:
            try:
                rate = self._exchange.get_conversion_rate(dollar, self._stake_currency)
            except FreqtradeException as error:
                logger.debug(
                    "No rate from %s to %s: %s", dollar, self._stake_currency, words_of(error)
                )
                continue
            if rate:
                return to_decimal(rate)
        return None


def dollar_rate(
    exchange: Exchange, stake_currency: str, clock: Clock, *, ask_exchange: bool
) -> FixedDollarRate | ExchangeDollarRate:
    """The source of the rate for this bot; in backtesting no exchange is asked."""
    if stake_currency.upper() in DOLLAR_COINS:
        return FixedDollarRate(ONE)
    if not ask_exchange:
        return FixedDollarRate(None)
    return ExchangeDollarRate(exchange, stake_currency, clock)
