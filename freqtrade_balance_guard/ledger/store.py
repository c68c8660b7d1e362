"""What the ledger needs from a place that keeps it: the ``Store`` protocol.

Each method is one transaction: it happens as a whole or not at all, also when the process is
killed inside it. Each raises ``LedgerUnavailable`` when the place cannot be reached, and works
again as soon as it can be.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import Reservation, State
from freqtrade_balance_guard.ledger.results import ClaimResult, Holds, MoveResult, ReserveResult


# The line of history that a claim writes: the state stays as it was.
CLAIM = "claim"


# Writes with the connection that it is given, inside the ledger's own transaction.
Beside = Callable[[Any], None]


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
    received: Decimal | None  # what the order brought so far, where that was reported
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


class Run(NamedTuple):
    """One run of one bot, as the owner of a reservation."""

    bot: str
    process: str


class ScannedRow(NamedTuple):
    """A stored row with its history, for the audit. ``reservation`` is None for a denial."""

    client_order_id: str
    account: str
    reservation: Reservation | None
    history: list[Entry]
    settled: int | None
    archived: bool


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

    @property
    def file(self) -> Path | None:
        """The SQLite file that others may write beside it; None where there is none."""

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        """Check and insert all of ``batch``, or nothing. On disk when it returns."""

    def reserve_and_send(
        self, batch: Sequence[Request], stamp: Stamp, why: str, beside: Beside | None
    ) -> ReserveResult:
        """Reserve all of ``batch`` and pass the gate, or nothing. On disk when it returns.

        :param beside: writes the intent into the same file in the same transaction; only of a
            store that has a ``file``
        """

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
        archived: bool = False,
    ) -> list[Reservation]:
        """Reservations, the newest first; with ``limit`` only so many of them.

        What is archived is in it only with ``archived``.
        """

    def history(self, client_order_id: str) -> list[Entry]: ...

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        """What happened on ``account`` after the event ``after``, with the rows as they are now.

        On PostgreSQL an event may become readable a moment after one with a higher number.
        """

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        """What happened after ``after``, and up to which reservation that is complete."""

    def event_from(self, event: int, *, archived: bool = False) -> tuple[int, datetime] | None:
        """The first event from a number on, and when it was; of the archive or of the rest."""

    def last_archived(self) -> int:
        """The number of the last event in the archive."""

    def order_owners(
        self, account: str, orders: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], set[str]]:
        """The bots that have bound each (pair, order id), also of what is archived.

        Orders that no reservation is bound to are left out.
        """

    def find_number(self, number: int) -> Reservation | None:
        """The reservation with this ``id``, also of what is archived."""

    # What dead bots have left

    def claim(self, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
        """Make the run of ``stamp`` the owner, if ``owner`` still is and it has not ended."""

    def claims(self) -> dict[str, Run]:
        """The owners of what was claimed, by client order id."""

    # What ended long ago

    def move_account(self, bot: str, old: str, new: str) -> tuple[str, ...]:
        """Give all rows of ``bot`` another account, in one transaction; what is archived stays.

        Nothing is moved while other bots have unfinished rows for futures on the old account:
        they are named. They would go on counting there.
        """

    def archive(self, after: int, until: int, limit: int) -> tuple[int, int]:
        """Move at most ``limit`` reservations that ended after ``after``, up to ``until``.

        Only those that a snapshot of before ``until`` shows, or that there is nothing to see of.

        :return: how many were moved, and the event of the last one's end
        """

    def forget_archived(self, until: int, limit: int) -> int:
        """Delete at most ``limit`` archived reservations that ended up to ``until``."""

    def backup(self, file: Path) -> None:
        """Write a consistent copy to a new file while bots go on.

        :raises BackupImpossible: not by this program; the sentence says how
        """

    def scan(self, totals: dict[tuple[str, str], Decimal]) -> Iterator[ScannedRow]:
        """Every row with its history, of one moment.

        :param totals: gets the running totals of that moment
        """

    def lines_without_row(self) -> list[str]:
        """The client order ids of history lines whose reservation is missing."""

    def beat(self, beat: Beat) -> None:
        """Keep a sign of life in place of the last one of the same run."""

    def beats(self, account: str | None) -> list[Beat]: ...

    def forget_beat(self, account: str, bot: str, process: str) -> None: ...

    def close(self) -> None: ...
