"""The tables, per version, and how to get from one version to the next without losing data.

A released step is never edited: a new version is a new step at the end. Every step runs in one
transaction with its version number, so that a kill leaves the old version or the new one. There
are no steps backward; a version that finds a newer number refuses in one sentence (``too_new``).

The database itself refuses what must never be: two rows for one client order id, a negative
amount, money held by what has ended, a change of what has ended, a changed or missing line of
history. SQLite has no decimal type, so its amounts are text of digits and a point, summed as
Decimal by the store; PostgreSQL's ``numeric`` is exact.

A row with the state ``refused`` is no reservation: it keeps a client order id that was told "no",
so that a repeated question can never become a "yes".
"""

from collections.abc import Sequence
from typing import NamedTuple

from freqtrade_balance_guard.ledger.errors import LedgerUnavailable, SchemaTooNew


class Schema(NamedTuple):
    """All versions of one dialect: ``steps[0]`` makes version 1 out of nothing."""

    steps: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        return len(self.steps)


def too_new(found: int, known: int, place: str) -> SchemaTooNew:
    return SchemaTooNew(
        f"The ledger in {place} has schema {found}, made by a newer freqtrade-balance-guard; this "
        f"one knows up to {known}: install the newer one again."
    )


def too_old(found: int, known: int, place: str) -> LedgerUnavailable:
    """For who only looks: to migrate under a bot that runs would stop its entries."""
    return LedgerUnavailable(
        f"The ledger in {place} has schema {found}, made by an older freqtrade-balance-guard; this "
        f"one reads {known}: the bot brings it up to date when it is started again."
    )


_SQLITE_AMOUNT = "TEXT NOT NULL CHECK ({0} <> '' AND {0} NOT GLOB '*[^0-9.]*')"

SQLITE = Schema(
    steps=[
        [
            f"""
            CREATE TABLE reservations (
                client_order_id TEXT PRIMARY KEY,
                id INTEGER NOT NULL,
                group_id TEXT,
                account TEXT NOT NULL,
                bot TEXT NOT NULL,
                process TEXT NOT NULL,
                pair TEXT NOT NULL,
                side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
                currency TEXT NOT NULL,
                requested {_SQLITE_AMOUNT.format("requested")},
                held {_SQLITE_AMOUNT.format("held")},
                committed {_SQLITE_AMOUNT.format("committed")},
                state TEXT NOT NULL,
                created_at TEXT NOT NULL,
                order_id TEXT,
                known_at INTEGER,
                visible_from INTEGER NOT NULL,
                settled INTEGER CHECK (settled IN (0, 1)),
                refusal TEXT,
                CHECK (CASE state
                    WHEN 'reserved' THEN committed = '0' AND settled IS 0
                    WHEN 'in_flight' THEN committed = '0' AND settled IS 0
                    WHEN 'open' THEN known_at IS NOT NULL AND settled IS 0
                    WHEN 'committed' THEN held = '0' AND committed <> '0'
                    WHEN 'released' THEN held = '0' AND committed = '0'
                    WHEN 'expired' THEN held = '0' AND committed = '0'
                    WHEN 'refused' THEN held = '0' AND committed = '0' AND refusal IS NOT NULL
                    ELSE 0 END)
            ) STRICT, WITHOUT ROWID
            """,
            # What a check has to sum and a recovery to look up, however many have ended: unfinished
            # and not yet seen (0), ended and seen (1); what ended without use is not in it. (Were
            # the condition on visible_from, SQLite would plan each query anew.)
            """
            CREATE INDEX live ON reservations (account, settled, currency, visible_from)
            WHERE settled IS NOT NULL
            """,
            """
            CREATE TRIGGER what_has_ended_stays
            BEFORE UPDATE OF state, held, committed ON reservations
            WHEN OLD.state NOT IN ('reserved', 'in_flight', 'open')
            BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END
            """,
            """
            CREATE TRIGGER reservations_are_kept BEFORE DELETE ON reservations
            BEGIN SELECT RAISE(ABORT, 'reservations are not deleted'); END
            """,
            """
            CREATE TABLE history (
                event INTEGER PRIMARY KEY,
                client_order_id TEXT NOT NULL,
                at TEXT NOT NULL,
                bot TEXT NOT NULL,
                process TEXT NOT NULL,
                what TEXT NOT NULL,
                state TEXT NOT NULL,
                held TEXT NOT NULL,
                committed TEXT NOT NULL,
                order_id TEXT,
                received TEXT,
                received_currency TEXT,
                why TEXT NOT NULL
            ) STRICT
            """,
            # A line is written before the row changes, so that no line follows an ending.
            """
            CREATE TRIGGER history_ends_once BEFORE INSERT ON history
            WHEN (SELECT state FROM reservations WHERE client_order_id = NEW.client_order_id)
                NOT IN ('reserved', 'in_flight', 'open')
            BEGIN SELECT RAISE(ABORT, 'this reservation has ended'); END
            """,
            """
            CREATE TRIGGER history_is_kept BEFORE DELETE ON history
            BEGIN SELECT RAISE(ABORT, 'history is only added to'); END
            """,
            """
            CREATE TRIGGER history_is_not_rewritten BEFORE UPDATE ON history
            BEGIN SELECT RAISE(ABORT, 'history is only added to'); END
            """,
            """
            CREATE TABLE beats (
                account TEXT NOT NULL,
                bot TEXT NOT NULL,
                process TEXT NOT NULL,
                number INTEGER NOT NULL,
                at TEXT NOT NULL,
                about TEXT NOT NULL,
                PRIMARY KEY (account, bot, process)
            ) STRICT
            """,
        ],
    ]
)

