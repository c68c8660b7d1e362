"""Measures the exchange's clock from time to time, where order requests expire by it."""

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.orders.lookups import ASK_SECONDS, KEPT_BY_HOUSEKEEPING_SECONDS


# How long a measured difference is taken for true; after a failure it is tried again sooner.
MEASURED_SECONDS = 900.0
AGAIN_SECONDS = 60.0


class ExchangeClock:
    """Of one live bot; in its loop."""

    def __init__(
        self, expiry: RequestExpiry, client: GuardClient, waits: WaitBudget, clock: Clock
    ) -> None:
        self._expiry = expiry
        self._client = client
        self._waits = waits
        self._clock = clock
        self._due_at = float("-inf")

    def measure_if_due(self) -> None:
        """Ask the exchange for its time, within what may be waited in front of an exit."""
        now = self._clock.monotonic()
        if not self._expiry.needs_clock or now < self._due_at:
            return
        self._due_at = now + AGAIN_SECONDS
        with self._waits.wait(ASK_SECONDS, keep=KEPT_BY_HOUSEKEEPING_SECONDS) as deadline:
            with self._client.connection(deadline) as exchange:
                if self._expiry.measure(exchange._api):
                    self._due_at = now + MEASURED_SECONDS
