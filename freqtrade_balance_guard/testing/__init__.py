"""For who writes a venue: the promises that two legs rest on, as tests to run on it."""

from freqtrade_balance_guard.testing.venue_promises import VenuePromises


__all__ = ["VenuePromises"]
