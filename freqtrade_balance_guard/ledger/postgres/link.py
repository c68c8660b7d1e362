"""One connection to PostgreSQL: opening, the tables' version, and trouble.

The only file that imports psycopg. What it raises is ``LedgerUnavailable`` whatever went wrong
(server gone, network, time-out, no rights), and the next call connects anew. No message holds the
password.
"""

import selectors
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import errors

from freqtrade_balance_guard.ledger.errors import (
    InvariantBroken,
    LedgerUnavailable,
    NothingStored,
)
from freqtrade_balance_guard.ledger.sql.schema import Schema, too_new, too_old
from freqtrade_balance_guard.settings.redaction import redact_address


R = TypeVar("R")
Row = tuple[Any, ...]
Values = Mapping[str, Any] | Sequence[Any] | None

# An exit waits for the ledger, and must not be delayed by more than 3 s in all.
CONNECT_SECONDS = 2
STATEMENT_MILLISECONDS = 2000
LOCK_MILLISECONDS = 1500
# The server ends a statement itself; one that is frozen or cut off does not.
SILENT_SECONDS = 2.5

# Each of the few statements is planned once: to plan it anew takes as long as to run it. Such a
# plan does not know that "after this event" is not much, and would read whole tables: it may not.
# (Nor through a bitmap, which would not clear an index of what has ended.)
SETTINGS = """
SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
    set_config('timezone', 'UTC', false), set_config('jit', 'off', false),
    set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false), set_config('enable_bitmapscan', 'off', false),
    set_config('default_transaction_isolation', 'read committed', false)
"""
# (to_regclass() would answer from a cache of before the wait for the migration's lock.)
HAS_TABLES = """
SELECT 1 FROM pg_catalog.pg_tables
WHERE schemaname = 'balance_guard' AND tablename = 'schema_version'
"""
# Any number will do that no other program uses.
MIGRATION_LOCK = 7_306_112_954


class IdTaken(Exception):
    """A client order id has a row already. Internal to the store."""


class Silence(psycopg.OperationalError):
    """No answer in time. Not tried again at once: an exit has no time to wait for that too."""


