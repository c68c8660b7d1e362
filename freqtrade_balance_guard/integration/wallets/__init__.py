"""GuardedWallets, the stake account, and live balances."""
