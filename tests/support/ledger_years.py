"""A ledger that was used for years: what has ended is put into its tables directly."""

import sqlite3
from pathlib import Path

import psycopg


ACCOUNT, BOT, PAIR = "years", "old-bot", "COIN/USDT"

# Three lines each: reserve, send, commit. Ids are random, as the tables' worst case.
_SQLITE = """
CREATE TEMP TABLE ended AS
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
SELECT i, 'old-' || lower(hex(randomblob(14))) AS one,
    strftime('%Y-%m-%dT%H:%M:%f+00:00', '{last}', '-' || (({number} - i) * {spacing}) || ' seconds')
    AS at
FROM n;
INSERT INTO history (event, client_order_id, at, bot, process, what, state, held, committed,
    order_id, why, reservation)
SELECT (i - 1) * 3 + k, one, at, '{bot}', 'old-run',
    CASE k WHEN 1 THEN 'reserve' WHEN 2 THEN 'send' ELSE 'commit' END,
    CASE k WHEN 1 THEN 'reserved' WHEN 2 THEN 'in_flight' ELSE 'committed' END,
    CASE k WHEN 3 THEN '0' ELSE '12.5' END, CASE k WHEN 3 THEN '12.5' ELSE '0' END,
    CASE k WHEN 3 THEN 'EX-' || i END, '', CASE WHEN k > 1 THEN (i - 1) * 3 + 1 END
FROM ended, (SELECT 1 AS k UNION SELECT 2 UNION SELECT 3) ORDER BY i, k;
INSERT INTO reservations
SELECT one, (i - 1) * 3 + 1, NULL, '{account}', '{bot}', 'old-run', '{pair}', 'buy', 'USDT', '12.5',
    '0', '12.5', 'committed', at, 'EX-' || i, i * 3, i * 3, 1, NULL
FROM ended ORDER BY one;
"""
_POSTGRES = """
CREATE TEMP TABLE ended AS
SELECT i, 'old-' || md5(i::text || random()::text) AS one,
    timestamptz '{last}' - make_interval(secs => ({number} - i) * {spacing}) AS at
FROM generate_series(1, {number}) i;
SET session_replication_role = replica;
INSERT INTO balance_guard.history
SELECT (i - 1) * 3 + k, one, at, '{bot}', 'old-run',
    CASE k WHEN 1 THEN 'reserve' WHEN 2 THEN 'send' ELSE 'commit' END,
    CASE k WHEN 1 THEN 'reserved' WHEN 2 THEN 'in_flight' ELSE 'committed' END,
    CASE k WHEN 3 THEN 0 ELSE 12.5 END, CASE k WHEN 3 THEN 12.5 ELSE 0 END,
    CASE k WHEN 3 THEN 'EX-' || i END, NULL, NULL, '', CASE WHEN k > 1 THEN (i - 1) * 3 + 1 END
FROM ended, generate_series(1, 3) k ORDER BY i, k;
INSERT INTO balance_guard.reservations
SELECT one, (i - 1) * 3 + 1, NULL, '{account}', '{bot}', 'old-run', '{pair}', 'buy', 'USDT', 12.5,
    0, 12.5, 'committed', at, 'EX-' || i, i * 3, i * 3, 1, NULL
FROM ended ORDER BY one;
SELECT setval('balance_guard.events', {number} * 3);
RESET session_replication_role;
"""
_FIRST = "SELECT one FROM ended ORDER BY i LIMIT 1"


def fill_sqlite(path: Path, number: int, *, last: str, spacing: float = 30) -> str:
    """Put ``number`` ended reservations into an empty ledger.

    :param last: when the newest of them ended; the others ``spacing`` seconds apart before it
    :return: the client order id of the oldest
    """
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_size = -1000000")
    db.execute("BEGIN")
    # Indexes are faster made at the end, and triggers need not look at each row.
    made = db.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
        "AND type IN ('index', 'trigger') AND tbl_name IN ('history', 'reservations')"
    ).fetchall()
    for kind, name, _ in made:
        db.execute(f"DROP {kind} {name}")
    values = {"account": ACCOUNT, "bot": BOT, "pair": PAIR}
    for statement in _SQLITE.format(number=number, last=last, spacing=spacing, **values).split(";"):
        db.execute(statement)
    for _, _, sql in made:
        db.execute(sql)
    first = str(db.execute(_FIRST).fetchone()[0])
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return first


def fill_postgres(url: str, number: int, *, last: str, spacing: float = 30) -> str:
    """The same in PostgreSQL; triggers do not look at each row."""
    values = {"account": ACCOUNT, "bot": BOT, "pair": PAIR}
    text = _POSTGRES.format(number=number, last=last, spacing=spacing, **values)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET synchronous_commit = off")
        db.execute(text.encode())
        first = str(db.execute(_FIRST).fetchone()[0])
        db.execute("VACUUM ANALYZE")
        db.execute("CHECKPOINT")
    return first
