"""ccxt with deadlines: balances, look-ups, market rules, rates."""
