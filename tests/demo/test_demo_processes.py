"""A bot never outlives the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from freqtrade_balance_guard.demo.processes import forget, start_kept


PARENT = """
import os, sys, time
from pathlib import Path
from freqtrade_balance_guard.demo.processes import start_kept

folder = Path(sys.argv[1])
child = start_kept(
    [sys.executable, "-c", "import time; time.sleep(120)"],
    output=folder / "child.log", environment=os.environ, folder=folder,
)
print(child.pid, flush=True)
time.sleep(120)
"""


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose new parent has not looked yet is no longer running.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def _gone_within(pid, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not _is_running(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_child_is_killed_when_its_parent_is_killed_without_a_chance(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        child = int(parent.stdout.readline())
        assert _is_running(child)

        parent.send_signal(signal.SIGKILL)

    assert _gone_within(child, 10)


def test_a_child_that_was_forgotten_is_not_killed_and_its_output_is_in_the_file(tmp_path):
    code = "print('hello')"
    child = start_kept(
        [sys.executable, "-c", code],
        output=tmp_path / "child.log",
        environment=os.environ,
        folder=Path(tmp_path),
    )
    assert child.wait(timeout=20) == 0
    forget(child)

    assert (tmp_path / "child.log").read_text() == "hello\n"
