"""Moved to ``freqtrade_balance_guard.local_file``; the old names for one release."""

from freqtrade_balance_guard.local_file import Connection, LocalFile, LocalFileError
from freqtrade_balance_guard.local_file import read_rows as look


__all__ = ["Connection", "LocalFile", "LocalFileError", "look"]
