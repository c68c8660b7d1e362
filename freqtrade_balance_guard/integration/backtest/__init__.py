"""Hooks on the backtest, and the rebalance in candle time."""
