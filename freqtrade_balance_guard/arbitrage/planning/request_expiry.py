"""Lets order requests of legs expire at the exchange, where it offers that.

A request that ccxt has given up on may be processed much later. One that carries an expiry is not:
so after it "not found" is proof.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of


logger = logging.getLogger(__name__)

# How long an order request is good for. Long enough for a slow line; Kraken takes up to 60 s.
GOOD_FOR_SECONDS = 10.0
# Clocks of exchanges differ from the one that was measured, and processing takes its time.
MARGIN_SECONDS = 3.0
# These count from our own time stamp, which they accept only when it is right.
WINDOW_PARAMS = {"binance": "recvWindow", "binanceus": "recvWindow"}
# These take a moment on their own clock.
DEADLINES = ("kraken", "okx")


class RequestExpiry:
    """Adds the expiry of one venue's order requests.

    :param api: the venue's ccxt object with its key
    """

    def __init__(self, exchange_id: str, api: Any, clock: Clock) -> None:
        self._id = exchange_id
        self._api = api
        self._clock = clock
        # The exchange's clock less ours; None: not measured yet.
        self._offset: timedelta | None = None

    @property
    def needs_clock(self) -> bool:
        """The exchange's clock has to be measured before its requests can expire."""
        return self._id in DEADLINES

    def measure(self, public_api: Any) -> None:
        """Measure the exchange's clock; without an answer requests do not expire."""
        if not self.needs_clock:
            return
        try:
            began = self._clock.wall()
            theirs = datetime.fromtimestamp(public_api.fetch_time() / 1000, UTC)
            # The answer was made some time between: the earlier the deadline, the safer.
            self._offset = theirs - max(began, self._clock.wall())
        except Exception as error:
            logger.debug("The clock of %s is unknown: %s", self._id, words_of(error))

    @property
    def seconds(self) -> float | None:
        """How long after it was sent a request may still be processed; None: no limit."""
        if self._id in WINDOW_PARAMS:
            return GOOD_FOR_SECONDS + MARGIN_SECONDS
        if self._id == "bybit":
            window = float(self._api.options.get("recvWindow") or 5000)
            return window / 1000 + MARGIN_SECONDS
        if self.needs_clock and self._offset is not None:
            return GOOD_FOR_SECONDS + MARGIN_SECONDS
        return None

    def params(self) -> dict[str, Any]:
        """Return what is added to an order request that leaves now."""
        if (name := WINDOW_PARAMS.get(self._id)) is not None:
            return {name: int(GOOD_FOR_SECONDS * 1000)}
        if self._id == "kraken" and (until := self._until()) is not None:
            return {"deadline": f"{until:%Y-%m-%dT%H:%M:%S}.{until.microsecond // 1000:03d}Z"}
        return {}

    def headers(self) -> dict[str, str]:
        """Return the headers of an order request that leaves now."""
        until = self._until() if self._id == "okx" else None
        return {} if until is None else {"expTime": str(int(until.timestamp() * 1000))}

    def _until(self) -> datetime | None:
        if self._offset is None:
            return None
        return self._clock.wall() + self._offset + timedelta(seconds=GOOD_FOR_SECONDS)
