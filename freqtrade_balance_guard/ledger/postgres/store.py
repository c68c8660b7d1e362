"""The ledger in PostgreSQL, for bots on several hosts.

The usual way of each call is one statement: what every check of a currency has to lock is one row
(``books``) with the sum that it needs, and the lock is held while the disk works, so every round
trip counts (``usual``). What does not fit (a repeated question, a denial, several at
once, a step that is not allowed) comes back from that statement without a row, and is decided by
the same functions as in the other stores, with the rows locked.

A reservation is flushed before the call returns; everything after it is not waited for
(``synchronous_commit = off``): a crash of the server at worst brings back money as held that was
let go.

Locks are taken in one order: reservations (by client order id where there are several), then books
by account and currency. Where two of ``seen`` still meet, the server ends one, which repeats.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.ledger.errors import BackupImpossible
from freqtrade_balance_guard.ledger.postgres import usual
from freqtrade_balance_guard.ledger.postgres.archive import archive, forget_archived, scan
from freqtrade_balance_guard.ledger.postgres.link import IdTaken, Link, PostgresLink
from freqtrade_balance_guard.ledger.postgres.schema import POSTGRES
from freqtrade_balance_guard.ledger.postgres.statements import SQL
from freqtrade_balance_guard.ledger.postgres.steps import (
    claim,
    find,
    move_account,
    move_slowly,
    reserve_and_send,
    reserve_slowly,
    unseen,
)
from freqtrade_balance_guard.ledger.postgres.usual import UsualWays, read_row
from freqtrade_balance_guard.ledger.requests import Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    NEVER,
    UNFINISHED,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.results import (
    ClaimResult,
    Holds,
    MoveResult,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import Asked, replay
from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sql.tables import (
    COLUMNS,
)
from freqtrade_balance_guard.ledger.store import (
    Beat,
    Beside,
    Entry,
    Outlook,
    Run,
    ScannedRow,
    Stamp,
)


Values = dict[str, Any]

# So many events may become readable after one with a higher number.
LATE_EVENTS = 100


class PostgresStore:
    """All bots that reach the same database use the same books.

    :param schema: another history of versions, for tests of migrations
    :param read_only: for a look: nothing is made, migrated or written
    :raises SchemaTooNew: at first use, tables of a newer version
    """

    def __init__(self, url: str, schema: Schema = POSTGRES, *, read_only: bool = False) -> None:
        self._link = PostgresLink(url, schema, read_only=read_only)
        self._usual = UsualWays()

    # Writing

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        request = batch[0]
        try:
            if len(batch) == 1:
                one = partial(self._usual.reserve, request=request, stamp=stamp, why=why)
                made = self._link.run(one, again=True)
                if made is not None:
                    return Reserved((made,))
            slowly = partial(reserve_slowly, batch=batch, stamp=stamp, why=why)
            return self._link.run(slowly, again=True)
        except IdTaken:
            ids = [one.client_order_id for one in batch]
            return replay(batch, [self._asked(one) for one in ids])

    @property
    def file(self) -> None:
        return None

    def reserve_and_send(
        self, batch: Sequence[Request], stamp: Stamp, why: str, beside: Beside | None
    ) -> ReserveResult:
        if beside is not None:
            raise ValueError("Nothing is written beside the tables of a server.")
        work = partial(reserve_and_send, batch=batch, stamp=stamp, why=why)
        return self._link.run(work, again=True)

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        if len(steps) == 1 and not steps[0].unsent:
            one = partial(usual.move, step=steps[0], stamp=stamp)
            moved = self._link.run(one, again=False)
            if moved is not None:
                return (moved,)
        slowly = partial(move_slowly, steps=steps, stamp=stamp)
        return self._link.run(slowly, again=False)

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        only = None if currencies is None else list(currencies)
        values = {"account": account, "mark": mark, "currencies": only}
        rows = self._ask(SQL["seen"], values)
        return int(rows[0][0])

    def claim(self, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
        work = partial(claim, client_order_id=client_order_id, owner=owner, stamp=stamp, why=why)
        # Repeated, it finds itself the owner.
        return self._link.run(work, again=True)

    def move_account(self, bot: str, old: str, new: str) -> tuple[str, ...]:
        return self._link.run(partial(move_account, bot=bot, old=old, new=new), again=True)

    def archive(self, after: int, until: int, limit: int) -> tuple[int, int]:
        work = partial(archive, after=after, until=until, limit=limit)
        return self._link.run(work, again=True)

    def forget_archived(self, until: int, limit: int) -> int:
        work = partial(forget_archived, until=until, limit=limit)
        return self._link.run(work, again=True)

    def beat(self, beat: Beat) -> None:
        self._link.run(lambda link: link.do(SQL["beat"], beat), again=True)

    def forget_beat(self, account: str, bot: str, process: str) -> None:
        values = [account, bot, process]
        self._link.run(lambda link: link.do(SQL["forget_beat"], values), again=True)

    # Reading

    def mark(self) -> int:
        return int(self._ask(SQL["last_event"])[0][0])

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        newest = NEVER - 1 if mark is None else mark
        return Holds(
            *self._link.run(lambda link: unseen(link, account, currency, newest, bot), again=True)
        )

    def find(self, client_order_id: str) -> Reservation | None:
        return self._asked(client_order_id).reservation

    def find_number(self, number: int) -> Reservation | None:
        ids = self._ask(SQL["id_of_event"], {"event": number})
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
            accounts = [account] if account else [row[0] for row in self._ask(SQL["accounts"])]
            rows = self._select("reservations", accounts, bot, states, " AND settled = 0")
        elif account is not None and bot is not None and states is None and limit is not None:
            ended = self._ask(SQL["newest_ended"], [account, bot, max(limit, 0)])
            rows = [read_row(row) for row in ended]
            rows += self._select("reservations", [account], bot, UNFINISHED, " AND settled = 0")
        else:
            only = None if account is None else [account]
            rows = self._select("reservations", only, bot, states)
            if archived:
                rows += self._select("archived_reservations", only, bot, states)
        found = {row.client_order_id: row for row in rows}
        return sorted(found.values(), key=lambda row: row.id, reverse=True)[:limit]

    def _select(
        self,
        table: str,
        accounts: Sequence[str] | None,
        bot: str | None,
        states: Collection[State] | None,
        more: str = "",
    ) -> list[Reservation]:
        sql = f"SELECT {COLUMNS} FROM balance_guard.{table} WHERE state <> 'refused'{more}"  # noqa: S608
        values: Values = {}
        if accounts is not None:
            sql += " AND account = ANY(%(accounts)s)"
            values["accounts"] = list(accounts)
        if bot is not None:
            sql += " AND bot = %(bot)s"
            values["bot"] = bot
        if states is not None:
            sql += " AND state = ANY(%(states)s)"
            values["states"] = [state.value for state in states]
        return [read_row(row) for row in self._ask(sql, values)]

    def history(self, client_order_id: str) -> list[Entry]:
        # First the archive: what is moved between the two questions is in both then, not in none.
        rows = self._ask(SQL["archived_history"], {"one": client_order_id})
        rows += self._ask(SQL["history"], {"one": client_order_id})
        lines = {row[0]: row for row in rows}
        return [Entry._make(lines[event]) for event in sorted(lines)]

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        values = {"after": after, "account": account}
        rows = self._ask(SQL["archived_changes"], values) + self._ask(SQL["changes"], values)
        lines = {row[0]: row for row in rows}
        return [_change(lines[event]) for event in sorted(lines)]

    def last_archived(self) -> int:
        return int(self._ask(SQL["last_archived_event"])[0][0])

    def event_from(self, event: int, *, archived: bool = False) -> tuple[int, datetime] | None:
        rows = self._ask(SQL["archived_event_time" if archived else "event_time"], [event])
        return (int(rows[0][0]), rows[0][1]) if rows else None

    def order_owners(
        self, account: str, orders: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], set[str]]:
        values = {
            "account": account,
            "pairs": [pair for pair, _ in orders],
            "order_ids": [order_id for _, order_id in orders],
        }
        found: dict[tuple[str, str], set[str]] = {}
        for pair, order_id, bot in self._ask(SQL["order_owners"], values):
            found.setdefault((pair, order_id), set()).add(bot)
        return found

    def claims(self) -> dict[str, Run]:
        return {row[0]: Run(*row[1:]) for row in self._ask(SQL["claims"])}

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        rows = self._ask(SQL["changes"], {"after": after, "account": account})
        changes = [_change(row) for row in rows]
        # A book gives its reservations their numbers under its lock, so that the newest one that
        # this statement saw is the newest one that there was.
        made = [
            entry.event
            for entry, row in changes
            if entry.what == "reserve" and row.currency == currency
        ]
        last = changes[-1][0].event if changes else after
        return Outlook(max(made, default=after), max(after, last - LATE_EVENTS), changes)

    def beats(self, account: str | None) -> list[Beat]:
        rows = self._ask(SQL["beats"])
        return [Beat._make(row) for row in rows if account in (None, row[0])]

    def scan(self, totals: dict[tuple[str, str], Decimal]) -> Iterator[ScannedRow]:
        return self._link.snapshot(partial(scan, totals=totals))

    def lines_without_row(self) -> list[str]:
        def ask(link: Link) -> Iterator[str]:
            return iter(sorted({row[0] for row in link.rows(SQL["lines_without_row"])}))

        return list(self._link.snapshot(ask))

    def backup(self, file: Path) -> None:
        raise BackupImpossible(
            f"The ledger is in PostgreSQL, whose own program makes the copy while bots go on: "
            f"pg_dump --schema=balance_guard --file={file} {self._link.shown}"
        )

    def close(self) -> None:
        self._link.close()

    def _asked(self, client_order_id: str) -> Asked:
        return self._link.run(lambda link: find(link, client_order_id), again=True)

    def _ask(self, sql: str, values: Values | Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        return self._link.run(lambda link: link.rows(sql, values), again=True)


# Rows


def _change(row: tuple[Any, ...]) -> tuple[Entry, Reservation]:
    return Entry._make(row[:13]), read_row(row[13:])
