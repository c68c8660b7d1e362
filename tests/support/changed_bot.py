"""Runs bots on a changed freqtrade, many in one process: ``python -m tests.support.changed_bot``.

Each line of standard input is a list of cases, each with the ways of its bots, and is answered by a
line once they have ended. The process loads all that does not depend on freqtrade once and forks:
for each case a process that imports freqtrade with the change, and from it one for each bot. The
bots of a case run side by side. A bot does two loops and writes ``result.json`` into its folder.
"""

import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.changes import CHANGED, Change, install


LOOPS = 2
SECONDS = 300  # a machine may be busy
OURS = "freqtrade_balance_guard"
LOADED_BY_A_BOT = (
    "freqtrade.worker",
    "freqtrade.commands",
    "freqtrade.resolvers",
    f"{OURS}.integration.startup.attach",
    f"{OURS}.integration.bot.parts",
)


def main() -> None:
    _load_what_stays_the_same()
    for line in sys.stdin:
        for case in json.loads(line):
            _in_processes(_run_case, [case])
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _run_case(case: dict[str, Any]) -> None:
    install(Change(*case["change"]))
    _in_processes(_run_bot, case["bots"])


def _in_processes(task: Callable[[Any], None], arguments: list[Any]) -> None:
    """Run ``task`` with each argument in a process of its own, side by side."""
    pids = []
    for argument in arguments:
        if not (pid := os.fork()):
            try:
                task(argument)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def _load_what_stays_the_same() -> None:
    """All modules of others, and ours that do not import freqtrade."""
    receiving, sending = os.pipe()
    if not os.fork():
        for name in LOADED_BY_A_BOT:
            importlib.import_module(name)
        os.write(sending, "\n".join(sys.modules).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        names = pipe.read().split("\n")
    changed = ("freqtrade.", f"{OURS}.integration", "tests", "__m")
    for name in names:
        if name != "freqtrade" and not name.startswith(changed) and name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    if "freqtrade" in sys.modules:
        raise RuntimeError("a library has imported freqtrade")


def _run_bot(bot: dict[str, Any]) -> None:
    folder = Path(bot["folder"])
    log = os.open(folder / "bot.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.alarm(SECONDS)
    result: dict[str, Any] = {"started": False, "loops": 0, "error": "", "kind": ""}
    try:
        _trade(folder, bot["way"], result)
    except BaseException as error:
        traceback.print_exc()
        result["error"] = f"{type(error).__name__}: {error}"
    result["changed"] = sum(CHANGED.values())
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _trade(folder: Path, way: str, result: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    if way == "launcher":
        from freqtrade_balance_guard import activate

        activate()
    from freqtrade import worker as module
    from freqtrade.commands import Arguments

    module.RETRY_TIMEOUT = 0
    module.Worker._sleep = staticmethod(lambda seconds: None)
    arguments = [
        *("trade", "--config", str(folder / "config.json"), "--userdir", str(folder)),
        *("--strategy", "Rehearsal", "--db-url", f"sqlite:///{folder / 'trades.sqlite'}"),
    ]
    worker = module.Worker(Arguments(arguments).get_parsed_arg())
    result["started"] = True
    result["kind"] = type(worker.freqtrade).__name__
    state = None
    for _ in range(LOOPS):
        state = worker._worker(old_state=state)
        result["loops"] += 1


if __name__ == "__main__":
    main()