class Link(psycopg.Connection[Row]):
    """A connection that does not wait for ever, also for a server that is frozen."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # (What epoll needs a descriptor for, and Windows does not have.)
        self._selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
        self._socket = self.fileno()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._cursor: psycopg.Cursor[Row] | None = None

    def wait(self, gen: Generator[Any, Any, R], *_: Any, **_more: Any) -> R:
        """What psycopg waits with, but with an end.

        :raises Silence: no answer in time; the connection is closed then
        """
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._ready(int(wanted)))
        except StopIteration as end:
            answer: R = end.value
            return answer
        except psycopg.Error:
            raise
        except BaseException:
            self.close()  # half an answer must not become the next one's
            raise

    def row(self, sql: str, values: Values = None) -> Row | None:
        """The first row of the answer."""
        return self._said(sql, values).fetchone()

    def rows(self, sql: str, values: Values = None) -> list[Row]:
        """All rows of the answer."""
        return self._said(sql, values).fetchall()

    def do(self, sql: str, values: Values = None) -> int:
        """Run it; how many rows it has touched."""
        return self._said(sql, values).rowcount

    def _said(self, sql: str, values: Values) -> psycopg.Cursor[Row]:
        # One cursor for all: a new one per statement costs a tenth of a reservation.
        if self._cursor is None:
            self._cursor = self.cursor()
        return self._cursor.execute(sql.encode(), values)

    def _ready(self, events: int) -> int:
        if self._selector.get_key(self._socket).events != events:
            self._selector.modify(self._socket, events)
        ready = self._selector.select(SILENT_SECONDS)
        if not ready:
            self.close()
            raise Silence(f"no answer for {SILENT_SECONDS:g} s")
        return ready[0][1]


class PostgresLink:
    """One connection of one process; its threads take turns.

    :param read_only: for a look: nothing is made, migrated or written
    :raises SchemaTooNew: at first use, tables of a newer version
    """

    def __init__(self, url: str, schema: Schema, *, read_only: bool = False) -> None:
        self._url = url
        self._read_only = read_only
        self.shown = redact_address(url)
        self._schema = schema
        self._guard = threading.RLock()
        self._link: Link | None = None

    def run(self, work: Callable[[Link], R], *, again: bool) -> R:
        """Run ``work``; each statement is a transaction unless ``work`` begins one.

        :param again: it may be repeated when a connection broke on the way: then a connection that
            an idle hour has broken is not noticed
        """
        with self._guard:
            fresh = self._link is None
            try:
                return work(self._opened())
            except (errors.DeadlockDetected, errors.SerializationFailure):
                return self._once_more(work)
            except psycopg.Error as error:
                broken = self._link is None or self._link.closed
                if again and broken and not fresh and not isinstance(error, Silence):
                    return self._once_more(work)
                self._fail(error)

    def snapshot(self, work: Callable[[Link], Iterator[R]]) -> Iterator[R]:
        """Run ``work`` over one moment of the database, on a connection of its own."""
        self.run(lambda _: None, again=True)  # reached, migrated and found fit, or an error
        try:
            link = self._connect()
            try:
                link.execute("SET timezone = 'UTC'")
                link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield from work(link)
            finally:
                link.close()
        except psycopg.Error as error:
            self._fail(error)

    def close(self) -> None:
        with self._guard:
            link, self._link = self._link, None
            if link is not None:
                link.close()

    def _once_more(self, work: Callable[[Link], R]) -> R:
        try:
            return work(self._opened())
        except psycopg.Error as error:
            self._fail(error)

    def _opened(self) -> Link:
        if self._link is not None and not self._link.closed:
            return self._link
        self._link = None
        link = self._connect()
        try:
            link.execute(SETTINGS, [str(STATEMENT_MILLISECONDS), str(LOCK_MILLISECONDS)])
            if self._read_only:
                self._check_for_a_look(link)
            else:
                self._migrate(link)
        except BaseException:
            link.close()
            raise
        self._link = link
        return link

    def _connect(self) -> Link:
        return Link.connect(
            self._url,
            autocommit=True,
            prepare_threshold=0,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=STATEMENT_MILLISECONDS,
            keepalives_idle=30,
            application_name="freqtrade-balance-guard",
        )

    def _check_for_a_look(self, link: Link) -> None:
        """:raises NothingStored: there are no tables of ours"""
        link.execute("SET default_transaction_read_only = on")
        found, known = self._version(link), self._schema.version
        if found == 0:
            raise NothingStored(f"Nothing is stored yet: {self.shown} has no ledger in it.")
        if found < known:
            raise too_old(found, known, self.shown)

    def _migrate(self, link: Link) -> None:
        if self._version(link) == self._schema.version:
            return
        with link.transaction():
            link.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            found = self._version(link)
            if found == 0:
                link.execute("CREATE SCHEMA IF NOT EXISTS balance_guard")
                link.execute("CREATE TABLE balance_guard.schema_version (version int NOT NULL)")
            for step in self._schema.steps[found:]:
                for statement in step:
                    link.execute(statement.encode())
            link.execute("DELETE FROM balance_guard.schema_version")
            link.execute(
                "INSERT INTO balance_guard.schema_version VALUES (%s)", [self._schema.version]
            )

    def _version(self, link: Link) -> int:
        if link.execute(HAS_TABLES).fetchone() is None:
            return 0
        row = link.execute("SELECT max(version) FROM balance_guard.schema_version").fetchone()
        version = int(row[0] or 0) if row else 0
        if version > self._schema.version:
            raise too_new(version, self._schema.version, self.shown)
        return version

    def _fail(self, error: psycopg.Error) -> NoReturn:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if error.diag.constraint_name == "reservations_pkey":
            raise IdTaken from error
        if isinstance(error, psycopg.IntegrityError):
            raise InvariantBroken(
                f"The ledger {self.shown} rejected a write: {lines[0]}."
            ) from error
        if not isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
            self.close()
        raise LedgerUnavailable(f"The ledger {self.shown} cannot be used: {lines[0]}.") from error
