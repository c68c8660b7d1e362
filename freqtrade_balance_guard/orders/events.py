"""What can be said of orders in the past tense."""

from dataclasses import dataclass

from freqtrade_balance_guard.events import Event


@dataclass(frozen=True, slots=True)
class LostReplyFound(Event):
    """The reply to an order was lost; asking found it, and freqtrade books it as usual."""

    pair: str
    order_id: str


@dataclass(frozen=True, slots=True)
class OrderUnresolved(Event):
    """The reply to an order was lost, and its outcome could not be found out in time."""

    pair: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class ExitUnresolved(Event):
    """The outcome of an exit order stays unknown, and the next exit of its trade goes out."""

    pair: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class OrphanFound(Event):
    """An order of this bot that freqtrade does not know; ``policy``: what is done about it."""

    pair: str
    order_id: str
    policy: str
