"""Kills the bots when the process that started them is gone, however it went (kill -9 included).

Run as a script of its own, by `processes.py`. It reads "+PID" and "-PID" lines from its standard
input; the end of the input is the end of the parent, and whatever is then still listed is killed.
Standard library only, and nothing of this package: it has to start within milliseconds.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Keep the list until the input ends, then kill what is left on it."""
    kept: set[int] = set()
    for line in sys.stdin:
        word = line.strip()
        if word.startswith("+"):
            kept.add(int(word[1:]))
        elif word.startswith("-"):
            kept.discard(int(word[1:]))
    for pid in kept:
        # Windows has no SIGKILL; SIGTERM ends a process there without asking it.
        with contextlib.suppress(OSError):
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    main()
