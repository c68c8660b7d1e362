"""Exit code 0 while the bot of this container is alive, as its heartbeat in the ledger says.

Asks `balance-guard status` with the configuration that the container was started with.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path


WITH_VALUE = {"-c", "--config", "--userdir", "--user-data-dir"}


def options(command: list[str]) -> list[str]:
    """Which configuration a command line names, as options of `balance-guard status`."""
    found: list[str] = []
    for word, following in zip(command, [*command[1:], ""], strict=True):
        name, _, value = word.partition("=")
        if name in WITH_VALUE:
            found += [name, value or following]
    return found


def is_alive(status: dict[str, object], host: str) -> bool:
    """Whether a bot that runs on this host is alive."""
    bots = status.get("bots")
    return isinstance(bots, list) and any(bot["alive"] and bot["host"] == host for bot in bots)


def main() -> int:
    """Asks, and says why it is not healthy where it is not."""
    started = Path("/proc/1/cmdline").read_text(encoding="utf-8").split("\0")
    command = [sys.executable, "-m", "freqtrade_balance_guard", "status", "--json"]
    asked = subprocess.run(
        [*command, *options(started)], capture_output=True, text=True, check=False
    )
    try:
        status = json.loads(asked.stdout)
    except ValueError:
        print(asked.stderr.strip() or asked.stdout.strip() or "balance-guard status has no answer")
        return 1
    if is_alive(status, socket.gethostname()):
        return 0
    print("The bot of this container has no heartbeat in the ledger.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
