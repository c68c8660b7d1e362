"""What the ledger needs from a place that keeps it: the ``Store`` protocol.

Each method is one transaction: it happens as a whole or not at all, also when the process is
killed inside it. Each raises ``LedgerUnavailable`` when the place cannot be reached, and works
again as soon as it can be.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import Reservation, State
from freqtrade_balance_guard.ledger.results import Holds, MoveResult, ReserveResult


class Stamp(NamedTuple):
    """Who does something, and when."""

    bot: str
    process: str  # one run of that bot: a restarted bot is another process
    at: datetime


class Entry(NamedTuple):
    """One line of the history. Lines are only ever added; ``event`` orders them."""

    event: int
    client_order_id: str
    at: datetime
    bot: str
    process: str
    what: str  # "reserve", "refuse" or a ``Move``
    state: str  # after it: a ``State``, or "refused"
    held: Decimal
    committed: Decimal
    order_id: str | None
    received: Decimal | None  # what the order brought so far, where that was told
    received_currency: str | None
    why: str


class Beat(NamedTuple):
    """A sign of life of one run of one bot."""

    account: str
    bot: str
    process: str
    number: int  # grows with every beat
    at: datetime
    about: str  # JSON for `doctor`: pairs, fingerprint of the API key, trading mode


class Outlook(NamedTuple):
    """An account as of one instant, for a bot that follows what the others do.

    ``since`` is the newest reservation of one currency (for ``Funds``); ``after`` is where the next
    ``changes`` should begin; ``changes`` may contain lines that were handed out before.
    """

    since: int
    after: int
    changes: list[tuple[Entry, Reservation]]


class Store(Protocol):
    """Where reservations are kept."""

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        """Check and insert all of ``batch``, or nothing. On disk when it returns."""

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        """Take each step that is allowed; one that is not does not stop the others."""

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        """A believed snapshot with ``mark`` shows what the exchange had before; how many it were.

        None: of all currencies.
        """

    def mark(self) -> int:
        """The number of the last event in the history."""

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        """What ``bot`` and the others have reserved that a snapshot with ``mark`` does not show.

        None: the newest snapshot that anybody has believed.
        """

    def find(self, client_order_id: str) -> Reservation | None: ...

    def select(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> list[Reservation]:
        """Reservations, the newest first; with ``limit`` only so many of them."""

    def history(self, client_order_id: str) -> list[Entry]: ...

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        """What happened on ``account`` after the event ``after``, with the rows as they are now.

        On PostgreSQL an event may become readable a moment after one with a higher number.
        """

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        """What happened after ``after``, and up to which reservation that is complete."""

    def running_totals(self) -> dict[tuple[str, str], Decimal]:
        """Per account and currency the sum of what no snapshot shows, where one is kept."""

    def beat(self, beat: Beat) -> None:
        """Keep a sign of life in place of the last one of the same run."""

    def beats(self, account: str | None) -> list[Beat]: ...

    def forget_beat(self, account: str, bot: str, process: str) -> None: ...

    def close(self) -> None: ...
