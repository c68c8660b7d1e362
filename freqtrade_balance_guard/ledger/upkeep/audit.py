"""Do the books contradict themselves? Each rule of the ledger, checked from what is stored."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from freqtrade_balance_guard.ledger.reservation import (
    ALWAYS,
    ENDED,
    EXACT,
    NEVER,
    TRANSITIONS,
    Move,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.sql.tables import settled
from freqtrade_balance_guard.ledger.store import CLAIM, Entry, ScannedRow, Store
from freqtrade_balance_guard.money import ZERO


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken. ``client_order_id`` is empty where it is about a whole currency."""

    rule: str
    client_order_id: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.client_order_id} {self.sentence}".replace("  ", " ")


def check_reservation(row: Reservation, history: Sequence[Entry]) -> list[Violation]:
    """What is wrong with one reservation and its history."""
    wrong = [*_wrong_amounts(row), *_wrong_marks(row), *_wrong_history(row, history)]
    return [Violation(rule, row.client_order_id, sentence) for rule, sentence in wrong]


def _wrong_amounts(row: Reservation) -> Iterable[tuple[str, str]]:
    if row.requested <= 0 or row.held < 0 or row.committed < 0:
        yield "amounts", f"has requested {row.requested}, held {row.held}, used {row.committed}"
    if row.unfinished and row.held != EXACT.subtract(row.requested, row.committed):
        yield "amounts", f"holds {row.held}, not {row.requested} less {row.committed}"
    if row.state in ENDED and row.held:
        yield "amounts", f"is {row.state} and still holds {row.held}"
    if (row.state is State.COMMITTED) is (row.committed == 0) and row.state in ENDED:
        yield "amounts", f"is {row.state} with {row.committed} used"


def _wrong_marks(row: Reservation) -> Iterable[tuple[str, str]]:
    shown = row.visible_from not in (NEVER, ALWAYS)
    if shown and (row.known_at is None or row.visible_from < row.known_at):
        yield "marks", f"is visible from {row.visible_from}, but known since {row.known_at}"
    if row.visible_from == ALWAYS and (row.unfinished or row.committed):
        yield "marks", "counts as shown although it never was"


def _wrong_history(row: Reservation, history: Sequence[Entry]) -> Iterable[tuple[str, str]]:
    if not history or history[0].what != "reserve":
        yield "history", "has no first line"
        return
    if sum(entry.state in ENDED for entry in history) > 1:
        yield "one ending", "has ended more than once"
    last = history[-1]
    if (last.state, last.held, last.committed) != (row.state, row.held, row.committed):
        yield "history", f"is {row.state}, but its last line says {last.state}"
    for before, after in pairwise(history):
        if after.what == CLAIM:
            if (before.state, before.held, before.committed) != (
                after.state,
                after.held,
                after.committed,
            ):
                yield "transitions", f"was changed by a claim to {after.state}"
            continue
        allowed = TRANSITIONS.get((State(before.state), Move(after.what)))
        if allowed is None or allowed[0] != after.state:
            yield "transitions", f"went from {before.state} by {after.what} to {after.state}"
        if after.committed < before.committed:
            yield "amounts", f"had {before.committed} used and then {after.committed}"
    if row.state is State.EXPIRED and last.process != row.process:
        yield "expiry", f"was let expire by {last.process}, but made by {row.process}"


def check_row(one: ScannedRow) -> list[Violation]:
    """What is wrong with one stored row: its amounts, its marks, its history, its place."""
    row = one.reservation
    if row is None:
        return []
    found = check_reservation(row, one.history)
    if one.settled != settled(row):
        sentence = f"is kept as settled {one.settled} instead of {settled(row)}"
        found.append(Violation("marks", row.client_order_id, sentence))
    if one.archived and row.unfinished:
        found.append(Violation("archive", row.client_order_id, f"is archived while {row.state}"))
    return found


def check_store(
    store: Store, account: str | None = None, checked: list[str] | None = None
) -> Iterator[Violation]:
    """Everything that is wrong in the books, of one moment.

    :param account: only of this account; None: of all, and of lines that no row belongs to
    :param checked: gets the client order ids of all rows that were looked at
    """
    totals: dict[tuple[str, str], Decimal] = {}
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    orders: dict[tuple[str, str, str], str] = {}
    live = set[str]()
    for one in store.scan(totals):
        if account not in (None, one.account):
            continue
        if checked is not None:
            checked.append(one.client_order_id)
        yield from check_row(one)
        if not one.archived:
            live.add(one.client_order_id)
        elif one.client_order_id in live:
            yield Violation("one ending", one.client_order_id, "is archived and kept beside it")
        row = one.reservation
        if row is None:
            continue
        if row.visible_from == NEVER:
            book = (row.account, row.currency)
            sums[book] = EXACT.add(sums[book], row.promised)
        if row.order_id is not None:
            other = orders.setdefault((row.account, row.pair, row.order_id), row.client_order_id)
            if other != row.client_order_id:
                yield Violation(
                    "one order",
                    row.client_order_id,
                    f"is bound to order {row.order_id} of {row.pair}, and so is {other}",
                )
    yield from _wrong_totals(sums, totals, account)
    if account is None:
        for client_order_id in store.lines_without_row():
            yield Violation("history", client_order_id, "has a history and no row")


def _wrong_totals(
    sums: Mapping[tuple[str, str], Decimal],
    totals: Mapping[tuple[str, str], Decimal],
    account: str | None,
) -> Iterator[Violation]:
    for book, total in totals.items():
        kept = sums.get(book, ZERO)
        if account in (None, book[0]) and total != kept:
            sentence = f"{book[1]} on {book[0]}: kept {total}, but the sum is {kept}"
            yield Violation("totals", "", sentence)
