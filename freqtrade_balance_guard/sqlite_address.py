"""How to open a SQLite file for a look without leaving a trace."""

from pathlib import Path


def read_only_address(path: Path) -> str:
    """A URI for ``sqlite3.connect(..., uri=True)`` that neither makes nor changes a file.

    A file in WAL mode that no process has open has no log beside it, and SQLite would make one to
    read it: owned by whoever looks, which may be root, and then a bot could not write to its own
    file.
    Such a file stands still, and is read as it is.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    has_log = path.with_name(f"{path.name}-wal").exists()
    return address if has_log else f"{address}&immutable=1"
