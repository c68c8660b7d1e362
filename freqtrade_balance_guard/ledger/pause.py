"""After a failure that took long the next calls fail at once: an exit must not wait for each."""

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.ledger.errors import LedgerUnavailable


SLOW_SECONDS = 0.3
PAUSE_SECONDS = 2.0


class Pause:
    """Remembers a slow failure for a moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends = float("-inf")
        self._reason = ""

    def begin(self) -> float:
        """The moment at which a call begins (monotonic).

        :raises LedgerUnavailable: a call has failed slowly just before
        """
        now = self._clock.monotonic()
        if now < self._ends:
            raise LedgerUnavailable(self._reason)
        return now

    def failed(self, error: LedgerUnavailable, began: float) -> None:
        """A call that began at ``began`` has failed."""
        now = self._clock.monotonic()
        if now - began >= SLOW_SECONDS:
            self._ends = now + PAUSE_SECONDS
            self._reason = str(error)
