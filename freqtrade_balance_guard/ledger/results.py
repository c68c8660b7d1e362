"""What comes back from the ledger: values, distinguished by their type."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.ledger.reservation import Move, Reservation
from freqtrade_balance_guard.limits.decision import Denied


# reserve


@dataclass(frozen=True, slots=True)
class Reserved:
    """All of it is reserved. ``replayed``: an earlier call with the same ids had done it."""

    reservations: tuple[Reservation, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class NotReserved(Denied):
    """Nothing is reserved, and asking again with the same ids gives the same answer.

    ``client_order_id``, account and currency are those of the request that was too much; numbers
    are in that currency: needed, spendable, floor, reserved_own, reserved_others, available.
    """

    client_order_id: str = ""
    account: str = ""
    currency: str = ""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A client order id is taken by something else than what was asked for now. Nothing is done."""

    client_order_id: str
    sentence: str


# send, bind, use, commit, release, expire


@dataclass(frozen=True, slots=True)
class Moved:
    """Done: how it stands now."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing new: a report that came twice or late. Nothing is written."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """It had ended before; nothing is done. To end twice would be to count money twice."""

    reservation: Reservation
    move: Move


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The table of transitions, or a guard of it, forbids it. Nothing is done."""

    reservation: Reservation
    move: Move
    sentence: str


@dataclass(frozen=True, slots=True)
class MoreThanHeld:
    """``total`` is above what was reserved. Nothing is done; ``excess=True`` books it as a fact."""

    reservation: Reservation
    total: Decimal


@dataclass(frozen=True, slots=True)
class NotFound:
    """No reservation has this client order id."""

    client_order_id: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """This run owns it now. ``changed``: False where it did before."""

    reservation: Reservation
    changed: bool = True


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """It has ended, or another run owns it: leave it alone."""

    reservation: Reservation
    sentence: str


ReserveResult = Reserved | NotReserved | Conflict
ClaimResult = Claimed | NotClaimed | NotFound
MoveResult = Moved | Unchanged | AlreadyEnded | NotAllowed | MoreThanHeld | NotFound


# questions


class Holds(NamedTuple):
    """What this bot and others reserve of one currency that a snapshot does not show yet."""

    own: Decimal
    others: Decimal
