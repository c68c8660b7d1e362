"""What the ledger states: facts for whoever counts, logs or shows."""

from dataclasses import dataclass

from freqtrade_balance_guard.events import Event, EventHub
from freqtrade_balance_guard.ledger.requests import Step
from freqtrade_balance_guard.ledger.reservation import Move, Reservation
from freqtrade_balance_guard.ledger.results import (
    AlreadyEnded,
    Conflict,
    Moved,
    MoveResult,
    NotReserved,
    ReserveResult,
)


@dataclass(frozen=True, slots=True)
class MoneyReserved(Event):
    """All of these were reserved in one step."""

    reservations: tuple[Reservation, ...]


@dataclass(frozen=True, slots=True)
class ReservationDenied(Event):
    """Nothing was reserved. Published once, not again when the same question is repeated."""

    refusal: NotReserved


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
    """A step came for what had ended. Nothing was done; a fill is worth a look."""

    attempt: AlreadyEnded


@dataclass(frozen=True, slots=True)
class ReservationClaimed(Event):
    """This run has taken over what a dead run of ``bot`` left."""

    reservation: Reservation
    bot: str


ENDINGS = {
    Move.COMMIT: ReservationCommitted,
    Move.RELEASE: ReservationReleased,
    Move.EXPIRE: ReservationExpired,
}


def publish_reserved(result: ReserveResult, hub: EventHub) -> None:
    """Publish what ``reserve`` did; nothing where it only repeated an answer."""
    if isinstance(result, Conflict) or result.replayed:
        return
    if isinstance(result, NotReserved):
        hub.publish(ReservationDenied(result))
    else:
        hub.publish(MoneyReserved(result.reservations))


def publish_moved(step: Step, result: MoveResult, hub: EventHub) -> None:
    """Publish what a step did."""
    if isinstance(result, AlreadyEnded):
        hub.publish(EndedTwice(result))
    elif isinstance(result, Moved):
        ending = ENDINGS.get(step.move)
        row = result.reservation
        hub.publish(ending(row) if ending else ReservationMoved(step.move, row))
