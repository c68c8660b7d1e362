"""What a balance does not show yet: summed by SQLite once, then followed while no other writes.

Several orders on one snapshot ask again and again for the same sum. Between two of them the own
steps are all that changes it, as long as the database says that no other has written
(``data_version``) and nothing of ours was missed here or undone (``total_changes``, ``undone``).
All three are looked at inside the transaction that needs the sum; after the slightest doubt it is
summed anew.
"""

from decimal import Decimal

from freqtrade_balance_guard.ledger.requests import Funds
from freqtrade_balance_guard.ledger.reservation import EXACT, Reservation
from freqtrade_balance_guard.ledger.sqlite.file import Cursor, SqliteFile
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from freqtrade_balance_guard.money import ZERO


VERSION = "PRAGMA data_version"
UNSEEN = SQL["unseen"]
YOUNGER = SQL["younger"]
# Balances of one moment in all their currencies; more are not asked for again and again.
FOLLOWED = 8

Question = tuple[str, str, str, int]  # account, currency, bot, mark


class Unseen:
    """The sums of one connection. Every call is made inside a transaction that writes."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._sums: dict[Question, tuple[Decimal, Decimal]] = {}
        self._version = self._undone = -1
        self._changes = -1  # how many of this connection are in the sums

    def ask(
        self, db: Cursor, account: str, currency: str, funds: Funds, bot: str
    ) -> tuple[Decimal, Decimal]:
        """What ``bot`` and what the others have promised that ``funds`` do not show."""
        _, _, mark, since = funds
        if since is not None:  # asked once only, and of few rows
            return _sum(db.execute(YOUNGER, (account, currency, since)).fetchall(), bot)
        version: int = db.execute(VERSION).fetchone()[0]
        changes, undone = db.connection.total_changes, self._file.undone
        if changes != self._changes or version != self._version or undone != self._undone:
            self._sums.clear()
            self._version, self._changes, self._undone = version, changes, undone
        question = (account, currency, bot, mark)
        found = self._sums.get(question)
        if found is None:
            found = holds(db, account, currency, mark, bot)
            if len(self._sums) >= FOLLOWED:
                self._sums.clear()
            self._sums[question] = found
        return found

    def follow(
        self, db: Cursor, changes: int, before: Reservation | None, after: Reservation
    ) -> None:
        """A row was written.

        :param changes: ``total_changes`` just before it was
        """
        if changes != self._changes:
            return  # something is missing in the sums: the next question clears them
        if before is None or not _same(before, after):
            for question, sums in self._sums.items():
                self._sums[question] = _changed(question, sums, before, after)
        self._changes = db.connection.total_changes


def holds(db: Cursor, account: str, currency: str, mark: int, bot: str) -> tuple[Decimal, Decimal]:
    """What ``bot`` and the others have promised that a snapshot with ``mark`` does not show."""
    return _sum(db.execute(UNSEEN, (account, currency, mark)).fetchall(), bot)


def _sum(rows: list[tuple[str, str]], bot: str) -> tuple[Decimal, Decimal]:
    own = others = ZERO
    for holder, promised in rows:
        if holder == bot:
            own = EXACT.add(own, Decimal(promised))
        else:
            others = EXACT.add(others, Decimal(promised))
    return own, others


def _changed(
    question: Question,
    sums: tuple[Decimal, Decimal],
    before: Reservation | None,
    after: Reservation,
) -> tuple[Decimal, Decimal]:
    account, currency, bot, mark = question
    if after.account != account or after.currency != currency:
        return sums
    own, others = sums
    if before is None:
        change = after.requested  # no balance shows it yet
    else:
        change = EXACT.subtract(_counted(after, mark), _counted(before, mark))
    if after.bot == bot:
        return EXACT.add(own, change), others
    return own, EXACT.add(others, change)


def _same(before: Reservation, after: Reservation) -> bool:
    """True if it is all still promised: a step without an end, or an end that used everything."""
    used_up = after.committed == after.requested
    return before.visible_from == after.visible_from and (used_up or after.unfinished)


def _counted(row: Reservation, mark: int) -> Decimal:
    """What ``UNSEEN`` takes of a row: of what ended without use nothing is promised."""
    return row.promised if row.visible_from > mark else ZERO
