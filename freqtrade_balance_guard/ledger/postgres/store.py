"""The ledger in PostgreSQL, for bots on several hosts.

The usual way of each call is one statement: what every check of a currency has to lock is one row
(``books``) with the sum that it needs, and the lock is held while the disk works, so every round
trip counts (``usual``). What does not fit (a repeated question, a refusal, several at
once, a step that is not allowed) comes back from that statement without a row, and is decided by
the same functions as in the other stores, with the rows locked.

A reservation is flushed before the call returns; everything after it is not waited for
(``synchronous_commit = off``): a crash of the server at worst brings back money as held that was
let go.

Locks are taken in one order: reservations (by client order id where there are several), then books
by account and currency. Where two of ``seen`` still meet, one is told so by the server and repeats.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from freqtrade_balance_guard.ledger.postgres import usual
from freqtrade_balance_guard.ledger.postgres.link import IdTaken, Link, PostgresLink
from freqtrade_balance_guard.ledger.postgres.schema import POSTGRES
from freqtrade_balance_guard.ledger.postgres.statements import (
    ADD_HISTORY,
    ADD_TO_BOOK,
    BEAT,
    CHANGES,
    FIND,
    HISTORY_COLUMNS,
    INSERT,
    LAST_EVENT,
    LOCK_BOOK,
    LOCK_ROWS,
    MAKE_BOOK,
    NEXT_EVENT,
    PROMISE,
    RELAX,
    ROWS,
    SEEN,
    UNSEEN,
    UPDATE,
    YOUNGER,
)
from freqtrade_balance_guard.ledger.postgres.usual import UsualWays, read_row, reserved
from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import (
    ALWAYS,
    EXACT,
    NEVER,
    UNFINISHED,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.results import (
    Holds,
    Moved,
    MoveResult,
    NotFound,
    Refused,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import Asked, judge, repeated_id, replay, take_step
from freqtrade_balance_guard.ledger.sql.schema import Schema
from freqtrade_balance_guard.ledger.sql.tables import (
    COLUMNS,
    REFUSAL,
    REFUSED,
    STATE,
    read_refusal,
    settled,
    write_refusal,
)
from freqtrade_balance_guard.ledger.store import Beat, Entry, Outlook, Stamp
from freqtrade_balance_guard.money import ZERO


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
            slowly = partial(_reserve_slowly, batch=batch, stamp=stamp, why=why)
            return self._link.run(slowly, again=True)
        except IdTaken:
            ids = [one.client_order_id for one in batch]
            return replay(batch, [self._asked(one) for one in ids])

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        if len(steps) == 1 and not steps[0].unsent:
            one = partial(usual.move, step=steps[0], stamp=stamp)
            moved = self._link.run(one, again=False)
            if moved is not None:
                return (moved,)
        slowly = partial(_move_slowly, steps=steps, stamp=stamp)
        return self._link.run(slowly, again=False)

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        only = None if currencies is None else list(currencies)
        values = {"account": account, "mark": mark, "currencies": only}
        rows = self._ask(SEEN, values)
        return int(rows[0][0])

    def beat(self, beat: Beat) -> None:
        self._link.run(lambda link: link.execute(BEAT, beat), again=True)

    def forget_beat(self, account: str, bot: str, process: str) -> None:
        sql = "DELETE FROM balance_guard.beats WHERE account = %s AND bot = %s AND process = %s"
        self._link.run(lambda link: link.execute(sql, [account, bot, process]), again=True)

    # Reading

    def mark(self) -> int:
        return int(self._ask(LAST_EVENT)[0][0])

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        newest = NEVER - 1 if mark is None else mark
        return Holds(
            *self._link.run(lambda link: _unseen(link, account, currency, newest, bot), again=True)
        )

    def find(self, client_order_id: str) -> Reservation | None:
        return self._asked(client_order_id).reservation

    def select(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
    ) -> list[Reservation]:
        sql = f"SELECT {COLUMNS} FROM {ROWS} WHERE state <> 'refused'"  # noqa: S608
        values: Values = {"account": account, "bot": bot, "limit": limit}
        for name in ("account", "bot"):
            if values[name] is not None:
                sql += f" AND {name} = %({name})s"
        if states is not None:
            sql += " AND state = ANY(%(states)s)"
            values["states"] = [state.value for state in states]
            if set(states) <= set(UNFINISHED):
                sql += " AND settled = 0"  # what the index is for
        return [
            read_row(row) for row in self._ask(f"{sql} ORDER BY id DESC LIMIT %(limit)s", values)
        ]

    def history(self, client_order_id: str) -> list[Entry]:
        sql = (
            f"SELECT {HISTORY_COLUMNS} FROM balance_guard.history h "  # noqa: S608
            "WHERE client_order_id = %(id)s ORDER BY event"
        )
        return [Entry._make(row) for row in self._ask(sql, {"id": client_order_id})]

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        rows = self._ask(CHANGES, {"after": after, "account": account})
        return [_change(row) for row in rows]

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        rows = self._ask(CHANGES, {"after": after, "account": account})
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

    def running_totals(self) -> dict[tuple[str, str], Decimal]:
        rows = self._ask("SELECT account, currency, unseen FROM balance_guard.books")
        return {(account, currency): unseen for account, currency, unseen in rows}

    def beats(self, account: str | None) -> list[Beat]:
        rows = self._ask("SELECT account, bot, process, number, at, about FROM balance_guard.beats")
        return [Beat._make(row) for row in rows if account in (None, row[0])]

    def close(self) -> None:
        self._link.close()

    def _asked(self, client_order_id: str) -> Asked:
        return self._link.run(lambda link: _find(link, client_order_id), again=True)

    def _ask(self, sql: str, values: Values | None = None) -> list[tuple[Any, ...]]:
        text = sql.encode()
        return self._link.run(lambda link: link.execute(text, values).fetchall(), again=True)


# Everything else, with the rows locked


def _reserve_slowly(link: Link, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
    books = sorted({(one.account, one.currency) for one in batch})
    with link.transaction():
        for book in books:
            link.execute(MAKE_BOOK, book)
            link.execute(LOCK_BOOK, book)
        asked = [_find(link, one.client_order_id) for one in batch]
        if any(one.reservation or one.refusal for one in asked):
            return replay(batch, asked)
        if conflict := repeated_id(batch):
            return conflict
        refusal = judge(batch, stamp.bot, partial(_against, link))
        if refusal is not None:
            _refuse(link, batch, refusal, stamp)
            return refusal
        group = batch[0].client_order_id if len(batch) > 1 else None
        return Reserved(tuple([_insert(link, one, group, stamp, why) for one in batch]))


def _insert(link: Link, request: Request, group: str | None, stamp: Stamp, why: str) -> Reservation:
    row = reserved(_next_event(link), request, group, stamp)
    link.execute(INSERT, (*row[:11], "reserved", row.created_at, NEVER, 0, None))
    _add_line(link, row.id, row, "reserve", stamp, why)
    link.execute(PROMISE, (row.held, row.id, row.account, row.currency))
    return row


def _refuse(link: Link, batch: Sequence[Request], refusal: Refused, stamp: Stamp) -> None:
    for one in batch:
        event = _next_event(link)
        row = reserved(event, one, None, stamp)
        told = (REFUSED, stamp.at, ALWAYS, None, write_refusal(refusal))
        link.execute(INSERT, (*row[:10], ZERO, *told))
        who = (event, one.client_order_id, stamp.at, stamp.bot, stamp.process)
        what = ("refuse", REFUSED, ZERO, ZERO, None, None, None, str(refusal))
        link.execute(ADD_HISTORY, (*who, *what))


def _move_slowly(link: Link, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
    ids = [step.client_order_id for step in steps]
    with link.transaction():
        link.execute(RELAX)
        link.execute(LOCK_ROWS, [ids])
        return tuple([_move(link, step, stamp) for step in steps])


def _move(link: Link, step: Step, stamp: Stamp) -> MoveResult:
    before = _find(link, step.client_order_id).reservation
    if before is None:
        return NotFound(step.client_order_id)
    event = _next_event(link)
    after = take_step(before, step, event, stamp.process)
    if not isinstance(after, Reservation):
        return after
    row = (after.state.value, after.held, after.committed, after.order_id, after.known_at)
    link.execute(UPDATE, (*row, after.visible_from, settled(after), after.client_order_id))
    _add_line(link, event, after, step.move.value, stamp, step.why, step)
    then = before.promised if before.visible_from == NEVER else ZERO
    now = after.promised if after.visible_from == NEVER else ZERO
    if now != then:
        _add_to_book(link, after, EXACT.subtract(now, then))
    return Moved(after)


def _add_line(
    link: Link,
    event: int,
    row: Reservation,
    what: str,
    stamp: Stamp,
    why: str,
    step: Step | None = None,
) -> None:
    received = (step.received, step.received_currency) if step else (None, None)
    who = (event, row.client_order_id, stamp.at, stamp.bot, stamp.process)
    told = (what, row.state.value, row.held, row.committed, row.order_id, *received, why)
    link.execute(ADD_HISTORY, (*who, *told))


def _add_to_book(link: Link, row: Reservation, amount: Decimal) -> None:
    link.execute(ADD_TO_BOOK, (amount, row.account, row.currency))


def _next_event(link: Link) -> int:
    row = link.execute(NEXT_EVENT).fetchone()
    return int(row[0]) if row else 0


def _against(
    link: Link, account: str, currency: str, funds: Funds, bot: str
) -> tuple[Decimal, Decimal]:
    if funds.since is None:
        return _unseen(link, account, currency, funds.mark, bot)
    return _sums(link.execute(YOUNGER, (account, currency, funds.since)), bot)


def _unseen(
    link: Link, account: str, currency: str, mark: int, bot: str
) -> tuple[Decimal, Decimal]:
    return _sums(link.execute(UNSEEN, (account, currency, mark)), bot)


def _sums(rows: Iterable[tuple[Any, ...]], bot: str) -> tuple[Decimal, Decimal]:
    own = others = ZERO
    for holder, promised in rows:
        if holder == bot:
            own = promised
        else:
            others = EXACT.add(others, promised)
    return own, others


def _find(link: Link, client_order_id: str) -> Asked:
    row = link.execute(FIND, [client_order_id]).fetchone()
    if row is None:
        return Asked(None, None)
    if row[STATE] == REFUSED:
        return Asked(None, read_refusal(row[REFUSAL]))
    return Asked(read_row(row[:REFUSAL]), None)


# Rows


def _change(row: tuple[Any, ...]) -> tuple[Entry, Reservation]:
    return Entry._make(row[:13]), read_row(row[13:])
