"""Child processes that never outlive us: stopped at exit, and killed if we are killed."""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


_KEEPER = Path(__file__).with_name("keeper.py")


class _Keeper:
    """The one helper process that kills our children when we are gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def add(self, pid: int) -> None:
        self._tell(f"+{pid}")

    def remove(self, pid: int) -> None:
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        with self._lock:
            process = self._running()
            if process.stdin is None:
                return
            with contextlib.suppress(OSError):
                process.stdin.write(line + "\n")
                process.stdin.flush()

    def _running(self) -> subprocess.Popen[str]:
        # A forked worker (pytest-xdist, multiprocessing) has its own children to keep.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER)],
                stdin=subprocess.PIPE,
                text=True,
                # Ctrl-C in the terminal is for us to handle, not for the keeper to die of.
                start_new_session=True,
            )
            self._owner = os.getpid()
            atexit.register(self._close, self._process)
        return self._process

    @staticmethod
    def _close(process: subprocess.Popen[str]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)


_keeper = _Keeper()


def start_kept(
    command: Sequence[str], *, output: Path, environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to a file and which does not outlive this one.

    :raises OSError: when the command cannot be started
    """
    with output.open("ab") as log:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
    _keeper.add(process.pid)
    return process


def forget(process: subprocess.Popen[bytes]) -> None:
    """Call once the process has ended: its number may soon belong to another process."""
    _keeper.remove(process.pid)
