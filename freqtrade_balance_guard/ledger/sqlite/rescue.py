"""The ledger's file was deleted or replaced while we had it open: keep what it held.

A deleted file lives on as long as a process has it open. Its whole content, also what other bots
wrote, is put back under its name. Where another file has that name by now (another bot was faster,
or the user copied one there), what it lacks of the unfinished reservations is added to it, with a
line of history that says so.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.ledger.reservation import NEVER


# An open connection of sqlite3; that module stays with the store.
Connection = Any

MISSING = """
SELECT client_order_id, known_at FROM old.reservations r
WHERE state IN ('reserved', 'in_flight', 'open')
AND NOT EXISTS (SELECT 1 FROM main.reservations m WHERE m.client_order_id = r.client_order_id)
AND NOT EXISTS (
    SELECT 1 FROM main.archived_reservations a WHERE a.client_order_id = r.client_order_id
)
"""
ADD_LINE = """
INSERT INTO main.history (client_order_id, at, bot, process, what, state, held, committed,
    order_id, why)
SELECT client_order_id, created_at, bot, process, 'reserve', state, held, committed, order_id,
    'kept from a file that was replaced' FROM old.reservations WHERE client_order_id = ?
"""
ADD_ROW = """
INSERT INTO main.reservations (id, client_order_id, group_id, account, bot, process, pair, side,
    currency, requested, held, committed, state, created_at, order_id, known_at, visible_from,
    settled)
SELECT ?, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held,
    committed, state, created_at, order_id, ?, ?, 0 FROM old.reservations WHERE client_order_id = ?
"""
ADD_CLAIM = """
INSERT OR IGNORE INTO main.claims SELECT * FROM old.claims WHERE client_order_id = ?
"""


def identity(path: str) -> tuple[int, int]:
    """Which file is at ``path`` now.

    :raises FileNotFoundError: none is
    """
    found = Path(path).stat()
    return found.st_dev, found.st_ino


def put_back(old: Connection, path: Path, connect: Callable[[Path], Connection]) -> Path | None:
    """Put the content of ``old`` back to ``path``, and close ``old``.

    :return: None, or a copy of the content where another file has that name by now
    :raises OSError: the folder is not there, or cannot be written
    """
    copy = path.with_name(f"{path.name}.{os.getpid()}.rescued")
    copy.unlink(missing_ok=True)
    # Wait for a writer that is at work. None begins after that: each looks first which file it has.
    old.execute("BEGIN IMMEDIATE")
    old.execute("ROLLBACK")
    try:
        target = connect(copy)
        try:
            old.backup(target)
        finally:
            target.close()
        placed = _place(copy, path)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    old.close()
    return None if placed else copy


def _place(copy: Path, path: Path) -> bool:
    """Give ``copy`` the name ``path`` unless that name is taken."""
    if path.exists():
        return False
    # They belong to the file that is gone; with a new one they would spoil it.
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    try:
        path.hardlink_to(copy)
    except FileExistsError:
        return False
    copy.unlink()
    return True


def add_what_is_missing(db: Connection, copy: Path) -> None:
    """Add to ``db`` the unfinished reservations that only ``copy`` has, and remove ``copy``.

    Their marks are those of the other file, so each counts as not yet visible.
    """
    db.execute("ATTACH ? AS old", [str(copy)])
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            for client_order_id, known_at in db.execute(MISSING).fetchall():
                event = db.execute(ADD_LINE, [client_order_id]).lastrowid
                known = None if known_at is None else event
                db.execute(ADD_ROW, [event, known, NEVER, client_order_id])
                db.execute(ADD_CLAIM, [client_order_id])
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    finally:
        db.execute("DETACH old")
    copy.unlink()
