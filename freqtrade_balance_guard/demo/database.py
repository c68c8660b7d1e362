"""freqtrade's database, read only, while the bot writes it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal


def copy_of(path: Path, to: Path) -> bool:
    """Copy a whole SQLite file, with what its log still holds; False where there is none."""
    if not path.exists():
        return False
    to.unlink(missing_ok=True)
    uri = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return True


def rows(path: Path, table: Literal["trades", "orders", "KeyValueStore"]) -> list[dict[str, Any]]:
    """A table's rows by id; none while there is no database or no table yet."""
    if not path.exists():
        return []
    uri = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        known = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        if known is None:
            return []
        # The name is one of these literals, and a table cannot be a parameter.
        found = connection.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608
        return [dict(row) for row in found]
