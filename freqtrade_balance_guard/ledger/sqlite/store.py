"""The ledger in one SQLite file, shared by the bots of one host.

Only a reservation is flushed to the disk before the call returns (``synchronous=FULL``): it is the
intent, and must be there before the order leaves. Everything after it is written but not flushed
(NORMAL): a kill of the process loses nothing, and a power cut at worst brings back money as held
that was let go, which is the safe side and is settled at the next start. So a reservation and its
end cost one flush, whatever happens between them.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.ledger.errors import InvariantBroken
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import NEVER, UNFINISHED, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    ClaimResult,
    Holds,
    Moved,
    MoveResult,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sqlite.archive import archive, forget_archived, scan
from freqtrade_balance_guard.ledger.sqlite.file import Cursor, SqliteFile
from freqtrade_balance_guard.ledger.sqlite.queries import (
    changes,
    entry,
    one_of,
    order_owners,
    select_all,
    select_newest,
    select_unfinished,
)
from freqtrade_balance_guard.ledger.sqlite.schema import SQLITE
from freqtrade_balance_guard.ledger.sqlite.statements import SQL
from freqtrade_balance_guard.ledger.sqlite.steps import (
    OutdatedError,
    claim,
    find,
    reserve,
    reserve_and_send,
    take_steps,
)
from freqtrade_balance_guard.ledger.sqlite.unseen import Unseen, holds
from freqtrade_balance_guard.ledger.store import (
    Beat,
    Beside,
    Entry,
    Outlook,
    Run,
    ScannedRow,
    Stamp,
)


LAST_EVENT = SQL["last_event"]
SEEN = SQL["seen"]

# Rows that we remember: more than any bot has without an end.
REMEMBERED = 1000


class SqliteStore:
    """All bots of one host use the same file.

    :param schema: another history of versions, for tests of migrations
    :param read_only: for a look: nothing is made, migrated or written
    :raises SchemaTooNew: at first use, a file of a newer version
    """

    def __init__(self, path: Path, schema: Schema = SQLITE, *, read_only: bool = False) -> None:
        self._file = SqliteFile(path, schema, read_only=read_only)
        self._unseen = Unseen(self._file)
        self._known: dict[str, Reservation] = {}  # without an end, as we left them

    # Writing

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        write, unseen = self._file.write, self._unseen
        try:
            result = write(lambda db: reserve(db, batch, stamp, why, unseen, new=True), flush=True)
        except InvariantBroken:  # an id that is taken: what was the answer then?
            return write(lambda db: reserve(db, batch, stamp, why, unseen, new=False), flush=True)
        self._remember(result)
        return result

    @property
    def file(self) -> Path:
        return self._file.path

    def reserve_and_send(
        self, batch: Sequence[Request], stamp: Stamp, why: str, beside: Beside | None
    ) -> ReserveResult:
        def work(db: Cursor) -> ReserveResult:
            result = reserve_and_send(db, batch, stamp, why, self._unseen)
            if beside is not None and isinstance(result, Reserved):
                beside(db)
            return result

        result = self._file.write(work, flush=True)
        self._remember(result)
        return result

    def _remember(self, result: ReserveResult) -> None:
        if isinstance(result, Reserved) and not result.replayed:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            for row in result.reservations:
                self._known[row.client_order_id] = row

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        known = {}
        for step in steps:
            row = self._known.pop(step.client_order_id, None)
            if row is not None:
                known[step.client_order_id] = row
        write, unseen = self._file.write, self._unseen
        try:
            results = write(lambda db: take_steps(db, steps, stamp, unseen, known), flush=False)
        except (OutdatedError, InvariantBroken):
            if not known:
                raise
            # Another process has changed it: read it and decide again.
            results = write(lambda db: take_steps(db, steps, stamp, unseen, {}), flush=False)
        for one in results:
            if isinstance(one, Moved) and one.reservation.state in UNFINISHED:
                self._known[one.reservation.client_order_id] = one.reservation
        return results

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        only, names = one_of("currency", currencies)
        values = [mark, account, NEVER, mark, *names]
        self._known.clear()
        return self._file.write(lambda db: db.execute(SEEN + only, values).rowcount, flush=False)

    def claim(self, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
        self._known.pop(client_order_id, None)
        write = self._file.write
        return write(lambda db: claim(db, client_order_id, owner, stamp, why), flush=True)

    def move_account(self, bot: str, old: str, new: str) -> tuple[str, ...]:
        def work(db: Cursor) -> tuple[str, ...]:
            others = db.execute(SQL["others_on_futures"], [old, bot]).fetchall()
            if not others:
                for name in ("move_rows", "move_beats"):
                    db.execute(SQL[name], [new, old, bot])
            return tuple(str(row[0]) for row in others)

        self._known.clear()
        return self._file.write(work, flush=True)

    def archive(self, after: int, until: int, limit: int) -> tuple[int, int]:
        return self._file.write(lambda db: archive(db, after, until, limit), flush=False)

    def forget_archived(self, until: int, limit: int) -> int:
        return self._file.write(lambda db: forget_archived(db, until, limit), flush=False)

    def beat(self, beat: Beat) -> None:
        values = [*beat[:4], beat.at.isoformat(), beat.about]
        self._file.write(lambda db: db.execute(SQL["beat"], values), flush=False)

    def forget_beat(self, account: str, bot: str, process: str) -> None:
        values = [account, bot, process]
        self._file.write(lambda db: db.execute(SQL["forget_beat"], values), flush=False)

    # Reading

    def mark(self) -> int:
        return self._file.read(_last_event)

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        newest = NEVER - 1 if mark is None else mark
        return Holds(*self._file.read(lambda db: holds(db, account, currency, newest, bot)))

    def find(self, client_order_id: str) -> Reservation | None:
        return self._file.read(lambda db: find(db, client_order_id)).reservation

    def find_number(self, number: int) -> Reservation | None:
        ids = self._ask(SQL["id_of_event"], number)
        return self.find(ids[0][0]) if ids else None

    def select(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
        archived: bool = False,
    ) -> list[Reservation]:
        if states is not None and set(states) <= set(UNFINISHED):
            return self._file.read(lambda db: select_unfinished(db, account, bot, states)[:limit])
        if account is not None and bot is not None and states is None and limit is not None:
            return self._file.read(lambda db: select_newest(db, account, bot, limit))
        tables = ("reservations", "archived_reservations")[: 1 + archived]
        return self._file.read(lambda db: select_all(db, tables, account, bot, states)[:limit])

    def history(self, client_order_id: str) -> list[Entry]:
        # First the archive: what is moved between the two questions is in both then, not in none.
        old = self._ask(SQL["archived_history"], client_order_id)
        lines = {row[0]: row for row in [*old, *self._ask(SQL["history"], client_order_id)]}
        return [entry(lines[event]) for event in sorted(lines)]

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        return self._file.read(lambda db: changes(db, account, after))

    def last_archived(self) -> int:
        return int(self._ask(SQL["last_archived_event"])[0][0] or 0)

    def event_from(self, event: int, *, archived: bool = False) -> tuple[int, datetime] | None:
        rows = self._ask(SQL["archived_event_time" if archived else "event_time"], event)
        return (int(rows[0][0]), datetime.fromisoformat(rows[0][1])) if rows else None

    def order_owners(
        self, account: str, orders: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], set[str]]:
        return self._file.read(lambda db: order_owners(db, account, orders))

    def claims(self) -> dict[str, Run]:
        return {row[0]: Run(*row[1:]) for row in self._ask(SQL["claims"])}

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        def look(db: Cursor) -> Outlook:
            # Events get their numbers one after the other: what is up to the last one is complete,
            # and what is written between the two questions is handed out again next time.
            last = _last_event(db)
            return Outlook(last, last, changes(db, account, after))

        return self._file.read(look)

    def beats(self, account: str | None) -> list[Beat]:
        return [
            Beat._make((*row[:4], datetime.fromisoformat(row[4]), row[5]))
            for row in self._ask(SQL["beats"])
            if account in (None, row[0])
        ]

    def scan(self, totals: dict[tuple[str, str], Decimal]) -> Iterator[ScannedRow]:
        return self._file.snapshot(scan)  # no totals are kept

    def lines_without_row(self) -> list[str]:
        return sorted({row[1] for row in self._ask(SQL["lines_without_row"])})

    def backup(self, file: Path) -> None:
        self._file.backup(file)

    def close(self) -> None:
        self._file.close()

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._file.read(lambda db: db.execute(sql, values).fetchall())


def _last_event(db: Cursor) -> int:
    return int(db.execute(LAST_EVENT).fetchone()[0] or 0)
