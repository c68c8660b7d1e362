"""Ways to take a bot's ledger away while it runs, and to give it back."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Another program writes, and does not come to an end."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def delete(ledger: Path) -> None:
    """The file and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)


@contextmanager
def folder_gone(ledger: Path) -> Iterator[None]:
    """The ledger's folder is not there for a while, as with a disk that was unplugged."""
    away = ledger.parent.with_name(ledger.parent.name + ".away")
    ledger.parent.rename(away)
    yield
    away.rename(ledger.parent)


class SmallDisk:
    """A folder that can be filled up and made read-only.

    Root gets a file system of its own of 2 MB. Others get a folder: file modes hold for them, and
    a disk that is full is a limit for the size of files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_mounted = False

    def __enter__(self) -> "SmallDisk":
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            _run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(self.folder))
            self._is_mounted = True
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._is_mounted:
            # Lazy: a bot that was stopped a moment ago may still hold a file.
            _run("umount", "-l", str(self.folder))

    def full(self, ledger: Path) -> AbstractContextManager[None]:
        return self._filled(ledger) if self._is_mounted else locked(ledger)

    @contextmanager
    def _filled(self, ledger: Path) -> Iterator[None]:
        filler = self.folder / "filler"
        with closing(sqlite3.connect(ledger, isolation_level=None)) as reader:
            # While somebody reads, SQLite does not write into used pages of its log again.
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM reservations").fetchone()
            with filler.open("wb", buffering=0) as file:
                for size in (65536, 4096, 1):
                    try:
                        while True:
                            file.write(b"x" * size)
                    except OSError:
                        continue
            yield
            reader.execute("ROLLBACK")
        filler.unlink()

    @contextmanager
    def read_only(self, ledger: Path) -> Iterator[None]:
        """While nobody has it open."""
        if self._is_mounted:
            _run("mount", "-o", "remount,ro", str(self.folder))
        else:
            ledger.chmod(0o444)
        yield
        if self._is_mounted:
            _run("mount", "-o", "remount,rw", str(self.folder))
        else:
            ledger.chmod(0o644)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
