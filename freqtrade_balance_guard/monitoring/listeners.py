"""The two listeners that every guard has: one counts, one logs sentences, once."""

import logging
from collections import Counter

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import (
    BalanceChangedExternally,
    Event,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.money import format_amount


logger = logging.getLogger("freqtrade_balance_guard")

# A signal repeats in every loop; its denial is news once per pair and this many seconds.
SILENCE_SECONDS = 600.0


class BacktestCounts:
    """Counts facts by kind; denials also by code."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        self.events[type(event).__name__] += 1
        if isinstance(event, OrderDenied):
            self.denials[event.code] += 1


def stake_currency_of(pair: str) -> str:
    """What an entry on ``pair`` is paid with: the quote, or what a contract is settled in."""
    return pair.partition("/")[2].rpartition(":")[2]


class PlainWords:
    """Logs denials and reductions: one line of each per pair and ten minutes, whatever the reason.

    A reduction does not silence a denial: that nothing was bought is news to a trader who read
    that less was. When the reason changes meanwhile, the next line will tell the newest; every
    single denial is counted all the same.
    """

    def __init__(self, clock: Clock, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._clock = clock
        self._silence_seconds = silence_seconds
        self._logged_at: dict[tuple[str, str], float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, OrderDenied):
            if self._is_news("denied", event.pair):
                logger.warning("No order for %s: %s", event.pair, denial_text(event))
        elif isinstance(event, StakeReduced):
            if self._is_news("reduced", event.pair):
                logger.info(
                    "Stake for %s made smaller by %s: %s instead of %s %s.",
                    event.pair,
                    event.limit,
                    format_amount(event.granted),
                    format_amount(event.wanted),
                    stake_currency_of(event.pair),
                )
        elif isinstance(event, PartialExitReduced):
            if self._is_news("reduced", event.pair):
                logger.info(
                    "Partial exit of %s made smaller, so that the rest can still be sold: "
                    "%s instead of %s %s.",
                    event.pair,
                    format_amount(event.granted),
                    format_amount(event.wanted),
                    event.pair.partition("/")[0],
                )

        elif isinstance(event, BalanceChangedExternally):
            # Stated once by the book, and always news; money that left needs a look.
            logger.log(
                logging.INFO if event.amount > 0 else logging.WARNING,
                "%s %s by %s beyond own orders, to %s in all: %s.",
                event.currency,
                "rose" if event.amount > 0 else "fell",
                format_amount(abs(event.amount)),
                format_amount(event.total),
                event.guess,
            )

    def _is_news(self, kind: str, pair: str) -> bool:
        now = self._clock.monotonic()
        logged_at = self._logged_at.get((kind, pair))
        if logged_at is not None and now - logged_at < self._silence_seconds:
            return False
        self._logged_at[(kind, pair)] = now
        return True


def denial_text(event: OrderDenied) -> str:
    """The sentence, and in brackets code and numbers for a search."""
    numbers = ", ".join(f"{name}={format_amount(n)}" for name, n in event.numbers.items())
    return f"{event.sentence}. [{event.code}{': ' + numbers if numbers else ''}]"
