"""Notices a position whose stop on the exchange is missing, where the strategy wants one."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import EventHub, StopMissing, StopRestored


logger = logging.getLogger(__name__)

# freqtrade places a stop in the loop after the fill, and moves one by cancelling it first.
PATIENCE_SECONDS = 30.0


@dataclass
class _Position:
    """A position without a stop. ``since`` is monotonic."""

    pair: str
    since: float
    is_reported: bool = False


class StopWatch:
    """Publishes ``StopMissing`` once per position, and ``StopRestored`` when that is over."""

    def __init__(self, hub: EventHub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._bare: dict[int, _Position] = {}

    def look(self, trade_id: int, pair: str, *, is_protected: bool) -> None:
        """Follow one position; ``is_protected``: a stop rests, or an order is selling it."""
        if is_protected:
            self._end(trade_id, "its stop rests on the exchange again")
            return
        now = self._clock.monotonic()
        position = self._bare.setdefault(trade_id, _Position(pair, now))
        seconds = now - position.since
        if not position.is_reported and seconds >= PATIENCE_SECONDS:
            position.is_reported = True
            logger.warning(
                "%s (trade %s) has had no stop on the exchange for %.0f s. [stop_missing]",
                pair,
                trade_id,
                seconds,
            )
            self._hub.publish(StopMissing(trade_id, pair, seconds))

    def keep_only(self, trade_ids: Collection[int]) -> None:
        """Forget positions that are closed."""
        for trade_id in [one for one in self._bare if one not in trade_ids]:
            self._end(trade_id, "the position is closed")

    def _end(self, trade_id: int, how: str) -> None:
        position = self._bare.pop(trade_id, None)
        if position is not None and position.is_reported:
            logger.info("%s (trade %s): %s. [stop_missing]", position.pair, trade_id, how)
            self._hub.publish(StopRestored(trade_id, position.pair, how))
