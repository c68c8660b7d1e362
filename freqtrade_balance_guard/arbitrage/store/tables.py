"""The tables of arbitrages in the local file, and how those of release 0.1 become them.

A column that holds amounts is text with all digits; moments are ISO 8601 in UTC.
"""

from freqtrade_balance_guard.arbitrage.states import ENDED, UNFINISHED
from freqtrade_balance_guard.arbitrage.store.file import run_script
from freqtrade_balance_guard.local_file import Connection


UNFINISHED_STATES = ", ".join(f"'{state}'" for state in UNFINISHED)
_ENDED_STATES = ", ".join(f"'{state}'" for state in ENDED)

TABLES = f"""
CREATE TABLE IF NOT EXISTS arbitrages (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    bot      TEXT NOT NULL,
    owner    TEXT NOT NULL DEFAULT '',
    kind     TEXT NOT NULL,
    state    TEXT NOT NULL,
    tag      TEXT,
    orders   TEXT NOT NULL,
    reported TEXT NOT NULL DEFAULT '{{}}',
    exposure INTEGER,
    shares   TEXT NOT NULL DEFAULT '{{}}',
    made_at  TEXT NOT NULL,
    ended_at TEXT,
    note     TEXT NOT NULL DEFAULT '',
    booked   INTEGER NOT NULL DEFAULT 0,
    result   TEXT NOT NULL DEFAULT '{{}}'
);
CREATE INDEX IF NOT EXISTS arbitrages_unfinished ON arbitrages (bot)
    WHERE state IN ({UNFINISHED_STATES});
CREATE TRIGGER IF NOT EXISTS arbitrages_end_once
    BEFORE UPDATE OF state, orders, reported, ended_at, note ON arbitrages
    WHEN old.state IN ({_ENDED_STATES})
    BEGIN SELECT raise(ABORT, 'this arbitrage has ended'); END;
CREATE TABLE IF NOT EXISTS arbitrage_exposures (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    bot          TEXT NOT NULL,
    owner        TEXT NOT NULL DEFAULT '',
    arbitrage_id INTEGER NOT NULL,
    base         TEXT NOT NULL,
    net          TEXT NOT NULL,
    venue        TEXT NOT NULL,
    account      TEXT NOT NULL,
    pair         TEXT NOT NULL,
    price        TEXT NOT NULL,
    other_venue  TEXT NOT NULL,
    other_pair   TEXT NOT NULL,
    other_price  TEXT NOT NULL,
    value        TEXT NOT NULL,
    marked_at    TEXT NOT NULL,
    opened_at    TEXT NOT NULL,
    doing        TEXT NOT NULL,
    closed_at    TEXT,
    closed_how   TEXT NOT NULL DEFAULT '',
    closes       INTEGER NOT NULL DEFAULT 0,
    is_dust      INTEGER NOT NULL DEFAULT 0,
    is_for_user  INTEGER NOT NULL DEFAULT 0
);
CREATE TRIGGER IF NOT EXISTS arbitrage_exposures_close_once BEFORE UPDATE ON arbitrage_exposures
    WHEN old.closed_at IS NOT NULL
    BEGIN SELECT raise(ABORT, 'this exposure is closed'); END;
CREATE TABLE IF NOT EXISTS arbitrage_positions (
    arbitrage_id   INTEGER PRIMARY KEY,
    bot            TEXT NOT NULL,
    owner          TEXT NOT NULL DEFAULT '',
    trade_id       INTEGER NOT NULL,
    entry_order_id TEXT NOT NULL DEFAULT '',
    pair           TEXT NOT NULL,
    amount         TEXT NOT NULL,
    trade_amount   TEXT NOT NULL,
    accounted      TEXT NOT NULL,
    hedged         TEXT NOT NULL,
    other_venue    TEXT NOT NULL,
    other_account  TEXT NOT NULL,
    other_pair     TEXT NOT NULL,
    other_price    TEXT NOT NULL,
    opened_at      TEXT NOT NULL,
    closed_at      TEXT,
    profit         TEXT
);
CREATE TABLE IF NOT EXISTS arbitrage_drifts (
    owner   TEXT NOT NULL,
    base    TEXT NOT NULL,
    net     TEXT NOT NULL,
    PRIMARY KEY (owner, base)
);
CREATE TABLE IF NOT EXISTS arbitrage_holdings (
    client_order_id TEXT PRIMARY KEY,
    arbitrage_id    INTEGER NOT NULL,
    bot             TEXT NOT NULL,
    owner           TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL,
    holding         TEXT NOT NULL,
    changed_at      TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS arbitrage_breakers (
    owner      TEXT PRIMARY KEY,
    resumed_at TEXT NOT NULL DEFAULT '',
    tripped_at TEXT,
    why        TEXT NOT NULL DEFAULT ''
);
"""
# Release 0.1 called an arbitrage a pair, and knew neither accounts nor the purchase's order id.
_FROM_0_1 = """
DROP TRIGGER IF EXISTS arbitrage_pairs_end_once;
DROP TRIGGER IF EXISTS arbitrage_exposures_close_once;
ALTER TABLE arbitrage_exposures RENAME COLUMN pair_number TO arbitrage_id;
ALTER TABLE arbitrage_exposures ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE arbitrage_exposures ADD COLUMN is_dust INTEGER NOT NULL DEFAULT 0;
ALTER TABLE arbitrage_exposures ADD COLUMN is_for_user INTEGER NOT NULL DEFAULT 0;
ALTER TABLE arbitrage_positions RENAME COLUMN pair_number TO arbitrage_id;
ALTER TABLE arbitrage_positions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE arbitrage_positions ADD COLUMN entry_order_id TEXT NOT NULL DEFAULT '';
"""
_MOVE_ROWS = """
INSERT INTO arbitrages
    (id, bot, kind, state, tag, orders, reported, exposure, made_at, ended_at, note, booked)
    SELECT id, bot, CASE kind WHEN 'pair' THEN 'two_legs' ELSE kind END, state, tag, orders, told,
           exposure, made_at, ended_at, note, booked
    FROM arbitrage_pairs;
DELETE FROM sqlite_sequence WHERE name = 'arbitrages';
UPDATE sqlite_sequence SET name = 'arbitrages' WHERE name = 'arbitrage_pairs';
DROP TABLE arbitrage_pairs;
"""
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"


def are_there(db: Connection) -> bool:
    """The file has the tables of this release."""
    return db.execute(_HAS_TABLE, ("arbitrage_holdings",)).fetchone() is not None


def are_of_0_1(db: Connection) -> bool:
    """The file has the tables of release 0.1."""
    return db.execute(_HAS_TABLE, ("arbitrage_pairs",)).fetchone() is not None


def make_tables(db: Connection) -> None:
    """Make the tables, or bring those of release 0.1 forward with their rows.

    The caller's transaction makes it all or nothing.
    """
    is_old = are_of_0_1(db)
    if is_old:
        run_script(db, _FROM_0_1)
    run_script(db, TABLES)
    if is_old:
        run_script(db, _MOVE_ROWS)
