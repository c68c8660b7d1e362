"""GuardedExchange, the order gateway and tracker, and orders that freqtrade does not know."""
