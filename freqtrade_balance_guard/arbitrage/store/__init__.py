"""Arbitrages, exposures and positions in the guard's local SQLite file."""

from freqtrade_balance_guard.arbitrage.store.breakers import (
    BreakerRow,
    BreakerRows,
    read_breakers,
)
from freqtrade_balance_guard.arbitrage.store.file import ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.store.holdings import read_holdings
from freqtrade_balance_guard.arbitrage.store.look import (
    Drift,
    read_arbitrages,
    read_drifts,
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
    "BreakerRow",
    "BreakerRows",
    "Drift",
    "NotOpen",
    "read_arbitrages",
    "read_breakers",
    "read_drifts",
    "read_exposures",
    "read_holdings",
    "read_positions",
    "read_profit",
]
