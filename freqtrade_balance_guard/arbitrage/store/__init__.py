"""Arbitrages, exposures and positions in the guard's local SQLite file."""

from freqtrade_balance_guard.arbitrage.store.file import ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.store.look import (
    read_arbitrages,
    read_exposures,
    read_positions,
    read_profit,
)
from freqtrade_balance_guard.arbitrage.store.store import (
    ArbitrageStore,
    NotOpen,
)


__all__ = [
    "ArbitrageStore",
    "ArbitragesUnavailable",
    "NotOpen",
    "read_arbitrages",
    "read_exposures",
    "read_positions",
    "read_profit",
]
