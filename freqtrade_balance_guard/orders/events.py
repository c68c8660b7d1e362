"""What can be said of orders in the past tense. ``purpose`` is entry, exit, stop or leg."""

import re
from dataclasses import dataclass

from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.limits.rejections import is_minimum_rejection


_FUNDS_WORDS = re.compile(r"insufficient|not enough (balance|funds)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OrderAccepted(Event):
    """The exchange has accepted an order of this bot."""

    pair: str
    purpose: str


@dataclass(frozen=True, slots=True)
class OrderRejected(Event):
    """The exchange has rejected an order of this bot. ``reason``: minimum, funds, margin, other."""

    pair: str
    purpose: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderReplyLost(Event):
    """An order was sent, and no usable reply came: whether the exchange has it is unknown."""

    pair: str
    purpose: str


@dataclass(frozen=True, slots=True)
class LostReplyFound(Event):
    """The reply to an order was lost; asking found it, and freqtrade books it as usual."""

    pair: str
    order_id: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class OrderUnresolved(Event):
    """The reply to an order was lost, and its outcome could not be found out in time."""

    pair: str
    client_order_id: str
    purpose: str = ""


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


def rejection_reason(message: str) -> str:
    """Why an exchange has rejected an order, by its words: a label for counting."""
    if is_minimum_rejection(message):
        return "minimum"
    if "margin" in message.lower():
        return "margin"
    return "funds" if _FUNDS_WORDS.search(message) else "other"