_REFUSE = """
CREATE FUNCTION balance_guard.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$
"""

# Written as a function, which the server reads once per connection: constraints of the table it
# reads and plans anew in each statement, and that took a quarter of a reservation.
_POSSIBLE = """
CREATE FUNCTION balance_guard.check_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state NOT IN ('reserved', 'in_flight', 'open') AND (
        NEW.state <> OLD.state OR NEW.held <> OLD.held OR NEW.committed <> OLD.committed
    ) THEN
        RAISE EXCEPTION 'this reservation has ended' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.requested > 0 AND NEW.held >= 0 AND NEW.committed >= 0
        AND NEW.side IN ('buy', 'sell') AND coalesce(NEW.settled IN (0, 1), true)
        AND (CASE NEW.state
            WHEN 'reserved' THEN NEW.committed = 0 AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'in_flight' THEN NEW.committed = 0 AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'open' THEN NEW.known_at IS NOT NULL AND NEW.settled IS NOT DISTINCT FROM 0
            WHEN 'committed' THEN NEW.held = 0 AND NEW.committed > 0
            WHEN 'released' THEN NEW.held = 0 AND NEW.committed = 0
            WHEN 'expired' THEN NEW.held = 0 AND NEW.committed = 0
            WHEN 'refused' THEN
                NEW.held = 0 AND NEW.committed = 0 AND NEW.refusal IS NOT NULL
            ELSE false END)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'this contradicts the check constraint of reservations'
        USING ERRCODE = 'check_violation';
END $$
"""

POSTGRES = Schema(
    steps=[
        [
            """
            CREATE TABLE balance_guard.reservations (
                client_order_id text PRIMARY KEY,
                id bigint NOT NULL,
                group_id text,
                account text NOT NULL,
                bot text NOT NULL,
                process text NOT NULL,
                pair text NOT NULL,
                side text NOT NULL,
                currency text NOT NULL,
                requested numeric NOT NULL,
                held numeric NOT NULL,
                committed numeric NOT NULL,
                state text NOT NULL,
                created_at timestamptz NOT NULL,
                order_id text,
                known_at bigint,
                visible_from bigint NOT NULL,
                settled smallint,
                refusal text
            ) WITH (fillfactor = 60)
            """,
            """
            CREATE INDEX live
            ON balance_guard.reservations (account, settled, currency, visible_from)
            WHERE settled IS NOT NULL
            """,
            _REFUSE,
            _POSSIBLE,
            """
            CREATE TRIGGER what_is_possible BEFORE INSERT OR UPDATE ON balance_guard.reservations
            FOR EACH ROW EXECUTE FUNCTION balance_guard.check_row()
            """,
            """
            CREATE TRIGGER reservations_are_kept BEFORE DELETE ON balance_guard.reservations
            FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('reservations are not deleted')
            """,
            "CREATE SEQUENCE balance_guard.events",
            """
            CREATE TABLE balance_guard.history (
                event bigint PRIMARY KEY,
                client_order_id text NOT NULL,
                at timestamptz NOT NULL,
                bot text NOT NULL,
                process text NOT NULL,
                what text NOT NULL,
                state text NOT NULL,
                held numeric NOT NULL,
                committed numeric NOT NULL,
                order_id text,
                received numeric,
                received_currency text,
                why text NOT NULL
            )
            """,
            """
            CREATE UNIQUE INDEX one_ending ON balance_guard.history (client_order_id)
            WHERE state NOT IN ('reserved', 'in_flight', 'open')
            """,
            """
            CREATE TRIGGER history_is_kept BEFORE UPDATE OR DELETE ON balance_guard.history
            FOR EACH ROW EXECUTE FUNCTION balance_guard.refuse('history is only added to')
            """,
            # The one row that every check of a currency locks, with the sum that it needs.
            """
            CREATE TABLE balance_guard.books (
                account text NOT NULL,
                currency text NOT NULL,
                unseen numeric NOT NULL CHECK (unseen >= 0),
                -- The newest snapshot that showed some of it, and how often one did.
                newest_mark bigint NOT NULL,
                seen_count bigint NOT NULL,
                newest_id bigint NOT NULL, -- of its reservations
                PRIMARY KEY (account, currency)
            ) WITH (fillfactor = 10)
            """,
            """
            CREATE TABLE balance_guard.beats (
                account text NOT NULL,
                bot text NOT NULL,
                process text NOT NULL,
                number bigint NOT NULL,
                at timestamptz NOT NULL,
                about text NOT NULL,
                PRIMARY KEY (account, bot, process)
            )
            """,
        ],
    ]
)
