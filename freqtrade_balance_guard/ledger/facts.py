"""What the ledger states: facts for whoever counts, logs or shows."""

from dataclasses import dataclass

from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.ledger.reservation import Move, Reservation
from freqtrade_balance_guard.ledger.results import AlreadyEnded, Refused


@dataclass(frozen=True, slots=True)
class MoneyReserved(Event):
    """All of these were reserved in one step."""

    reservations: tuple[Reservation, ...]


@dataclass(frozen=True, slots=True)
class ReservationRefused(Event):
    """Nothing was reserved. Told once, not again when the same question is repeated."""

    refusal: Refused


@dataclass(frozen=True, slots=True)
class ReservationMoved(Event):
    """One step of a reservation that goes on: sent, bound, partly used."""

    move: Move
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class ReservationCommitted(Event):
    """It ended with fills; what was not used is free again."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class ReservationReleased(Event):
    """It ended without use."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class ReservationExpired(Event):
    """It was never sent, and its time is over."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class EndedTwice(Event):
    """Somebody tried to move what had ended. Nothing was done; a fill is worth a look."""

    attempt: AlreadyEnded


ENDINGS = {
    Move.COMMIT: ReservationCommitted,
    Move.RELEASE: ReservationReleased,
    Move.EXPIRE: ReservationExpired,
}
