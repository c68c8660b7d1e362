"""What the ledger raises. Everything else that can come out of a call is a value (``results``).

BalanceGuardError
└── LedgerError
    ├── LedgerUnavailable   it cannot be read or written now: no entry; exits go out
    │   ├── SchemaTooNew    its tables were made by a newer version than this one
    │   └── NothingStored   opened for a look only, and no bot has stored anything there yet
    ├── AccountShared       rows cannot be moved to another account while other bots hold some
    ├── BackupImpossible    a copy cannot be written by this program; the sentence says how
    └── InvariantBroken     the audit found a rule broken (debug_validation)
"""

from freqtrade_balance_guard.errors import BalanceGuardError


class LedgerError(BalanceGuardError):
    """Base of what the ledger raises."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached; whether the last write was kept is unknown.

    The next call tries again: no restart is needed. ``reserve`` may be repeated with the same
    client order ids, and gives the answer that the lost call gave.
    """


class SchemaTooNew(LedgerUnavailable):
    """The tables were made by a newer version of this package."""


class NothingStored(LedgerUnavailable):
    """Opened for a look only, and there is nothing: no file, no tables."""


class BackupImpossible(LedgerError):
    """This program cannot write the copy. The message says how to make one."""


class AccountShared(LedgerError):
    """Rows cannot be moved to another account: other bots have some on the old one."""


class InvariantBroken(LedgerError):
    """The books contradict themselves. The message names each broken rule."""
