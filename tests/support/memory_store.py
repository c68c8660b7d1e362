"""The ledger in memory: for tests, rehearsals, and as the measure of what the rules cost."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import RLock

from freqtrade_balance_guard.ledger.errors import BackupImpossible
from freqtrade_balance_guard.ledger.requests import Funds, Request, Step
from freqtrade_balance_guard.ledger.reservation import EXACT, NEVER, Move, Reservation, State
from freqtrade_balance_guard.ledger.results import (
    Claimed,
    ClaimResult,
    Holds,
    Moved,
    MoveResult,
    NotFound,
    NotReserved,
    Reserved,
    ReserveResult,
)
from freqtrade_balance_guard.ledger.rules import (
    Asked,
    claimed_elsewhere,
    judge,
    judge_claim,
    repeated_id,
    replay,
    take_step,
)
from freqtrade_balance_guard.ledger.sql.tables import settled
from freqtrade_balance_guard.ledger.store import (
    CLAIM,
    Beat,
    Beside,
    Entry,
    Outlook,
    Run,
    ScannedRow,
    Stamp,
)
from freqtrade_balance_guard.money import ZERO


# What one line of history is made of when somebody reads it: the row after it (or the client order
# id that was refused), the step, who and why.
Line = tuple[Reservation | str, Step | str | None, Stamp, str]


class Book:
    """What is reserved of one currency on one account and not visible in any snapshot yet.

    Kept as running totals per bot, so that a check does not depend on how many orders there are.
    """

    __slots__ = ("by_bot", "newest_mark")

    def __init__(self) -> None:
        self.by_bot: dict[str, Decimal] = {}
        self.newest_mark = 0

    def add(self, bot: str, amount: Decimal) -> None:
        self.by_bot[bot] = EXACT.add(self.by_bot.get(bot, ZERO), amount)


class MemoryStore:
    """Lives and dies with the process. Several ledgers may share one, also from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._rows: dict[str, Reservation] = {}
        self._refusals: dict[str, NotReserved] = {}
        self._history: list[Line] = []
        self._books: dict[tuple[str, str], Book] = {}
        self._claims: dict[str, Run] = {}
        self._archived: set[str] = set()
        self._beats: dict[tuple[str, str, str], Beat] = {}

    def reserve(self, batch: Sequence[Request], stamp: Stamp, why: str) -> ReserveResult:
        rows, refusals = self._rows, self._refusals
        with self._lock:
            for one in batch:
                if one[0] in rows or one[0] in refusals:
                    asked = [Asked(rows.get(two[0]), refusals.get(two[0])) for two in batch]
                    return replay(batch, asked)
            if len(batch) > 1 and (conflict := repeated_id(batch)):
                return conflict
            refusal = judge(batch, stamp.bot, self._against)
            if refusal is not None:
                return self._refuse(batch, refusal, stamp)
            if len(batch) == 1:
                return Reserved((self._insert(batch[0], None, stamp, why),))
            group = batch[0].client_order_id
            return Reserved(tuple([self._insert(one, group, stamp, why) for one in batch]))

    @property
    def file(self) -> None:
        return None

    def reserve_and_mark_sent(
        self, batch: Sequence[Request], stamp: Stamp, why: str, beside: Beside | None
    ) -> ReserveResult:
        assert beside is None
        with self._lock:
            result = self.reserve(batch, stamp, why)
            if not isinstance(result, Reserved):
                return result
            moved = self.move(
                [Step(Move.SEND, one.client_order_id, why=why) for one in batch], stamp
            )
            return Reserved(tuple(one.reservation for one in moved if isinstance(one, Moved)))

    def _insert(self, request: Request, group: str | None, stamp: Stamp, why: str) -> Reservation:
        client_order_id, account, pair, side, currency, amount, _ = request
        row = Reservation(
            len(self._history) + 1,
            client_order_id,
            group,
            account,
            stamp.bot,
            stamp.process,
            pair,
            side,
            currency,
            amount,
            amount,
            ZERO,
            State.RESERVED,
            stamp.at,
            None,
            None,
            NEVER,
        )
        self._rows[client_order_id] = row
        self._book(account, currency).add(stamp.bot, amount)
        self._history.append((row, None, stamp, why))
        return row

    def _refuse(self, batch: Sequence[Request], refusal: NotReserved, stamp: Stamp) -> NotReserved:
        for one in batch:
            self._refusals[one.client_order_id] = replace(refusal, replayed=True)
            self._history.append((one.client_order_id, None, stamp, str(refusal)))
        return refusal

    def move(self, steps: Sequence[Step], stamp: Stamp) -> tuple[MoveResult, ...]:
        with self._lock:
            if len(steps) == 1:
                return (self._move(steps[0], stamp),)
            return tuple([self._move(step, stamp) for step in steps])

    def _move(self, step: Step, stamp: Stamp) -> MoveResult:
        before = self._rows.get(step.client_order_id)
        if before is None:
            return NotFound(step.client_order_id)
        claim = self._claims.get(step.client_order_id)
        if step.move is Move.SEND and claim is not None and claim.process != stamp.process:
            return claimed_elsewhere(before, step, claim.bot)
        after = take_step(before, step, len(self._history) + 1, stamp.process)
        if not isinstance(after, Reservation):
            return after
        self._keep(before, after)
        self._history.append((after, step, stamp, step.why))
        return Moved(after)

    def _keep(self, before: Reservation, after: Reservation) -> None:
        self._rows[after.client_order_id] = after
        then = before.promised if before.visible_from == NEVER else ZERO
        now = after.promised if after.visible_from == NEVER else ZERO
        if now != then:
            self._book(after.account, after.currency).add(after.bot, EXACT.subtract(now, then))

    def _book(self, account: str, currency: str) -> Book:
        book = self._books.get((account, currency))
        if book is None:
            book = self._books[(account, currency)] = Book()
        return book

    def seen(self, account: str, mark: int, currencies: Collection[str] | None) -> int:
        with self._lock:
            shown = [
                row
                for row in self._rows.values()
                if row.account == account
                and row.visible_from == NEVER
                and row.known_at is not None
                and row.known_at <= mark
                and (currencies is None or row.currency in currencies)
            ]
            for row in shown:
                self._keep(row, row._replace(visible_from=mark))
                book = self._book(account, row.currency)
                book.newest_mark = max(book.newest_mark, mark)
            return len(shown)

    def mark(self) -> int:
        return len(self._history)

    def holds(self, account: str, currency: str, mark: int | None, bot: str) -> Holds:
        with self._lock:
            newest = NEVER - 1 if mark is None else mark
            return Holds(*self._unseen(account, currency, newest, bot))

    def _unseen(self, account: str, currency: str, mark: int, bot: str) -> tuple[Decimal, Decimal]:
        book = self._books.get((account, currency))
        if book is None:
            return ZERO, ZERO
        by_bot = book.by_bot
        if mark < book.newest_mark:
            by_bot = self._count(account, currency, mark)
        own = others = ZERO
        for holder, amount in by_bot.items():
            if holder == bot:
                own = amount
            else:
                others = EXACT.add(others, amount)
        return own, others

    def _against(
        self, account: str, currency: str, funds: Funds, bot: str
    ) -> tuple[Decimal, Decimal]:
        if funds.since is None:
            return self._unseen(account, currency, funds.mark, bot)
        own = others = ZERO
        for row in reversed(self._rows.values()):
            if row.id <= funds.since:
                break
            if (row.account, row.currency) == (account, currency):
                if row.bot == bot:
                    own = EXACT.add(own, row.promised)
                else:
                    others = EXACT.add(others, row.promised)
        return own, others

    def _count(self, account: str, currency: str, mark: int) -> dict[str, Decimal]:
        """The same from the rows, for a snapshot older than the newest that somebody believed."""
        count = Book()
        for row in self._rows.values():
            if row.account == account and row.currency == currency and row.counts_against(mark):
                count.add(row.bot, row.promised)
        return count.by_bot

    def find(self, client_order_id: str) -> Reservation | None:
        return self._rows.get(client_order_id)

    def select(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
        archived: bool = False,
    ) -> list[Reservation]:
        with self._lock:
            found = [
                row
                for row in reversed(self._rows.values())
                if (archived or row.client_order_id not in self._archived)
                and (account is None or row.account == account)
                and (bot is None or row.bot == bot)
                and (states is None or row.state in states)
            ]
            return found[:limit]

    def history(self, client_order_id: str) -> list[Entry]:
        with self._lock:
            lines = [_entry(number, line) for number, line in enumerate(self._history, 1)]
        return [entry for entry in lines if entry.client_order_id == client_order_id]

    def changes(self, account: str, after: int) -> list[tuple[Entry, Reservation]]:
        with self._lock:
            new = self._history[after:]
            return [
                (_entry(number, line), self._rows[line[0].client_order_id])
                for number, line in enumerate(new, after + 1)
                if isinstance(line[0], Reservation) and line[0].account == account
            ]

    def outlook(self, account: str, currency: str, after: int) -> Outlook:
        with self._lock:
            last = len(self._history)
            return Outlook(last, last, self.changes(account, after))

    def last_archived(self) -> int:
        return 0

    def event_from(self, event: int, *, archived: bool = False) -> tuple[int, datetime] | None:
        if archived:
            return None
        with self._lock:
            event = max(event, 1)
            if event > len(self._history):
                return None
            return event, self._history[event - 1][2].at

    def order_owners(
        self, account: str, orders: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        with self._lock:
            for row in self._rows.values():
                key = (row.pair, row.order_id or "")
                if row.account == account and row.order_id is not None and key in orders:
                    claim = self._claims.get(row.client_order_id)
                    found.setdefault(key, set()).add(claim.bot if claim else row.bot)
        return found

    def find_number(self, number: int) -> Reservation | None:
        with self._lock:
            return next((row for row in self._rows.values() if row.id == number), None)

    def claim(self, client_order_id: str, owner: Run, stamp: Stamp, why: str) -> ClaimResult:
        with self._lock:
            row, held = self._rows.get(client_order_id), self._claims.get(client_order_id)
            answer = judge_claim(client_order_id, row, held, owner, stamp)
            if isinstance(answer, Claimed) and answer.changed:
                self._claims[client_order_id] = Run(stamp.bot, stamp.process)
                self._history.append((answer.reservation, CLAIM, stamp, why))
            return answer

    def claims(self) -> dict[str, Run]:
        with self._lock:
            return dict(self._claims)

    def move_account(self, bot: str, old: str, new: str) -> tuple[str, ...]:
        with self._lock:
            rows = [row for row in self._rows.values() if row.account == old]
            others = {row.bot for row in rows if row.unfinished and ":" in row.pair} - {bot}
            for row in rows if not others else ():
                if row.bot == bot:
                    self._rows[row.client_order_id] = replace(row, account=new)
            return tuple(sorted(others))

    def archive(self, after: int, until: int, limit: int) -> tuple[int, int]:
        with self._lock:
            moved = 0
            for number, line in enumerate(self._history[:until], 1):
                row = line[0]
                if moved == limit:
                    break
                if number <= after or number == len(self._history) or isinstance(row, str):
                    continue
                now = self._rows[row.client_order_id]
                if row.unfinished or settled(now) == 0 or now.visible_from > until:
                    continue
                self._archived.add(row.client_order_id)
                moved, after = moved + 1, number
            return moved, after

    def forget_archived(self, until: int, limit: int) -> int:
        """Nothing: what is archived here ends with the process."""
        return 0

    def backup(self, file: Path) -> None:
        raise BackupImpossible("A ledger in memory cannot be copied.")

    def scan(self, totals: dict[tuple[str, str], Decimal]) -> Iterator[ScannedRow]:
        with self._lock:
            totals |= self.running_totals()
            lines: dict[str, list[Entry]] = {}
            for number, line in enumerate(self._history, 1):
                entry = _entry(number, line)
                lines.setdefault(entry.client_order_id, []).append(entry)
            for one, row in self._rows.items():
                archived = one in self._archived
                yield ScannedRow(one, row.account, row, lines[one], settled(row), archived)

    def lines_without_row(self) -> list[str]:
        return []

    def running_totals(self) -> dict[tuple[str, str], Decimal]:
        with self._lock:
            return {key: sum_exactly(book.by_bot.values()) for key, book in self._books.items()}

    def beat(self, beat: Beat) -> None:
        with self._lock:
            self._beats[(beat.account, beat.bot, beat.process)] = beat

    def beats(self, account: str | None) -> list[Beat]:
        with self._lock:
            return [b for b in self._beats.values() if account is None or b.account == account]

    def forget_beat(self, account: str, bot: str, process: str) -> None:
        with self._lock:
            self._beats.pop((account, bot, process), None)

    def close(self) -> None:
        """Nothing was opened."""


def _entry(number: int, line: Line) -> Entry:
    row, step, stamp, why = line
    if isinstance(row, str):
        told = ("refuse", "refused", ZERO, ZERO, None, None, None, why)
        return Entry(number, row, stamp.at, stamp.bot, stamp.process, *told)
    what = step.move.value if isinstance(step, Step) else step or "reserve"
    received = (step.received, step.received_currency) if isinstance(step, Step) else (None, None)
    who = (number, row.client_order_id, stamp.at, stamp.bot, stamp.process, what)
    amounts = (row.held, row.committed, row.order_id)
    return Entry._make((*who, row.state.value, *amounts, *received, why))


def sum_exactly(amounts: Collection[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
