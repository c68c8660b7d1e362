"""Which money is promised to which order; survives a crash.

``open_ledger`` builds a ``ReservationLedger`` over one of two stores (SQLite or
PostgreSQL). Answers are values (``results``); only a ledger that cannot be reached, or that is
found broken, raises (``errors``). docs/ledger.md draws the states and says what is on disk.
"""

from freqtrade_balance_guard.ledger.errors import (
    AccountShared,
    BackupImpossible,
    InvariantBroken,
    LedgerError,
    LedgerUnavailable,
    NothingStored,
    SchemaTooNew,
)
from freqtrade_balance_guard.ledger.ledger import ReservationLedger
from freqtrade_balance_guard.ledger.opening import open_ledger
from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import ENDED, UNFINISHED, Move, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    AlreadyEnded,
    Claimed,
    ClaimResult,
    Conflict,
    Holds,
    MoreThanHeld,
    Moved,
    NotAllowed,
    NotClaimed,
    NotFound,
    NotReserved,
    Reserved,
    Unchanged,
)


__all__ = [
    "ENDED",
    "UNFINISHED",
    "AccountShared",
    "AlreadyEnded",
    "BackupImpossible",
    "ClaimResult",
    "Claimed",
    "Conflict",
    "Funds",
    "Holds",
    "InvariantBroken",
    "LedgerError",
    "LedgerUnavailable",
    "MoreThanHeld",
    "Move",
    "Moved",
    "NotAllowed",
    "NotClaimed",
    "NotFound",
    "NotReserved",
    "NothingStored",
    "Request",
    "Reservation",
    "ReservationLedger",
    "Reserved",
    "SchemaTooNew",
    "State",
    "Step",
    "Unchanged",
    "open_ledger",
]
