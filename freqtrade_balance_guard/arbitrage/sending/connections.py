"""Keeps the connections of venues open that orders leave by, and ends them."""

import contextlib
import logging
from collections.abc import Sequence

from freqtrade_balance_guard.arbitrage.venue import KeepsConnections
from freqtrade_balance_guard.errors import words_of


logger = logging.getLogger(__name__)


async def kept_warm(venue: KeepsConnections) -> None:
    """Use its connections; what fails is tried again."""
    try:
        await venue.keep_warm()
    except Exception as error:
        logger.debug("A connection for orders is not kept open: %s", words_of(error))


async def closed(venues: Sequence[object]) -> None:
    """End the connections of all that have some."""
    for venue in venues:
        if isinstance(venue, KeepsConnections):
            with contextlib.suppress(Exception):
                await venue.close_connections()
