"""The emergency rebalance of a live bot, and its locks."""
