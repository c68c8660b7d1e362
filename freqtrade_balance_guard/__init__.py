"""Balance Guard for freqtrade: guarded wallets, limits and a local exchange to rehearse on."""

from freqtrade_balance_guard.version import __version__


__all__ = ["__version__"]
