"""Lets order requests expire at the exchange, where it offers that.

A request that ccxt has given up on may be processed much later. One that carries an expiry is not:
so after it "not found" is proof, and the order that replaces it is the only one.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.exchanges.names import protocol_of


logger = logging.getLogger(__name__)

# How long an order request is good for. Long enough for a slow line; Kraken takes 2 to 60 s.
GOOD_FOR_SECONDS = 10.0
# Clocks of exchanges differ from the one that was measured, and processing takes its time.
MARGIN_SECONDS = 3.0
# How long a measured clock is taken for true; after a failure it is measured again sooner.
MEASURED_SECONDS = 900.0
AGAIN_SECONDS = 60.0
# What measuring may take in front of an exit, and what it leaves to the exit.
MEASURE_SECONDS = 1.0
LEFT_FOR_EXITS_SECONDS = 0.6


class Way(StrEnum):
    """How an exchange is given the expiry of an order request."""

    # A parameter of the order; a moment on the exchange's clock.
    DEADLINE = "deadline"
    # A header of the request; a moment on the exchange's clock. freqtrade cannot add one.
    HEADER = "header"
    # A parameter: how long after the request's own time stamp. ccxt sends one with every request.
    WINDOW = "window"
    # The same as a header, which ccxt sends with every request.
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class ExpiryFact:
    """What one exchange does, by which name, and where that is written."""

    way: Way
    name: str
    source: str


_BINANCE = ExpiryFact(
    Way.WINDOW,
    "recvWindow",
    "Binance spot API, request security: the window is checked again before the matching engine",
)
FACTS: Mapping[str, ExpiryFact] = MappingProxyType(
    {
        "kraken": ExpiryFact(
            Way.DEADLINE,
            "deadline",
            "Kraken REST API, AddOrder: the matching engine rejects a new order after it "
            "(EService:Deadline elapsed); 2 to 60 s ahead",
        ),
        "okx": ExpiryFact(
            Way.HEADER, "expTime", "OKX API v5, place order: request effective deadline"
        ),
        "binance": _BINANCE,
        "bybit": ExpiryFact(
            Way.OPTION, "recvWindow", "Bybit API v5, authentication: X-BAPI-RECV-WINDOW"
        ),
    }
)


class RequestExpiry:
    """Adds the expiry of one exchange's order requests.

    :param api: the ccxt object with the key
    """

    def __init__(self, exchange_id: str, api: Any, clock: Clock) -> None:
        self._fact = FACTS.get(protocol_of(exchange_id))
        self._id = exchange_id
        self._api = api
        self._clock = clock
        # The exchange's time when our monotonic clock was zero; None: not measured. Against that
        # clock, because the wall clock may be set at any time.
        self._zero: datetime | None = None

    @property
    def needs_clock(self) -> bool:
        """The exchange's clock has to be measured before its requests can expire."""
        return self._fact is not None and self._fact.way in (Way.DEADLINE, Way.HEADER)

    def measure(self, public_api: Any) -> bool:
        """Measure the exchange's clock; False without an answer: then requests do not expire."""
        if not self.needs_clock:
            return True
        try:
            theirs = datetime.fromtimestamp(public_api.fetch_time() / 1000, UTC)
        except Exception as error:
            logger.debug("The clock of %s is unknown: %s", self._id, words_of(error))
            return False
        # The answer was made before now: the earlier the deadline, the safer.
        self._zero = theirs - timedelta(seconds=self._clock.monotonic())
        return True

    def distrust(self) -> None:
        """The exchange did not like a deadline: send none until its clock is measured again."""
        self._zero = None

    @property
    def seconds(self) -> float | None:
        """How long after it was sent a request may still be processed; None: no limit."""
        if self._fact is None:
            return None
        if self._fact.way is Way.WINDOW:
            return GOOD_FOR_SECONDS + MARGIN_SECONDS
        if self._fact.way is Way.OPTION:
            window = float(self._api.options.get(self._fact.name) or 5000)
            return window / 1000 + MARGIN_SECONDS
        return None if self._zero is None else GOOD_FOR_SECONDS + MARGIN_SECONDS

    def params(self) -> dict[str, Any]:
        """Return what is added to an order request of ours that leaves now."""
        if self._fact is not None and self._fact.way is Way.WINDOW:
            return {self._fact.name: int(GOOD_FOR_SECONDS * 1000)}
        return self.deadline_params()

    def deadline_params(self) -> dict[str, str]:
        """Return what is added to an order request of freqtrade's that leaves now.

        A window is left as ccxt has it: who made it wider has a clock that needs that.
        """
        if self._fact is None or self._fact.way is not Way.DEADLINE:
            return {}
        until = self._until()
        if until is None:
            return {}
        text = f"{until:%Y-%m-%dT%H:%M:%S}.{until.microsecond // 1000:03d}Z"
        return {self._fact.name: text}

    def headers(self) -> dict[str, str]:
        """Return the headers of an order request that leaves now."""
        if self._fact is None or self._fact.way is not Way.HEADER:
            return {}
        until = self._until()
        return {} if until is None else {self._fact.name: str(int(until.timestamp() * 1000))}

    def _until(self) -> datetime | None:
        if self._zero is None:
            return None
        return self._zero + timedelta(seconds=self._clock.monotonic() + GOOD_FOR_SECONDS)


class ExchangeClock:
    """Has the exchange's clock measured from time to time; in a live bot's loop.

    :param measure: asks the exchange until the deadline; False without an answer
    """

    def __init__(
        self, is_needed: bool, measure: Callable[[Deadline], bool], waits: WaitBudget, clock: Clock
    ) -> None:
        self._is_needed = is_needed
        self._measure = measure
        self._waits = waits
        self._clock = clock
        self._due_at = float("-inf")

    def measure_if_due(self) -> None:
        """Measure it, within what may be waited in front of an exit."""
        now = self._clock.monotonic()
        if not self._is_needed or now < self._due_at:
            return
        self._due_at = now + AGAIN_SECONDS
        with self._waits.wait(MEASURE_SECONDS, keep=LEFT_FOR_EXITS_SECONDS) as deadline:
            if self._measure(deadline):
                self._due_at = now + MEASURED_SECONDS
