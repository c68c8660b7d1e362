"""Notices that an exposure was closed elsewhere: on the page, or by ``unhedged resolve``.

Both write the file only, maybe in another process; the bot learns of it when it reads the file.
"""

import threading
from collections.abc import Collection

from freqtrade_balance_guard.arbitrage.events import (
    UnhedgedClosed,
    UnhedgedFound,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.store.store import ArbitrageStore
from freqtrade_balance_guard.events import Event, EventHub


class AnnouncedExposures:
    """Keeps the numbers of exposures that were published as open, and publishes a missed end."""

    def __init__(self, store: ArbitrageStore, hub: EventHub) -> None:
        self._store = store
        self._hub = hub
        self._numbers = set[int]()
        # Events come from every thread that carries out an arbitrage.
        self._guard = threading.Lock()
        hub.subscribe(self)

    def __call__(self, event: Event) -> None:
        with self._guard:
            if isinstance(event, UnhedgedOpened | UnhedgedFound):
                self._numbers.add(event.exposure.id)
            elif isinstance(event, UnhedgedClosed):
                self._numbers.discard(event.exposure.id)

    def publish_ends(self, still_open: Collection[int]) -> None:
        """Publish the end of what was announced as open and is closed in the file.

        :param still_open: what was read just now
        :raises ArbitragesUnavailable: the file cannot be read
        """
        with self._guard:
            missing = self._numbers.difference(still_open)
        for number in missing:
            # One that was opened after that reading is not in it, and is open.
            exposure = self._store.exposure(number)
            if exposure is not None and not exposure.is_open:
                self._hub.publish(UnhedgedClosed(exposure, is_by_hand=True))
