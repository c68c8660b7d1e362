"""The breaker: after bad endings, or a loss, no new arbitrage begins until the user says so."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.events import BreakerResumed, BreakerTripped
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.store.breakers import (
    EVER,
    BreakerRow,
    BreakerRows,
    EndedArbitrage,
)
from freqtrade_balance_guard.money import ZERO, exact, format_amount
from freqtrade_balance_guard.settings import BreakerSettings


# The console, another bot of the account, or the price of an exposure may change something.
KNOWN_SECONDS = 5.0


class Breaker:
    """Judges what has ended. It is asked before every arbitrage, and answers from memory.

    It stops arbitrages only: not freqtrade's own entries, no exit, and no order that closes an
    exposure.
    """

    def __init__(self, context: ArbitrageContext) -> None:
        self._context = context
        self._settings = context.settings.breaker
        self._rows = BreakerRows(context.store, context.ledger.account)
        self._row: BreakerRow | None = None
        # At which generation of the store, and when, it was judged last.
        self._judged: tuple[int, float] | None = None
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Return whether the settings have a limit."""
        return self._settings.losses is not None or self._settings.max_loss is not None

    def why_not(self) -> ArbitrageDenied | None:
        """Return why nothing may begin; no question to the disk."""
        if not self.is_on:
            return None
        row = self._row
        if row is None:
            sentence = "how earlier arbitrages have ended is not known yet"
            return ArbitrageDenied(ArbitrageDenialCode.LEDGER_UNAVAILABLE, sentence)
        if row.tripped_at is None:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.BREAKER,
            f"{row.why}; balance-guard arbitrages resume lets arbitrages begin again",
        )

    def judge(self) -> None:
        """Read what has ended, and stop new arbitrages where it is too much.

        Called after each end, and in every round of the thread that looks after arbitrages.

        :raises ArbitragesUnavailable: it cannot be read or written; what was known holds
        """
        if not self.is_on:
            return
        with self._lock:
            self._judge_what_is_new()

    def _judge_what_is_new(self) -> None:
        now, rows, known = self._context.clock.monotonic(), self._rows, self._judged
        if known is not None and known[0] == rows.generation and now - known[1] < KNOWN_SECONDS:
            return
        generation, before, row = rows.generation, self._row, rows.row()
        if row.tripped_at is None:
            if before is not None and before.tripped_at is not None:
                self._context.hub.publish(BreakerResumed(row.owner))
            why = self._why(row)
            if why is not None:
                if rows.trip(self._context.clock.wall(), why):
                    self._context.hub.publish(BreakerTripped(row.owner, why))
                row = rows.row()
        elif before is None:
            # It was tripped before this start: said again.
            self._context.hub.publish(BreakerTripped(row.owner, row.why))
        self._row, self._judged = row, (generation, now)

    def _why(self, row: BreakerRow) -> str | None:
        since = since_of(self._settings, row, self._context.clock.wall())
        return why_tripped(self._settings, self._rows.ended(since))


def since_of(settings: BreakerSettings, row: BreakerRow, now: datetime) -> str:
    """Return from when on endings count: the window, but not before the last ``resume``."""
    if settings.window is None:
        return row.resumed_at
    return max(row.resumed_at, (now - timedelta(seconds=settings.window)).isoformat(), EVER)


@exact
def why_tripped(settings: BreakerSettings, ended: Sequence[EndedArbitrage]) -> str | None:
    """Return in words why these endings are too much; None if they are not."""
    bad = [one for one in ended if one.is_bad]
    if settings.losses is not None and len(bad) >= settings.losses:
        numbers = ", ".join(str(one.number) for one in bad[-settings.losses :])
        return f"{len(bad)} arbitrages ended badly (the last ones: {numbers})"
    result: Decimal = sum((one.profit for one in ended), ZERO)
    if settings.max_loss is not None and -result >= settings.max_loss:
        return (
            f"{format_amount(-result)} in stake currency was lost; max_loss is "
            f"{format_amount(settings.max_loss)}"
        )
    return None
