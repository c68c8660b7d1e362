"""What stands between HTTP and a protocol: requests, answers, and who translates them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from freqtrade_balance_guard.sandbox.core.orders import Rejected
from freqtrade_balance_guard.sandbox.engine.journal import Counters, Journal
from freqtrade_balance_guard.sandbox.script.faults import (
    ActiveFault,
    Call,
    Fault,
    FaultBoard,
)


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What to send; after holding the connection for `hold_s` seconds, or nothing when `drop`."""

    text: str = ""
    status: int = 200
    content_type: str = "application/json"
    hold_s: float = 0.0
    drop: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as its protocol reads it."""

    request: Request
    call: Call
    params: Mapping[str, str]


@dataclass(frozen=True)
class Caller:
    """The authenticated account and key of a request."""

    account: str
    key: str


class ProtocolError(Exception):
    """A request fails; the message is the exchange's own, the answer carries it."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.message = message
        self.answer = answer


class BadControlRequest(Exception):
    """A control request cannot be done; the message says why."""


class Translator(Protocol):
    """Speaks one exchange's protocol over the engine; keeps no money and no orders."""

    def read(self, request: Request) -> Asked:
        """Never raises: what cannot be read fails later, in the exchange's words."""
        ...

    def admit(self, asked: Asked) -> Caller | None:
        """Checks key, signature and limits. None for a public request. Raises ProtocolError."""
        ...

    def check_expiry(self, asked: Asked) -> None:
        """Looks again, before an order is carried out late, if the request still holds.

        Raises ProtocolError.
        """
        ...

    def answer(self, asked: Asked, caller: Caller | None) -> Answer:
        """Carries the request out. Raises Rejected or ProtocolError."""
        ...

    def in_words(self, rejected: Rejected) -> ProtocolError:
        """The exchange's own error for a rejection."""
        ...

    def scripted(self, fault: Fault) -> ProtocolError:
        """The error that a fault asks for: of its message, or the usual one of its kind."""
        ...


class ServedExchange(Protocol):
    """What answering requests and controlling needs of any exchange, coins or predictions."""

    journal: Journal
    counters: Counters
    faults: FaultBoard
    rejections: list[dict[str, object]]

    def now(self) -> float: ...

    def advance(self) -> None: ...

    def later(self, seconds: float, action: Callable[[], None]) -> None: ...

    def add_fault(self, fault: Fault) -> ActiveFault: ...
